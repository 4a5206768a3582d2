//! The person at the bench, as the run sees them.

use crate::device::{BayId, Cancel};
use crate::error::Result;
use crate::profile::model::Answer;

use protocols::time::Moment;

/// What must be meant before it is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consent {
    /// What would be lost or undone, in a sentence.
    pub say: String,
}

/// What is asked in the middle of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The bay's number.
    pub bay: Option<BayId>,
    /// The unit's serial number or address.
    pub unit: String,
    /// What to ask.
    pub say: String,
    /// What kind of answer.
    pub answer: Answer,
}

impl Question {
    /// What a line that somebody typed answers; `None` when it is no answer to this.
    #[must_use]
    pub fn take(&self, line: &str) -> Option<String> {
        match self.answer {
            Answer::Done => Some(String::new()),
            Answer::Text => Some(line.to_owned()).filter(|line| !line.is_empty()),
            Answer::PassFail if is_yes(line) => Some("pass".to_owned()),
            Answer::PassFail if is_no(line) => Some("fail".to_owned()),
            Answer::PassFail => None,
        }
    }
}

/// Whether a line that somebody typed says yes.
#[must_use]
pub fn is_yes(line: &str) -> bool {
    ["y", "yes", "pass", "ok"].contains(&line.to_lowercase().as_str())
}

fn is_no(line: &str) -> bool {
    ["n", "no", "fail"].contains(&line.to_lowercase().as_str())
}

/// Who answers. One person serves several runs, one question at a time.
pub trait Person: Sync {
    /// Whether questions can be put to anybody at all, known before anything is written.
    fn can_answer(&self) -> bool {
        true
    }

    /// Whether all of `what` is meant, for this unit. `--yes` says so beforehand.
    ///
    /// # Errors
    /// `invalid` when nobody can be asked (`--no-input`, no terminal).
    fn consent(&self, unit: &str, what: &[Consent]) -> Result<bool>;

    /// The answer to a question: for pass-fail `pass` or `fail`, for done an empty text.
    ///
    /// # Errors
    /// `cancelled`; `timed-out` when `deadline` passes; `invalid` when nobody can be asked.
    fn answer(&self, question: &Question, deadline: Option<Moment>, cancel: &Cancel) -> Result<String>;
}
