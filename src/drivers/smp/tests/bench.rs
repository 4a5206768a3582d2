//! A stand-in on a link in memory, with a clock that is moved by hand.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use firmware_stubs::smp::{Device, Effect, Options as StubOptions};
use protocols::smp::Header;
use protocols::smp::wire::{Deframer, Framer, Framing, Received};
use protocols::time::Moment;
use tempfile::TempDir;

use crate::clock::{Clock, ManualClock};
use crate::device::{Cancel, Driver, Op, Progress};
use crate::drivers::smp::Smp;
use crate::drivers::{Opening, Options, Protocol};
use crate::error::{Error, Kind, Result};
use crate::link::memory::{self, Peer};
use crate::link::{Link, fault};

/// What is done to a request before the device sees it.
pub(super) type Filter = Box<dyn FnMut(&[u8]) -> Verdict + Send>;

pub(super) enum Verdict {
    Pass,
    Lose,
    Answer(Vec<u8>),
}

/// The stand-in behind its line.
pub(super) struct Unit {
    device: Option<Device>,
    options: StubOptions,
    deframer: Deframer,
    out: Vec<u8>,
    reset_at: Option<Moment>,
    pub(super) filter: Filter,
    /// What stands on the line before every answer.
    pub(super) noise: Vec<u8>,
    /// Messages that reached the unit.
    pub(super) taken: u64,
}

impl Unit {
    pub(super) fn frame(message: &[u8]) -> Vec<u8> {
        Framer::new(Framing::default()).frame(message).unwrap()
    }

    fn on_message(&mut self, now: Moment, message: &[u8]) -> Result<()> {
        self.taken += 1;
        match (self.filter)(message) {
            Verdict::Pass => {}
            Verdict::Lose => return Ok(()),
            Verdict::Answer(answer) => {
                self.out.extend(Unit::frame(&answer));
                return Ok(());
            }
        }
        let Some(device) = &mut self.device else { return Err(Error::new(Kind::Gone, "the unit lost its power")) };
        let Ok(reply) = device.handle(message, now.since_start()) else {
            self.device = None;
            return Err(Error::new(Kind::Gone, "the unit lost its power"));
        };
        if reply.effect == Effect::Reset {
            self.reset_at = Some(now + self.options.reset_delay);
        }
        if let Some(answer) = reply.answer {
            let mut frame = Unit::frame(&answer);
            if reply.effect == Effect::Corrupt {
                frame[9] ^= 1;
            }
            let noise = self.noise.clone();
            self.out.extend(noise);
            self.out.extend(frame);
        }
        Ok(())
    }
}

impl Peer for Unit {
    fn take(&mut self, now: Moment, bytes: &[u8]) -> Result<()> {
        for received in self.deframer.push(bytes) {
            if let Received::Frame(message) = received {
                self.on_message(now, &message)?;
            }
        }
        Ok(())
    }

    fn give(&mut self, now: Moment) -> Result<Vec<u8>> {
        if self.reset_at.is_some_and(|at| now >= at) {
            self.reset_at = None;
            if let Some(device) = &mut self.device {
                for line in device.reset(now.since_start()).unwrap_or_default() {
                    self.out.extend(line.as_bytes());
                    self.out.extend(b"\r\n");
                }
            }
        }
        Ok(std::mem::take(&mut self.out))
    }
}

/// A bench with one stand-in on it.
pub(super) struct Bench {
    pub(super) manual: Arc<ManualClock>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) unit: Arc<Mutex<Unit>>,
    pub(super) cancel: Cancel,
    pub(super) state: TempDir,
}

impl Bench {
    pub(super) fn new() -> Bench {
        Bench::with(|_| {})
    }

    pub(super) fn with(change: impl FnOnce(&mut StubOptions)) -> Bench {
        let state = tempfile::tempdir().unwrap();
        let mut options = StubOptions::new(state.path().to_owned());
        options.identity.serial = "TH-0421".to_owned();
        options.identity.hardware = Some("B".to_owned());
        change(&mut options);
        let manual = Arc::new(ManualClock::new());
        let clock: Arc<dyn Clock> = Arc::clone(&manual) as Arc<dyn Clock>;
        let unit = Unit {
            device: Some(Device::open(options.clone()).unwrap()),
            deframer: Deframer::new(Framing::default(), usize::from(options.limits.buf_size) - 4),
            options,
            out: Vec::new(),
            reset_at: None,
            filter: Box::new(|_| Verdict::Pass),
            noise: Vec::new(),
            taken: 0,
        };
        Bench { manual, clock, unit: Arc::new(Mutex::new(unit)), cancel: Cancel::default(), state }
    }

    pub(super) fn link(&self) -> Link {
        memory::served(&self.unit, &self.clock)
    }

    pub(super) fn filter(&self, filter: impl FnMut(&[u8]) -> Verdict + Send + 'static) {
        self.unit.lock().unwrap().filter = Box::new(filter);
    }

    /// Runs `doing` with an operation that may take a minute of the bench's time.
    pub(super) fn op<T>(&self, doing: impl FnOnce(&mut Op<'_>) -> T) -> T {
        let mut quiet = |_: Progress| {};
        let mut op = Op::new(&*self.clock, &self.cancel, &mut quiet);
        op.deadline = Some(self.clock.now() + Duration::from_secs(60));
        doing(&mut op)
    }

    pub(super) fn open(&self) -> Box<dyn Driver> {
        self.try_open(self.link(), &[]).unwrap()
    }

    pub(super) fn try_open(&self, link: Link, options: &[(&str, &str)]) -> Result<Box<dyn Driver>> {
        let options: Options = options.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        self.op(|op| Smp.open(link.into(), Opening::unknown(&options), op))
    }

    /// Opens the unit over a link that misbehaves.
    pub(super) fn disturbed(&self, faults: &[fault::Fault]) -> Result<Box<dyn Driver>> {
        self.try_open(fault::wrap(self.link(), faults, &self.clock), &[])
    }

    /// Lets time pass, and the unit notice it.
    pub(super) fn wait(&self, time: Duration) {
        self.manual.advance(time);
        let _ = self.unit.lock().unwrap().give(self.clock.now());
    }

    pub(super) fn taken(&self) -> u64 {
        self.unit.lock().unwrap().taken
    }
}

/// What of a message tells which command it is.
pub(super) fn command(message: &[u8]) -> (u16, u8) {
    let header = Header::parse(message).unwrap();
    (header.group.0, header.id)
}

/// An image of this version for the stand-in.
pub(super) fn image(version: &str, len: usize) -> Vec<u8> {
    let body: Vec<u8> = (0..len).map(|i| (i * 7 + i / 251) as u8).collect();
    protocols::mcuboot::ImageBuilder::new(version.parse().unwrap()).build(&body).unwrap()
}

/// Bytes without a pattern that a lost piece would leave alike.
pub(super) fn bytes(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 31 + i / 256 * 17) as u8).collect()
}
