//! Bytes to frames and back: how one SMP message travels over a byte stream.
//!
//! Two framings. *Console* shares a line with a shell, logs and boot banners: lines that begin with a marker, base64
//! inside, a length and a CRC inside that (specification: "SMP over console"). *Raw* is the bare message, delimited
//! by the length in its header (Zephyr's `SMP over raw UART`, and one datagram of UDP).

mod console;
mod deframer;
mod framer;
mod raw;

pub use deframer::{Deframer, FrameError, Received};
pub use framer::{Framer, LineLength, LineTooShort, MessageTooLong};

use crate::smp::header::Header;

/// Two bytes that begin the first line of a message.
pub const FIRST_LINE: [u8; 2] = [0x06, 0x09];
/// Two bytes that begin every further line of a message.
pub const NEXT_LINE: [u8; 2] = [0x04, 0x14];

/// Bytes that console framing adds to a message before base64: length and CRC, two each.
///
/// A unit's decoded buffer must hold these too, so its largest message is that much smaller.
pub const CONSOLE_OVERHEAD: usize = 4;

/// Largest message that can exist at all: the header and the most that its length field can announce.
pub const MAX_MESSAGE: usize = Header::LEN + u16::MAX as usize;

/// How messages are laid onto the byte stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// Lines of base64 between other text, none longer than this, marker and newline included.
    Console(LineLength),
    /// Bare messages.
    Raw,
}

impl Default for Framing {
    fn default() -> Self {
        Self::Console(LineLength::default())
    }
}

impl Framing {
    /// Bytes that a message of `message` bytes takes on the line.
    #[must_use]
    pub const fn wire_len(self, message: usize) -> usize {
        match self {
            Self::Console(line) => line.wire_len(message),
            Self::Raw => message,
        }
    }
}

#[cfg(test)]
mod tests;
