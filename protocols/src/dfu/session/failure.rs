//! How a conversation fails.

use crate::dfu::message::{State, Status};
use crate::dfu::wire::{BlockNumber, OutOfLayout, StatusReply, StatusReplyError};
use std::fmt;
use std::time::Duration;
use thiserror::Error;

/// What was being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Doing {
    /// Bringing the unit to idle.
    Preparing,
    /// Erasing memory.
    Erasing,
    /// Setting the address.
    Addressing,
    /// Sending a block.
    Writing,
    /// Ending the download, upon which the unit puts the firmware in place.
    Finishing,
    /// Reading a block.
    Reading,
    /// Making the unit leave its application.
    Detaching,
}

impl fmt::Display for Doing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Preparing => "bringing the unit to idle",
            Self::Erasing => "erasing",
            Self::Addressing => "setting the address",
            Self::Writing => "writing",
            Self::Finishing => "ending the download",
            Self::Reading => "reading",
            Self::Detaching => "making the unit leave its application",
        })
    }
}

/// A conversation that did not succeed: what was being done, how far it was, and why it ended.
#[derive(Debug)]
pub struct Failure {
    /// What was being done.
    pub doing: Doing,
    /// The block that it was about.
    pub block: Option<BlockNumber>,
    /// The address that it was about, where there are addresses.
    pub address: Option<u32>,
    /// Bytes that were written or read.
    pub done: u64,
    /// Bytes that were to be written or read.
    pub total: u64,
    /// What the unit said last.
    pub last: Option<StatusReply>,
    /// Why it ended.
    pub cause: Cause,
}

/// What went wrong with a control transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TransferError {
    /// The unit refused it.
    #[error("the unit refused the request")]
    Stall,
    /// The unit did not answer in time.
    #[error("the unit did not answer in time")]
    TimedOut,
    /// The unit is no longer there.
    #[error("the unit is gone")]
    Gone,
    /// The unit took only a part of the data.
    #[error("the unit took {taken} bytes of the data")]
    Short {
        /// Bytes that it took.
        taken: usize,
    },
    /// Something else failed on the bus.
    #[error("the transfer failed on the bus")]
    Bus,
}

/// Why a conversation ended.
#[derive(Debug, Error)]
pub enum Cause {
    /// The unit gave a reason. For [`Status::Vendor`] and others, string number [`StatusReply::string`] may tell more.
    #[error("{} ({}): {}", .0.status, .0.state, .0.status.sentence())]
    Refused(StatusReply),
    /// The unit refused a request, and then reports no error.
    #[error("the unit refused the request and gives no reason ({})", .0.state)]
    Unexplained(StatusReply),
    /// A transfer failed.
    #[error(transparent)]
    Transfer(TransferError),
    /// The unit's status cannot be read.
    #[error(transparent)]
    Malformed(StatusReplyError),
    /// The unit is in a state that does not follow from what it was told.
    #[error("the unit is in {found} where {wanted} follows: {}", .found.sentence())]
    Unexpected {
        /// The state.
        found: State,
        /// One that would have been right.
        wanted: State,
    },
    /// The unit was busy all the time.
    #[error("the unit was still busy after {:.1} s ({state})", .waited.as_secs_f64())]
    Busy {
        /// How long.
        waited: Duration,
        /// Its last state.
        state: State,
    },
    /// The unit wants to be left alone for longer than is allowed.
    #[error("the unit asks for {:.1} s, and {:.1} s are allowed", .asked.as_secs_f64(), .allowed.as_secs_f64())]
    Patience {
        /// How long.
        asked: Duration,
        /// What is allowed, of which some may have passed.
        allowed: Duration,
    },
    /// The unit runs its application: it has to be detached first.
    #[error("the unit runs its application ({0})")]
    Runtime(State),
    /// The unit has taken new firmware and does nothing more until it is reset.
    #[error("the unit waits for a reset after an earlier download")]
    NeedsReset,
    /// The unit did not become idle.
    #[error("the unit did not become idle after {requests} requests")]
    Stuck {
        /// Requests that were spent.
        requests: u32,
    },
    /// The unit sent more than it was asked for.
    #[error("the unit sent {came} bytes where {asked} were asked for")]
    TooLong {
        /// Bytes that came.
        came: usize,
        /// Bytes that were asked for.
        asked: usize,
    },
    /// The conversation has ended before.
    #[error("the conversation is over")]
    Over,
}

/// Why nothing was sent at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PlanError {
    /// There is nothing to send, or nothing to read.
    #[error("there are no bytes to transfer")]
    Empty,
    /// Blocks of no bytes.
    #[error("blocks of 0 bytes transfer nothing")]
    BlockSize,
    /// The unit does not have that memory.
    #[error(transparent)]
    Layout(#[from] OutOfLayout),
    /// Two pieces claim one address.
    #[error("two pieces of the image claim the address {address:#010x}")]
    Overlap {
        /// The first such address.
        address: u32,
    },
    /// A piece ends beyond 32 bits of address.
    #[error("the piece at {address:#010x} ends beyond the last address")]
    Beyond {
        /// Where it begins.
        address: u32,
    },
    /// The layout would have it erased in more pages than is sane.
    #[error("more than {limit} pages would have to be erased")]
    TooManyPages {
        /// What is sane.
        limit: usize,
    },
}

impl Cause {
    /// The unit's status, when it is the cause.
    #[must_use]
    pub fn status(&self) -> Option<Status> {
        match self {
            Self::Refused(reply) => Some(reply.status),
            _ => None,
        }
    }

    /// Whether the unit has gone away.
    #[must_use]
    pub const fn is_gone(&self) -> bool {
        matches!(self, Self::Transfer(TransferError::Gone))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { doing, block, address, done, total, .. } = self;
        write!(f, "{doing}")?;
        if let Some(block) = block {
            write!(f, " block {block}")?;
        }
        if let Some(address) = address {
            write!(f, " at {address:#010x}")?;
        }
        f.write_str(" failed")?;
        if *total > 0 {
            write!(f, ", {done} of {total} bytes were done")?;
        }
        Ok(())
    }
}

impl std::error::Error for Failure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.cause)
    }
}
