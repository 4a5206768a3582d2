//! A phone in its bootloader, or in fastboot in userspace ("fastbootd").
//!
//! [`Engine`] is what answers: packets in, packets out, time as an argument. It writes into a [`Store`] of partitions,
//! which others may read while it does. [`Unit`] is both on USB, a [`crate::usb::Device`]; [`serve`] is both on TCP. Whoever
//! builds a unit with more modes gives the engine packets, and acts on its [`Outcome`].
//!
//! What is kept when the power goes, at any moment: every byte that was written, the slots, and the lock. Left out of the
//! model: signatures, the time that moving data takes, `boot`, and the format of the `super` partition: logical
//! partitions are files beside it.

mod engine;
mod fault;
mod flash;
mod options;
mod port;
mod slots;
mod store;
mod tcp;
#[cfg(test)]
mod tests;
mod unit;
mod variables;

pub use crate::Error;
pub use engine::{Engine, Mode, Outcome, Packet};
pub use fault::Fault;
pub use options::{Fetch, Options, PartitionSpec};
pub use port::{Port, descriptors};
pub use slots::{Slot, SlotState};
pub use store::{Kind, Partition, Store};
pub use tcp::serve;
pub(crate) use tcp::{Server, wait};
pub use unit::Unit;
