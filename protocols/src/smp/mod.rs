//! SMP, the Simple Management Protocol of MCUmgr, as Zephyr and MCUboot speak it over a console or a raw byte stream.
//!
//! Specification: <https://docs.zephyrproject.org/latest/services/device_mgmt/smp_protocol.html> and its pages on
//! the groups. Left out: the groups crash, split, run and transport-specific ones, and the image group's reserved
//! commands (file, core list, core load), which no current server implements.

pub mod header;
pub mod message;
pub mod session;
pub mod wire;

pub use header::{Group, Header, HeaderError, Op, Version};
