//! What a run came to, in the shape that `--json` prints and the record keeps.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use crate::device::{BayId, Level, Mode, Proof, SlotState, UnitText};
use crate::error::{Error, Kind};
use crate::profile::model::ProfileRef;
pub use crate::steps::evidence::{Attached, Item, Judged, Omitted, StepOutcome, StepResult, Verdict};

/// What a run came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Every step holds, at the level demanded.
    Pass,
    /// This unit is bad.
    Fail,
    /// Station, cable or link at fault, or the unit went away: its state is unknown.
    Error,
    /// Stopped by a person.
    Cancelled,
}

impl Outcome {
    /// What an error of this kind makes of a run.
    #[must_use]
    pub fn of(kind: Kind) -> Outcome {
        match kind {
            Kind::Refused | Kind::Mismatch | Kind::Unsupported | Kind::Invalid => Outcome::Fail,
            Kind::Cancelled => Outcome::Cancelled,
            Kind::Gone
            | Kind::Busy
            | Kind::NotPermitted
            | Kind::Unauthorized
            | Kind::Garbled
            | Kind::TimedOut
            | Kind::Storage
            | Kind::Interrupted => Outcome::Error,
        }
    }
}

/// A failure as it is printed and recorded.
#[derive(Debug, Clone, Serialize)]
pub struct Failure {
    /// The closed kind.
    pub kind: Kind,
    /// The bay's number.
    pub bay: Option<BayId>,
    /// The unit's serial number or address.
    pub unit: Option<String>,
    /// What was being done, in a sentence.
    pub doing: String,
    /// Why, outermost first.
    pub causes: Vec<String>,
    /// What to do next.
    pub next: Option<String>,
}

impl Failure {
    /// `error`, met at `unit` in `bay`.
    #[must_use]
    pub fn new(error: &Error, bay: Option<BayId>, unit: Option<String>) -> Failure {
        Failure {
            kind: error.kind(),
            bay,
            unit,
            doing: error.to_string(),
            causes: error.causes(),
            next: Some(error.remedy().unwrap_or(advice(error.kind())).to_owned()),
        }
    }
}

/// What can be said of any failure of a kind, where its author knew nothing better.
fn advice(kind: Kind) -> &'static str {
    match kind {
        Kind::Gone => "see that the unit is plugged in and powered; `hardwire detect` lists what is there",
        Kind::Busy => "end the program that holds it; `hardwire detect` names the one that holds a port",
        Kind::NotPermitted => "`hardwire detect` says what keeps you from opening it",
        Kind::Unauthorized => "allow this station on the unit, then run it again",
        Kind::Unsupported => "`hardwire info` shows what the unit offers",
        Kind::Refused => "`hardwire info` shows the unit's limits; its own log may say more",
        Kind::Garbled => "check baud rate and cable; --capture FILE keeps what came over the link",
        Kind::TimedOut => "check power, cable and baud rate, then run it again: it goes on from what the unit holds",
        Kind::Mismatch => "run it again; if it happens again, the unit's storage or the link is bad",
        Kind::Invalid => "mend that, then run it again",
        Kind::Storage => "see that the station's disk has space and that HARDWIRE_HOME can be written",
        Kind::Cancelled | Kind::Interrupted => "run it again: it goes on from what the unit holds",
    }
}

/// One return of the unit after a departure that was commanded.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Return {
    /// The mode it came back in.
    pub mode: Mode,
    /// How it was known again.
    pub proof: Proof,
}

/// What a run came to: the `run` line of `--json`, and with `record` absent the body of its record.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Always `run`.
    pub r#type: &'static str,
    /// The run's id.
    pub run: Uuid,
    /// The bay's address.
    pub address: String,
    /// The bay's number.
    pub bay: Option<BayId>,
    /// The unit's serial number.
    pub serial: Option<UnitText>,
    /// What else tells the unit from its siblings.
    pub hwid: Option<String>,
    /// The unit's model.
    pub model: Option<UnitText>,
    /// The unit's hardware revision.
    pub hardware: Option<UnitText>,
    /// The driver.
    pub driver: &'static str,
    /// Which profile.
    pub profile: ProfileRef,
    /// The variant that fitted.
    pub variant: Option<String>,
    /// The caller's tags.
    pub tags: BTreeMap<String, String>,
    /// The batch that it belongs to.
    pub batch: Option<String>,
    /// What was scanned for it: input to keyed digest. So a label that was used is known again.
    pub scans: BTreeMap<String, String>,
    /// What it came to.
    pub outcome: Outcome,
    /// The least level of the steps that wrote or checked something.
    pub level: Option<Level>,
    /// The mode the unit was left in.
    pub mode: Option<Mode>,
    /// The images the unit reports at the end.
    pub firmware: Vec<SlotState>,
    /// Every return after a departure, and how the unit was known again.
    pub returns: Vec<Return>,
    /// Who was at the bench.
    pub operator: Option<String>,
    /// When it began.
    pub started: Timestamp,
    /// When it ended.
    pub finished: Timestamp,
    /// Its steps, in order.
    pub steps: Vec<StepResult>,
    /// Why it did not pass.
    pub error: Option<Failure>,
    /// The digest of its record.
    pub record: Option<String>,
}
