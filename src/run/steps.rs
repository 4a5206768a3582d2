//! One step: observe, act, verify, and what it came to.

use std::cell::Cell;
use std::time::Duration;

use super::attempt::{Run, skipped};
use super::event::EventKind;
use super::report::{Item, StepOutcome, StepResult};
use crate::device::{Cancel, Level, Mode, Progress, UnitText};
use crate::error::{Error, Kind, Result};
use crate::plan::{self, Planned, Venue};
use crate::profile::model::{Body, Step};
use crate::steps::person::Consent;
use crate::steps::{self, Action, Effect, Observed, Stage, StepKind};

/// How long a unit may be talked to on the way back from a step that failed.
const BACK_OUT: Duration = Duration::from_secs(10);

/// What an attempt at a step gathered, also when it failed.
#[derive(Default)]
pub(super) struct Gathered {
    pub(super) before: Vec<Item>,
    pub(super) items: Vec<Item>,
    sent: u64,
    retries: u64,
    changed: bool,
    /// Where the unit was before it was brought to where the step needs it.
    home: Option<Mode>,
    pub(super) why: Option<String>,
    pub(super) effect: Effect,
}

impl Run<'_> {
    /// Makes one step true, as often as it may be tried, and notes what it came to.
    pub(super) fn step(&mut self, step: &Step, planned: &Planned, level: Option<Level>, cancel: &Cancel) -> Result<()> {
        if planned.action == Action::Skip {
            return self.note(step, skipped(step, &planned.why));
        }
        // What was said while an earlier step was proven is past.
        self.observer.take_said();
        let mut event = self.observer.event(EventKind::StepStarted);
        event.step = Some(step.name.clone());
        event.kind = Some(step.body.kind());
        event.bytes = Some(0);
        event.total = Some(planned.bytes);
        self.observer.tell(&event)?;
        let began = self.desk.clock.now();
        let mut gathered = Gathered::default();
        let mut tries = 0;
        let mut outcome = loop {
            let seen = (tries == 0 && self.is_fresh(step, planned)).then(|| planned.observed.clone()).flatten();
            let outcome = self.attempt(step, seen, level, cancel, &mut gathered);
            match outcome {
                Err(error) if tries < step.retries && worth_a_retry(error.kind()) && !cancel.is_asked() => {
                    tries += 1;
                    let mut event = self.observer.event(EventKind::Retry);
                    event.step = Some(step.name.clone());
                    event.say = Some(error.to_string());
                    self.observer.tell(&event)?;
                }
                outcome => break outcome,
            }
        };
        outcome = match outcome {
            Ok(()) => self.leave(step, gathered.home, cancel),
            Err(error) => {
                self.back_out(&gathered, cancel);
                Err(error)
            }
        };
        let milliseconds = self.desk.clock.now().saturating_since(began).as_millis();
        if outcome.is_ok() {
            let named = named_by(step, self.order.resolved.identity.setting.as_deref());
            self.know(named);
        }
        let mut result = result(step, gathered, &outcome, u64::from(tries), milliseconds);
        (result.said, result.said_left_out) = self.observer.take_said().into_lines();
        self.note(step, result)?;
        outcome.map_err(|error| {
            let kind = steps::kind(&step.body);
            error.while_doing(format!("step {}, {}, failed", step.name, kind.describe()))
        })
    }

    fn attempt(
        &mut self,
        step: &Step,
        seen: Option<Observed>,
        level: Option<Level>,
        cancel: &Cancel,
        gathered: &mut Gathered,
    ) -> Result<()> {
        let kind = steps::kind(&step.body);
        let order = self.order;
        // After a restart the unit may offer more or less than the plan could know.
        let level = match self.restarted {
            true => plan::level(step, &order.resolved, &self.unit, &order.modes)?,
            false => level,
        };
        let venue = plan::venue(step, &self.unit, &order.modes);
        if step.check {
            return self.check(step, kind, venue, level, cancel, gathered);
        }
        let was_in = self.unit.mode;
        let mut observed = match seen {
            Some(observed) => observed,
            None => {
                let observed = self.look(step, kind, level, cancel)?;
                self.consent(&observed.consents)?;
                observed
            }
        };
        gathered.before.clone_from(&observed.items);
        gathered.items.clone_from(&observed.items);
        if observed.holds() {
            gathered.why = Some(observed.why);
            return Ok(());
        }
        let mut level = level;
        if self.enter(step, venue, gathered, cancel)? && venue.look != was_in {
            // Only now it is known what the unit can do here, and what it holds.
            level = plan::level(step, &order.resolved, &self.unit, &order.modes)?;
            observed = self.look(step, kind, level, cancel)?;
            self.consent(&observed.consents)?;
            if !observed.items.is_empty() {
                gathered.before.clone_from(&observed.items);
                gathered.items.clone_from(&observed.items);
            }
            if observed.holds() {
                gathered.why = Some(observed.why);
                return Ok(());
            }
        }
        self.with_driver(None, None, cancel, |driver, _| kind.check(driver))?;
        gathered.changed = true;
        gathered.why = (!observed.why.is_empty()).then(|| observed.why.clone());
        let acted = self.act(step, kind, &observed, cancel, gathered);
        if kind.action().is_some() {
            gathered.items = std::mem::take(&mut gathered.effect.items);
            return acted;
        }
        let level = level.unwrap_or(Level::Link);
        if acted.is_ok() && venue.look != venue.act && venue.look != self.unit.mode {
            // What was written here shows there.
            self.restart(venue.look, step.timeout, cancel)?;
        }
        match acted {
            Ok(()) => self.verify(step, kind, level, cancel, gathered),
            // What the unit holds instead belongs in the record, if it can still be asked.
            Err(error) if error.kind() == Kind::Mismatch => {
                let _ = self.verify(step, kind, level, cancel, gathered);
                Err(error)
            }
            Err(error) => Err(error),
        }
    }

    /// Observes the step where the unit is; what this mode cannot show is unknown.
    pub(super) fn look(
        &mut self,
        step: &Step,
        kind: &dyn StepKind,
        level: Option<Level>,
        cancel: &Cancel,
    ) -> Result<Observed> {
        let here = kind.needs().is_none_or(|capability| self.unit.can(capability));
        if !here || kind.action().is_some() {
            return Ok(Observed::default());
        }
        // What is only looked at is looked at as well as can be.
        let level = if step.check { plan::look } else { plan::glance }(step, &self.unit, level);
        self.with_driver(Some(&step.name), step.timeout, cancel, |driver, bench| kind.observe(driver, level, bench))
    }

    fn consent(&self, consents: &[Consent]) -> Result<()> {
        if consents.is_empty() || self.desk.person.consent(&self.label(), consents)? {
            return Ok(());
        }
        Err(Error::new(Kind::Cancelled, "it was not meant"))
    }

    /// Whether what the plan saw of the step still holds. After a restart it may be past; but what no mode shows from
    /// here on and a later step proves need not be written again.
    fn is_fresh(&self, step: &Step, planned: &Planned) -> bool {
        let shows = || plan::look(step, &self.unit, Some(step.verify)).satisfies(step.verify);
        !self.restarted || (planned.action == Action::Already && step.proved_by.is_some() && !shows())
    }

    /// Brings the unit into the mode that the step needs; whether it had to move.
    pub(super) fn enter(
        &mut self,
        step: &Step,
        venue: Venue,
        gathered: &mut Gathered,
        cancel: &Cancel,
    ) -> Result<bool> {
        if venue.act == self.unit.mode {
            return Ok(false);
        }
        // Its application is where a unit is at home: nothing that was left in a loader is brought back there.
        if venue.act != Mode::Application {
            gathered.home.get_or_insert(self.unit.mode);
        }
        self.restart(venue.act, step.timeout, cancel)?;
        Ok(true)
    }

    /// Leaves the unit in the mode that the step is for, or in the one in which it was found.
    fn leave(&mut self, step: &Step, home: Option<Mode>, cancel: &Cancel) -> Result<()> {
        let home = home.filter(|_| step.place.is_none());
        match steps::kind(&step.body).restarts().filter(|_| !step.check).or(home) {
            Some(mode) if mode != self.unit.mode => self.restart(mode, step.timeout, cancel),
            _ => Ok(()),
        }
    }

    /// After a failure that left the unit as it was: puts it where it was found, as far as it lets itself be put.
    fn back_out(&mut self, gathered: &Gathered, cancel: &Cancel) {
        let Some(home) = gathered.home.filter(|home| *home != self.unit.mode) else { return };
        if gathered.changed || cancel.is_asked() || self.driver.is_none() {
            return;
        }
        if let Err(error) = self.restart(home, Some(BACK_OUT), cancel) {
            tracing::warn!(%error, "the unit stays in mode {}", self.unit.mode);
        }
    }

    fn restart(&mut self, mode: Mode, within: Option<Duration>, cancel: &Cancel) -> Result<()> {
        let departure = self.with_driver(None, within, cancel, |driver, bench| match driver.power() {
            Some(power) => power.restart(mode, bench.op),
            None => Err(Error::new(Kind::Unsupported, "the unit cannot be restarted by command")),
        })?;
        self.away(departure, within, cancel)?;
        if self.unit.mode == mode {
            return Ok(());
        }
        Err(Error::new(Kind::Refused, format!("the unit came back in mode {}, not {mode}", self.unit.mode)))
    }

    /// Executes the step through all the restarts that it commands.
    fn act(
        &mut self,
        step: &Step,
        kind: &dyn StepKind,
        observed: &Observed,
        cancel: &Cancel,
        gathered: &mut Gathered,
    ) -> Result<()> {
        if let Body::Ask(ask) = &step.body {
            let mut event = self.observer.event(EventKind::Waiting);
            event.step = Some(step.name.clone());
            event.say = Some(ask.say.clone());
            self.observer.tell(&event)?;
        }
        let mut stage = Stage::First;
        loop {
            let at = Cell::new(Progress { bytes: 0, total: 0 });
            let retries = Cell::new(0);
            let effect = self.with_driver(Some(&step.name), step.timeout, cancel, |driver, bench| {
                let tell = &mut *bench.op.progress;
                let mut progress = |now: Progress| {
                    at.set(now);
                    tell(now);
                };
                let mut op = crate::device::Op {
                    clock: bench.op.clock,
                    cancel: bench.op.cancel,
                    deadline: bench.op.deadline,
                    progress: &mut progress,
                    said: bench.op.said,
                    asks: bench.op.asks,
                    retries: 0,
                };
                let mut inner = steps::Bench {
                    op: &mut op,
                    person: bench.person,
                    keep: bench.keep,
                    bay: bench.bay,
                    unit: bench.unit.clone(),
                };
                let effect = kind.execute(driver, stage, observed, &mut inner);
                retries.set(op.retries);
                effect
            });
            gathered.retries += retries.get();
            let mut effect = effect.map_err(|error| match at.get() {
                Progress { total: 0, .. } => error,
                Progress { bytes, total } => error.while_doing(format!("it stopped at {bytes} of {total} bytes")),
            })?;
            gathered.sent += effect.sent;
            let away = effect.away.take();
            let verdict = effect.verdict.take();
            let accepted = self.accepts(&effect);
            gathered.effect = effect;
            match (away, verdict) {
                (Some((departure, next)), _) => {
                    self.away(departure, step.timeout, cancel)?;
                    stage = next;
                }
                (None, Some(bad)) if !accepted => return Err(bad),
                (None, _) => return Ok(()),
            }
        }
    }

    /// Whether the caller accepted beforehand what a backup could not take.
    fn accepts(&self, effect: &Effect) -> bool {
        !effect.omitted.is_empty()
            && effect.omitted.iter().all(|omitted| self.order.accept_omitted.contains(&omitted.kind))
    }

    fn note(&mut self, step: &Step, result: StepResult) -> Result<()> {
        let mut event = self.observer.event(EventKind::StepFinished);
        event.step = Some(step.name.clone());
        event.kind = Some(result.kind);
        event.bytes = Some(result.bytes);
        event.total = Some(result.bytes);
        event.result = Some(Box::new(result.clone()));
        self.report.steps.push(result);
        self.observer.tell(&event)
    }
}

