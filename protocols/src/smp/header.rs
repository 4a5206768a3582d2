//! The eight bytes before every SMP message.

use std::fmt;
use thiserror::Error;

/// Version of the protocol that a message is written in (header bits 3 and 4 of byte 0).
///
/// It decides nothing but the shape of errors: see [`crate::smp::message::Refusal`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Version {
    /// The first protocol: errors are `{"rc": code}`. Written as 0 on the wire.
    V1,
    /// Errors of a group are `{"err": {"group", "rc"}}`. Written as 1 on the wire.
    #[default]
    V2,
}

/// What a message is: a request to read or to write, or the answer to one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// Request that changes nothing.
    Read,
    /// Answer to [`Op::Read`].
    ReadReply,
    /// Request that changes something.
    Write,
    /// Answer to [`Op::Write`].
    WriteReply,
}

impl Op {
    /// The operation that answers this one; an answer stays what it is.
    #[must_use]
    pub const fn reply(self) -> Self {
        match self {
            Self::Read | Self::ReadReply => Self::ReadReply,
            Self::Write | Self::WriteReply => Self::WriteReply,
        }
    }

    /// Whether this is an answer.
    #[must_use]
    pub const fn is_reply(self) -> bool {
        matches!(self, Self::ReadReply | Self::WriteReply)
    }

    const fn code(self) -> u8 {
        match self {
            Self::Read => 0,
            Self::ReadReply => 1,
            Self::Write => 2,
            Self::WriteReply => 3,
        }
    }
}

/// A management group: a family of commands. Groups from 64 on belong to applications.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Group(pub u16);

impl Group {
    /// Operating system: echo, reset, parameters, tasks.
    pub const OS: Self = Self(0);
    /// Firmware images.
    pub const IMAGE: Self = Self(1);
    /// Statistics.
    pub const STATISTICS: Self = Self(2);
    /// Settings (called config in older servers).
    pub const SETTINGS: Self = Self(3);
    /// Logs.
    pub const LOG: Self = Self(4);
    /// File system.
    pub const FS: Self = Self(8);
    /// Shell.
    pub const SHELL: Self = Self(9);
    /// Enumeration of groups.
    pub const ENUMERATION: Self = Self(10);
    /// Zephyr's basic group.
    pub const ZEPHYR_BASIC: Self = Self(63);

    /// Name of a group of the specification, `None` for any other number.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        Some(match self.0 {
            0 => "os",
            1 => "image",
            2 => "statistics",
            3 => "settings",
            4 => "log",
            5 => "crash",
            6 => "split",
            7 => "run",
            8 => "fs",
            9 => "shell",
            10 => "enumeration",
            11 => "transport",
            63 => "zephyr basic",
            _ => return None,
        })
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "group {}", self.0),
        }
    }
}

impl fmt::Debug for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Group({}, {self})", self.0)
    }
}

/// Header of a message (specification: "Frame: The envelope"). Numbers are big-endian on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Header {
    /// Protocol version.
    pub version: Version,
    /// Read or write, request or answer.
    pub op: Op,
    /// Reserved bits, zero by the specification; kept as they came.
    pub flags: u8,
    /// Bytes of CBOR after the header.
    pub len: u16,
    /// Command group.
    pub group: Group,
    /// Sequence number; an answer repeats that of its request.
    pub seq: u8,
    /// Command within the group.
    pub id: u8,
}

/// Bytes that cannot be a message.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum HeaderError {
    /// Fewer bytes than a header has.
    #[error("{0} bytes are too few for a message header of {len}", len = Header::LEN)]
    Short(usize),
    /// An operation that the specification does not define.
    #[error("operation {0} is not defined")]
    Op(u8),
    /// A version that the specification does not define.
    #[error("protocol version bits {0} are not defined")]
    Version(u8),
    /// The header announces more bytes than there are.
    #[error("the header announces {claimed} bytes, {present} are there")]
    Truncated {
        /// Bytes announced by the header's length field.
        claimed: usize,
        /// Bytes present after the header.
        present: usize,
    },
}

impl Header {
    /// Bytes of an encoded header.
    pub const LEN: usize = 8;

