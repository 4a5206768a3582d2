//! What every USB protocol stands on: setup packets of control transfers, and descriptors.
//!
//! Specification: Universal Serial Bus 2.0, chapter 9 (<https://www.usb.org/document-library/usb-20-specification>).
//! Both directions: detection and drivers read what a unit says about itself, stand-in devices write it. Left out:
//! what the host controller does by itself (addresses, speeds, hubs), BOS and SuperSpeed companion descriptors, which
//! are kept as raw bytes.

mod configuration;
mod device;
mod encode;
mod setup;
mod string;
#[cfg(test)]
mod tests;

pub use configuration::{Configuration, Endpoint, Extra, Fault, Interface};
pub use device::{Bcd, Class, DescriptorError, DeviceDescriptor, UsbId};
pub use encode::TooLong;
pub use setup::{Direction, Recipient, RequestKind, Setup, standard};
pub use string::{MAX_UNITS, decode_languages, decode_string, encode_languages, encode_string};

/// Types of descriptors (USB 2.0 table 9-5 and the class specifications).
pub mod kind {
    /// Device descriptor.
    pub const DEVICE: u8 = 1;
    /// Configuration descriptor.
    pub const CONFIGURATION: u8 = 2;
    /// String descriptor.
    pub const STRING: u8 = 3;
    /// Interface descriptor.
    pub const INTERFACE: u8 = 4;
    /// Endpoint descriptor.
    pub const ENDPOINT: u8 = 5;
    /// Device qualifier: what the device would be at the other speed.
    pub const DEVICE_QUALIFIER: u8 = 6;
    /// Interface association: which interfaces make one function.
    pub const INTERFACE_ASSOCIATION: u8 = 11;
    /// Class-specific descriptor of a device; DFU's functional descriptor and HID's own have the same number.
    pub const CLASS_DEVICE: u8 = 0x21;
    /// Class-specific descriptor of an interface, as CDC has them.
    pub const CLASS_INTERFACE: u8 = 0x24;
}
