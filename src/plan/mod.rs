//! Profile and observed state in, steps out: what would be done to this unit now, and why. Nothing is written.

mod judge;

pub use judge::{Venue, level, look, venue};

use serde::Serialize;

use crate::device::{Driver, Level, ModeSpec};
use crate::error::Result;
use crate::profile::model::{Once, ProfileRef, Resolved, Step};
use crate::steps::person::Consent;
use crate::steps::{self, Action, Bench, Observed};

/// What would be done to one unit.
#[derive(Debug, Clone, Serialize)]
pub struct Plan {
    /// Which profile.
    pub profile: ProfileRef,
    /// The variant that fitted.
    pub variant: Option<String>,
    /// Its steps, in order.
    pub steps: Vec<Planned>,
}

impl Plan {
    /// What must be meant before the plan is carried out.
    #[must_use]
    pub fn consents(&self) -> Vec<Consent> {
        self.steps.iter().flat_map(|step| step.observed.iter().flat_map(|o| o.consents.clone())).collect()
    }
}

/// One step of a plan.
#[derive(Debug, Clone, Serialize)]
pub struct Planned {
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: &'static str,
    /// What would be done.
    pub action: Action,
    /// Why.
    pub why: String,
    /// Payload bytes that would be written.
    pub bytes: u64,
    /// The level that it would reach by itself; `null` for what has none.
    pub level: Option<Level>,
    /// What it destroys, in sentences.
    pub destroys: Vec<String>,
    /// What was seen.
    #[serde(skip)]
    pub observed: Option<Observed>,
}

/// What was done in earlier runs.
pub trait History {
    /// Whether the action `step` of `profile` was completed before, for this unit or under these tags.
    ///
    /// # Errors
    /// `storage`.
    fn completed(&self, profile: &ProfileRef, step: &str, once: Once) -> Result<bool>;
}

/// Observes the unit and says what would be done.
///
/// # Errors
/// `invalid` or `unsupported` when the profile cannot be carried out on this unit as demanded; link errors.
pub fn make(
    resolved: &Resolved,
    driver: &mut dyn Driver,
    modes: &[ModeSpec],
    history: &dyn History,
    bench: &mut Bench<'_, '_>,
) -> Result<Plan> {
    let mut levels = Vec::new();
    for step in &resolved.steps {
        let level = level(step, resolved, driver.unit(), modes);
        if level.is_err() && judge::is_here(step, driver.unit()) {
            // What the driver says of the step is nearer the cause.
            steps::kind(&step.body).check(driver)?;
        }
        levels.push(level?);
    }
    let mut way = judge::Way::from(driver.unit(), modes);
    let mut steps = Vec::new();
    for (step, level) in resolved.steps.iter().zip(levels) {
        bench.op.check()?;
        let kind = steps::kind(&step.body);
        let planned = one(step, level, driver, &mut way, resolved, history, bench)
            .map_err(|error| error.while_doing(format!("step {}, {}", step.name, kind.describe())))?;
        match planned.action {
            Action::Write | Action::Later => way.follow(step),
            Action::Already => way.settle(step),
            _ => {}
        }
        steps.push(planned);
    }
    Ok(Plan { profile: resolved.profile.clone(), variant: resolved.variant.clone(), steps })
}

fn one(
    step: &Step,
    level: Option<Level>,
    driver: &mut dyn Driver,
    way: &mut judge::Way<'_>,
    resolved: &Resolved,
    history: &dyn History,
    bench: &mut Bench<'_, '_>,
) -> Result<Planned> {
    let kind = steps::kind(&step.body);
    let planned = |action, why: String, bytes| Planned {
        name: step.name.clone(),
        kind: step.body.kind(),
        action,
        why,
        bytes,
        level,
        destroys: Vec::new(),
        observed: None,
    };
    if let Some(why) = &step.skip {
        return Ok(planned(Action::Skip, why.clone(), 0));
    }
    if kind.action().is_some()
        && step.once != Once::Run
        && history.completed(&resolved.profile, &step.name, step.once)?
    {
        return Ok(planned(Action::Skip, "it was done in an earlier run".to_owned(), 0));
    }
    let unit = driver.unit();
    let here = kind.needs().is_none_or(|capability| match kind.action() {
        Some(_) => unit.writes(capability),
        None => unit.can(capability),
    });
    kind.foresee(driver)?;
    let in_place = way.enter(step, driver)?;
    if let Some(action) = kind.action() {
        if here && in_place {
            kind.check(driver)?;
            return Ok(planned(action, kind.describe(), kind.bytes()));
        }
        way.promises(kind.needs())?;
        return Ok(planned(Action::Later, way.why(), kind.bytes()));
    }
    if !here {
        way.promises(kind.needs())?;
        return Ok(planned(Action::Later, way.why(), kind.bytes()));
    }
    let seen_at = look(step, driver.unit(), level);
    let observed = kind.observe(driver, seen_at, bench)?;
    if observed.holds() {
        way.stay();
        let mut already = planned(Action::Already, observed.why.clone(), 0);
        already.observed = Some(observed);
        return Ok(already);
    }
    if in_place {
        kind.check(driver)?;
    }
    let mut write = planned(Action::Write, observed.why.clone(), observed.bytes);
    write.destroys = observed.consents.iter().map(|consent| consent.say.clone()).collect();
    write.observed = Some(observed);
    Ok(write)
}
