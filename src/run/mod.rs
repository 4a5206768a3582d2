//! Carries a plan out on one unit: progress, verify, retry, cancel, evidence.
//!
//! A run owns one thread and holds the bay; drivers come and go with the unit's modes.

mod attempt;
mod away;
mod check;
pub mod event;
mod keep;
mod observer;
mod proof;
pub mod report;
mod said;
mod start;
mod steps;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use uuid::Uuid;

pub use crate::steps::person;
pub use start::{execute, plan};

use crate::clock::Clock;
use crate::device::{Cancel, ModeSpec, UnitText};
use crate::home::Home;
use crate::ledger::{Ledger, RecordKind};
use crate::profile::model::Resolved;
use crate::vault::Vault;
use event::Listener;
use person::Person;

/// What a run needs of its station.
#[derive(Clone, Copy)]
pub struct Desk<'a> {
    /// The program's clock.
    pub clock: &'a dyn Clock,
    /// The station's folder.
    pub home: &'a Home,
    /// Where the record goes.
    pub ledger: &'a Ledger,
    /// Where backups go.
    pub vault: &'a Vault,
    /// Who answers.
    pub person: &'a dyn Person,
    /// Who listens.
    pub listener: &'a dyn Listener,
    /// Who may stop it.
    pub cancel: &'a Cancel,
    /// Passed before the first write.
    pub gate: &'a dyn Gate,
}

/// What a run passes once its plan stands, before it writes: several runs of one command wait for each other here, so
/// that what is found wrong with one is found before any of them writes.
pub trait Gate: Sync {
    /// Waits until the run may write.
    ///
    /// # Errors
    /// `invalid` when it may not, because another run of the same command was refused.
    fn pass(&self) -> crate::error::Result<()>;
}

/// Open to everyone.
impl Gate for () {
    fn pass(&self) -> crate::error::Result<()> {
        Ok(())
    }
}

/// What is to be done to one unit.
pub struct Order {
    /// What its record will be.
    pub kind: RecordKind,
    /// The run's id.
    pub run: Uuid,
    /// What must be true of the unit.
    pub resolved: Resolved,
    /// The unit's serial number where its driver cannot know it: from the setting that the profile's `identity` names.
    pub serial: Option<UnitText>,
    /// What such units can do in the modes that they may be in, whoever speaks to them there.
    pub modes: Vec<ModeSpec>,
    /// The caller's tags.
    pub tags: BTreeMap<String, String>,
    /// The batch that it belongs to.
    pub batch: Option<String>,
    /// What was scanned for it, input to keyed digest.
    pub scans: BTreeMap<String, String>,
    /// Who is at the bench.
    pub operator: Option<String>,
    /// The kinds of things (`file`, `setting`) that a backup may omit.
    pub accept_omitted: Vec<String>,
}
