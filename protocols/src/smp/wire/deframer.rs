//! Messages out of a byte stream.

use super::raw::RawDeframer;
use super::{FIRST_LINE, Framing, NEXT_LINE, console};
use thiserror::Error;

/// What a byte stream turned out to hold, in the order in which it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// A whole message whose checksum holds (header and body).
    Frame(Vec<u8>),
    /// Bytes that belong to no frame: a line of a log or a shell, without its line end. Untrusted text of a unit.
    Noise(Vec<u8>),
    /// A frame that began and cannot be used.
    Error(FrameError),
}

/// Why bytes that began like a frame are none.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum FrameError {
    /// A line holds characters that are not base64.
    #[error("a line of the frame is not base64")]
    Base64,
    /// The checksum does not fit the bytes.
    #[error("the frame's checksum is {claimed:04x}, its bytes give {computed:04x}")]
    Crc {
        /// Checksum that the frame carries.
        claimed: u16,
        /// Checksum of the bytes that came.
        computed: u16,
    },
    /// The frame announces more than the limit.
    #[error("the frame announces {claimed} bytes, the limit is {limit}")]
    TooLong {
        /// Bytes announced.
        claimed: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// The frame announces less than a message can be.
    #[error("the frame announces {claimed} bytes, too few for a message")]
    TooShort {
        /// Bytes announced.
        claimed: usize,
    },
    /// More bytes came than the frame announced.
    #[error("the frame announces {claimed} bytes and carries {present}")]
    Overrun {
        /// Bytes announced.
        claimed: usize,
        /// Bytes that came.
        present: usize,
    },
    /// A frame ended before all of it came, because another one began.
    #[error("the frame announces {claimed} bytes and ended after {present}")]
    Truncated {
        /// Bytes announced, 0 when not even the length came.
        claimed: usize,
        /// Bytes that came.
        present: usize,
    },
    /// A continued line without a first one.
    #[error("a continued line came without a beginning")]
    Orphan,
    /// A line of a frame longer than any that we would accept.
    #[error("a line of the frame is longer than {limit} bytes")]
    LineTooLong {
        /// Bytes allowed.
        limit: usize,
    },
}

/// Finds messages in a byte stream that may hold anything.
///
/// Bytes go in as they come, in pieces of any size. Memory is bounded by the largest message, the longest line and
/// the size of one push. A frame that is damaged costs that frame only.
#[derive(Debug)]
pub struct Deframer {
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Console(ConsoleDeframer),
    Raw(RawDeframer),
}

impl Deframer {
    /// A deframer for messages of at most `max_message` bytes (header included).
    ///
    /// The line length of console framing is what *we* send; a unit's lines may be as long as a whole message.
    #[must_use]
    pub fn new(framing: Framing, max_message: usize) -> Self {
        let kind = match framing {
            Framing::Console(_) => Kind::Console(ConsoleDeframer::new(max_message)),
            Framing::Raw => Kind::Raw(RawDeframer::new(max_message)),
        };
        Self { kind }
    }

    /// Take bytes in; what they complete comes out, in order.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<Received> {
        let mut out = Vec::new();
        match &mut self.kind {
            Kind::Console(console) => console.push(bytes, &mut out),
            Kind::Raw(raw) => raw.push(bytes, &mut out),
        }
        out
    }

    /// Forget what was begun, as after a reset or a reopened port. Returns the bytes of the unfinished line, such
    /// as a prompt that waits for input without ending its line.
    pub fn reset(&mut self) -> Vec<u8> {
        match &mut self.kind {
            Kind::Console(console) => console.reset(),
            Kind::Raw(raw) => raw.reset(),
        }
    }
}

/// Text without a line end is handed on in pieces of at most this many bytes.
const NOISE_PIECE: usize = 256;

#[derive(Debug)]
struct ConsoleDeframer {
    max_message: usize,
    max_line: usize,
    line: Vec<u8>,
    state: Line,
    partial: Option<Partial>,
}

/// What the line at hand has turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    Text,
    /// The first byte of this marker came, and is kept in `line`.
    MaybeMarker([u8; 2]),
    Base64(Part),
    /// A frame's line that was too long: its rest is dropped.
    Discard,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    First,
    Next,
}

/// A message whose first line came.
#[derive(Debug)]
struct Partial {
    packet: Vec<u8>,
}

impl Partial {
    /// Announced bytes: message and checksum.
    fn claimed(&self) -> Option<usize> {
        self.packet.first_chunk().map(|len| usize::from(u16::from_be_bytes(*len)))
    }

    fn present(&self) -> usize {
        self.packet.len().saturating_sub(console::LENGTH_LEN)
    }
}

impl ConsoleDeframer {
    fn new(max_message: usize) -> Self {
        let packet = max_message + super::CONSOLE_OVERHEAD;
        // One line may carry the whole message; four characters more forgive odd padding.
        let max_line = packet.div_ceil(3) * 4 + 4;
        Self { max_message, max_line, line: Vec::new(), state: Line::Text, partial: None }
    }

