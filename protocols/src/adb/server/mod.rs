//! What is said to a running adb server: how a program asks it for a unit, and for a stream to that unit.
//!
//! Specification: AOSP, `packages/modules/adb`: `OVERVIEW.TXT`, `SERVICES.TXT`. Every conversation is a connection of its
//! own: a request, an answer, and the next request. Once a unit was chosen ([`Request::Transport`]) a request that names a
//! service turns the connection into that stream: its bytes go through as they are, without packets or windows.
//!
//! Left out: what starts, ends and rules the server, forwarding, pairing, and `track-devices`.

mod answer;
mod request;
#[cfg(test)]
mod tests;
mod units;

pub use answer::{Answer, Answers, Follows};
pub use request::{MAX_REQUEST, Request, TooLong, Transport, take};
pub use units::{Listed, State, features, units};

use thiserror::Error;

/// Where a server listens unless it was told otherwise (`DEFAULT_ADB_PORT`).
pub const PORT: u16 = 5037;

/// What no adb server says.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum ServerError {
    /// An answer begins with OKAY or FAIL.
    #[error("the answer begins with {0:02x?}, which is neither OKAY nor FAIL")]
    Status([u8; 4]),
    /// A length is four hex digits.
    #[error("a length reads {0:02x?}, which are not four hex digits")]
    Length([u8; 4]),
}

/// Four hex digits.
fn length(digits: [u8; 4]) -> Result<usize, ServerError> {
    let digit = |value: usize, digit: &u8| Some(value << 4 | char::from(*digit).to_digit(16)? as usize);
    digits.iter().try_fold(0, digit).ok_or(ServerError::Length(digits))
}

/// Text behind its length.
fn with_length(text: &[u8]) -> Vec<u8> {
    let text = text.get(..text.len().min(MAX_REQUEST)).unwrap_or_default();
    [format!("{:04x}", text.len()).as_bytes(), text].concat()
}
