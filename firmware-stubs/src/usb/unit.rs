//! A device on a cable: a thread that serves it, and a handle that pulls and pushes it.

use super::cable::{Cable, Order, State};
use super::device::Device;
use super::vhci::{Port, PortError};
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use thiserror::Error;

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
