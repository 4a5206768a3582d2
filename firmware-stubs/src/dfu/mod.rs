//! A unit that takes firmware over DFU 1.1, plain or with ST's extensions for memory with addresses ("DfuSe").
//!
//! [`Unit`] is the unit without its cable, a [`crate::usb::Device`]. While its [`Firmware`] runs it shows one set of
//! descriptors, with the firmware's version as the device's release and its digest in the interface's name; told to
//! detach, it comes back to the same port with another. Firmware that is not whole does not run: the unit stays in DFU
//! mode.
//!
//! What is kept when the power goes, at any moment: every byte that was written. A download to a slot of plain DFU
//! empties it first. Addressed memory behaves as flash: only what was erased can be programmed, pages are erased whole.
//!
//! Left out of the model: read protection, signatures, time that erasing takes (a block's is the same for all).

mod face;
mod fault;
mod image;
mod loader;
mod memory;
mod options;
#[cfg(test)]
mod tests;
mod unit;

pub use crate::Error;
pub use fault::Fault;
pub use image::Firmware;
pub use options::{Detach, Factory, Manifestation, Memory, Options, Slot, Upload};
pub use unit::Unit;
