//! What is on its way, how long a piece may be, and what a refusal says about offsets.

use super::kind::Kind;
use crate::smp::header::{Group, Header, Version};
use crate::smp::message::{Origin, Refusal, Request, codes, encode_request, fs};
use crate::time::Moment;

#[derive(Debug)]
pub(super) struct InFlight {
    pub(super) seq: u8,
    pub(super) what: What,
    pub(super) epoch: u32,
    pub(super) sent: Moment,
    pub(super) wire: usize,
    /// Requests in flight when it was sent, itself included.
    pub(super) alongside: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    Close,
    Piece { off: u64, end: u64 },
}

/// Bytes of the next piece: what is left, or as much as fills a message of `limit` bytes, rounded down to `grain` when
/// more follows. `None` when not even the request `empty` (without data) fits.
pub(super) fn piece_len<R: Request>(empty: &R, limit: usize, left: usize, grain: usize) -> Option<usize> {
    let overhead = encode_request(empty, Version::V2, 0).ok()?.len();
    let fits = bytes_that_fit(limit.checked_sub(overhead)?);
    if fits >= left {
        return Some(left);
    }
    Some(if fits > grain { fits - fits % grain } else { fits })
}

/// Bytes of a byte string that fit where an empty one (one byte of head) leaves `room`.
fn bytes_that_fit(room: usize) -> usize {
    // The head grows by one byte from 24 bytes on, by two from 256, by four from 64 KiB.
    match room {
        0..=23 => room,
        24..=256 => (room - 1).min(255),
        257..=65537 => (room - 2).min(65535),
        _ => room - 4,
    }
}

/// The offset in a refusal that is about one: the fs group's code, or any code of version 1 that comes with it.
pub(super) fn offset_in(refusal: &Refusal) -> Option<u64> {
    let about_offset = refusal.origin == Origin::Common || refusal.is(Group::FS, codes::fs::OFFSET_NOT_VALID);
    refusal.at.filter(|_| about_offset)
}

impl InFlight {
    pub(super) fn is_answered_by<K: Kind>(&self, answer: &Header) -> bool {
        let (group, id, op) = match self.what {
            What::Close => (fs::Close::GROUP, fs::Close::ID, fs::Close::OP),
            What::Piece { .. } => (K::Request::GROUP, K::Request::ID, K::Request::OP),
        };
        answer.seq == self.seq && answer.group == group && answer.id == id && answer.op == op.reply()
    }
}
