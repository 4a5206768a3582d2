//! The unit on TCP: as many hosts as come.

use super::android::System;
use super::link::Link;
use crate::Error;
use crate::clock::moment;
use crate::usb::Stop;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd as _;
use std::time::Duration;

/// How long a host may take nothing of what it asked for.
const WRITE_PATIENCE: Duration = Duration::from_secs(5);
/// Bytes that are read, or made to be written, at once.
const ROOM: usize = 1 << 20;

/// A unit on TCP, waited for together with other things.
pub(crate) struct Server {
    listener: TcpListener,
    hosts: Vec<(TcpStream, Link)>,
}

impl Server {
    pub(crate) fn listen(address: SocketAddr) -> Result<Self, Error> {
        let failed = |source| Error::Listen { address, source };
        let listener = TcpListener::bind(address).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        Ok(Self { listener, hosts: Vec::new() })
    }

    /// What becomes readable when there is something to do.
    pub(crate) fn fds(&self) -> impl Iterator<Item = PollFd<'_>> {
        let hosts = self.hosts.iter().map(|(stream, _)| stream.as_fd());
        hosts.chain([self.listener.as_fd()]).map(|fd| PollFd::new(fd, PollFlags::POLLIN))
    }

    /// Does what there is to do.
    pub(crate) fn step(&mut self, system: &mut System) -> Result<(), Stop> {
        while let Ok((stream, _)) = self.listener.accept() {
            if stream.set_nodelay(true).and_then(|()| stream.set_nonblocking(true)).is_ok() {
                self.hosts.push((stream, Link::default()));
            }
        }
        let mut kept = Vec::new();
        for (stream, mut link) in std::mem::take(&mut self.hosts) {
            if speak(&stream, &mut link, system)?.is_ok() {
                kept.push((stream, link));
            }
        }
        self.hosts = kept;
        Ok(())
    }
}

/// Hears one host and answers it; it is let go after an error.
fn speak(mut stream: &TcpStream, link: &mut Link, system: &mut System) -> Result<io::Result<()>, Stop> {
    let mut buffer = vec![0; ROOM];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return Ok(Err(ErrorKind::ConnectionAborted.into())),
            Ok(count) => {
                if link.take(system, &buffer[..count])?.is_err() {
                    return Ok(Err(ErrorKind::InvalidData.into()));
                }
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Ok(())),
            Err(error) => return Ok(Err(error)),
        }
        while let Some(bytes) = link.give(system, ROOM)? {
            if let Err(error) = send(stream, &bytes) {
                return Ok(Err(error));
            }
        }
    }
}

fn send(mut stream: &TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    let until = moment() + WRITE_PATIENCE;
    while !bytes.is_empty() {
        match stream.write(bytes) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(count) => bytes = &bytes[count..],
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock && moment() < until => {
                poll(&mut [PollFd::new(stream.as_fd(), PollFlags::POLLOUT)], PollTimeout::from(100_u8))?;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