    /// Read a header from the beginning of `bytes`.
    ///
    /// # Errors
    /// [`HeaderError::Short`], [`HeaderError::Op`] or [`HeaderError::Version`]. Whether the announced bytes are there
    /// is not looked at; [`Header::split`] does that.
    pub fn parse(bytes: &[u8]) -> Result<Self, HeaderError> {
        let Some(&[first, flags, len_high, len_low, group_high, group_low, seq, id]) =
            bytes.first_chunk::<{ Self::LEN }>()
        else {
            return Err(HeaderError::Short(bytes.len()));
        };
        let op = match first & 0b111 {
            0 => Op::Read,
            1 => Op::ReadReply,
            2 => Op::Write,
            3 => Op::WriteReply,
            other => return Err(HeaderError::Op(other)),
        };
        let version = match (first >> 3) & 0b11 {
            0 => Version::V1,
            1 => Version::V2,
            other => return Err(HeaderError::Version(other)),
        };
        Ok(Self {
            version,
            op,
            flags,
            len: u16::from_be_bytes([len_high, len_low]),
            group: Group(u16::from_be_bytes([group_high, group_low])),
            seq,
            id,
        })
    }

    /// Read a whole message: the header, and the body that it announces.
    ///
    /// Bytes after the announced ones are ignored: a server may pad its frame.
    ///
    /// # Errors
    /// As [`Header::parse`], and [`HeaderError::Truncated`].
    pub fn split(message: &[u8]) -> Result<(Self, &[u8]), HeaderError> {
        let header = Self::parse(message)?;
        let rest = message.get(Self::LEN..).unwrap_or_default();
        let claimed = usize::from(header.len);
        match rest.get(..claimed) {
            Some(body) => Ok((header, body)),
            None => Err(HeaderError::Truncated { claimed, present: rest.len() }),
        }
    }

    /// The bytes on the wire.
    #[must_use]
    pub fn to_bytes(self) -> [u8; Self::LEN] {
        let version = match self.version {
            Version::V1 => 0,
            Version::V2 => 1,
        };
        let [len_high, len_low] = self.len.to_be_bytes();
        let [group_high, group_low] = self.group.0.to_be_bytes();
        [version << 3 | self.op.code(), self.flags, len_high, len_low, group_high, group_low, self.seq, self.id]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn echo_request_of_the_specification() {
        // Op write, version 2, 5 bytes, group os, sequence 42, command 0.
        let bytes = [0x0a, 0, 0, 5, 0, 0, 42, 0];
        let header = Header::parse(&bytes).unwrap();
        assert_eq!((header.version, header.op, header.len), (Version::V2, Op::Write, 5));
        assert_eq!((header.group, header.seq, header.id), (Group::OS, 42, 0));
        assert_eq!(header.to_bytes(), bytes);
    }

    #[test]
    fn refuses_short_unknown_and_lying() {
        assert_eq!(Header::parse(&[]), Err(HeaderError::Short(0)));
        assert_eq!(Header::parse(&[0; 7]), Err(HeaderError::Short(7)));
        assert_eq!(Header::parse(&[4, 0, 0, 0, 0, 0, 0, 0]), Err(HeaderError::Op(4)));
        assert_eq!(Header::parse(&[0x10, 0, 0, 0, 0, 0, 0, 0]), Err(HeaderError::Version(2)));
        let lying = [0, 0, 0, 9, 0, 0, 0, 0, 1, 2];
        assert_eq!(Header::split(&lying), Err(HeaderError::Truncated { claimed: 9, present: 2 }));
    }

    proptest! {
        #[test]
        fn never_panics_and_round_trips(bytes in prop::collection::vec(any::<u8>(), 0..24)) {
            if let Ok(header) = Header::parse(&bytes) {
                // The three reserved bits of the first byte are the only ones that are not kept.
                let mut expected: [u8; 8] = bytes[..8].try_into().unwrap();
                expected[0] &= 0x1f;
                prop_assert_eq!(header.to_bytes(), expected);
            }
            let _ = Header::split(&bytes);
        }
    }
}
