//! Ports on a host: a serial server that passes bytes as they are (ser2net in raw mode), an emulator.

use std::io::{self, ErrorKind};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use super::{Address, Link, polled};
use crate::clock::Clock;
use crate::error::{Error, Kind, Result};

/// How long a host may take to accept: one lost packet is repeated after about a second, and once more after three.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// Connects to `port` on `host`.
pub(super) fn open(host: &str, port: u16, clock: &Arc<dyn Clock>) -> Result<Link> {
    let address = Address::Tcp { host: host.to_owned(), port }.to_string();
    let stream = connect(host, port, &**clock).map_err(|error| {
        let sentence = format!("no connection to {address}");
        match error.kind() {
            ErrorKind::TimedOut | ErrorKind::WouldBlock => Error::new(Kind::TimedOut, sentence),
            ErrorKind::PermissionDenied => Error::new(Kind::NotPermitted, sentence),
            _ => Error::absent(sentence),
        }
        .because(error)
        .next("see that the serial server or emulator runs, and that host and port are right")
    })?;
    Ok(polled::link(stream, None, address, clock))
}

fn connect(host: &str, port: u16, clock: &dyn Clock) -> io::Result<TcpStream> {
    let until = clock.now() + CONNECT_WITHIN;
    let mut last = io::Error::new(ErrorKind::NotFound, "the host has no address");
    for address in (host, port).to_socket_addrs()? {
        let left = until.saturating_since(clock.now());
        if left.is_zero() {
            break;
        }
        match TcpStream::connect_timeout(&address, left) {
            Ok(stream) => {
                // Frames are small and each waits for an answer.
                stream.set_nodelay(true)?;
                stream.set_nonblocking(true)?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use super::*;
    use crate::clock::SystemClock;

    fn clock() -> Arc<dyn Clock> {
        Arc::new(SystemClock::new())
    }

    #[test]
    fn bytes_pass_and_a_closed_peer_is_gone() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut link = open("127.0.0.1", port, &clock()).unwrap();
        assert_eq!(link.address, format!("tcp:127.0.0.1:{port}"));
        let (mut far, _) = listener.accept().unwrap();
        link.sender.send(b"ping", Duration::from_secs(2)).unwrap();
        let mut got = [0; 4];
        far.read_exact(&mut got).unwrap();
        assert_eq!(&got, b"ping");
        far.write_all(b"pong").unwrap();
        drop(far);
        let mut buf = [0; 8];
        assert_eq!(link.receiver.receive(&mut buf, Duration::from_secs(2)).unwrap(), 4);
        assert_eq!(&buf[..4], b"pong");
        let error = link.receiver.receive(&mut buf, Duration::from_secs(2)).unwrap_err();
        assert_eq!(error.kind(), Kind::Gone);
    }

    #[test]
    fn nobody_listening_is_gone() {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let error = open("127.0.0.1", port, &clock()).unwrap_err();
        assert_eq!(error.kind(), Kind::Gone);
        assert!(error.remedy().is_some());
    }
}