    fn reset(&mut self) -> Vec<u8> {
        self.partial = None;
        let line = std::mem::take(&mut self.line);
        match std::mem::replace(&mut self.state, Line::Text) {
            Line::Text => line,
            Line::MaybeMarker(_) | Line::Base64(_) | Line::Discard => Vec::new(),
        }
    }

    fn push(&mut self, bytes: &[u8], out: &mut Vec<Received>) {
        for &byte in bytes {
            self.byte(byte, out);
        }
    }

    fn byte(&mut self, byte: u8, out: &mut Vec<Received>) {
        if let Line::MaybeMarker(marker) = self.state {
            if byte == marker[1] {
                self.line.pop();
                self.end_text(out);
                self.state = Line::Base64(if marker == FIRST_LINE { Part::First } else { Part::Next });
                return;
            }
            self.state = Line::Text;
        }
        // A marker's bytes never occur in base64: one within a frame's line means that the rest of that line was lost.
        if let Some(marker) = [FIRST_LINE, NEXT_LINE].into_iter().find(|marker| marker[0] == byte) {
            match self.state {
                Line::Base64(part) => self.end_base64(part, out),
                Line::Discard => {}
                Line::Text | Line::MaybeMarker(_) => self.bound_text(out),
            }
            self.line.push(byte);
            self.state = Line::MaybeMarker(marker);
            return;
        }
        match (self.state, byte) {
            (Line::Text | Line::MaybeMarker(_), b'\n' | b'\r') => self.end_text(out),
            (Line::Text | Line::MaybeMarker(_), _) => {
                self.bound_text(out);
                self.line.push(byte);
            }
            (Line::Base64(part), b'\n') => self.end_base64(part, out),
            (Line::Base64(_), b'\r') | (Line::Discard, _) if byte != b'\n' => {}
            (Line::Discard, _) => self.state = Line::Text,
            (Line::Base64(_), _) if self.line.len() >= self.max_line => {
                self.line.clear();
                self.partial = None;
                self.state = Line::Discard;
                out.push(Received::Error(FrameError::LineTooLong { limit: self.max_line }));
            }
            (Line::Base64(_), _) => self.line.push(byte),
        }
    }

    fn bound_text(&mut self, out: &mut Vec<Received>) {
        if self.line.len() >= NOISE_PIECE {
            self.end_text(out);
        }
    }

    fn end_text(&mut self, out: &mut Vec<Received>) {
        self.state = Line::Text;
        if !self.line.is_empty() {
            out.push(Received::Noise(std::mem::take(&mut self.line)));
        }
    }

    fn end_base64(&mut self, part: Part, out: &mut Vec<Received>) {
        self.state = Line::Text;
        let text = std::mem::take(&mut self.line);
        if let Err(error) = self.line_of_frame(part, &text, out) {
            self.partial = None;
            out.push(Received::Error(error));
        }
    }

    fn line_of_frame(&mut self, part: Part, text: &[u8], out: &mut Vec<Received>) -> Result<(), FrameError> {
        if part == Part::First {
            if let Some(old) = self.partial.take() {
                let (claimed, present) = (old.claimed().unwrap_or(0), old.present());
                out.push(Received::Error(FrameError::Truncated { claimed, present }));
            }
        } else if self.partial.is_none() {
            return Err(FrameError::Orphan);
        }
        let decoded = console::decode_base64(text).ok_or(FrameError::Base64)?;
        let partial = self.partial.get_or_insert_with(|| Partial { packet: Vec::new() });
        partial.packet.extend_from_slice(&decoded);

        let Some(claimed) = partial.claimed() else {
            return Ok(());
        };
        let limit = self.max_message + console::CRC_LEN;
        if claimed > limit {
            return Err(FrameError::TooLong { claimed, limit });
        }
        if claimed <= console::CRC_LEN {
            return Err(FrameError::TooShort { claimed });
        }
        let present = partial.present();
        if present > claimed {
            return Err(FrameError::Overrun { claimed, present });
        }
        if present == claimed {
            out.push(Received::Frame(Self::checked(&partial.packet)?));
            self.partial = None;
        }
        Ok(())
    }

    /// The message within a packet of length, message and checksum.
    fn checked(packet: &[u8]) -> Result<Vec<u8>, FrameError> {
        let short = FrameError::TooShort { claimed: packet.len() };
        let (_, rest) = packet.split_at_checked(console::LENGTH_LEN).ok_or(short.clone())?;
        let (message, sum) = rest.split_last_chunk::<{ console::CRC_LEN }>().ok_or(short)?;
        let (claimed, computed) = (u16::from_be_bytes(*sum), console::crc(message));
        if claimed == computed { Ok(message.to_vec()) } else { Err(FrameError::Crc { claimed, computed }) }
    }
}
