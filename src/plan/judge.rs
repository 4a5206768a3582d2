//! Judging what lies ahead: levels that can be reached, modes that will be entered.

use crate::device::{Access, Capability, Driver, Level, Mode, ModeSpec, Offer, Unit};
use crate::error::{Error, Kind, Result};
use crate::profile::model::{Place, Resolved, Step};
use crate::steps::{self, StepKind};

/// The level that `step` reaches by itself on `unit`, as it is now; `None` for what has no level.
///
/// # Errors
/// `unsupported` when what the step demands is out of reach.
pub fn level(step: &Step, resolved: &Resolved, unit: &Unit, modes: &[ModeSpec]) -> Result<Option<Level>> {
    let kind = steps::kind(&step.body);
    if step.skip.is_some() || kind.action().is_some() {
        return Ok(None);
    }
    let Some(capability) = kind.needs() else { return Ok(None) };
    let venue = venue(step, unit, modes);
    let by_word = || elsewhere_by_word(capability, unit, modes).filter(|_| step.place.is_none());
    let offer = offer_in(venue.look, capability, unit, modes).or_else(by_word);
    let reachable = offer.map(|offer| reaches(kind, offer)).unwrap_or_default();
    match choose(step, kind, &reachable) {
        Some(level) => Ok(Some(level)),
        None if !anywhere(capability, unit, modes) => Err(unoffered(capability, unit)),
        None if is_proved_later(step, resolved, unit, modes) => Ok(reachable.last().copied()),
        None => Err(out_of_reach(step, &reachable)),
    }
}

/// The level at which `step` is observed where the unit is now: `level` where that can be, else the nearest to it.
#[must_use]
pub fn look(step: &Step, unit: &Unit, level: Option<Level>) -> Level {
    let kind = steps::kind(&step.body);
    let wanted = level.unwrap_or(Level::Link);
    let Some(capability) = kind.needs() else { return wanted };
    let Some(offer) = unit.offers.iter().find(|offer| offer.capability == capability) else { return wanted };
    let reachable = reaches(kind, offer);
    if reachable.contains(&wanted) && wanted.satisfies(step.verify) {
        return wanted;
    }
    choose(step, kind, &reachable).or(reachable.last().copied()).unwrap_or(wanted)
}

/// The level at which `step` is looked at before it acts: nothing that takes long is looked at for a step that demands no
/// more than an acknowledgement, and is proven by none.
#[must_use]
pub fn glance(step: &Step, unit: &Unit, level: Option<Level>) -> Level {
    let costs = !steps::kind(&step.body).looks_for_free();
    match step.verify == Level::Link && step.proved_by.is_none() && costs {
        true => Level::Link,
        false => look(step, unit, level),
    }
}

/// The cheapest of the levels that satisfies `step`.
fn choose(step: &Step, kind: &dyn StepKind, reachable: &[Level]) -> Option<Level> {
    // More than is demanded costs nothing where the unit computes digests: it makes the step observable.
    let wanted = if step.verify == Level::Link && kind.looks_for_free() { Level::Digest } else { step.verify };
    [wanted, step.verify]
        .into_iter()
        .find_map(|demanded| reachable.iter().copied().find(|level| level.satisfies(demanded)))
}

/// The levels that a step reaches with `offer`. Where it can only be looked, each look is one.
fn reaches(kind: &dyn StepKind, offer: &Offer) -> Vec<Level> {
    match offer.access {
        Access::Write => kind.reaches(&offer.levels),
        Access::Look => offer.levels.to_vec(),
    }
}

