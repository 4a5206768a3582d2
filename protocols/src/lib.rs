//! Codecs and state machines of device protocols, without I/O, clock, threads or async, and in both directions: the
//! drivers and the stand-in devices speak through the same code.
//!
//! Every protocol has the same doors: `wire` (bytes to frames), `message` (requests and replies) and `session` (the
//! conversation). Whatever a unit or a file holds is untrusted input here: bounded, and answered with a typed error.

#![forbid(unsafe_code)]

pub mod adb;
pub mod android;
pub mod dfu;
pub mod fastboot;
pub mod mcuboot;
pub mod smp;
pub mod text;
pub mod time;
pub mod usb;
