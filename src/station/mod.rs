//! Many bays at once: which unit is meant, where it is, and keeping hold of it.

pub mod selector;

pub use selector::{Place, Selector};
