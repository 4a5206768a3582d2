//! A station of its own for each test, and stand-in devices that end with it.

mod bench;
mod stub;
mod terminal;
mod unit;

pub use bench::{Bench, Ran};
pub use stub::Stub;
pub use terminal::Terminal;
pub use unit::Unit;
