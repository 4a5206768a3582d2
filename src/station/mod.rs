//! Many bays at once: which unit is meant, where it is, and keeping hold of it.

mod bay;
#[cfg(test)]
mod fake;
pub mod fleet;
mod machine;
mod office;
mod probe;
mod resolve;
pub mod selector;
mod watch;

pub use bay::PortBay;
pub use machine::{Capture, Machine, World, signatures};
pub use office::Office;
pub use probe::probe;
pub use resolve::{Target, only_one, resolve, resolve_any};
pub use selector::{Place, Selector};
pub use watch::{Change, Go, watch};
