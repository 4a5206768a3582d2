//! Bytes to packets and back: 24 bytes of header, then as many of payload as it announces (`protocol.txt`).

mod deframer;
mod header;
#[cfg(test)]
mod tests;

pub use deframer::{Deframer, WireError};
pub use header::{Command, Header, HeaderError, Version, checksum};

/// Most bytes of a payload (`MAX_PAYLOAD`).
pub const MAX_PAYLOAD: u32 = 1 << 20;
/// Most bytes of a payload for a peer that said nothing yet, or is as old as the protocol (`MAX_PAYLOAD_V1`).
pub const MAX_PAYLOAD_V1: u32 = 4096;

/// A packet that came whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// What it is.
    pub command: Command,
    /// First argument: the sender's stream, the version, the kind of authentication.
    pub arg0: u32,
    /// Second argument: the receiver's stream, the greatest payload.
    pub arg1: u32,
    /// What it carries.
    pub payload: Vec<u8>,
}

impl Packet {
    /// A packet of these parts.
    #[must_use]
    pub fn new(command: Command, arg0: u32, arg1: u32, payload: impl Into<Vec<u8>>) -> Self {
        Self { command, arg0, arg1, payload: payload.into() }
    }

    /// Its header, for a peer of `version`.
    ///
    /// On USB header and payload are transfers of their own, so they are not joined here.
    #[must_use]
    pub fn header(&self, version: Version) -> Header {
        Header::new(self.command, self.arg0, self.arg1, &self.payload, version)
    }

    /// All bytes of it, for a stream that knows no transfers.
    #[must_use]
    pub fn to_bytes(&self, version: Version) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(Header::LEN + self.payload.len());
        bytes.extend_from_slice(&self.header(version).to_bytes());
        bytes.extend_from_slice(&self.payload);
        bytes
    }
}
