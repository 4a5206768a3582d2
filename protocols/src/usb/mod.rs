//! USB as far as a protocol needs it: control requests, descriptors. No I/O.
//!
//! Specification: Universal Serial Bus 2.0, chapter 9.

mod setup;

pub use setup::Setup;