/// Whether the later step that `step` names proves it: somewhere it can be looked at as strongly as it demands.
fn is_proved_later(step: &Step, resolved: &Resolved, unit: &Unit, modes: &[ModeSpec]) -> bool {
    let Some(prover) = &step.proved_by else { return false };
    let Some(prover) = resolved.steps.iter().find(|later| later.name == *prover && later.skip.is_none()) else {
        return false;
    };
    let kind = steps::kind(&step.body);
    let proves = |offer: &Offer| {
        let levels = match offer.access {
            Access::Write => kind.provable(&offer.levels),
            Access::Look => offer.levels.to_vec(),
        };
        Some(offer.capability) == kind.needs() && levels.iter().any(|level| level.satisfies(step.verify))
    };
    let ends_in = steps::kind(&prover.body).restarts().or(match &prover.place {
        Some(Place::Mode(mode)) => Some(*mode),
        _ => None,
    });
    let all = std::iter::once(unit.mode).chain(modes.iter().map(|spec| spec.mode));
    all.filter(|mode| ends_in.is_none_or(|only| only == *mode))
        .any(|mode| offers_in(mode, unit, modes).iter().any(proves))
}

/// Where a step acts, and where it is looked at afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Venue {
    /// The mode in which it acts.
    pub act: Mode,
    /// The mode in which what it did shows.
    pub look: Mode,
}

/// Where `step` acts and is looked at: where it says, else where the unit lets itself be written, and the nearest mode in
/// which what is demanded shows.
#[must_use]
pub fn venue(step: &Step, unit: &Unit, modes: &[ModeSpec]) -> Venue {
    venue_from(unit.mode, step, unit, modes)
}

fn venue_from(here: Mode, step: &Step, unit: &Unit, modes: &[ModeSpec]) -> Venue {
    let stay = |mode| Venue { act: mode, look: mode };
    match &step.place {
        Some(Place::Mode(mode)) => return stay(*mode),
        Some(Place::Driver(name)) => return stay(spoken_by(name, here, unit, modes)),
        None => {}
    }
    let kind = steps::kind(&step.body);
    let Some(capability) = kind.needs() else { return stay(here) };
    let act = match offer_in(here, capability, unit, modes) {
        Some(offer) if offer.access == Access::Write => here,
        _ => elsewhere(capability, here, unit, modes).unwrap_or(here),
    };
    let shows = |mode: &Mode| {
        let offer = offer_in(*mode, capability, unit, modes);
        offer.is_some_and(|offer| {
            let is_near = *mode == here || *mode == act || offer.access == Access::Look;
            is_near && choose(step, kind, &reaches(kind, offer)).is_some()
        })
    };
    if kind.action().is_some() || (act == here && (shows(&here) || step.proved_by.is_some())) {
        return stay(act);
    }
    let reached = modes.iter().find(|spec| spec.mode == act).map_or(&[][..], |spec| spec.reaches);
    let look = [here, act].iter().chain(reached).copied().find(shows).unwrap_or(act);
    // What is only looked at is brought nowhere else.
    Venue { act: if step.check { look } else { act }, look }
}

/// The mode in which the driver `name` speaks to the unit: this one, or the first that it can be told into.
fn spoken_by(name: &str, here: Mode, unit: &Unit, modes: &[ModeSpec]) -> Mode {
    let spec = |mode: Mode| modes.iter().find(move |spec| spec.mode == mode);
    let speaks = |mode: &Mode| match *mode == unit.mode {
        true => unit.driver == name,
        false => spec(*mode).is_some_and(|spec| spec.driver == name),
    };
    let reached = spec(here).map_or(&[][..], |spec| spec.reaches);
    std::iter::once(&here).chain(reached).copied().find(speaks).unwrap_or(here)
}

/// What the unit offers in `mode`: asked of it for the mode that it is in, by the driver's word for the others.
fn offers_in<'a>(mode: Mode, unit: &'a Unit, modes: &'a [ModeSpec]) -> &'a [Offer] {
    if mode == unit.mode {
        return &unit.offers;
    }
    modes.iter().find(|spec| spec.mode == mode).map_or(&[], |spec| spec.of(unit))
}

fn offer_in<'a>(mode: Mode, capability: Capability, unit: &'a Unit, modes: &'a [ModeSpec]) -> Option<&'a Offer> {
    offers_in(mode, unit, modes).iter().find(|offer| offer.capability == capability)
}

/// What another mode offers, though nothing brings the unit there: so that the error says what is in the way.
fn elsewhere_by_word<'a>(capability: Capability, unit: &'a Unit, modes: &'a [ModeSpec]) -> Option<&'a Offer> {
    let others = modes.iter().filter(|spec| spec.mode != unit.mode);
    others.flat_map(|spec| spec.of(unit)).find(|offer| offer.capability == capability)
}

