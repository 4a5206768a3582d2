//! What a step compared and what it came to.

use std::fmt;

use serde::Serialize;

use crate::device::Level;
use crate::digest::Algorithm;

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

impl fmt::Display for StepOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            StepOutcome::Done => "done",
            StepOutcome::Already => "already",
            StepOutcome::Failed => "failed",
            StepOutcome::Skipped => "skipped",
        })
    }
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

/// A report that was read from a unit and kept in the vault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Attached {
    /// What the unit calls it: `bugreport`, `logcat`.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// SHA-256 of it, under which the vault has it, lower-case hex.
    pub sha256: String,
}

/// One thing that a backup could not take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Omitted {
    /// `file`, `setting`, `firmware`, `app`, or `app-data`.
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
    /// Reports that were kept (`diagnose`).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<Attached>,
    /// What the unit said in words while it worked, escaped: the first and the last lines.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub said: Vec<String>,
    /// How many lines between them were not kept.
    #[serde(skip_serializing_if = "is_none")]
    pub said_left_out: u64,
    /// What a person or a console answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_none(count: &u64) -> bool {
    *count == 0
}
