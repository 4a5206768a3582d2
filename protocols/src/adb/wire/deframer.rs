//! Bytes as they come, to packets.

use thiserror::Error;

use super::{Command, Header, HeaderError, MAX_PAYLOAD, MAX_PAYLOAD_V1, Packet, Version, checksum};

/// What cannot be a packet of a peer that keeps to the protocol.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum WireError {
    /// Bytes that are no header.
    #[error("what came is no packet")]
    Header(#[source] HeaderError),
    /// More payload than was agreed on.
    #[error("{command} announces {claimed} bytes of payload, at most {most} were agreed on")]
    TooLong {
        /// The packet's command.
        command: Command,
        /// Bytes that it announces.
        claimed: u32,
        /// Bytes that it may have.
        most: u32,
    },
    /// The payload is not what was sent.
    #[error("the payload of {command} has checksum {computed:#x}, its header says {claimed:#x}")]
    Checksum {
        /// The packet's command.
        command: Command,
        /// Checksum in its header.
        claimed: u32,
        /// Checksum of what came.
        computed: u32,
    },
    /// So many bytes came, and none of them began a conversation.
    #[error("{0} bytes came and no packet among them")]
    Noise(usize),
}

/// Bytes that are passed over at most before a conversation has begun: what a peer had under way for whoever was here
/// before us is a packet or two.
const MOST_NOISE: usize = 4 << 20;

/// Takes bytes as they come, gives packets.
///
/// Before the conversation has begun the line may hold the rest of another one, so [`Deframer::hunting`] looks for the
/// first header. After [`Deframer::agree`] whatever is no packet is an error; after an error the line is of no use.
#[derive(Debug)]
pub struct Deframer {
    most: u32,
    version: Version,
    /// The header being read, or the one whose payload is.
    head: Vec<u8>,
    header: Option<Header>,
    payload: Vec<u8>,
    /// Bytes passed over while hunting; `None` when not.
    noise: Option<usize>,
}

impl Deframer {
    /// For payloads of up to `most` bytes, though never more than [`MAX_PAYLOAD`].
    #[must_use]
    pub fn new(most: u32, version: Version) -> Self {
        Self {
            most: most.min(MAX_PAYLOAD),
            version,
            head: Vec::with_capacity(Header::LEN),
            header: None,
            payload: Vec::new(),
            noise: None,
        }
    }

    /// For a conversation that has not begun: what is no packet is passed over, within bounds. Checksums are not looked
    /// at, as a side may not know yet that the other wants them.
    #[must_use]
    pub fn hunting() -> Self {
        Self { noise: Some(0), ..Self::new(MAX_PAYLOAD, Version::NO_CHECKSUM) }
    }

    /// From here on payloads have at most `most` bytes and are written in `version`.
    pub fn agree(&mut self, most: u32, version: Version) {
        self.most = most.clamp(MAX_PAYLOAD_V1, MAX_PAYLOAD);
        self.version = version;
        self.noise = None;
    }

    /// The next whole packet in `input`, which is moved past what was taken; `None` when all of it was.
    ///
    /// # Errors
    /// [`WireError`].
    pub fn next(&mut self, input: &mut &[u8]) -> Result<Option<Packet>, WireError> {
        let header = match self.header {
            Some(header) => header,
            None => match self.next_header(input)? {
                Some(header) => header,
                None => return Ok(None),
            },
        };
        let wanted = (header.len as usize).saturating_sub(self.payload.len());
        self.payload.extend_from_slice(take(input, wanted));
        if self.payload.len() < header.len as usize {
            return Ok(None);
        }
        self.header = None;
        let payload = std::mem::take(&mut self.payload);
        let Header { command, arg0, arg1, check, .. } = header;
        if self.version.has_checksum() {
            let computed = checksum(&payload);
            if computed != check {
                return Err(WireError::Checksum { command, claimed: check, computed });
            }
        }
        Ok(Some(Packet { command, arg0, arg1, payload }))
    }

    fn next_header(&mut self, input: &mut &[u8]) -> Result<Option<Header>, WireError> {
        loop {
            let wanted = Header::LEN - self.head.len().min(Header::LEN);
            self.head.extend_from_slice(take(input, wanted));
            if self.head.len() < Header::LEN {
                return Ok(None);
            }
            match self.judge() {
                Ok(header) => {
                    self.head.clear();
                    self.payload.reserve_exact(header.len as usize);
                    self.header = Some(header);
                    return Ok(Some(header));
                }
                Err(error) => {
                    let Some(noise) = &mut self.noise else { return Err(error) };
                    *noise += 1;
                    if *noise > MOST_NOISE {
                        return Err(WireError::Noise(*noise));
                    }
                    self.head.remove(0);
                }
            }
        }
    }

    fn judge(&self) -> Result<Header, WireError> {
        let header = Header::parse(&self.head).map_err(WireError::Header)?;
        if header.len > self.most {
            return Err(WireError::TooLong { command: header.command, claimed: header.len, most: self.most });
        }
        Ok(header)
    }
}

fn take<'a>(input: &mut &'a [u8], wanted: usize) -> &'a [u8] {
    let (part, rest) = input.split_at(wanted.min(input.len()));
    *input = rest;
    part
}
