//! A phone: Android, recovery, bootloader and fastbootd in turn, at the same port, over the same partitions.
//!
//! [`Phone`] is one on USB; [`serve`] is one on TCP, where Android and fastboot have a port each, of which one listens at a
//! time. What Android shows in `/dev/block/by-name` is what fastboot wrote; what Android says of verified boot is computed
//! from the vbmeta partition when it starts.

mod options;
mod system;
mod tcp;
#[cfg(test)]
mod tests;
mod unit;

pub use crate::Error;
pub use options::{Mode, Options};
pub use tcp::{Addresses, serve};
pub use unit::Phone;
