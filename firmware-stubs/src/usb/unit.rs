//! A device on a cable: a thread that serves it, and a handle that pulls and pushes it.

use super::device::{Device, Stop, Then};
use super::session::{Failure, Session};
use super::vhci::{Port, PortError};
use crate::clock::moment;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use protocols::time::Moment;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;
use thiserror::Error;

/// How long a port may take to become free after a unit left it: a kernel that cannot finish an enumeration on another
/// port of the same hub looks at nothing else for five seconds, and may try twice.
const PORT_PATIENCE: Duration = Duration::from_secs(20);
/// How often a port that is not free yet is looked at.
const PORT_LOOK: Duration = Duration::from_millis(2);
/// How long the kernel may take nothing of what it asked for.
const WRITE_PATIENCE: Duration = Duration::from_secs(5);

/// Why a unit cannot be plugged in, or went.
#[derive(Debug, Error)]
pub enum Error {
    /// The port.
    #[error(transparent)]
    Port(#[from] PortError),
    /// The device.
    #[error("the stand-in device failed")]
    Device(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The operating system.
    #[error("the stand-in device cannot be served")]
    System(#[from] io::Error),
    /// The host sent what no host sends.
    #[error(transparent)]
    Violation(#[from] super::wire::Violation),
    /// Its thread is gone.
    #[error("the stand-in device has ended")]
    Ended,
}

/// Where a unit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// On the bus, or away from it for a moment of its own accord.
    Plugged,
    /// Pulled, by command.
    Pulled,
    /// Unplugged by a fault.
    Unplugged,
}

enum Order {
    Pull(Sender<Result<(), Error>>),
    Push(Port, Sender<Result<(), Error>>),
}

/// A unit that is served by a thread of its own. Dropping it pulls the unit.
pub struct Unit {
    port: Port,
    orders: Option<Sender<Order>>,
    wake: UnixStream,
    /// Readable when the unit was unplugged by a fault, or its thread ended.
    news: UnixStream,
    thread: Option<JoinHandle<Result<(), Error>>>,
}

impl Unit {
    /// Plug a device into a port of the virtual controllers. Returns when the kernel has the connection; what it reads of
    /// the device it reads afterwards (see [`Port::is_enumerated`]).
    ///
    /// # Errors
    /// When the port cannot be used or the device does not start.
    pub fn plug(device: Box<dyn Device>, port: Port) -> Result<Self, Error> {
        let (wake, woken) = UnixStream::pair()?;
        let (news, teller) = UnixStream::pair()?;
        for socket in [&wake, &woken, &news, &teller] {
            socket.set_nonblocking(true)?;
        }
        let (orders, inbox) = channel();
        let cable = Cable { device, port, inbox, woken, teller, state: State::Out };
        let thread = std::thread::Builder::new().name(format!("usb-{port}")).spawn(move || cable.serve())?;
        let mut unit = Self { port, orders: Some(orders), wake, news, thread: Some(thread) };
        match unit.push() {
            Err(Error::Ended) => Err(unit.end().err().unwrap_or(Error::Ended)),
            Err(error) => Err(error),
            Ok(()) => Ok(unit),
        }
    }

    /// The port that it is, or was last, plugged into.
    #[must_use]
    pub const fn port(&self) -> Port {
        self.port
    }

    /// Pull it: its power is gone. That it is pulled already is no error.
    ///
    /// # Errors
    /// When the controller refuses.
    pub fn pull(&mut self) -> Result<(), Error> {
        self.order(Order::Pull)
    }

    /// Push it into its port again: it starts from what it keeps. That it is plugged in already is no error.
    ///
    /// # Errors
    /// As [`Unit::plug`].
    pub fn push(&mut self) -> Result<(), Error> {
        let port = self.port;
        self.order(|done| Order::Push(port, done))
    }

    /// Push it into another port. It must have been pulled before, else it stays where it is.
    ///
    /// # Errors
    /// As [`Unit::plug`].
    pub fn push_into(&mut self, port: Port) -> Result<(), Error> {
        self.port = port;
        self.push()
    }

    fn order(&mut self, order: impl FnOnce(Sender<Result<(), Error>>) -> Order) -> Result<(), Error> {
        let (done, answer) = channel();
        let orders = self.orders.as_ref().ok_or(Error::Ended)?;
        orders.send(order(done)).map_err(|_| Error::Ended)?;
        (&self.wake).write_all(&[1])?;
        answer.recv().map_err(|_| Error::Ended)?
    }

    /// Becomes readable when a fault unplugged the unit, and when its thread ended: then ask [`Unit::news`].
    #[must_use]
    pub fn signal(&self) -> BorrowedFd<'_> {
        self.news.as_fd()
    }

    /// What happened since this was last asked: `Some(Place::Unplugged)` after a fault unplugged it, `None` when nothing
    /// did.
    ///
    /// # Errors
    /// When its thread ended; [`Unit::end`] tells why.
    pub fn news(&mut self) -> Result<Option<Place>, Error> {
        let mut byte = [0; 16];
        match (&self.news).read(&mut byte) {
            Ok(0) => Err(Error::Ended),
            Ok(_) => Ok(Some(Place::Unplugged)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Pull it, and end its thread.
    ///
    /// # Errors
    /// Why it ended before, if it did.
    pub fn end(mut self) -> Result<(), Error> {
        self.join()
    }

    fn join(&mut self) -> Result<(), Error> {
        self.orders = None;
        let _ = (&self.wake).write_all(&[0]);
        self.thread.take().map_or(Ok(()), |thread| thread.join().unwrap_or(Err(Error::Ended)))
    }
}

impl Drop for Unit {
    fn drop(&mut self) {
        if let Err(error) = self.join() {
            tracing::debug!("a stand-in ended badly: {error}");
        }
    }
}

enum State {
    /// Not plugged in.
    Out,
    /// It left of its own accord, until then.
    Away(Moment),
    In(UnixStream, Session),
}

/// The thread's side.
struct Cable {
    device: Box<dyn Device>,
    port: Port,
    inbox: Receiver<Order>,
    woken: UnixStream,
    teller: UnixStream,
    state: State,
}

impl Cable {
    fn serve(mut self) -> Result<(), Error> {
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
