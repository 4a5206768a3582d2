//! Stand-in devices: the other side of the protocols that Hardwire speaks, for tests, demonstrations and authors of
//! drivers. They keep their state across power cuts, and do wrong what they are told to do wrong.
#![forbid(unsafe_code)]

pub mod adb;
mod clock;
pub mod dfu;
mod error;
pub mod fastboot;
mod fault;
pub mod gadget;
mod lifetime;
pub mod phone;
pub mod smp;
pub mod usb;

pub use error::Error;
pub use fault::BadFault;
pub use lifetime::{End, Lifetime};
