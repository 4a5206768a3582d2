//! What happens in a run, as it happens: the same events feed the journal, the terminal and `--json`.

use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use super::report::{Outcome, StepResult};
use crate::device::{BayId, Mode, Proof, UnitText};

/// The kinds of event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum EventKind {
    /// The unit is known and the run has its journal.
    RunStarted,
    /// A step is about to act.
    StepStarted,
    /// A transfer moved on.
    Progress,
    /// The unit says something in words while it works.
    Said,
    /// What was written is being compared.
    Verifying,
    /// A step ended; carries its result.
    StepFinished,
    /// A person is asked for something.
    Waiting,
    /// The unit left on command, and is waited for.
    Away,
    /// The unit came back in another mode or after a restart.
    ModeChanged,
    /// A step is tried again.
    Retry,
    /// The run is over and its record is durable.
    RunFinished,
}

impl EventKind {
    /// Whether what it tells must be on disk before the run goes on.
    #[must_use]
    pub fn is_durable(self) -> bool {
        use EventKind::{Away, Progress, Said, Verifying, Waiting};
        !matches!(self, Progress | Said | Verifying | Waiting | Away)
    }
}

/// One event; what does not apply to its kind is `null`.
#[derive(Debug, Clone, Serialize)]
pub struct Event {
    /// Always `event`.
    pub r#type: &'static str,
    /// What happened.
    pub event: EventKind,
    /// The run.
    pub run: Uuid,
    /// The bay's number.
    pub bay: Option<BayId>,
    /// The bay's address.
    pub address: String,
    /// The unit's serial number, once known.
    pub serial: Option<UnitText>,
    /// The step's name.
    pub step: Option<String>,
    /// The step's kind.
    pub kind: Option<&'static str>,
    /// The time of day.
    pub at: Timestamp,
    /// Payload bytes done.
    pub bytes: Option<u64>,
    /// Payload bytes in all.
    pub total: Option<u64>,
    /// The mode the unit is in now (`mode-changed`), or is told to start (`away`).
    pub mode: Option<Mode>,
    /// How the unit was known again (`mode-changed`).
    pub proof: Option<Proof>,
    /// How long, in seconds, the unit is waited for (`away`).
    pub within: Option<u64>,
    /// What a person is asked (`waiting`), what is awaited (`away`), why a step is tried again (`retry`), or what the unit
    /// says (`said`), escaped.
    pub say: Option<String>,
    /// What a step came to (`step-finished`).
    pub result: Option<Box<StepResult>>,
    /// What the run came to (`run-finished`).
    pub outcome: Option<Outcome>,
    /// The record's digest (`run-finished`).
    pub record: Option<String>,
}

/// Where events go. Called from the run's thread; must not block for long.
pub trait Listener: Sync {
    /// Takes one event.
    fn hear(&self, event: &Event);
}

impl<F: Fn(&Event) + Sync> Listener for F {
    fn hear(&self, event: &Event) {
        self(event);
    }
}

#[cfg(test)]
impl Event {
    /// An event of this kind with nothing but a sentence, in bay 3.
    pub(crate) fn saying(event: EventKind, say: &str) -> Event {
        Event {
            r#type: "event",
            event,
            run: Uuid::nil(),
            bay: Some(BayId(3)),
            address: "usb:1-3".to_owned(),
            serial: Some("PH-1".into()),
            step: None,
            kind: None,
            at: Timestamp::UNIX_EPOCH,
            bytes: None,
            total: None,
            mode: None,
            proof: None,
            within: None,
            say: Some(say.to_owned()),
            result: None,
            outcome: None,
            record: None,
        }
    }
}