/// The first mode that is reached from `here` by command and can be written with `capability`.
fn elsewhere(capability: Capability, here: Mode, unit: &Unit, modes: &[ModeSpec]) -> Option<Mode> {
    let writes = |offer: &Offer| offer.capability == capability && offer.access == Access::Write;
    let spec = modes.iter().find(|spec| spec.mode == here)?;
    spec.reaches.iter().find(|mode| **mode != here && offers_in(**mode, unit, modes).iter().any(writes)).copied()
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
#[derive(Clone, Copy)]
pub(super) struct Way<'a> {
    modes: &'a [ModeSpec],
    now: Mode,
    ahead: Mode,
    restarted: bool,
    before: Mode,
    /// Where the step that was entered last leaves the unit.
    after: Mode,
}

impl<'a> Way<'a> {
    pub(super) fn from(unit: &Unit, modes: &'a [ModeSpec]) -> Way<'a> {
        let now = unit.mode;
        Way { modes, now, ahead: now, restarted: false, before: now, after: now }
    }

    /// Goes where the step must run; whether that is where the unit is now.
    pub(super) fn enter(&mut self, step: &Step, driver: &mut dyn Driver) -> Result<bool> {
        self.before = self.ahead;
        if let Some(mode) = steps::kind(&step.body).restarts()
            && mode != self.ahead
            && !self.is_met(mode)
        {
            let sentence = format!("nothing finds the unit again in mode {mode} from where it is spoken to");
            return Err(Error::new(Kind::Unsupported, sentence)
                .next("name it by its USB port (`-d usb:1-2`), or by the serial number that it shows there"));
        }
        let venue = venue_from(self.ahead, step, driver.unit(), self.modes);
        self.after = venue.look;
        match &step.place {
            Some(Place::Driver(name)) if *name != self.driver(venue.act, driver.unit()) => {
                let speaks = self.driver(venue.act, driver.unit());
                let sentence = format!("the step runs under driver {name}, and the unit is spoken to by {speaks}");
                Err(Error::new(Kind::Unsupported, sentence))
            }
            Some(_) if venue.act != self.ahead => {
                let mode = venue.act;
                if !self.can_reach(mode, driver) {
                    return Err(Error::new(
                        Kind::Unsupported,
                        format!("the step runs in mode {mode}, and nothing brings the unit there from {}", self.ahead),
                    )
                    .next(format!("bring the unit into {mode} by hand, then apply again")));
                }
                self.ahead = mode;
                Ok(mode == self.now)
            }
            None if venue.act != self.ahead && self.can_reach(venue.act, driver) => {
                self.ahead = venue.act;
                // There and back; what is at home in its application stays there.
                if venue.look == venue.act && venue.act != Mode::Application {
                    self.after = self.before;
                }
                Ok(false)
            }
            _ => Ok(self.ahead == self.now),
        }
    }

    /// Who speaks to the unit in `mode`.
    fn driver(&self, mode: Mode, unit: &Unit) -> &'static str {
        let spec = self.modes.iter().find(|spec| spec.mode == mode && mode != self.now);
        spec.map_or(unit.driver, |spec| spec.driver)
    }

    /// Whether somebody speaks to the unit in `mode`.
    fn is_met(&self, mode: Mode) -> bool {
        self.modes.iter().any(|spec| spec.mode == mode)
    }

    fn can_reach(&self, mode: Mode, driver: &mut dyn Driver) -> bool {
        if !self.is_met(mode) {
            return false;
        }
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
        let moved = self.ahead != self.before || self.after != self.ahead;
        let back = (step.place.is_none() && moved).then_some(self.after);
        if let Some(mode) = steps::kind(&step.body).restarts().or(back) {
            self.ahead = mode;
            self.restarted = true;
        }
    }

    /// The step before was only looked at: one that says no place leaves the unit where it was.
    pub(super) fn looked(&mut self, step: &Step) {
        if step.place.is_none() && self.ahead != self.before {
            self.ahead = self.before;
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
