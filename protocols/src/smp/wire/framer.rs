//! Messages onto a byte stream.

use super::{CONSOLE_OVERHEAD, FIRST_LINE, Framing, NEXT_LINE, console};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use thiserror::Error;

/// Bytes of a console line that carry no base64: two of marker, one of newline.
const LINE_OVERHEAD: usize = 3;

/// Longest line of console framing in bytes, marker and newline included: 127 by the specification, at least 7.
///
/// Units built with larger receive buffers take longer lines; one that was not drops them without a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LineLength(u16);

/// A line length too small to carry anything.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("a line of {0} bytes cannot carry data: at least {min} are needed", min = LineLength::MIN)]
pub struct LineTooShort(
    /// The length that was asked for, in bytes.
    pub u16,
);

impl Default for LineLength {
    fn default() -> Self {
        Self(127)
    }
}

impl LineLength {
    /// Smallest useful line: marker, four characters of base64, newline.
    pub const MIN: u16 = 7;

    /// A line of at most `bytes`.
    ///
    /// # Errors
    /// [`LineTooShort`] below [`LineLength::MIN`].
    pub const fn new(bytes: u16) -> Result<Self, LineTooShort> {
        if bytes < Self::MIN { Err(LineTooShort(bytes)) } else { Ok(Self(bytes)) }
    }

    /// The length in bytes.
    #[must_use]
    pub const fn bytes(self) -> usize {
        self.0 as usize
    }

    /// Bytes before base64 that fit one line. Whole groups of three, so that every line decodes by itself.
    #[must_use]
    pub const fn payload(self) -> usize {
        (self.bytes() - LINE_OVERHEAD) / 4 * 3
    }

    /// Bytes that a message of `message` bytes takes in lines of this length.
    #[must_use]
    pub const fn wire_len(self, message: usize) -> usize {
        let total = message + CONSOLE_OVERHEAD;
        total.div_ceil(3) * 4 + total.div_ceil(self.payload()) * LINE_OVERHEAD
    }
}

/// Lays messages onto the byte stream.
#[derive(Clone, Copy, Debug, Default)]
pub struct Framer {
    framing: Framing,
}

/// A message that cannot be framed: its length does not fit the two bytes that announce it.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("a message of {0} bytes does not fit a frame")]
pub struct MessageTooLong(
    /// Length of the message in bytes.
    pub usize,
);

impl Framer {
    /// A framer of this framing.
    #[must_use]
    pub const fn new(framing: Framing) -> Self {
        Self { framing }
    }

    /// The framing this was made with.
    #[must_use]
    pub const fn framing(&self) -> Framing {
        self.framing
    }

    /// The bytes that carry `message` (header and body).
    ///
    /// # Errors
    /// [`MessageTooLong`] for a message of more than 65533 bytes in console framing, whose length field counts the
    /// CRC too.
    pub fn frame(&self, message: &[u8]) -> Result<Vec<u8>, MessageTooLong> {
        match self.framing {
            Framing::Console(line) => Self::encode(message, line),
            Framing::Raw if message.len() > super::MAX_MESSAGE => Err(MessageTooLong(message.len())),
            Framing::Raw => Ok(message.to_vec()),
        }
    }

    /// `message` as console lines of at most `line` bytes.
    ///
    /// # Errors
    /// [`MessageTooLong`], as for [`Framer::frame`].
    pub fn encode(message: &[u8], line: LineLength) -> Result<Vec<u8>, MessageTooLong> {
        let len = u16::try_from(message.len() + console::CRC_LEN).map_err(|_| MessageTooLong(message.len()))?;
        let mut packet = Vec::with_capacity(message.len() + CONSOLE_OVERHEAD);
        packet.extend_from_slice(&len.to_be_bytes());
        packet.extend_from_slice(message);
        packet.extend_from_slice(&console::crc(message).to_be_bytes());

        let mut out = String::with_capacity(line.wire_len(message.len()));
        for (index, chunk) in packet.chunks(line.payload()).enumerate() {
            let marker = if index == 0 { FIRST_LINE } else { NEXT_LINE };
            out.extend(marker.map(char::from));
            STANDARD.encode_string(chunk, &mut out);
            out.push('\n');
        }
        Ok(out.into_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Deframer, Received};
    use super::*;

    #[test]
    fn no_line_is_longer_than_asked_and_the_length_is_foretold() {
        for bytes in [7, 8, 127, 128, 512, 4096] {
            let line = LineLength::new(bytes).unwrap();
            for len in [0, 1, 2, 8, 90, 91, 92, 93, 94, 380, 2044] {
                let framed = Framer::encode(&vec![0xa5; len], line).unwrap();
                assert_eq!(framed.len(), line.wire_len(len), "line {bytes}, message {len}");
                assert!(framed.split_inclusive(|byte| *byte == b'\n').all(|line| line.len() <= usize::from(bytes)));
            }
        }
    }

    #[test]
    fn what_is_framed_comes_out_again_whatever_the_pieces() {
        let message: Vec<u8> = (0..=255).cycle().take(700).collect();
        for framing in [Framing::default(), Framing::Console(LineLength::new(512).unwrap())] {
            let framed = Framer::new(framing).frame(&message).unwrap();
            for piece in [1, 2, 3, 64, 127, 128, 2000] {
                let mut deframer = Deframer::new(framing, 1024);
                let out: Vec<_> = framed.chunks(piece).flat_map(|bytes| deframer.push(bytes)).collect();
                assert_eq!(out, [Received::Frame(message.clone())], "pieces of {piece}");
            }
        }
    }

    #[test]
    fn too_long_and_too_short_are_refused() {
        assert_eq!(LineLength::new(6), Err(LineTooShort(6)));
        assert!(Framer::default().frame(&vec![0; 65533]).is_ok());
        assert_eq!(Framer::default().frame(&vec![0; 65534]), Err(MessageTooLong(65534)));
    }
}
