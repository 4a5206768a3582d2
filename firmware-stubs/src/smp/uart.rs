//! The serial line in time: bytes take their time in each direction, lines are found, frames made and taken apart.

use super::{Buffers, Limits, Line};
use protocols::smp::wire::{Deframer, Framer, Framing, Received};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// One direction of the line.
///
/// Times are reckoned from when the line becomes free, not from when somebody looks, so that late looks do not add
/// up: the rate is exact over any number of bytes.
struct Pace {
    baud: Option<u32>,
    free_at: Instant,
}

/// A byte with its start and stop bit.
const BITS_PER_BYTE: u64 = 10;

impl Pace {
    const fn new(baud: Option<u32>, now: Instant) -> Self {
        Self { baud, free_at: now }
    }

    /// Send `bytes` bytes, not before `from`; returns when the last of them is through.
    fn occupy(&mut self, from: Instant, bytes: usize) -> Instant {
        let taken = match self.baud {
            Some(baud) => Duration::from_nanos(bytes as u64 * BITS_PER_BYTE * 1_000_000_000 / u64::from(baud)),
            None => Duration::ZERO,
        };
        self.free_at = self.free_at.max(from) + taken;
        self.free_at
    }
}

/// The device's receiver.
pub(super) struct Receiver {
    pace: Pace,
    arriving: VecDeque<(Instant, Vec<u8>)>,
    on_the_way: usize,
    line: Vec<u8>,
    line_length: usize,
    deframer: Deframer,
}

impl Receiver {
    /// Bytes that are read ahead of their time; more stay with the sender, as in the buffer of its serial port.
    const AHEAD: usize = 2048;

    pub(super) fn new(line: &Line, limits: &Limits, buffers: Buffers, now: Instant) -> Self {
        Self {
            pace: Pace::new(line.baud, now),
            arriving: VecDeque::new(),
            on_the_way: 0,
            line: Vec::new(),
            line_length: limits.line_length.bytes(),
            deframer: Self::deframer(limits, buffers),
        }
    }

    fn deframer(limits: &Limits, buffers: Buffers) -> Deframer {
        Deframer::new(Framing::Console(limits.line_length), buffers.largest_message)
    }

    pub(super) const fn has_room(&self) -> bool {
        self.on_the_way < Self::AHEAD
    }

    /// Bytes leave the sender at `now`.
    pub(super) fn push(&mut self, now: Instant, bytes: &[u8]) {
        self.on_the_way += bytes.len();
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let at = self.pace.occupy(now, piece.len());
            self.arriving.push_back((at, piece.to_vec()));
        }
    }

    /// When the next bytes arrive.
    pub(super) fn next_arrival(&self) -> Option<Instant> {
        self.arriving.front().map(|(at, _)| *at)
    }

    /// Messages that arrived until `now`, each with its time.
    pub(super) fn arrived(&mut self, now: Instant) -> Vec<(Instant, Vec<u8>)> {
        let mut messages = Vec::new();
        while self.next_arrival().is_some_and(|at| at <= now) {
            let Some((at, piece)) = self.arriving.pop_front() else { break };
            self.on_the_way -= piece.len();
            self.take(&piece, |message| messages.push((at, message)));
        }
        messages
    }

    fn take(&mut self, piece: &[u8], mut found: impl FnMut(Vec<u8>)) {
        // One byte more than fits is kept, to know a line that is too long when its end comes.
        let room = (self.line_length + 1).saturating_sub(self.line.len());
        let ends = piece.ends_with(b"\n");
        self.line.extend(&piece[..piece.len().min(room)]);
        if !ends {
            return;
        }
        let line = std::mem::take(&mut self.line);
        if line.len() > self.line_length {
            tracing::debug!(limit = self.line_length, "dropped a line that is too long");
            return;
        }
        for received in self.deframer.push(&line) {
            match received {
                Received::Frame(message) => found(message),
                Received::Noise(_) => {}
                Received::Error(error) => tracing::debug!(%error, "dropped a frame"),
            }
        }
    }

    /// Forget what was begun; what follows may be received with other buffers.
    pub(super) fn reset(&mut self, limits: &Limits, buffers: Buffers) {
        self.line.clear();
        self.deframer = Self::deframer(limits, buffers);
    }
}

