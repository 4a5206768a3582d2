//! How a conversation fails.

use crate::smp::message::{DecodeError, Refusal};
use crate::smp::wire::MessageTooLong;
use std::fmt;
use std::time::Duration;
use thiserror::Error;

/// A conversation that did not succeed: what was asked, how often, for how long, and why it ended.
#[derive(Debug)]
pub struct Failure {
    /// The command, in words.
    pub command: &'static str,
    /// Sequence number of the last request.
    pub seq: u8,
    /// How often it was sent.
    pub tries: u32,
    /// Time between the first of these tries and the end.
    pub waited: Duration,
    /// Offset of the piece that it was about, in a transfer.
    pub at: Option<u64>,
    /// Why it ended.
    pub cause: Cause,
}

/// Why a conversation ended.
#[derive(Debug, Error)]
pub enum Cause {
    /// No answer in time. Damaged frames that came meanwhile hint at a bad line rather than an absent unit.
    #[error("no reply, {garbled} damaged frames came meanwhile")]
    NoReply {
        /// Damaged frames while waiting.
        garbled: u32,
    },
    /// The unit refused.
    #[error(transparent)]
    Refused(Refusal),
    /// The unit's answer cannot be read.
    #[error(transparent)]
    Malformed(DecodeError),
    /// The request is longer than the unit takes; it was not sent.
    #[error("the request has {len} bytes, the unit takes {limit}")]
    RequestTooLong {
        /// Bytes of the message.
        len: usize,
        /// Bytes that the unit takes.
        limit: usize,
    },
    /// The request fits no frame; it was not sent.
    #[error(transparent)]
    Unframeable(MessageTooLong),
    /// The unit takes such short messages that nothing useful fits.
    #[error("messages of {limit} bytes leave no room for data")]
    LimitTooSmall {
        /// Bytes that the unit takes.
        limit: usize,
    },
    /// The unit stands at an offset from which the transfer cannot go on; it has to begin again from zero.
    #[error("the unit stands at offset {theirs}, we at {ours}")]
    Offset {
        /// Where we are.
        ours: u64,
        /// Where the unit says it is.
        theirs: u64,
    },
    /// The unit keeps answering and gets nowhere.
    #[error("{answers} answers brought the transfer no further")]
    Stuck {
        /// Answers without progress.
        answers: u32,
    },
    /// The unit goes back again and again: its content was sent many times over.
    #[error("{sent} bytes were sent for {total}, and the unit keeps going back")]
    Astray {
        /// Payload bytes sent.
        sent: u64,
        /// Bytes of the whole content.
        total: u64,
    },
    /// The unit was busy, or out of buffers, every time.
    #[error("the unit was busy {times} times")]
    Busy {
        /// Refusals of that kind.
        times: u32,
    },
    /// The file is larger than the caller allows.
    #[error("the file has {len} bytes, {limit} are allowed")]
    TooLarge {
        /// Bytes of the file.
        len: u64,
        /// Bytes allowed.
        limit: u64,
    },
    /// The session was asked for more after its end.
    #[error("the conversation is over")]
    Over,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { command, seq, tries, waited, at, cause } = self;
        let offset = at.map(|at| format!(" at offset {at}")).unwrap_or_default();
        let what = format!("{command}{offset} (sequence {seq})");
        match cause {
            Cause::NoReply { garbled } => {
                let tries = if *tries == 1 { "1 try".to_owned() } else { format!("{tries} tries") };
                write!(f, "no reply to {what} within {}, {tries}", Seconds(*waited))?;
                match garbled {
                    0 => Ok(()),
                    1 => write!(f, "; 1 damaged frame came"),
                    count => write!(f, "; {count} damaged frames came"),
                }
            }
            Cause::Refused(_) => write!(f, "the unit refused {what}"),
            Cause::Malformed(_) => write!(f, "the answer to {what} cannot be read"),
            Cause::RequestTooLong { .. } | Cause::Unframeable(_) | Cause::LimitTooSmall { .. } => {
                write!(f, "{what} was not sent")
            }
            Cause::Offset { .. }
            | Cause::Stuck { .. }
            | Cause::Astray { .. }
            | Cause::Busy { .. }
            | Cause::TooLarge { .. } => {
                write!(f, "{what} cannot go on")
            }
            Cause::Over => write!(f, "{what} had ended"),
        }
    }
}

impl std::error::Error for Failure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.cause {
            // The sentence above says all of it.
            Cause::NoReply { .. } => None,
            cause => Some(cause),
        }
    }
}

struct Seconds(Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenths = self.0.as_millis() / 100;
        if tenths.is_multiple_of(10) {
            write!(f, "{} s", tenths / 10)
        } else {
            write!(f, "{}.{} s", tenths / 10, tenths % 10)
        }
    }
}
