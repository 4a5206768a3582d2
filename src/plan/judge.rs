//! Judging what lies ahead: levels that can be reached, modes that will be entered.

use crate::device::{Capability, Driver, Level, Mode, ModeSpec, Unit};
use crate::error::{Error, Kind, Result};
use crate::profile::model::{Place, Resolved, Step};
use crate::steps::{self, StepKind};

/// The level at which `step` is observed on `unit`, as it is now; `None` for what has no level.
///
/// # Errors
/// `unsupported` when what the step demands is out of reach.
pub fn level(step: &Step, resolved: &Resolved, unit: &Unit, modes: &[ModeSpec]) -> Result<Option<Level>> {
    let kind = steps::kind(&step.body);
    if step.skip.is_some() || kind.action().is_some() {
        return Ok(None);
    }
    let Some(capability) = kind.needs() else { return Ok(None) };
    let offered = offered(capability, step.place.as_ref(), unit, modes);
    let reachable = kind.reaches(&offered);
    // More than is demanded costs nothing where the unit computes digests: it makes the step observable.
    let wanted = if step.verify == Level::Link && kind.looks_for_free() { Level::Digest } else { step.verify };
    let choice = [wanted, step.verify]
        .into_iter()
        .find_map(|demanded| reachable.iter().copied().find(|level| level.satisfies(demanded)));
    match choice {
        Some(level) => Ok(Some(level)),
        None if !anywhere(capability, unit, modes) => Err(unoffered(capability, unit)),
        None if is_proved_later(step, kind, resolved, &offered) => Ok(reachable.last().copied()),
        None => Err(out_of_reach(step, &reachable)),
    }
}

fn is_proved_later(step: &Step, kind: &dyn StepKind, resolved: &Resolved, offered: &[Level]) -> bool {
    step.proved_by.as_ref().is_some_and(|prover| {
        let runs = resolved.steps.iter().any(|later| later.name == *prover && later.skip.is_none());
        runs && kind.provable(offered).iter().any(|level| level.satisfies(step.verify))
    })
}

/// The levels that `capability` offers where the step will run: asked of the unit for the mode that it is in, by the
/// driver's word for the others.
fn offered(capability: Capability, place: Option<&Place>, unit: &Unit, modes: &[ModeSpec]) -> Vec<Level> {
    let elsewhere = match place {
        Some(Place::Mode(mode)) if *mode != unit.mode => Some(*mode),
        _ if unit.can(capability) => return unit.levels(capability).to_vec(),
        _ => None,
    };
    modes
        .iter()
        .filter(|spec| elsewhere.map_or(spec.mode != unit.mode, |mode| spec.mode == mode))
        .flat_map(|spec| spec.of(unit))
        .find(|offer| offer.capability == capability)
        .map(|offer| offer.levels.to_vec())
        .unwrap_or_default()
}

/// The mode that `step` must run in: the one that it names, or, where the unit lacks here what the step needs, the first
/// that the unit can be told into and that offers it.
#[must_use]
pub fn place(step: &Step, unit: &Unit, modes: &[ModeSpec]) -> Option<Mode> {
    match &step.place {
        Some(Place::Mode(mode)) => Some(*mode),
        Some(Place::Driver(_)) => None,
        None => {
            let capability = steps::kind(&step.body).needs().filter(|capability| !unit.can(*capability))?;
            elsewhere(capability, unit.mode, unit, modes)
        }
    }
}

/// The first mode that is reached from `here` by command and offers `capability`.
fn elsewhere(capability: Capability, here: Mode, unit: &Unit, modes: &[ModeSpec]) -> Option<Mode> {
    let spec = |mode| modes.iter().find(|spec| spec.mode == mode);
    let offers = |mode: &&Mode| {
        **mode != here
            && spec(**mode).is_some_and(|spec| spec.of(unit).iter().any(|offer| offer.capability == capability))
    };
    spec(here)?.reaches.iter().find(offers).copied()
}

/// Whether the unit offers what `step` needs in the mode that it is in, and the step asks for no other.
pub(super) fn is_here(step: &Step, unit: &Unit) -> bool {
    let needed = steps::kind(&step.body).needs();
    needed.is_some_and(|capability| unit.can(capability))
        && !matches!(&step.place, Some(Place::Mode(mode)) if *mode != unit.mode)
}

fn anywhere(capability: Capability, unit: &Unit, modes: &[ModeSpec]) -> bool {
    unit.can(capability)
        || modes
            .iter()
            .filter(|spec| spec.mode != unit.mode)
            .any(|spec| spec.of(unit).iter().any(|offer| offer.capability == capability))
}

fn unoffered(capability: Capability, unit: &Unit) -> Error {
    let offers: Vec<String> = unit.offers.iter().map(|offer| offer.capability.to_string()).collect();
    Error::new(
        Kind::Unsupported,
        format!("the unit offers no {capability} in mode {} (it offers: {})", unit.mode, offers.join(", ")),
    )
    .next("see `hardwire info` for what this unit's build offers")
}