/// The device's transmitter.
pub(super) struct Transmitter {
    pace: Pace,
    framer: Framer,
    leaving: VecDeque<(Instant, Vec<u8>)>,
}

impl Transmitter {
    pub(super) fn new(line: &Line, limits: &Limits, now: Instant) -> Self {
        Self {
            pace: Pace::new(line.baud, now),
            framer: Framer::new(Framing::Console(limits.line_length)),
            leaving: VecDeque::new(),
        }
    }

    /// The bytes of `message` on the line. Nothing for a message that no frame can hold, which no device makes.
    pub(super) fn frame(&self, message: &[u8]) -> Vec<u8> {
        self.framer.frame(message).unwrap_or_default()
    }

    /// Send text or a frame, not before `from`.
    pub(super) fn push(&mut self, from: Instant, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let at = self.pace.occupy(from, piece.len());
            self.leaving.push_back((at, piece.to_vec()));
        }
    }

    /// When the next bytes are through.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.leaving.front().map(|(at, _)| *at)
    }

    /// Bytes that are through by `now`.
    pub(super) fn due(&mut self, now: Instant) -> Vec<u8> {
        let mut bytes = Vec::new();
        while self.next_due().is_some_and(|at| at <= now) {
            let Some((_, piece)) = self.leaving.pop_front() else { break };
            bytes.extend(piece);
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::now;

    const BUFFERS: Buffers = Buffers { largest_message: 380, count: 4 };

    fn paced(baud: u32) -> Line {
        Line { baud: Some(baud), ..Line::default() }
    }

    #[test]
    fn a_byte_takes_ten_bits_and_late_looks_cost_nothing() {
        let start = now();
        let mut transmitter = Transmitter::new(&paced(921_600), &Limits::default(), start);
        let line = [b"x".repeat(126), b"\n".to_vec()].concat();
        for _ in 0..1000 {
            transmitter.push(start, &line);
        }
        let end = start + Duration::from_nanos(127_000 * 10_000_000_000 / 921_600);
        assert!(transmitter.due(end - Duration::from_millis(1)).len() < 127_000);
        let mut rest = transmitter.due(end);
        assert!(rest.len() <= 254, "{}", rest.len());
        rest.clear();
        assert_eq!(transmitter.next_due(), None);
    }

    #[test]
    fn a_frame_is_found_when_its_last_byte_arrives() {
        let start = now();
        let limits = Limits::default();
        let mut receiver = Receiver::new(&paced(115_200), &limits, BUFFERS, start);
        let transmitter = Transmitter::new(&Line::default(), &limits, start);
        let message = [0x02, 0, 0, 200, 0, 0, 1, 0].into_iter().chain([0; 200]).collect::<Vec<u8>>();
        let frame = transmitter.frame(&message);
        let through = start + Duration::from_nanos(frame.len() as u64 * 10_000_000_000 / 115_200);
        for byte in &frame {
            receiver.push(start, &[*byte]);
        }
        assert!(receiver.arrived(through - Duration::from_micros(50)).is_empty());
        let arrived = receiver.arrived(through);
        assert_eq!(arrived.len(), 1);
        assert_eq!(arrived[0].1, message);
        assert!(receiver.has_room());
    }

    #[test]
    fn lines_and_messages_that_are_too_long_are_dropped_and_nothing_else() {
        let start = now();
        let limits = Limits::default();
        let mut receiver = Receiver::new(&Line::default(), &limits, BUFFERS, start);
        let mut longer = limits;
        longer.line_length = protocols::smp::wire::LineLength::new(200).unwrap();
        let long_lines = Transmitter::new(&Line::default(), &longer, start).frame(&[2; 300]);
        let transmitter = Transmitter::new(&Line::default(), &limits, start);
        let mut message = vec![2, 0, 0, 0, 0, 0, 1, 0];
        receiver.push(start, &long_lines);
        message.resize(381, 0);
        receiver.push(start, &transmitter.frame(&message));
        message.resize(380, 0);
        receiver.push(start, &transmitter.frame(&message));
        let arrived = receiver.arrived(start);
        assert_eq!(arrived.iter().map(|(_, message)| message.len()).collect::<Vec<_>>(), [380]);
    }
}
