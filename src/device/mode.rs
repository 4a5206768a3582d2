//! What a unit is at this moment, and what it becomes when it is told to.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Capability, Level, Unit};

/// What a unit is at this moment; it changes modes within a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Its own software runs.
    Application,
    /// A small loader that can only take firmware (MCUboot's serial recovery, Android recovery).
    Recovery,
    /// Its bootloader listens.
    Bootloader,
    /// Android's userspace fastboot.
    Fastbootd,
    /// Android's recovery, waiting for a package.
    Sideload,
    /// USB device firmware upgrade.
    Dfu,
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Mode::Application => "application",
            Mode::Recovery => "recovery",
            Mode::Bootloader => "bootloader",
            Mode::Fastbootd => "fastbootd",
            Mode::Sideload => "sideload",
            Mode::Dfu => "dfu",
        })
    }
}

/// What a driver may find in a mode, as data, so that a plan can judge a mode it is not in.
#[derive(Debug, Clone, Copy)]
pub struct ModeSpec {
    /// The mode.
    pub mode: Mode,
    /// The driver that speaks to units in it.
    pub driver: &'static str,
    /// What units of this family can do in it, at the best.
    pub offers: &'static [Offer],
    /// The modes that can be entered from here by command.
    pub reaches: &'static [Mode],
}

impl ModeSpec {
    /// What `unit` offers in this mode: as it showed, else at the best.
    #[must_use]
    pub fn of<'a>(&'a self, unit: &'a Unit) -> &'a [Offer] {
        unit.ahead.get(&self.mode).map_or(self.offers, Vec::as_slice)
    }
}

/// What can be done with a capability in a mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Access {
    /// All of it.
    Write,
    /// Only to look at what another mode writes.
    Look,
}

/// One capability and the levels at which it can prove what was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Offer {
    /// The capability.
    pub capability: Capability,
    /// The levels that can be reached with it; empty where there is nothing to prove.
    pub levels: std::borrow::Cow<'static, [Level]>,
    /// What can be done with it.
    pub access: Access,
}

impl Offer {
    /// A capability with all that belongs to it, and the levels that it can prove.
    #[must_use]
    pub const fn new(capability: Capability, levels: &'static [Level]) -> Offer {
        Offer { capability, levels: std::borrow::Cow::Borrowed(levels), access: Access::Write }
    }

    /// The levels at which can be looked at what another mode writes with this capability.
    #[must_use]
    pub const fn look(capability: Capability, levels: &'static [Level]) -> Offer {
        Offer { capability, levels: std::borrow::Cow::Borrowed(levels), access: Access::Look }
    }

    /// The same capability with the levels that were asked of the unit.
    #[must_use]
    pub fn at(self, levels: Vec<Level>) -> Offer {
        Offer { levels: levels.into(), ..self }
    }
}

/// A unit was told to leave its mode: what may come back, and within how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Departure {
    /// The modes in which it may come back.
    pub to: Vec<Mode>,
    /// How long to leave it alone before the first question.
    pub settle: Duration,
    /// How long it may take, from now, until it answers again.
    pub within: Duration,
    /// Why it is away, as the end of "waiting for the unit …".
    pub why: String,
}
