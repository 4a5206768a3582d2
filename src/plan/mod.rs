//! Profile and observed state in, steps out: what would be done to this unit now, and why. Nothing is written.

mod judge;

pub use judge::{Venue, glance, level, look, venue};

use std::collections::BTreeMap;

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
    /// The images that it is about, by slot and SHA-256 of their files.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<PlannedImage>,
    /// What it destroys, in sentences.
    pub destroys: Vec<String>,
    /// What was seen.
    #[serde(skip)]
    pub observed: Option<Observed>,
}

/// An image and where it goes.
#[derive(Debug, Clone, Serialize)]
pub struct PlannedImage {
    /// The slot or partition.
    pub slot: String,
    /// SHA-256 of its file, lower-case hex.
    pub sha256: String,
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
    let mut plan = |step: &Step, level, way: &mut judge::Way<'_>| {
        bench.op.check()?;
        let kind = steps::kind(&step.body);
        one(step, level, driver, way, resolved, history, bench)
            .map_err(|error| error.while_doing(format!("step {}, {}", step.name, kind.describe())))
    };
    let start = way;
    let mut planned: BTreeMap<usize, Planned> = BTreeMap::new();
    let all = || resolved.steps.iter().zip(&levels).enumerate();
    for (index, (step, level)) in all().filter(|(_, (step, _))| step.needed_by.is_empty()) {
        let one = plan(step, *level, &mut way)?;
        match one.action {
            Action::Write | Action::Later => way.follow(step),
            Action::Already => way.settle(step),
            Action::Read if step.check => way.looked(step),
            _ => {}
        }
        planned.insert(index, one);
    }
    // Whether these have anything to do the others had to show first.
    for (index, (step, level)) in all().filter(|(_, (step, _))| !step.needed_by.is_empty()) {
        let is_needed = planned
            .values()
            .any(|other| step.needed_by.contains(&other.name) && matches!(other.action, Action::Write | Action::Later));
        let one = match is_needed {
            true => plan(step, *level, &mut start.clone())?,
            false => skip(step, *level, "nothing is written that needs it"),
        };
        planned.insert(index, one);
    }
    let steps = planned.into_values().collect();
    Ok(Plan { profile: resolved.profile.clone(), variant: resolved.variant.clone(), steps })
}

fn skip(step: &Step, level: Option<Level>, why: &str) -> Planned {
    blank(step, level, Action::Skip, why.to_owned(), 0)
}

/// A step of which nothing was seen.
fn blank(step: &Step, level: Option<Level>, action: Action, why: String, bytes: u64) -> Planned {
    let images = steps::kind(&step.body).images().into_iter();
    Planned {
        name: step.name.clone(),
        kind: step.body.kind(),
        action,
        why,
        bytes,
        level,
        images: images.map(|(slot, sha256)| PlannedImage { slot, sha256 }).collect(),
        destroys: Vec::new(),
        observed: None,
    }
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
    let planned = |action, why: String, bytes| blank(step, level, action, why, bytes);
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
    if step.check {
        if !(here && in_place) {
            way.promises(kind.needs())?;
        }
        return Ok(planned(Action::Read, "it is looked at when its turn comes".to_owned(), 0));
    }
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
    if kind.needs().is_none() && !in_place {
        return Ok(planned(Action::Later, way.why(), kind.bytes()));
    }
    let seen_at = glance(step, driver.unit(), level);
    let mut observed = kind.observe(driver, seen_at, bench)?;
    if step.overwrites {
        observed.consents.extend(observed.overwritten());
    }
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
