//! Runs against stand-ins whose cables are memory: the real drivers, no kernel, and a clock that is moved by hand.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

#[path = "../archives/mod.rs"]
mod archives;
mod dfu;
#[cfg(unix)]
mod phone;
mod station;
