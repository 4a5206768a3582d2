//! The 24 bytes before every payload.

use std::fmt;
use thiserror::Error;

/// What a packet is: four letters, the first in the lowest byte.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Command(pub u32);

impl Command {
    /// `CNXN(version, greatest payload, banner)`: the connection begins anew.
    pub const CNXN: Self = Self::named(b"CNXN");
    /// `AUTH(kind, 0, data)`: a token to sign, its signature, or a public key.
    pub const AUTH: Self = Self::named(b"AUTH");
    /// `STLS(version, 0)`: what follows is TLS.
    pub const STLS: Self = Self::named(b"STLS");
    /// `OPEN(local, window, service)`: a new stream. The window is 0 without delayed acknowledgement.
    pub const OPEN: Self = Self::named(b"OPEN");
    /// `OKAY(local, remote, acknowledged bytes)`: the stream is open, or takes more.
    pub const OKAY: Self = Self::named(b"OKAY");
    /// `CLSE(local, remote)`: the stream ends, or never began (local is 0).
    pub const CLSE: Self = Self::named(b"CLSE");
    /// `WRTE(local, remote, data)`.
    pub const WRTE: Self = Self::named(b"WRTE");
    /// `SYNC(online, sequence)`: never on a wire, of historical interest only.
    pub const SYNC: Self = Self::named(b"SYNC");

    const fn named(name: &[u8; 4]) -> Self {
        Self(u32::from_le_bytes(*name))
    }

    /// Whether the specification knows it.
    #[must_use]
    pub fn is_known(self) -> bool {
        [Self::CNXN, Self::AUTH, Self::STLS, Self::OPEN, Self::OKAY, Self::CLSE, Self::WRTE, Self::SYNC].contains(&self)
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letters = self.0.to_le_bytes();
        match std::str::from_utf8(&letters) {
            Ok(name) if self.is_known() => f.write_str(name),
            _ => write!(f, "{:#010x}", self.0),
        }
    }
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Command({self})")
    }
}

/// Version of the protocol that a side speaks (`A_VERSION`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub u32);

impl Version {
    /// The first: payloads carry a checksum, which the receiver checks (`A_VERSION_MIN`).
    pub const CHECKSUM: Self = Self(0x0100_0000);
    /// Payloads carry none (`A_VERSION_SKIP_CHECKSUM`).
    pub const NO_CHECKSUM: Self = Self(0x0100_0001);

    /// Whether payloads carry a checksum.
    #[must_use]
    pub fn has_checksum(self) -> bool {
        self < Self::NO_CHECKSUM
    }
}

/// The sum of all bytes, modulo 2³².
#[must_use]
pub fn checksum(payload: &[u8]) -> u32 {
    payload.iter().fold(0, |sum, byte| sum.wrapping_add(u32::from(*byte)))
}

/// Header of a packet. Numbers are little-endian on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// What the packet is.
    pub command: Command,
    /// First argument.
    pub arg0: u32,
    /// Second argument.
    pub arg1: u32,
    /// Bytes of payload that follow.
    #[doc(alias = "data_length")]
    pub len: u32,
    /// Checksum over the payload, 0 where the version has none.
    #[doc(alias = "data_check")]
    pub check: u32,
}

/// Bytes that cannot be a header.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum HeaderError {
    /// Fewer bytes than a header has.
    #[error("{0} bytes are too few for a packet header of {len}", len = Header::LEN)]
    Short(usize),
    /// The magic number is not the command's complement.
    #[error("magic {magic:#010x} does not belong to command {command}")]
    Magic {
        /// The command that was read.
        command: Command,
        /// The magic number that was read.
        magic: u32,
    },
}

impl Header {
    /// Bytes of an encoded header.
    pub const LEN: usize = 24;

    /// The header before `payload`, for a peer of `version`.
    #[must_use]
    pub fn new(command: Command, arg0: u32, arg1: u32, payload: &[u8], version: Version) -> Self {
        let check = if version.has_checksum() { checksum(payload) } else { 0 };
        Self { command, arg0, arg1, len: u32::try_from(payload.len()).unwrap_or(u32::MAX), check }
    }

    /// Reads a header from the beginning of `bytes`. Neither command nor length is judged.
    ///
    /// # Errors
    /// [`HeaderError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, HeaderError> {
        let Some(header) = bytes.first_chunk::<{ Self::LEN }>() else { return Err(HeaderError::Short(bytes.len())) };
        let (words, _) = header.as_chunks::<4>();
        let &[command, arg0, arg1, len, check, magic] = words else { return Err(HeaderError::Short(bytes.len())) };
        let [command, arg0, arg1, len, check, magic] = [command, arg0, arg1, len, check, magic].map(u32::from_le_bytes);
        let command = Command(command);
        if magic != !command.0 {
            return Err(HeaderError::Magic { command, magic });
        }
        Ok(Self { command, arg0, arg1, len, check })
    }

    /// The bytes on the wire.
    #[must_use]
    pub fn to_bytes(self) -> [u8; Self::LEN] {
        let words = [self.command.0, self.arg0, self.arg1, self.len, self.check, !self.command.0];
        let mut bytes = [0; Self::LEN];
        for (to, word) in bytes.chunks_exact_mut(4).zip(words) {
            to.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }
}
