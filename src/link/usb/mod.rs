//! A USB device that is opened as such: control transfers on endpoint 0, and its interfaces claimed.
//!
//! What hangs on USB and shows a serial port is opened by that port instead; this is for what speaks USB itself.

use std::time::Duration;

pub use protocols::usb::Setup;

use crate::error::Result;

mod host;

pub(super) use host::open;

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
    /// Its manufacturer string, as it came.
    pub manufacturer: Option<String>,
    /// Its product string, as it came.
    pub model: Option<String>,
    /// Its serial number string, as it came.
    pub serial: Option<String>,
    /// The active configuration, raw: interfaces, endpoints and what is class-specific (USB 2.0, 9.6.3).
    pub configuration: Vec<u8>,
}

/// What became of a transfer that the device took part in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transfer {
    /// So many bytes passed.
    Done(usize),
    /// The device refused it (a STALL handshake): an answer, not a fault of the link.
    Stalled,
}

/// An open USB device. Dropping it releases what was claimed and gives the kernel its drivers back.
pub trait Device: Send {
    /// What it showed when it was opened.
    fn about(&self) -> &About;

    /// Takes `interface` for us alone, in this alternate setting, from the kernel if need be.
    ///
    /// # Errors
    /// `busy` when another program holds it, `gone`.
    fn claim(&mut self, interface: u8, alternate: u8) -> Result<()>;

    /// A control transfer whose data goes to the host; `buf` has room for `setup.length`.
    ///
    /// # Errors
    /// `gone` when the device left, `timed-out` when it does not answer in time.
    fn control_in(&mut self, setup: Setup, buf: &mut [u8], within: Duration) -> Result<Transfer>;

    /// A control transfer whose data goes to the device.
    ///
    /// # Errors
    /// As [`Device::control_in`].
    fn control_out(&mut self, setup: Setup, bytes: &[u8], within: Duration) -> Result<Transfer>;

    /// The string descriptor `index`, as it came.
    ///
    /// # Errors
    /// As [`Device::control_in`]; `garbled` when it is none.
    fn string(&mut self, index: u8) -> Result<String>;

    /// Resets the port: the device begins anew, possibly as another one.
    ///
    /// # Errors
    /// `gone` when another device came of it.
    fn reset(&mut self) -> Result<()>;
}
