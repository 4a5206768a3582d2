//! Bytes to requests and back: class requests in setup packets, the answers to them, the functional descriptor, and
//! what DfuSe puts into blocks and interface strings.

mod command;
mod functional;
mod layout;
mod request;
mod status;
#[cfg(test)]
mod tests;

pub use command::{Command, CommandError, CommandList};
pub use functional::{Attributes, FunctionalDescriptor, FunctionalError, find_functional};
pub use layout::{Access, Layout, LayoutError, OutOfLayout, Page, Region};
pub use request::{BlockNumber, Request, RequestError};
pub use status::{PollTimeout, StatusReply, StatusReplyError};

use crate::usb::{Class, Interface};

/// Class of a DFU interface: application specific.
pub const CLASS: u8 = 0xfe;
/// Subclass of a DFU interface.
pub const SUBCLASS: u8 = 1;
/// Protocol of a DFU interface while the application runs (§4.1.2).
pub const PROTOCOL_RUNTIME: u8 = 1;
/// Protocol of a DFU interface in DFU mode (§4.2.3).
pub const PROTOCOL_DFU: u8 = 2;

/// Which set of descriptors an interface belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum InterfaceMode {
    /// The application runs; the interface can do no more than detach.
    Runtime,
    /// The unit is in DFU mode.
    Dfu,
}

impl InterfaceMode {
    /// The mode that an interface of this class shows; `None` when it is no DFU interface, or one of another protocol.
    #[must_use]
    pub const fn of(class: Class) -> Option<Self> {
        match class {
            Class { class: CLASS, subclass: SUBCLASS, protocol: PROTOCOL_RUNTIME } => Some(Self::Runtime),
            Class { class: CLASS, subclass: SUBCLASS, protocol: PROTOCOL_DFU } => Some(Self::Dfu),
            _ => None,
        }
    }

    /// The mode of this interface.
    #[must_use]
    pub const fn of_interface(interface: &Interface) -> Option<Self> {
        Self::of(interface.class)
    }
}
