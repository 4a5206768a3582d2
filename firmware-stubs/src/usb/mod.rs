//! Stand-ins on USB, with descriptors and a behaviour of their own choosing, on the virtual host controller of a real
//! kernel.
//!
//! [`Device`] is a unit without its cable. [`Unit`] plugs one into a port of `vhci-hcd`: the kernel speaks USB/IP to it
//! over a socket and enumerates it as it would a real one; no server and no tool is needed, root is. [`host::Host`] is a
//! host in memory, for tests without a kernel. The same port keeps the same place on the bus.
//!
//! Protocol: `Documentation/usb/usbip_protocol.rst` of Linux, version 1.1.1. Left out: isochronous transfers,
//! SuperSpeed, export to other machines.

mod cable;
mod descriptors;
mod device;
pub mod host;
pub mod hostile;
mod session;
mod stand;
mod unit;
mod vhci;
mod wire;

#[cfg(test)]
mod tests;

pub use descriptors::{Descriptors, Strings, chosen};
pub use device::{Answer, Device, Reply, Speed, Stop, Then, Transfer, is_enumeration};
pub use stand::stand;
pub use unit::{Error, Place, Unit};
pub use vhci::{Port, PortError};
pub use wire::Violation;
