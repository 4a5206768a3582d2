//! Frames on TCP ("TCP Protocol v1"): a handshake of four bytes each way, then eight bytes of length before each packet.

use thiserror::Error;

/// What both sides send first: version 1.
pub const HANDSHAKE: [u8; 4] = *b"FB01";
/// Bytes of a length.
const LENGTH: usize = 8;

/// What goes before a packet of so many bytes.
#[must_use]
pub const fn header(length: u64) -> [u8; LENGTH] {
    length.to_be_bytes()
}

/// A part of a packet. Its length is the other side's word, so nothing is kept until a packet is whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Bytes of it; none for a packet of no bytes.
    pub bytes: Vec<u8>,
    /// Whether the packet ends here.
    pub ends: bool,
}

/// The other side does not speak this protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum FrameError {
    /// It does not begin with `FB` and two digits.
    #[error("it does not begin with the handshake of fastboot over TCP: \"{}\"", .0.escape_ascii())]
    Handshake([u8; 4]),
    /// It speaks version 0, which there is not.
    #[error("it speaks version 0 of fastboot over TCP")]
    Version,
}

/// Takes packets out of a stream, part by part, for either side.
#[derive(Debug, Default)]
pub struct Deframer {
    greeted: bool,
    /// Bytes of a handshake or a length that is not whole.
    head: Vec<u8>,
    /// Bytes of the packet that are still to come, and whether any came.
    left: Option<u64>,
    failed: Option<FrameError>,
}

impl Deframer {
    /// A stream that begins with its handshake.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether the other side's handshake has come.
    #[must_use]
    pub const fn is_greeted(&self) -> bool {
        self.greeted
    }

    /// The parts of packets in these bytes, which follow those before.
    ///
    /// # Errors
    /// When the handshake is none; then for good.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Vec<Part>, FrameError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let mut parts = Vec::new();
        let mut rest = bytes;
        while !rest.is_empty() {
            if let Some(left) = self.left {
                let here = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len());
                let (part, after) = rest.split_at(here);
                rest = after;
                let left = left - here as u64;
                self.left = (left > 0).then_some(left);
                parts.push(Part { bytes: part.to_vec(), ends: left == 0 });
                continue;
            }
            let wanted = if self.greeted { LENGTH } else { HANDSHAKE.len() };
            let (some, after) = rest.split_at(rest.len().min(wanted - self.head.len()));
            self.head.extend_from_slice(some);
            rest = after;
            if self.head.len() == wanted {
                let head = std::mem::take(&mut self.head);
                if let Err(error) = self.on_head(&head, &mut parts) {
                    self.failed = Some(error);
                    return Err(error);
                }
            }
        }
        Ok(parts)
    }

    fn on_head(&mut self, head: &[u8], parts: &mut Vec<Part>) -> Result<(), FrameError> {
        if let Ok(length) = <[u8; LENGTH]>::try_from(head) {
            match u64::from_be_bytes(length) {
                0 => parts.push(Part { bytes: Vec::new(), ends: true }),
                length => self.left = Some(length),
            }
            return Ok(());
        }
        let mut greeting = [0; 4];
        greeting.iter_mut().zip(head).for_each(|(to, from)| *to = *from);
        let [b'F', b'B', tens, ones] = greeting else { return Err(FrameError::Handshake(greeting)) };
        if !tens.is_ascii_digit() || !ones.is_ascii_digit() {
            return Err(FrameError::Handshake(greeting));
        }
        // The lesser of both versions is spoken, and ours is 1.
        if (tens, ones) == (b'0', b'0') {
            return Err(FrameError::Version);
        }
        self.greeted = true;
        Ok(())
    }
}
