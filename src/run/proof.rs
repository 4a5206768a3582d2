//! The look after the act, and what it proves.

use super::attempt::Run;
use super::event::EventKind;
use super::report::{Item, StepOutcome};
use super::steps::Gathered;
use crate::device::{Cancel, Level};
use crate::error::{Error, Kind, Result};
use crate::plan;
use crate::profile::model::Step;
use crate::steps::{self, StepKind};

impl Run<'_> {
    /// Looks again: the only thing that makes a step pass.
    pub(super) fn verify(
        &mut self,
        step: &Step,
        kind: &dyn StepKind,
        level: Level,
        cancel: &Cancel,
        gathered: &mut Gathered,
    ) -> Result<()> {
        let mut event = self.observer.event(EventKind::Verifying);
        event.step = Some(step.name.clone());
        self.observer.tell(&event)?;
        let seen = self
            .with_driver(Some(&step.name), step.timeout, cancel, |driver, bench| kind.observe(driver, level, bench))
            .map_err(|error| error.while_doing("it was written and could not be verified"))?;
        let proven = gathered.effect.proven;
        gathered.items = seen.items.into_iter().map(|item| settle(item, &gathered.before, proven)).collect();
        match gathered.items.iter().find(|item| item.outcome == StepOutcome::Failed) {
            None => Ok(()),
            Some(bad) => Err(mismatch(bad)),
        }
    }

    /// Proves earlier steps that named this one as their proof. One that is disproved keeps no other from being looked at.
    pub(super) fn prove(&mut self, prover: &Step, cancel: &Cancel) -> Result<()> {
        let order = self.order;
        let mut failure = None;
        for (index, step) in order.resolved.steps.iter().enumerate() {
            if step.proved_by.as_ref() != Some(&prover.name) || step.skip.is_some() {
                continue;
            }
            let kind = steps::kind(&step.body);
            let level = plan::look(step, &self.unit, Some(step.verify));
            let seen = self
                .with_driver(Some(&step.name), step.timeout, cancel, |driver, bench| kind.observe(driver, level, bench))
                .map_err(|error| error.while_doing(format!("proving step {} after {}", step.name, prover.name)))?;
            let result = &mut self.report.steps[index];
            let bad = seen.items.iter().find(|item| item.outcome != StepOutcome::Already).cloned();
            result.level = seen.level().filter(|_| bad.is_none());
            result.items = seen.items;
            if let Some(bad) = bad {
                result.outcome = StepOutcome::Failed;
                let error = mismatch(&bad).while_doing(format!("proving step {} after {}", step.name, prover.name));
                failure.get_or_insert(error);
                continue;
            }
            let outcome = result.outcome;
            for item in &mut result.items {
                item.outcome = outcome;
            }
        }
        failure.map_or(Ok(()), Err)
    }

    /// The last word: no step counts for more than was proven of it.
    pub(super) fn all_proven(&self) -> Result<()> {
        let short = self.order.resolved.steps.iter().zip(&self.report.steps).find(|(step, result)| {
            let counts = matches!(result.outcome, StepOutcome::Done | StepOutcome::Already);
            counts && result.level.is_some_and(|level| !level.satisfies(step.verify))
        });
        match short {
            None => Ok(()),
            Some((step, result)) => Err(Error::new(
                Kind::Mismatch,
                format!(
                    "step {} is proven at {} only, and {} is demanded",
                    step.name,
                    result.level.map_or("no level".to_owned(), |level| level.to_string()),
                    step.verify
                ),
            )),
        }
    }
}

/// What a look after the act makes of an item.
fn settle(mut item: Item, before: &[Item], proven: Option<Level>) -> Item {
    let held = before.iter().any(|old| old.path == item.path && old.outcome == StepOutcome::Already);
    match item.outcome {
        StepOutcome::Already if !held => item.outcome = StepOutcome::Done,
        // Nothing can be seen at this level: there is the acknowledgement and no more.
        StepOutcome::Failed if item.level == Some(Level::Link) && item.observed.is_none() => {
            item.outcome = StepOutcome::Done;
        }
        _ => {}
    }
    if let (Some(proven), Some(level)) = (proven, item.level)
        && item.outcome != StepOutcome::Failed
        && proven.satisfies(level)
    {
        item.level = Some(proven);
    }
    item
}

pub(super) fn mismatch(item: &Item) -> Error {
    let known = |text: &Option<String>| text.clone().unwrap_or_else(|| "nothing".to_owned());
    let algorithm = item.algorithm.map_or(String::new(), |algorithm| format!(" {algorithm}"));
    Error::new(
        Kind::Mismatch,
        format!(
            "{} should hold{algorithm} {} and holds {}",
            item.path.escape_debug(),
            known(&item.expected),
            known(&item.observed)
        ),
    )
    .next("apply again; if it happens again the unit's storage is bad")
}
