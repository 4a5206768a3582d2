//! Bare messages out of a byte stream. Nothing marks a beginning, so a byte that cannot begin a message is noise.

use super::deframer::Received;
use crate::smp::header::Header;

#[derive(Debug)]
pub(super) struct RawDeframer {
    buffer: Vec<u8>,
    noise: Vec<u8>,
    max_message: usize,
}

/// Noise is handed on in pieces of at most this many bytes.
const NOISE_PIECE: usize = 256;

impl RawDeframer {
    pub(super) fn new(max_message: usize) -> Self {
        Self { buffer: Vec::new(), noise: Vec::new(), max_message }
    }

    pub(super) fn push(&mut self, bytes: &[u8], out: &mut Vec<Received>) {
        // One byte at a time keeps the buffer below one message, whatever the size of the read.
        for &byte in bytes {
            self.buffer.push(byte);
            self.settle(out);
        }
        self.flush_noise(out);
    }

    fn settle(&mut self, out: &mut Vec<Received>) {
        while let Some(header) = self.plausible() {
            let whole = Header::LEN + usize::from(header.len);
            if self.buffer.len() < whole {
                return;
            }
            self.flush_noise(out);
            let rest = self.buffer.split_off(whole);
            out.push(Received::Frame(std::mem::replace(&mut self.buffer, rest)));
        }
        while self.buffer.len() >= Header::LEN && self.plausible().is_none() {
            self.noise.push(self.buffer.remove(0));
            if self.noise.len() >= NOISE_PIECE {
                self.flush_noise(out);
            }
        }
    }

    /// The header at the front of the buffer, if the bytes there can be one.
    fn plausible(&self) -> Option<Header> {
        let header = Header::parse(&self.buffer).ok()?;
        // Flags are reserved and zero in every known server, and every body is a CBOR map: without these noise is
        // hardly ever found out.
        let fits = (1..=self.max_message.saturating_sub(Header::LEN)).contains(&usize::from(header.len));
        let is_map = self.buffer.get(Header::LEN).is_none_or(|first| first >> 5 == 5);
        (header.flags == 0 && fits && is_map).then_some(header)
    }

    fn flush_noise(&mut self, out: &mut Vec<Received>) {
        if !self.noise.is_empty() {
            out.push(Received::Noise(std::mem::take(&mut self.noise)));
        }
    }

    pub(super) fn reset(&mut self) -> Vec<u8> {
        let mut left = std::mem::take(&mut self.noise);
        left.append(&mut self.buffer);
        left
    }
}
