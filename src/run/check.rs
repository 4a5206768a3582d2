//! A step that is only looked at: what is not so is not made so.

use super::attempt::Run;
use super::proof::mismatch;
use super::report::StepOutcome;
use super::steps::Gathered;
use crate::device::{Cancel, Level};
use crate::error::{Error, Kind, Result};
use crate::plan::{self, Venue};
use crate::profile::model::Step;
use crate::steps::StepKind;

impl Run<'_> {
    /// Looks where the step shows, now that its turn has come. What cannot be seen does not hold.
    pub(super) fn check(
        &mut self,
        step: &Step,
        kind: &dyn StepKind,
        venue: Venue,
        level: Option<Level>,
        cancel: &Cancel,
        gathered: &mut Gathered,
    ) -> Result<()> {
        let mut level = level;
        if self.enter(step, venue, gathered, cancel)? {
            level = plan::level(step, &self.order.resolved, &self.unit, &self.order.modes)?;
        }
        let observed = self.look(step, kind, level, cancel)?;
        gathered.items.clone_from(&observed.items);
        match observed.items.iter().find(|item| item.outcome != StepOutcome::Already) {
            Some(bad) => {
                Err(mismatch(bad).next("the unit is not what it should be at this point: see what its record shows"))
            }
            None if observed.items.is_empty() => Err(Error::new(Kind::Mismatch, "nothing of it could be looked at")
                .next("look at it in another mode (`in`)")),
            None => {
                gathered.why = Some(observed.why);
                Ok(())
            }
        }
    }
}
