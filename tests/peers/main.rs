//! Foreign clients against our stand-in: it shares its codec with the driver, so only strangers can say that both
//! speak the protocol and not a dialect of their own.
#![allow(clippy::disallowed_methods, reason = "processes live in real time")]

mod adb;
#[path = "../archives/mod.rs"]
mod archives;
mod fastboot;
mod server;
mod smpmgr;
#[path = "../devices/support/mod.rs"]
mod support;
