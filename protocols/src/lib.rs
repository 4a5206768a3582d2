//! Sans-I/O codecs and state machines of the protocols that Hardwire speaks, in both directions.
//!
//! Nothing here knows an operating system, async or a clock: bytes and time are arguments.
#![forbid(unsafe_code)]

pub mod time;
