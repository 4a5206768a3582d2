//! What the runs of a batch came to, counted.

use std::collections::BTreeSet;
use std::time::Duration;

use protocols::time::Moment;

use crate::error::Kind;
use crate::run::report::Outcome;

/// What one start came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// The outcome, or what the failure that kept the run from beginning would have made of it.
    pub outcome: Outcome,
    /// Why it did not pass.
    pub kind: Option<Kind>,
    /// Who the unit is, where that is known.
    pub unit: Option<String>,
    /// What the person at the bench reads.
    pub say: Option<String>,
}

impl End {
    /// A run that passed.
    #[must_use]
    pub fn pass(unit: Option<String>) -> End {
        End { outcome: Outcome::Pass, kind: None, unit, say: None }
    }

    /// A run, or an attempt at one, that ended for a reason of `kind`.
    #[must_use]
    pub fn failed(kind: Kind, unit: Option<String>) -> End {
        End { outcome: Outcome::of(kind), kind: Some(kind), unit, say: None }
    }
}

/// Whose fault it is that a unit did not pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// The unit: it refused, or holds something else than it should.
    Unit,
    /// The cable, the link or the station.
    Station,
    /// The person: it was pulled while it was worked on, stopped, or not answered for.
    Operator,
}

impl Cause {
    /// The cause behind an end that is no pass; `pulled` when the bay was seen to be empty before the run had ended.
    #[must_use]
    pub fn of(end: &End, pulled: Pulled) -> Option<Cause> {
        match (end.outcome, end.kind, pulled) {
            (Outcome::Pass, ..) => None,
            (Outcome::Cancelled, ..) | (Outcome::Error, Some(Kind::Gone), Pulled::Yes) => Some(Cause::Operator),
            (Outcome::Fail, ..) => Some(Cause::Unit),
            (Outcome::Error, ..) => Some(Cause::Station),
        }
    }
}

/// Whether a unit was pulled while it was worked on, as the watch saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pulled {
    /// Its bay was empty, and not by command.
    Yes,
    /// It stayed.
    No,
}

/// The counters of a batch.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Passes of the batch before this process began.
    pub before: u64,
    /// Passes since.
    pub passed: u64,
    /// Units that failed.
    pub failed: u64,
    /// Starts that ended by an error of cable, link or station.
    pub errors: u64,
    /// Starts that a person ended.
    pub operator: u64,
    units: BTreeSet<String>,
    first: Option<Moment>,
}

impl Tally {
    /// Nothing has happened yet, but for `before` passes on record.
    #[must_use]
    pub fn after(before: u64) -> Tally {
        Tally { before, ..Tally::default() }
    }

    pub(super) fn started(&mut self, now: Moment) {
        self.first.get_or_insert(now);
    }

    pub(super) fn ended(&mut self, end: &End, pulled: Pulled) {
        match Cause::of(end, pulled) {
            None => {
                self.passed += 1;
                self.units.extend(end.unit.clone());
            }
            Some(Cause::Unit) => self.failed += 1,
            Some(Cause::Station) => self.errors += 1,
            Some(Cause::Operator) => self.operator += 1,
        }
    }

    /// What had been counted as an error of the station was a pull.
    pub(super) fn was_pulled(&mut self) {
        if let Some(errors) = self.errors.checked_sub(1) {
            self.errors = errors;
            self.operator += 1;
        }
    }

    /// Passes over the life of the batch.
    #[must_use]
    pub fn passes(&self) -> u64 {
        self.before + self.passed
    }

    /// Different units among those that passed since this process began; those without a serial number are not told
    /// apart and not counted.
    #[must_use]
    pub fn units(&self) -> usize {
        self.units.len()
    }

    /// Passes an hour since the first start; `None` before there is anything to tell.
    #[must_use]
    pub fn per_hour(&self, now: Moment) -> Option<f64> {
        let worked = now.saturating_since(self.first?);
        // A count and a time: no figure here is large enough to lose a digit that is shown.
        #[expect(clippy::cast_precision_loss, reason = "a count of units")]
        let passed = self.passed as f64;
        (worked >= Duration::from_secs(1) && self.passed > 0).then(|| passed * 3600.0 / worked.as_secs_f64())
    }
}
