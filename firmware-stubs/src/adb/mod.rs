//! A phone that speaks ADB: Android's daemon, and enough of Android behind it that tools find what they look for.
//!
//! [`System`] is what runs on the unit, [`Connection`] one host that speaks to it; both know no cable. [`crate::phone`] puts
//! them on USB and TCP. Commands answer as Android 14's do, from what is documented of them. Left out: TLS and pairing,
//! forwarding, JDWP, terminals that know more than lines.

mod android;
mod auth;
mod codec;
mod connection;
mod face;
mod fault;
mod link;
mod options;
mod service;
mod tcp;

pub use crate::Error;
pub use android::{Restart, System};
pub use connection::{Connection, Ended};
pub(crate) use face::{ENDPOINT, adb as descriptors};
pub use fault::Fault;
pub(crate) use link::Link;
pub use options::{Age, Authorisation, Build, Options, Prompt, Runs};
pub(crate) use tcp::Server;
