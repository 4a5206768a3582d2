//! What outlives a session.

use crate::smp::header::Version;
use crate::smp::message::{Request, Text, encode_request};
use crate::smp::wire::{Deframer, Framer, Framing, MAX_MESSAGE, MessageTooLong, Received};
use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::time::Duration;

/// What outlives one session on a link: unfinished lines, sequence numbers, and what the unit wrote between frames.
///
/// One lives as long as the link is open, and is lent to one session after the other.
#[derive(Debug)]
pub struct Line {
    framer: Framer,
    deframer: Deframer,
    version: Version,
    next_seq: u8,
    bytes_per_second: Option<NonZeroU32>,
    noise: VecDeque<Text>,
    garbled: u64,
}

/// Pieces of noise that are kept for a caller who does not ask for them; the oldest go first.
const MAX_NOISE: usize = 1024;

impl Line {
    /// A line with this framing. Requests are sent in version 2, which servers that know only version 1 take as well.
    #[must_use]
    pub fn new(framing: Framing) -> Self {
        Self {
            framer: Framer::new(framing),
            deframer: Deframer::new(framing, MAX_MESSAGE),
            version: Version::V2,
            next_seq: 0,
            bytes_per_second: None,
            noise: VecDeque::new(),
            garbled: 0,
        }
    }

    /// Send requests in this version.
    #[must_use]
    pub fn with_version(mut self, version: Version) -> Self {
        self.version = version;
        self
    }

    /// Tell how many bytes a second the line carries at most (a tenth of the baud rate, with 8N1). Deadlines then leave
    /// time for a request to get there: at 9600 baud one of 2 KiB takes three seconds.
    #[must_use]
    pub fn with_bytes_per_second(mut self, rate: Option<NonZeroU32>) -> Self {
        self.bytes_per_second = rate;
        self
    }

    /// Begin with this sequence number. A link that was opened anew does well to begin elsewhere than the one before.
    #[must_use]
    pub fn with_sequence(mut self, seq: u8) -> Self {
        self.next_seq = seq;
        self
    }

    /// The framing in use.
    #[must_use]
    pub fn framing(&self) -> Framing {
        self.framer.framing()
    }

    /// Damaged frames since the line was made.
    #[must_use]
    pub fn garbled(&self) -> u64 {
        self.garbled
    }

    /// What the unit wrote between frames and no session has handed on yet.
    pub fn take_noise(&mut self) -> Vec<Text> {
        self.noise.drain(..).collect()
    }

    /// Take in bytes while no session is at work: noise is kept, messages are late answers and dropped.
    pub fn on_idle_bytes(&mut self, bytes: &[u8]) {
        let _late = self.receive(bytes);
    }

    /// Forget an unfinished frame, as after a reset of the unit. Returns the unfinished line, such as a prompt.
    pub fn reset(&mut self) -> Text {
        lossy(&self.deframer.reset())
    }

    pub(super) fn next_noise(&mut self) -> Option<Text> {
        self.noise.pop_front()
    }

    /// Whole messages within `bytes` and what came before.
    pub(super) fn receive(&mut self, bytes: &[u8]) -> Vec<Vec<u8>> {
        let mut messages = Vec::new();
        for received in self.deframer.push(bytes) {
            match received {
                Received::Frame(message) => messages.push(message),
                Received::Error(_) => self.garbled += 1,
                Received::Noise(text) => {
                    if self.noise.len() >= MAX_NOISE {
                        self.noise.pop_front();
                    }
                    self.noise.push_back(lossy(&text));
                }
            }
        }
        messages
    }

    /// A request with the next sequence number: that number, and the message.
    pub(super) fn encode<R: Request>(&mut self, request: &R) -> Result<(u8, Vec<u8>), MessageTooLong> {
        let seq = self.next_seq;
        let message = encode_request(request, self.version, seq)?;
        self.next_seq = seq.wrapping_add(1);
        Ok((seq, message))
    }

    /// The bytes that carry a message. `again` ends a line that may lie half-written at the unit, which would
    /// otherwise swallow this message too; an empty line is harmless to a shell.
    pub(super) fn frame(&self, message: &[u8], again: Again) -> Result<Vec<u8>, MessageTooLong> {
        let mut framed = self.framer.frame(message)?;
        if again == Again::Yes && matches!(self.framing(), Framing::Console(_)) {
            framed.insert(0, b'\n');
        }
        Ok(framed)
    }

    /// Time that so many bytes take on the line, zero when its rate is not known.
    pub(super) fn time_for(&self, bytes: usize) -> Duration {
        self.bytes_per_second.map_or(Duration::ZERO, |rate| {
            let nanos = (bytes as u64).saturating_mul(1_000_000_000) / u64::from(rate.get());
            Duration::from_nanos(nanos)
        })
    }
}

/// Whether a request is a repetition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Again {
    No,
    Yes,
}

fn lossy(bytes: &[u8]) -> Text {
    Text::from(String::from_utf8_lossy(bytes).into_owned())
}
