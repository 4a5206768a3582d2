//! How bytes get to a unit and back: serial, USB, TCP, a server that holds it, memory, and wrappers that capture or
//! disturb them.
//!
//! A link knows no protocol and no unit. What it tells of itself is its address; what it knows of failure is whether
//! the other side left (`gone`), took nothing (`timed-out`), is held by somebody else (`busy`) or may not be opened
//! (`not-permitted`).

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Clock;
use crate::error::Result;

mod address;
pub mod capture;
pub mod fault;
pub mod memory;
mod options;
mod polled;
mod serial;
mod server;
mod tcp;
pub mod usb;

pub use address::{Address, Named};
pub use options::{Baud, Flow, LineState, SerialOptions};
pub use server::Behind;

/// The sending half of a link.
pub trait Sender: Send {
    /// Sends all of `bytes`, or fails once `within` has passed.
    ///
    /// # Errors
    /// `gone` when the other side left, `timed-out` when it takes nothing.
    fn send(&mut self, bytes: &[u8], within: Duration) -> Result<()>;
}

/// The receiving half of a link.
pub trait Receiver: Send {
    /// Waits up to `within` for bytes; the number received, 0 when none came in time.
    ///
    /// # Errors
    /// `gone` when the other side left.
    fn receive(&mut self, buf: &mut [u8], within: Duration) -> Result<usize>;
}

/// Both directions to one unit. The halves part, so that a driver can read while it writes.
pub struct Link {
    /// To the unit.
    pub sender: Box<dyn Sender>,
    /// From the unit.
    pub receiver: Box<dyn Receiver>,
    /// Where it leads, as `-d` takes it.
    pub address: String,
    /// Bytes that it carries a second at most, where that is known: how long a frame is under way.
    pub bytes_per_second: Option<NonZeroU32>,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link").field("address", &self.address).finish_non_exhaustive()
    }
}

/// What an address leads to.
pub enum Opened {
    /// Bytes both ways.
    Stream(Link),
    /// A USB device that is spoken to as such.
    Usb(Box<dyn usb::Device>),
    /// A unit that a server holds.
    Behind(Behind),
}

impl From<Link> for Opened {
    fn from(link: Link) -> Opened {
        Opened::Stream(link)
    }
}

/// Opens what is at `address`. `options` are for serial ports; the others have none.
///
/// # Errors
/// `gone` when there is no such port or nobody listens, `busy`, `not-permitted`; `invalid` when the path is no
/// terminal; `timed-out` when a host does not answer.
pub fn open(address: &Address, options: &SerialOptions, clock: &Arc<dyn Clock>) -> Result<Opened> {
    match address {
        Address::Tty(path) => serial::open(path, options, clock).map(Opened::Stream),
        Address::Tcp { host, port } => tcp::open(host, *port, clock).map(Opened::Stream),
        Address::Usb(port) => usb::open(port, clock).map(Opened::Usb),
        Address::Server { unit, host, port } => Ok(Opened::Behind(server::open(unit, host, *port, clock))),
    }
}

/// A contact that closes, wired to the line CTS of a serial port: a lid, a lever.
pub trait Contact: Send {
    /// Whether it is closed.
    ///
    /// # Errors
    /// `gone` when the port left, `unsupported` when it has no such line.
    fn is_closed(&mut self) -> Result<bool>;
}

/// Opens the serial port at `address` for its contact; it is held until this is dropped.
///
/// # Errors
/// As [`open`]; `unsupported` when it is no serial port.
pub fn contact(address: &Address, options: &SerialOptions) -> Result<Box<dyn Contact>> {
    match address {
        Address::Tty(path) => serial::contact(path, options),
        _ => Err(crate::error::Error::new(
            crate::error::Kind::Unsupported,
            format!("{address} has no line CTS: it is no serial port"),
        )),
    }
}
