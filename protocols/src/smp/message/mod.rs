//! Requests, replies and status codes of every group, in both directions.
//!
//! A request is a type that knows its reply, so the decoder of an answer is chosen by what was asked. Keys that
//! we do not know are skipped, codes that we do not know are kept, and everything may come as definite or indefinite
//! CBOR. Specification: <https://docs.zephyrproject.org/latest/services/device_mgmt/smp_groups/>.

mod catalogue;
mod cbor;
pub mod codes;
pub mod enumeration;
pub mod fs;
pub mod image;
pub mod log;
mod macros;
pub mod os;
mod refusal;
pub mod settings;
pub mod shell;
pub mod statistics;
#[cfg(test)]
mod tests;
mod text;
pub mod zephyr;

pub use catalogue::{COMMANDS, Command};
pub use cbor::{DecodeError, MAX_ITEMS, Reader, Value, Writer};
pub use refusal::{Origin, Refusal};
pub use text::{Bytes, Text, TextOrBytes};

use super::header::{Group, Header, HeaderError, Op, Version};
use super::wire::MessageTooLong;
use macros::record;
use thiserror::Error;

/// A command of a group, and what answers it.
pub trait Request: Value {
    /// What the unit answers when it does not refuse.
    type Reply: Value;
    /// Group of the command.
    const GROUP: Group;
    /// Number of the command within its group.
    const ID: u8;
    /// [`Op::Read`] or [`Op::Write`].
    const OP: Op;
    /// Name for people: "image upload".
    const NAME: &'static str;
    /// A key whose presence makes an `rc` beside it part of a good answer (old shells answer so).
    const RC_IS_DATA_BESIDE: Option<&'static str> = None;

    /// Whether a request with this header is this command.
    #[must_use]
    fn is(header: &Header) -> bool {
        header.group == Self::GROUP && header.id == Self::ID && header.op == Self::OP
    }
}

record! {
    /// An answer that says no more than that the command was carried out.
    #[derive(Copy, Default)]
    Empty {}
}

/// A message as it came: a header and CBOR that nobody has looked at yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// The header.
    pub header: Header,
    /// The CBOR body.
    pub body: &'a [u8],
}

/// Why an answer is not the reply that was asked for.
#[derive(Debug, Error)]
pub enum ReplyError {
    /// The unit refused.
    #[error("the unit refused")]
    Refused(#[source] Refusal),
    /// The unit's answer cannot be read.
    #[error("the unit's answer cannot be read")]
    Malformed(#[source] DecodeError),
}

impl<'a> Message<'a> {
    /// Read the envelope of a message.
    ///
    /// # Errors
    /// [`HeaderError`] for bytes that are not a message or announce more than there is.
    pub fn parse(message: &'a [u8]) -> Result<Self, HeaderError> {
        let (header, body) = Header::split(message)?;
        Ok(Self { header, body })
    }

    /// The body as the request `R`; ask [`Request::is`] first.
    ///
    /// # Errors
    /// [`DecodeError`]
    pub fn request<R: Request>(&self) -> Result<R, DecodeError> {
        decode_body(self.body)
    }

    /// Whether this answers a request with that header.
    #[must_use]
    pub fn answers(&self, request: &Header) -> bool {
        let ours = &self.header;
        ours.op == request.op.reply() && (ours.group, ours.id, ours.seq) == (request.group, request.id, request.seq)
    }

    /// The body as the reply to the request `R`.
    ///
    /// # Errors
    /// [`ReplyError::Refused`] when the body holds an error of either shape, [`ReplyError::Malformed`] when it is
    /// neither that nor the reply.
    pub fn reply<R: Request>(&self) -> Result<R::Reply, ReplyError> {
        let refusal = Refusal::find(self.body, R::RC_IS_DATA_BESIDE).map_err(ReplyError::Malformed)?;
        match refusal {
            Some(refusal) => Err(ReplyError::Refused(refusal)),
            None => decode_body(self.body).map_err(ReplyError::Malformed),
        }
    }
}

/// A request as a message.
///
/// # Errors
/// [`MessageTooLong`] when the body does not fit the header's length field.
pub fn encode_request<R: Request>(request: &R, version: Version, seq: u8) -> Result<Vec<u8>, MessageTooLong> {
    let header = Header { version, op: R::OP, flags: 0, len: 0, group: R::GROUP, seq, id: R::ID };
    envelope(header, request)
}

/// The reply to a request with the header `request`, as a message.
///
/// # Errors
/// [`MessageTooLong`] when the body does not fit the header's length field.
pub fn encode_reply<R: Request>(reply: &R::Reply, request: &Header) -> Result<Vec<u8>, MessageTooLong> {
    envelope(answering(request), reply)
}

/// A refusal of a request with the header `request`, in the error shape of the version it was asked in: see
/// [`Refusal::in_version`].
///
/// # Errors
/// [`MessageTooLong`] when the body does not fit the header's length field (a very long reason).
pub fn encode_refusal(refusal: &Refusal, request: &Header) -> Result<Vec<u8>, MessageTooLong> {
    envelope(answering(request), &refusal.clone().in_version(request.version))
}

fn answering(request: &Header) -> Header {
    Header { op: request.op.reply(), flags: 0, len: 0, ..*request }
}

fn envelope(header: Header, body: &impl Value) -> Result<Vec<u8>, MessageTooLong> {
    let mut w = Writer::new();
    body.encode(&mut w);
    let body = w.into_bytes();
    let len = u16::try_from(body.len()).map_err(|_| MessageTooLong(Header::LEN + body.len()))?;
    let mut message = Vec::with_capacity(Header::LEN + body.len());
    message.extend_from_slice(&Header { len, ..header }.to_bytes());
    message.extend_from_slice(&body);
    Ok(message)
}

/// A body is one map; none at all is an empty one, and bytes after it are padding.
fn decode_body<T: Value>(body: &[u8]) -> Result<T, DecodeError> {
    const EMPTY_MAP: &[u8] = &[0xa0];
    T::decode(&mut Reader::new(if body.is_empty() { EMPTY_MAP } else { body }))
}
