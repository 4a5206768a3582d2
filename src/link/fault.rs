//! A link that misbehaves on purpose, at a byte or a chunk that a test names.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::{Link, Receiver, Sender};
use crate::clock::Clock;
use crate::error::{Error, Kind, Result};

/// Which way the bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// To the unit.
    Out,
    /// From the unit.
    In,
}

/// Where a fault strikes; counted from 1, per direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// The Nth byte.
    Byte(u64),
    /// The Nth chunk: a send, or a receive that brought something.
    Chunk(u64),
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Harm {
    /// The byte or chunk is lost.
    Drop,
    /// These bits are flipped, in the byte or in the chunk's first one.
    Corrupt(u8),
    /// The chunk comes so much later.
    Delay(Duration),
    /// The link ends before the byte or chunk, for good, both ways.
    Cut,
}

/// One fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// Which way.
    pub direction: Direction,
    /// Where.
    pub at: At,
    /// What.
    pub harm: Harm,
}

struct Harmed<L> {
    inner: L,
    faults: Vec<Fault>,
    bytes: u64,
    chunks: u64,
    cut: Arc<AtomicBool>,
    clock: Arc<dyn Clock>,
}

impl<L> Harmed<L> {
    fn check(&self) -> Result<()> {
        if self.cut.load(Ordering::Relaxed) { Err(Error::new(Kind::Gone, "the link was cut")) } else { Ok(()) }
    }

    /// The chunk as it goes on, its harms done. After a cut only what was before it.
    fn pass(&mut self, chunk: &[u8]) -> Vec<u8> {
        self.chunks += 1;
        let first = self.bytes;
        self.bytes += chunk.len() as u64;
        let mut passed: Vec<Option<u8>> = chunk.iter().copied().map(Some).collect();
        for fault in &self.faults {
            let range = match fault.at {
                At::Chunk(nth) if nth == self.chunks => 0..passed.len(),
                At::Byte(nth) if nth > first && nth <= self.bytes => {
                    let index = usize::try_from(nth - first - 1).unwrap_or(0);
                    index..index + 1
                }
                _ => continue,
            };
            match fault.harm {
                Harm::Drop => passed[range].fill(None),
                Harm::Corrupt(bits) => {
                    if let Some(Some(byte)) = passed.get_mut(range.start) {
                        *byte ^= bits;
                    }
                }
                Harm::Delay(wait) => self.clock.sleep(wait),
                Harm::Cut => {
                    passed[range.start..].fill(None);
                    self.cut.store(true, Ordering::Relaxed);
                }
            }
        }
        passed.into_iter().flatten().collect()
    }
}

impl Sender for Harmed<Box<dyn Sender>> {
    fn send(&mut self, bytes: &[u8], within: Duration) -> Result<()> {
        self.check()?;
        let passed = self.pass(bytes);
        if !passed.is_empty() {
            self.inner.send(&passed, within)?;
        }
        self.check()
    }
}

impl Receiver for Harmed<Box<dyn Receiver>> {
    fn receive(&mut self, buf: &mut [u8], within: Duration) -> Result<usize> {
        self.check()?;
        let count = self.inner.receive(buf, within)?;
        if count == 0 {
            return Ok(0);
        }
        let passed = self.pass(&buf[..count]);
        if passed.is_empty() {
            self.check()?;
        }
        buf[..passed.len()].copy_from_slice(&passed);
        Ok(passed.len())
    }
}

/// The same link with `faults` in it.
#[must_use]
pub fn wrap(link: Link, faults: &[Fault], clock: &Arc<dyn Clock>) -> Link {
    let cut = Arc::new(AtomicBool::new(false));
    let of = |direction| faults.iter().copied().filter(|fault| fault.direction == direction).collect::<Vec<_>>();
    Link {
        sender: Box::new(Harmed {
            inner: link.sender,
            faults: of(Direction::Out),
            bytes: 0,
            chunks: 0,
            cut: Arc::clone(&cut),
            clock: Arc::clone(clock),
        }),
        receiver: Box::new(Harmed {
            inner: link.receiver,
            faults: of(Direction::In),
            bytes: 0,
            chunks: 0,
            cut,
            clock: Arc::clone(clock),
        }),
        address: link.address,
        bytes_per_second: link.bytes_per_second,
    }
}

#[cfg(test)]
mod tests {
    use super::super::memory;
    use super::*;
    use crate::clock::ManualClock;

    fn through(fault: Fault) -> (Result<()>, Vec<u8>) {
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::new());
        let (near, mut far) = memory::pair();
        let mut link = wrap(near, &[fault], &clock);
        let sent = link.sender.send(b"ab", Duration::ZERO).and_then(|()| link.sender.send(b"cd", Duration::ZERO));
        let mut buf = [0; 8];
        let count = far.receiver.receive(&mut buf, Duration::ZERO).unwrap();
        (sent, buf[..count].to_vec())
    }

    #[test]
    fn a_fault_strikes_where_it_was_told_to() {
        let out = |at, harm| Fault { direction: Direction::Out, at, harm };
        assert_eq!(through(out(At::Byte(3), Harm::Drop)).1, b"abd");
        assert_eq!(through(out(At::Chunk(1), Harm::Drop)).1, b"cd");
        assert_eq!(through(out(At::Byte(2), Harm::Corrupt(0x20))).1, b"aBcd");
        let (sent, got) = through(out(At::Byte(4), Harm::Cut));
        assert_eq!((sent.unwrap_err().kind(), got.as_slice()), (Kind::Gone, b"abc".as_slice()));
    }

    #[test]
    fn a_cut_on_the_way_in_ends_both_ways() {
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::new());
        let (near, mut far) = memory::pair();
        let cut = Fault { direction: Direction::In, at: At::Byte(2), harm: Harm::Cut };
        let mut link = wrap(near, &[cut], &clock);
        far.sender.send(b"xyz", Duration::ZERO).unwrap();
        let mut buf = [0; 8];
        assert_eq!(link.receiver.receive(&mut buf, Duration::ZERO).unwrap(), 1);
        assert_eq!(link.receiver.receive(&mut buf, Duration::ZERO).unwrap_err().kind(), Kind::Gone);
        assert_eq!(link.sender.send(b"x", Duration::ZERO).unwrap_err().kind(), Kind::Gone);
    }

    #[test]
    fn a_delay_moves_the_clock() {
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::new());
        let late = Fault { direction: Direction::Out, at: At::Chunk(1), harm: Harm::Delay(Duration::from_secs(9)) };
        let mut link = wrap(memory::pair().0, &[late], &clock);
        let _ = link.sender.send(b"x", Duration::ZERO);
        assert_eq!(clock.now().since_start(), Duration::from_secs(9));
    }
}
