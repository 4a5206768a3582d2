//! The answer to `DFU_GETSTATUS` (§6.1.2).

use crate::dfu::message::{State, Status};
use std::fmt;
use std::time::Duration;
use thiserror::Error;

/// How long a unit wants to be left alone before it is asked for its status again: milliseconds in 24 bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PollTimeout(u32);

impl PollTimeout {
    /// The longest there is, about four hours and 40 minutes.
    pub const MAX: Self = Self(0xff_ffff);
    /// No pause at all.
    pub const ZERO: Self = Self(0);

    /// So many milliseconds, at most [`Self::MAX`].
    #[must_use]
    pub const fn from_millis(milliseconds: u32) -> Self {
        if milliseconds > Self::MAX.0 { Self::MAX } else { Self(milliseconds) }
    }

    /// As a duration.
    #[must_use]
    pub const fn duration(self) -> Duration {
        Duration::from_millis(self.0 as u64)
    }
}

impl fmt::Display for PollTimeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ms", self.0)
    }
}

/// What a unit answers to `DFU_GETSTATUS`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StatusReply {
    /// What came of the last request.
    #[doc(alias = "bStatus")]
    pub status: Status,
    /// How long to wait before asking again.
    #[doc(alias = "bwPollTimeout")]
    pub poll_timeout: PollTimeout,
    /// The state that the unit is in after this answer.
    #[doc(alias = "bState")]
    pub state: State,
    /// Index of a string that explains the status, 0 for none.
    #[doc(alias = "iString")]
    pub string: u8,
}

/// The answer to `DFU_GETSTATUS` has not six bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the status has {present} bytes instead of 6")]
pub struct StatusReplyError {
    /// Bytes that came.
    pub present: usize,
}

impl StatusReply {
    /// Bytes of the answer.
    pub const LEN: usize = 6;

    /// The answer in these bytes.
    ///
    /// # Errors
    /// When there are not exactly six.
    pub fn parse(bytes: &[u8]) -> Result<Self, StatusReplyError> {
        let &[status, poll0, poll1, poll2, state, string] = bytes else {
            return Err(StatusReplyError { present: bytes.len() });
        };
        Ok(Self {
            status: Status::from_code(status),
            poll_timeout: PollTimeout(u32::from_le_bytes([poll0, poll1, poll2, 0])),
            state: State::from_code(state),
            string,
        })
    }

    /// The answer as a unit sends it.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; Self::LEN] {
        let [poll0, poll1, poll2, _] = self.poll_timeout.0.to_le_bytes();
        [self.status.code(), poll0, poll1, poll2, self.state.code(), self.string]
    }
}

impl fmt::Display for StatusReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}", self.state, self.status)
    }
}
