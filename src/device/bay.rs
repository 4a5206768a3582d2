//! The place where a unit is: what a run holds, while drivers come and go.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Departure, Driver, Known, Op};
use crate::error::Result;

/// A bay's number on its station, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BayId(pub u32);

impl fmt::Display for BayId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// How a unit was known again after it had left; a later one proves less.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Proof {
    /// Its chip's unique id is the same.
    Hwid,
    /// Its serial number is the same.
    Serial,
    /// Nothing but the port links the two.
    Port,
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Proof::Hwid => "hwid",
            Proof::Serial => "serial",
            Proof::Port => "port",
        })
    }
}

/// What was seen of a bay's ports while its unit was away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Continuity {
    /// The unit left as it was told to, and one came: as far as the ports tell.
    Kept,
    /// Something came and left again before this came: where nothing else proves it, it may be another unit.
    Lost,
}

/// A unit that came back, and how it was known.
pub struct Returned {
    /// The driver of its new mode.
    pub driver: Box<dyn Driver>,
    /// How it was known again.
    pub proof: Proof,
    /// What the port saw meanwhile.
    pub continuity: Continuity,
}

/// A physical place for one unit. A run holds the bay, not the driver.
pub trait Bay: Send {
    /// Its number, when it is on the station's map.
    fn id(&self) -> Option<BayId>;

    /// Its address, as `-d` takes it: `tty:/dev/ttyACM0`, `tcp:127.0.0.1:5555`.
    fn address(&self) -> &str;

    /// Opens the unit that is there now, in whatever mode it is.
    ///
    /// # Errors
    /// `gone` when nothing is there, `busy`, `not-permitted`, or `timed-out` when nothing answers.
    fn open(&mut self, op: &mut Op<'_>) -> Result<Box<dyn Driver>>;

    /// Waits for the unit that is `known` to come back after a departure that was commanded, and opens it. Asks, and
    /// writes nothing: whether the proof is enough is for the caller to say.
    ///
    /// # Errors
    /// `timed-out` when nothing comes back in time, `gone` when another unit does.
    fn wait(&mut self, known: &Known, departure: &Departure, op: &mut Op<'_>) -> Result<Returned>;
}