/// The error for a level out of reach.
fn out_of_reach(step: &Step, reachable: &[Level]) -> Error {
    let best = match reachable {
        [] => "it can prove nothing".to_owned(),
        levels => {
            let names: Vec<String> = levels.iter().map(ToString::to_string).collect();
            format!("it can reach {}", names.join(", "))
        }
    };
    Error::new(
        Kind::Unsupported,
        format!("step {} demands `verify: {}`, which this unit cannot reach: {best}", step.name, step.verify),
    )
    .next("lower the step's `verify`, or name a later step that proves it with `proved_by`")
}

/// The mode that the unit will be in when a step's turn comes.
pub(super) struct Way<'a> {
    modes: &'a [ModeSpec],
    now: Mode,
    ahead: Mode,
    restarted: bool,
    before: Mode,
}

impl<'a> Way<'a> {
    pub(super) fn from(unit: &Unit, modes: &'a [ModeSpec]) -> Way<'a> {
        Way { modes, now: unit.mode, ahead: unit.mode, restarted: false, before: unit.mode }
    }

    /// Goes where the step must run; whether that is where the unit is now.
    pub(super) fn enter(&mut self, step: &Step, driver: &mut dyn Driver) -> Result<bool> {
        self.before = self.ahead;
        if let Some(mode) = self.detour(step, driver) {
            self.ahead = mode;
            return Ok(false);
        }
        match &step.place {
            Some(Place::Driver(name)) if name != driver.unit().driver => Err(Error::new(
                Kind::Unsupported,
                format!("the step runs under driver {name}, and the unit is spoken to by {}", driver.unit().driver),
            )),
            Some(Place::Mode(mode)) if *mode != self.ahead => {
                if !self.can_reach(*mode, driver) {
                    return Err(Error::new(
                        Kind::Unsupported,
                        format!("the step runs in mode {mode}, and nothing brings the unit there from {}", self.ahead),
                    )
                    .next(format!("bring the unit into {mode} by hand, then apply again")));
                }
                self.ahead = *mode;
                Ok(*mode == self.now)
            }
            _ => Ok(self.ahead == self.now),
        }
    }

    /// The mode that a step without a place of its own has to be brought to.
    fn detour(&self, step: &Step, driver: &mut dyn Driver) -> Option<Mode> {
        let capability = steps::kind(&step.body).needs().filter(|_| step.place.is_none())?;
        let unit = driver.unit();
        let is_here = match (self.ahead == self.now, self.modes.iter().find(|spec| spec.mode == self.ahead)) {
            (true, _) => unit.can(capability),
            (false, Some(spec)) => spec.of(unit).iter().any(|offer| offer.capability == capability),
            (false, None) => true,
        };
        let mode = elsewhere(capability, self.ahead, unit, self.modes).filter(|_| !is_here)?;
        self.can_reach(mode, driver).then_some(mode)
    }

    fn can_reach(&self, mode: Mode, driver: &mut dyn Driver) -> bool {
        if self.ahead == self.now {
            return driver.power().is_some_and(|power| power.reaches().contains(&mode));
        }
        self.modes.iter().any(|spec| spec.mode == self.ahead && spec.reaches.contains(&mode))
    }

    /// Takes back the last way: the step holds where the unit is.
    pub(super) fn stay(&mut self) {
        self.ahead = self.before;
    }

    /// The step before restarts the unit, or brought it away and back.
    pub(super) fn follow(&mut self, step: &Step) {
        let back = (step.place.is_none() && self.ahead != self.before).then_some(self.before);
        if let Some(mode) = steps::kind(&step.body).restarts().or(back) {
            self.ahead = mode;
            self.restarted = true;
        }
    }

    /// The step before holds, and leaves the unit in the mode that it is for.
    pub(super) fn settle(&mut self, step: &Step) {
        if let Some(mode) = steps::kind(&step.body).restarts().filter(|mode| *mode != self.ahead) {
            self.ahead = mode;
            self.restarted = true;
        }
    }

    /// Whether what lies ahead may offer `capability`.
    pub(super) fn promises(&self, capability: Option<Capability>) -> Result<()> {
        let Some(capability) = capability else { return Ok(()) };
        let ahead = self.ahead != self.now || self.restarted;
        let offers = |spec: &&ModeSpec| {
            spec.mode == self.ahead && spec.offers.iter().any(|offer| offer.capability == capability)
        };
        if ahead && self.modes.iter().any(|spec| offers(&spec)) {
            return Ok(());
        }
        Err(Error::new(Kind::Unsupported, format!("the unit offers no {capability} in mode {}", self.ahead))
            .next("see `hardwire info` for what this unit's build offers"))
    }

    /// Why a step can only be known on arrival.
    pub(super) fn why(&self) -> String {
        if self.ahead == self.now {
            "known when the new firmware runs".to_owned()
        } else {
            format!("known when the unit is in mode {}", self.ahead)
        }
    }
}
