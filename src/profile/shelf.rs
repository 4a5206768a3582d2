//! Where backups are kept, as a profile asks for them.

use super::facts::Facts;
use super::model::Step;
use crate::error::Result;

/// Which backup a profile means.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Its digest or the beginning of it; `None` means the newest of the unit.
    pub backup: Option<String>,
    /// The label that the newest must have.
    pub label: Option<String>,
}

/// Backups, and what puts one back.
pub trait Shelf {
    /// The steps that put the backup back onto the unit with these facts, each with a name of its own.
    ///
    /// # Errors
    /// `invalid` when there is none, or it is another unit's; `mismatch` when it is damaged.
    fn restore(&self, wanted: &Snapshot, facts: &Facts) -> Result<Vec<Step>>;
}

/// For who puts nothing back: a profile's other steps are what is asked for.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoShelf;

impl Shelf for NoShelf {
    fn restore(&self, _: &Snapshot, _: &Facts) -> Result<Vec<Step>> {
        Ok(Vec::new())
    }
}
