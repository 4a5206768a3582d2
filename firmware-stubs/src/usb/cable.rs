//! The thread's side of a unit: it serves the device while it is plugged in, pulls it and pushes it.

use super::device::{Device, Stop, Then};
use super::session::{Failure, Session};
use super::unit::Error;
use super::vhci::{Port, PortError};
use crate::clock::moment;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use protocols::time::Moment;
use std::io::{self, Read as _, Write as _};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, Sender};
use std::time::Duration;

/// How long a port may take to become free after a unit left it: a kernel that cannot finish an enumeration on another
/// port of the same hub looks at nothing else for five seconds, and may try twice.
const PORT_PATIENCE: Duration = Duration::from_secs(20);
/// How often a port that is not free yet is looked at.
const PORT_LOOK: Duration = Duration::from_millis(2);
/// How long the kernel may take nothing of what it asked for.
const WRITE_PATIENCE: Duration = Duration::from_secs(5);

/// What a cable is told, and where it says that it is done.
pub(super) enum Order {
    Pull(Sender<Result<(), Error>>),
    Push(Port, Sender<Result<(), Error>>),
}

/// Where its unit is.
pub(super) enum State {
    /// Not plugged in.
    Out,
    /// It left of its own accord, until then.
    Away(Moment),
    In(UnixStream, Session),
}

/// The thread's side.
pub(super) struct Cable {
    pub(super) device: Box<dyn Device>,
    pub(super) port: Port,
    pub(super) inbox: Receiver<Order>,
    pub(super) woken: UnixStream,
    pub(super) teller: UnixStream,
    pub(super) state: State,
}

impl Cable {
    /// Serves the unit until nobody gives orders any more.
    pub(super) fn serve(mut self) -> Result<(), Error> {
        let result = self.run();
        if matches!(self.state, State::In(..)) {
            let _ = self.pull();
        }
        result
    }

    fn run(&mut self) -> Result<(), Error> {
        loop {
            self.wait()?;
            match self.inbox.try_recv() {
                Ok(Order::Pull(done)) => {
                    let _ = done.send(self.pull());
                }
                Ok(Order::Push(port, done)) => {
                    let _ = done.send(self.push(port));
                }
                Err(std::sync::mpsc::TryRecvError::Disconnected) => return Ok(()),
                Err(std::sync::mpsc::TryRecvError::Empty) => {}
            }
            let outcome = self.step();
            self.follow(outcome)?;
        }
    }

    /// Wait until an order, the host or the time wants something.
    fn wait(&mut self) -> Result<(), Error> {
        let until = match &self.state {
            State::Out => None,
            State::Away(until) => Some(*until),
            State::In(..) => self.device.wakes_at(),
        };
        let timeout = match until {
            None => PollTimeout::NONE,
            Some(at) => {
                let micros = at.saturating_since(moment()).as_micros();
                PollTimeout::try_from(micros.div_ceil(1000)).unwrap_or(PollTimeout::MAX)
            }
        };
        let mut fds = vec![PollFd::new(self.woken.as_fd(), PollFlags::POLLIN)];
        if let State::In(socket, _) = &self.state {
            fds.push(PollFd::new(socket.as_fd(), PollFlags::POLLIN));
        }
        match poll(&mut fds, timeout) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(Error::System(errno.into())),
        }
        let mut bytes = [0; 64];
        let _ = (&self.woken).read(&mut bytes);
        Ok(())
    }

    /// Do what the host and the time want.
    fn step(&mut self) -> Result<Then, Failure> {
        let now = moment();
        let State::In(socket, session) = &mut self.state else { return Ok(Then::Stay) };
        let device = self.device.as_mut();
        let mut then = Then::Stay;
        if device.wakes_at().is_some_and(|at| at <= now) {
            then = device.tick(now)?;
            if then == Then::Stay {
                then = session.ask_again(device, now)?;
            }
        }
        let mut buffer = [0; 64 * 1024];
        while then == Then::Stay {
            match socket.read(&mut buffer) {
                // The kernel closed the connection: somebody wrote to `detach`, or the controller is gone.
                Ok(0) => return Err(Failure::Stop(Stop::Unplugged)),
                // The time is taken anew: the host may have waited for the answer before.
                Ok(count) => then = session.on_bytes(device, moment(), &buffer[..count])?,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Err(Failure::Stop(Stop::Unplugged)),
            }
            give(socket, session.output())?;
        }
        give(socket, session.output())?;
        Ok(then)
    }

    fn follow(&mut self, outcome: Result<Then, Failure>) -> Result<(), Error> {
        match outcome {
            Ok(Then::Stay) => {
                if matches!(&self.state, State::Away(until) if *until <= moment()) {
                    self.state = State::Out;
                    let port = self.port;
                    return self.attach(port);
                }
                Ok(())
            }
            Ok(Then::Leave { away }) => {
                self.pull()?;
                self.state = State::Away(moment() + away);
                Ok(())
            }
            Err(Failure::Stop(Stop::Unplugged)) => {
                self.pull()?;
                (&self.teller).write_all(&[1])?;
                Ok(())
            }
            Err(Failure::Stop(Stop::Broken(error))) => Err(Error::Device(error)),
            Err(Failure::Violation(violation)) => Err(violation.into()),
        }
    }

    /// Leave the port, and wait until it is free.
    fn pull(&mut self) -> Result<(), Error> {
        if matches!(self.state, State::In(..)) {
            self.port.detach()?;
        }
        self.state = State::Out;
        self.until_free(self.port)
    }

    fn until_free(&self, port: Port) -> Result<(), Error> {
        let end = moment() + PORT_PATIENCE;
        while !port.is_free()? {
            if moment() >= end {
                return Err(PortError::Taken(port).into());
            }
            pause(PORT_LOOK);
        }
        Ok(())
    }

    /// Come to the bus with fresh power.
    fn push(&mut self, port: Port) -> Result<(), Error> {
        if !matches!(self.state, State::Out) {
            return Ok(());
        }
        self.device.power_on(moment()).map_err(|stop| match stop {
            Stop::Broken(error) => Error::Device(error),
            Stop::Unplugged => Error::Ended,
        })?;
        self.attach(port)
    }

    fn attach(&mut self, port: Port) -> Result<(), Error> {
        let (ours, kernels) = UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        self.until_free(port)?;
        // A unit that came while the kernel still held the one before it would be taken for that one, and be spoken to.
        let end = moment() + PORT_PATIENCE;
        while port.is_enumerated()? && moment() < end {
            pause(PORT_LOOK);
        }
        port.attach(&kernels, self.device.speed())?;
        self.port = port;
        self.state = State::In(ours, Session::default());
        Ok(())
    }
}

/// Hand all of `output` to the kernel. When it hung up, the next read tells.
fn give(mut socket: &UnixStream, output: &mut Vec<u8>) -> Result<(), Stop> {
    let mut sent = 0;
    let end = moment() + WRITE_PATIENCE;
    while sent < output.len() {
        match socket.write(&output[sent..]) {
            Ok(count) => sent += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && moment() < end => {
                let mut fds = [PollFd::new(socket.as_fd(), PollFlags::POLLOUT)];
                let _ = poll(&mut fds, PollTimeout::from(100_u8));
            }
            Err(_) => break,
        }
    }
    output.clear();
    Ok(())
}

/// Wait without a clock.
pub(super) fn pause(time: Duration) {
    let timeout = PollTimeout::try_from(time).unwrap_or(PollTimeout::MAX);
    let _ = poll(&mut [], timeout);
}
