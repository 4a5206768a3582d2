//! Why a connection is of no use.

use std::time::Duration;

use thiserror::Error;

use crate::adb::message::AuthKind;
use crate::adb::wire::{Command, WireError};

/// Why a connection is of no use, or a call cannot be done on it.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Failure {
    /// What came is no packet.
    #[error("the unit keeps to no rule of ADB")]
    Wire(#[from] WireError),
    /// Nothing came in answer to our greeting.
    #[error("no answer to {greetings} greetings")]
    NoAnswer {
        /// Greetings that were sent.
        greetings: u32,
    },
    /// The unit wants TLS, which goes with pairing.
    #[error("the unit speaks TLS on this port (wireless debugging), which needs pairing")]
    Tls,
    /// A token of another length than the specification's.
    #[error("the unit's token has {0} bytes")]
    Token(usize),
    /// The unit answers signatures with tokens for ever.
    #[error("the unit asks for a signature again and again")]
    TooManyTokens,
    /// An `AUTH` that only a host may send.
    #[error("the unit sends {0:?}, which only a host may")]
    AuthKind(AuthKind),
    /// The unit asked who we are, and says nothing to the answer.
    #[error("the unit did not say whether it takes our signature")]
    NoVerdict,
    /// Nobody accepted our key.
    #[error("nobody accepted the key on the unit within {} s", .waited.as_secs())]
    NotAccepted {
        /// How long was waited.
        waited: Duration,
    },
    /// The unit takes less in a packet than a service's name needs.
    #[error("the unit takes {0} bytes in a packet, too few for anything")]
    SmallPayload(u32),
    /// The unit greets us in the middle of a conversation: its daemon has begun anew.
    #[error("the unit's daemon began anew, all streams are lost")]
    BeganAnew,
    /// A packet that has no business here.
    #[error("{0} came, which has no business here")]
    Unexpected(Command),
    /// A packet for a stream that never was.
    #[error("{command} came for stream {id}, which never was")]
    UnknownStream {
        /// The packet.
        command: Command,
        /// The stream's number.
        id: u32,
    },
    /// A packet for a stream that the unit itself had closed.
    #[error("{0} came for a stream that the unit had closed")]
    StreamWasClosed(Command),
    /// The unit names another stream of its own than before, or none.
    #[error("a packet names another stream of the unit than the one it opened")]
    OtherStream,
    /// Data that was not allowed.
    #[error("the unit sent more on a stream than it was allowed to")]
    BeyondWindow,
    /// An acknowledgement that does not fit what was agreed on.
    #[error("an acknowledgement carries {0} bytes, which is not what was agreed on")]
    Acknowledgement(usize),
    /// There is no connection.
    #[error("there is no connection")]
    NotConnected,
    /// More streams than are good for anybody.
    #[error("too many streams are open")]
    TooManyStreams,
    /// The name of a service does not fit a packet.
    #[error("the command has {len} bytes, the unit takes {most}")]
    ServiceTooLong {
        /// Bytes of it.
        len: usize,
        /// Bytes that fit.
        most: usize,
    },
    /// More was written than there is room for.
    #[error("{len} bytes were written where {room} have room")]
    NoRoom {
        /// Bytes that were written.
        len: usize,
        /// Bytes that have room.
        room: usize,
    },
    /// The stream is closed.
    #[error("the stream is closed")]
    StreamIsClosed,
}
