//! The engine on TCP: one host at a time.

use super::{Engine, Error, Mode, Outcome, Packet};
use crate::clock::moment;
use crate::lifetime::{End, Lifetime, Pulls, Wish, Wishes};
use crate::usb::Stop;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use protocols::fastboot::wire::{Deframer, HANDSHAKE, header};
use protocols::time::Moment;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd as _;
use std::time::Duration;

/// How long a host may take nothing of what it asked for.
const WRITE_PATIENCE: Duration = Duration::from_secs(5);

/// Serves a unit on this port until a fault unplugs it or the process is asked to end. Told to start another mode, it
/// leaves and comes back to the same port; told to start its system, in its bootloader. `ready` is told where it is.
///
/// # Errors
/// When the port cannot be used or the device fails.
pub fn serve(
    engine: Engine,
    address: SocketAddr,
    lifetime: Lifetime,
    ready: impl FnOnce(SocketAddr),
) -> Result<End, Error> {
    let wishes = Wishes::catch(lifetime, Pulls::None)?;
    let mut server = Server::listen(engine, address)?;
    ready(server.address()?);
    loop {
        let fds = wishes.fds().map(|fd| PollFd::new(fd, PollFlags::POLLIN)).chain(server.fds()).collect();
        wait(fds, server.wakes_at())?;
        if wishes.take() == Some(Wish::End) {
            return Ok(End::Asked);
        }
        match server.step() {
            Ok(None) => {}
            Ok(Some(outcome)) => server.start(match outcome {
                Outcome::Fastbootd => Mode::Fastbootd,
                Outcome::System | Outcome::Bootloader | Outcome::Recovery | Outcome::Off => Mode::Bootloader,
            }),
            Err(Stop::Unplugged) => return Ok(End::PowerLost),
            Err(Stop::Broken(error)) => return Err(Error::System(io::Error::other(error))),
        }
    }
}

/// Waits until one of these is readable, or until then.
pub(crate) fn wait(mut fds: Vec<PollFd<'_>>, until: Option<Moment>) -> io::Result<()> {
    let timeout = until.map_or(PollTimeout::NONE, |until| {
        let left = until.saturating_since(moment()).as_millis() + 1;
        PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)
    });
    match poll(&mut fds, timeout) {
        Ok(_) | Err(Errno::EINTR) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

struct Host {
    stream: TcpStream,
    deframer: Deframer,
}

/// An engine on TCP, waited for together with other things.
pub(crate) struct Server {
    pub(crate) engine: Engine,
    listener: TcpListener,
    host: Option<Host>,
    /// Starting until then: nobody is let in.
    away: Option<Moment>,
}

impl Server {
    pub(crate) fn listen(engine: Engine, address: SocketAddr) -> Result<Self, Error> {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        Ok(Self { engine, listener, host: None, away: None })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// What becomes readable when there is something to do.
    pub(crate) fn fds(&self) -> impl Iterator<Item = PollFd<'_>> {
        let fd = match (&self.host, self.away) {
            (_, Some(_)) => None,
            (Some(host), None) => Some(host.stream.as_fd()),
            (None, None) => (!self.engine.is_leaving()).then(|| self.listener.as_fd()),
        };
        fd.into_iter().map(|fd| PollFd::new(fd, PollFlags::POLLIN))
    }

    /// When there is something to do in any case.
    pub(crate) fn wakes_at(&self) -> Option<Moment> {
        [self.engine.wakes_at(), self.away].into_iter().flatten().min()
    }

    /// Starts the engine in this mode, after a while.
    fn start(&mut self, mode: Mode) {
        self.away = Some(moment() + self.engine.options().boot_time);
        self.engine.start(mode);
    }

    /// Does what there is to do. What the unit starts next, once it does: its host is gone then.
    pub(crate) fn step(&mut self) -> Result<Option<Outcome>, Stop> {
        let now = moment();
        if self.away.is_some_and(|until| until <= now) {
            self.away = None;
        }
        self.engine.tick(now);
        // A unit that is about to leave lets nobody in: who comes now is for its next mode.
        if self.away.is_none() && self.host.is_none() && !self.engine.is_leaving() {
            self.accept();
        }
        self.hear(now)?;
        self.answer();
        let outcome = self.engine.outcome(moment());
        if outcome.is_some() {
            self.host = None;
        }
        Ok(outcome)
    }

    fn accept(&mut self) {
        let Ok((stream, _)) = self.listener.accept() else { return };
        let ready = stream.set_nodelay(true).and_then(|()| stream.set_nonblocking(true));
        self.engine.hang_up();
        let host = Host { stream, deframer: Deframer::new() };
        self.host = ready.is_ok().then_some(host);
        if self.send(&HANDSHAKE).is_err() {
            self.host = None;
        }
    }

    fn hear(&mut self, now: Moment) -> Result<(), Stop> {
        let Some(host) = &mut self.host else { return Ok(()) };
        let mut buf = vec![0; 256 << 10];
        let parts = match host.stream.read(&mut buf) {
            Ok(count) if count > 0 => host.deframer.push(buf.get(..count).unwrap_or_default()),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => return Ok(()),
            Ok(_) | Err(_) => {
                self.host = None;
                return Ok(());
            }
        };
        match parts {
            Ok(parts) => parts.iter().try_for_each(|part| self.engine.on_bytes(now, &part.bytes, part.ends)),
            // Whoever speaks another protocol is let go.
            Err(_) => {
                self.host = None;
                Ok(())
            }
        }
    }

    fn answer(&mut self) {
        while self.host.is_some() {
            let sent = match self.engine.next_packet() {
                None => return,
                Some(Packet::Stall) => Err(ErrorKind::ConnectionAborted.into()),
                Some(Packet::Bytes(bytes)) => self.send(&[&header(bytes.len() as u64)[..], &bytes].concat()),
            };
            if sent.is_err() {
                self.host = None;
            }
        }
    }

    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Some(host) = &mut self.host else { return Ok(()) };
        let until = moment() + WRITE_PATIENCE;
        let mut rest = bytes;
        while !rest.is_empty() {
            match host.stream.write(rest) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => rest = rest.get(count..).unwrap_or_default(),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock && moment() < until => {
                    let mut fds = [PollFd::new(host.stream.as_fd(), PollFlags::POLLOUT)];
                    poll(&mut fds, PollTimeout::from(100_u8))?;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
