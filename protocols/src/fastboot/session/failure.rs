//! How an exchange fails.

use crate::fastboot::wire::{ResponseError, Text};
use std::fmt;
use std::time::Duration;
use thiserror::Error;

/// Where an exchange was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Doing {
    /// The command was sent, or about to be.
    Command,
    /// The unit was taking a payload.
    Sending,
    /// The unit was sending data.
    Receiving,
    /// The data had passed, and the unit was to say what came of it.
    Finishing,
}

impl fmt::Display for Doing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Command => "waiting for the answer",
            Self::Sending => "sending data",
            Self::Receiving => "receiving data",
            Self::Finishing => "waiting for the end",
        })
    }
}

/// An exchange that did not succeed: which command, how far it was, and why it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The command as it was sent.
    pub command: String,
    /// Where it was.
    pub doing: Doing,
    /// Bytes of data that had passed.
    pub done: u64,
    /// Bytes of data in all, as far as known.
    pub total: u64,
    /// The last line that the unit said, if any.
    pub said: Option<String>,
    /// Why it ended.
    pub cause: Cause,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 80;
        let command: String = self.command.chars().take(SHOWN).flat_map(char::escape_debug).collect();
        let more = if self.command.chars().count() > SHOWN { "…" } else { "" };
        write!(f, "fastboot `{command}{more}` failed while {}", self.doing)?;
        match self.doing {
            Doing::Sending | Doing::Receiving => write!(f, ", after {} of {} bytes", self.done, self.total),
            Doing::Command | Doing::Finishing => Ok(()),
        }
    }
}

/// Why an exchange ended.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Cause {
    /// The unit said no, in its own words.
    #[error("the unit refused it")]
    Refused(Text),
    /// The unit said that it is through before it was given what it needs.
    #[error("the unit says that it is through before the data have passed")]
    Early,
    /// The unit announced another number of bytes than it was told.
    #[error("the unit announces {announced} bytes of data, and {expected} were to pass")]
    Length {
        /// As it said.
        announced: u64,
        /// As it was told.
        expected: u64,
    },
    /// The unit wants to send more than is taken.
    #[error("the unit wants to send {announced} bytes, and at most {most} are taken")]
    TooMuch {
        /// As it said.
        announced: u64,
        /// What is taken.
        most: u64,
    },
    /// The unit announced data where there are none.
    #[error("the unit announces {0} bytes of data where there are none")]
    Unasked(u64),
    /// What it sent is no response.
    #[error("what the unit sent is no answer: {0}")]
    Garbage(ResponseError),
    /// What it sent does not end.
    #[error("the unit sends an answer that does not end")]
    Endless,
    /// It said nothing for so long.
    #[error("the unit said nothing for {:.1} s", .0.as_secs_f64())]
    Silence(Duration),
    /// It was still at it after so long.
    #[error("the unit was not through after {:.1} s", .0.as_secs_f64())]
    Late(Duration),
    /// The exchange had ended before.
    #[error("the exchange is over")]
    Over,
}
