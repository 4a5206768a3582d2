//! Many bays at once: which unit is meant, where it is, and keeping hold of it.

pub mod batch;
mod bay;
#[cfg(test)]
mod fake;
pub mod fleet;
mod gate;
mod keys;
mod lookout;
mod machine;
pub mod map;
mod met;
mod modes;
mod office;
mod probe;
mod resolve;
mod restore;
pub mod selector;
mod shift;
pub mod single;
mod suit;
mod unpack;

pub use bay::PortBay;
pub use gate::Together;
pub use keys::KEY_NAME;
pub use lookout::{Lookout, Sight, Spoken};
pub use machine::{Capture, Machine, World, signatures};
pub use met::{Met, meet};
pub use office::Office;
pub use probe::probe;
pub use resolve::{Defaults, Target, only_one, resolve, resolve_any};
pub use restore::{Allowed, Backups, Onto, Restoration, overwritten, restoration};
pub use selector::{Place, Selector};
pub use shift::Shift;
pub use suit::{check_fit, suit};
pub use unpack::{Unpacked, unpack};