/// The serial number that `step` gave the unit, when it set the setting that holds it.
fn named_by(step: &Step, key: Option<&str>) -> Option<UnitText> {
    let Body::Settings(settings) = &step.body else { return None };
    let (_, value) = settings.set.iter().find(|(name, value)| Some(name.as_str()) == key && !value.secret)?;
    UnitText::padded(&value.content.to_vec().ok()?)
}

/// Whether trying again can help: not when somebody stopped it, the station is at fault or the unit has left.
fn worth_a_retry(kind: Kind) -> bool {
    matches!(kind, Kind::Refused | Kind::Garbled | Kind::TimedOut | Kind::Mismatch)
}

fn result(step: &Step, gathered: Gathered, outcome: &Result<()>, tries: u64, milliseconds: u128) -> StepResult {
    let kind = steps::kind(&step.body);
    let level = match outcome {
        Ok(()) => gathered.items.iter().filter_map(|item| item.level).reduce(Level::least),
        Err(_) => None,
    };
    StepResult {
        name: step.name.clone(),
        kind: step.body.kind(),
        outcome: match outcome {
            Ok(()) if gathered.changed => StepOutcome::Done,
            Ok(()) => StepOutcome::Already,
            Err(_) => StepOutcome::Failed,
        },
        level,
        items: gathered.items,
        bytes: kind.bytes(),
        sent: gathered.sent,
        retries: gathered.retries + tries,
        milliseconds: u64::try_from(milliseconds).unwrap_or(u64::MAX),
        why: gathered.why,
        measurements: gathered.effect.measurements,
        backup: gathered.effect.backup,
        omitted: gathered.effect.omitted,
        attachments: gathered.effect.attachments,
        said: Vec::new(),
        said_left_out: 0,
        answer: gathered.effect.answer,
    }
}
