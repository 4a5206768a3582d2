//! A USB device that is opened as such: control transfers on endpoint 0, and its interfaces claimed.
//!
//! What hangs on USB and shows a serial port is opened by that port instead; this is for what speaks USB itself. Host
//! side: libusb through its synchronous calls, which need no `unsafe`. Reading while writing takes a thread of its own
//! for that; what it costs is a wait of up to 20 ms when a stream is closed.

use std::time::Duration;

use protocols::usb::Configuration;
pub use protocols::usb::Setup;

use super::Link;
use crate::error::{Error, Kind, Result};

pub mod capture;
mod describe;
pub mod fault;
mod holder;
mod host;
pub mod memory;
mod pipes;
mod stream;
mod trouble;

pub use pipes::{Ending, Pipes};

pub(super) use host::open;

/// Most bytes in the data stage of a control transfer: Linux takes no more.
pub const MAX_CONTROL: u16 = 4096;

/// What a device shows before anything is asked of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// The kernel's name of its port, `1-2.3`.
    pub port: String,
    /// Vendor id (`idVendor`).
    pub vendor: u16,
    /// Product id (`idProduct`).
    pub product: u16,
    /// Release number, BCD (`bcdDevice`).
    pub release: u16,
    /// Bytes of a packet on endpoint 0 (`bMaxPacketSize0`), as the device says.
    pub packet: u8,
    /// Its manufacturer string, untrusted.
    pub manufacturer: Option<String>,
    /// Its product string, untrusted.
    pub model: Option<String>,
    /// Its serial number string, untrusted.
    pub serial: Option<String>,
    /// The active configuration: interfaces, endpoints and what is class-specific (USB 2.0, 9.6.3). Empty when it
    /// shows none.
    pub configuration: Configuration,
}

impl About {
    /// Its address, as `-d` takes it.
    #[must_use]
    pub fn address(&self) -> String {
        format!("usb:{}", self.port)
    }
}

/// What became of a transfer that the device took part in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transfer {
    /// So many bytes passed.
    Done(usize),
    /// The device refused it (a STALL handshake): an answer, not a fault of the link.
    Stalled,
}

/// An open USB device. Dropping it releases what was claimed and gives the kernel its drivers back. What a killed
/// process leaves without a driver gets it back when the device is next opened and closed.
pub trait Device: Send {
    /// What it showed when it was opened.
    fn about(&self) -> &About;

    /// Takes `interface` for us alone, in this alternate setting, from the kernel if need be.
    ///
    /// # Errors
    /// `busy` when another program holds it, `gone`.
    fn claim(&mut self, interface: u8, alternate: u8) -> Result<()>;

    /// A control transfer whose data goes to the host; `buf` has room for `setup.length`, which is at most
    /// [`MAX_CONTROL`].
    ///
    /// # Errors
    /// `gone` when the device left, `timed-out` when it does not answer in time; `invalid` when `buf` is too small.
    fn control_in(&mut self, setup: Setup, buf: &mut [u8], within: Duration) -> Result<Transfer>;

    /// A control transfer whose data goes to the device: `setup.length` bytes, at most [`MAX_CONTROL`].
    ///
    /// # Errors
    /// As [`Device::control_in`].
    fn control_out(&mut self, setup: Setup, bytes: &[u8], within: Duration) -> Result<Transfer>;

    /// The string descriptor `index`, untrusted; `None` when the device has none, or what it has is no string.
    ///
    /// # Errors
    /// `gone`.
    fn string(&mut self, index: u8) -> Result<Option<String>> {
        describe::string(index, &mut |setup, buf, within| self.control_in(setup, buf, within))
    }

    /// Resets the port: the device begins anew, possibly as another one.
    ///
    /// # Errors
    /// `gone` when another device came of it.
    fn reset(&mut self) -> Result<()>;

    /// Claims a pair of bulk endpoints and makes them a link: each send is one transfer, each receive brings bytes of
    /// one transfer at most. Dropping the link closes the device.
    ///
    /// # Errors
    /// As [`Device::claim`].
    fn stream(self: Box<Self>, pipes: &Pipes) -> Result<Link>;
}

/// The part of `buf` that a transfer may fill.
fn room(setup: Setup, buf: &mut [u8]) -> Result<&mut [u8]> {
    let size = buf.len();
    let room = buf.get_mut(..usize::from(setup.length)).filter(|_| setup.length <= MAX_CONTROL);
    room.ok_or_else(|| {
        let sentence = format!("a control transfer of {} bytes does not fit ({size} are given for it)", setup.length);
        Error::new(Kind::Invalid, sentence)
    })
}
