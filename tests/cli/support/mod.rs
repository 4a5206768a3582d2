//! A station of its own for each test, and stand-in devices that end with it.

mod bench;
mod unit;

pub use bench::{Bench, Ran};
pub use unit::Unit;
