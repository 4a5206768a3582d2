//! What a run came to, in the shape that `--json` prints and the record keeps.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use crate::device::{BayId, Level, Mode, Proof, SlotState, UnitText};
use crate::digest::Algorithm;
use crate::error::{Error, Kind};
use crate::profile::model::ProfileRef;

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

/// What a step or one of its items came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum StepOutcome {
    /// It was made so, and proven.
    Done,
    /// It was so before.
    Already,
    /// It is not so.
    Failed,
    /// It was not tried.
    Skipped,
}

/// One thing that a step compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Item {
    /// A path, a settings key, a slot.
    pub path: String,
    /// How the digests were computed; of a secret, keyed.
    pub algorithm: Option<Algorithm>,
    /// What it should be, lower-case hex.
    pub expected: Option<String>,
    /// What it is.
    pub observed: Option<String>,
    /// How strongly that is known.
    pub level: Option<Level>,
    /// What it came to.
    pub outcome: StepOutcome,
}

/// What a limit made of a measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Within its limits.
    Pass,
    /// Out of its limits, or not there.
    Fail,
}

/// One measurement, judged when there are limits for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Judged {
    /// `group/name`.
    pub name: String,
    /// A number, or text for a fact; `null` when it was not there.
    pub value: serde_json::Value,
    /// The unit of measure.
    pub unit: Option<&'static str>,
    /// The least good value.
    pub min: Option<i64>,
    /// The greatest good value.
    pub max: Option<i64>,
    /// `null` when nothing judges it.
    pub verdict: Option<Verdict>,
}

/// One thing that a backup could not take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Omitted {
    /// `file` or `setting`.
    pub kind: String,
    /// Its path or key.
    pub path: String,
    /// Why.
    pub why: String,
}

/// What a step came to.
#[derive(Debug, Clone, Serialize)]
pub struct StepResult {
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: &'static str,
    /// What it came to.
    pub outcome: StepOutcome,
    /// How strongly it is proven; `null` for what has no level.
    pub level: Option<Level>,
    /// Everything that was compared.
    pub items: Vec<Item>,
    /// Payload bytes that it is about.
    pub bytes: u64,
    /// Payload bytes that were put on the link.
    pub sent: u64,
    /// How often something was sent or tried again.
    pub retries: u64,
    /// How long it took.
    pub milliseconds: u64,
    /// Why, in a sentence, where there is something to say.
    pub why: Option<String>,
    /// What was measured (`diagnose`).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub measurements: Vec<Judged>,
    /// The backup that was taken (`backup`): its digest in the vault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backup: Option<String>,
    /// What the backup could not take.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub omitted: Vec<Omitted>,
    /// What a person or a console answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
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
            next: error.remedy().map(str::to_owned),
        }
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
