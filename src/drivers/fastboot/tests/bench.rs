//! A unit at the end of a link in memory, which can be cut at any packet.

use std::sync::{Arc, Mutex};

use firmware_stubs::fastboot::{Engine, Mode as StubMode, Options, Outcome, Packet, Store};
use protocols::fastboot::wire::{Deframer, HANDSHAKE, header};
use protocols::time::Moment;

use super::super::exchange::Wire;
use super::super::options::FastbootOptions;
use super::super::{Fastboot, FastbootDriver, open};
use crate::clock::{Clock, ManualClock};
use crate::device::{Cancel, Driver, Op, Progress};
use crate::drivers::{Opening, Protocol};
use crate::error::{Error, Kind, Result};
use crate::link::memory::{self, Peer};

/// How packets are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// Each is a transfer, as on USB.
    Transfers,
    /// Each has its length before it, as on TCP.
    Lengths,
}

pub const FRAMINGS: [Framing; 2] = [Framing::Transfers, Framing::Lengths];

/// The unit and its cable.
pub struct Phone {
    pub engine: Engine,
    framing: Framing,
    deframer: Deframer,
    greets: bool,
    /// Packets that passed, either way, and the one at which the cable is cut.
    pub packets: u64,
    pub cut_at: Option<u64>,
    gone: bool,
    pub left: Option<Outcome>,
}

fn gone() -> Error {
    Error::new(Kind::Gone, "the cable was cut")
}

impl Phone {
    fn pass(&mut self) -> Result<()> {
        self.packets += 1;
        self.gone |= self.cut_at.is_some_and(|at| self.packets >= at);
        if self.gone { Err(gone()) } else { Ok(()) }
    }

    /// Plugged in again, or called again: a new connection to the same unit.
    fn plug(&mut self) {
        self.gone = false;
        self.left = None;
        self.deframer = Deframer::new();
        self.greets = self.framing == Framing::Lengths;
        self.engine.hang_up();
    }
}

impl Peer for Phone {
    fn take(&mut self, now: Moment, bytes: &[u8]) -> Result<()> {
        self.pass()?;
        let outcome = match self.framing {
            Framing::Transfers => self.engine.on_bytes(now, bytes, true),
            Framing::Lengths => {
                let parts = self.deframer.push(bytes).expect("the driver's frames");
                parts.iter().try_for_each(|part| self.engine.on_bytes(now, &part.bytes, part.ends))
            }
        };
        outcome.map_err(|_| {
            self.gone = true;
            gone()
        })
    }

    fn give(&mut self, now: Moment) -> Result<Vec<u8>> {
        if self.gone {
            return Err(gone());
        }
        if std::mem::take(&mut self.greets) {
            return Ok(HANDSHAKE.to_vec());
        }
        self.engine.tick(now);
        if let Some(outcome) = self.engine.outcome(now) {
            self.left = Some(outcome);
            self.gone = true;
            return Err(gone());
        }
        match self.engine.next_packet() {
            None => Ok(Vec::new()),
            Some(Packet::Stall) => Err(Error::new(Kind::Refused, "the endpoint stalled")),
            Some(Packet::Bytes(bytes)) => {
                self.pass()?;
                Ok(match self.framing {
                    Framing::Transfers => bytes,
                    Framing::Lengths => [&header(bytes.len() as u64)[..], &bytes].concat(),
                })
            }
        }
    }
}

/// A unit, and what a driver needs besides.
pub struct Bench {
    _folder: tempfile::TempDir,
    pub phone: Arc<Mutex<Phone>>,
    pub clock: Arc<ManualClock>,
    pub cancel: Cancel,
    pub progress: Vec<Progress>,
    framing: Framing,
}

impl Bench {
    pub fn new(framing: Framing, mode: StubMode, change: impl FnOnce(&mut Options)) -> Bench {
        let folder = tempfile::tempdir().unwrap();
        let mut options = Options::new(folder.path().join("unit"));
        change(&mut options);
        let store = Store::open(&options).unwrap();
        let phone = Phone {
            engine: Engine::new(options, store, mode),
            framing,
            deframer: Deframer::new(),
            greets: false,
            packets: 0,
            cut_at: None,
            gone: false,
            left: None,
        };
        Bench {
            _folder: folder,
            phone: Arc::new(Mutex::new(phone)),
            clock: Arc::new(ManualClock::new()),
            cancel: Cancel::default(),
            progress: Vec::new(),
            framing,
        }
    }

    pub fn bootloader(change: impl FnOnce(&mut Options)) -> Bench {
        Bench::new(Framing::Transfers, StubMode::Bootloader, change)
    }

    /// Does something on the unit under this bench's clock.
    pub fn with<T>(&mut self, act: impl FnOnce(&mut Op<'_>) -> T) -> T {
        let Bench { clock, cancel, progress, .. } = self;
        let mut told = |at| progress.push(at);
        act(&mut Op::new(&**clock, cancel, &mut told))
    }

    /// A new link to the unit, whatever became of the one before, and a driver at its end.
    pub fn open(&mut self) -> Result<Box<dyn Driver>> {
        self.phone.lock().unwrap().plug();
        let clock: Arc<dyn Clock> = Arc::clone(&self.clock) as Arc<dyn Clock>;
        let link = memory::served(&self.phone, &clock);
        let framing = self.framing;
        self.with(|op| match framing {
            Framing::Lengths => Fastboot.open(link.into(), Opening::unknown(&[].into()), op),
            Framing::Transfers => {
                let driver: FastbootDriver =
                    open::open(Wire::over_packets(link), Some("USB-1"), &FastbootOptions::default(), op)?;
                Ok(Box::new(driver) as Box<dyn Driver>)
            }
        })
    }

    pub fn good(&mut self) -> Box<dyn Driver> {
        self.open().unwrap_or_else(|error| panic!("{error}: {:?}", error.causes()))
    }

    pub fn flash(&mut self, slot: &str, image: &[u8]) -> Result<u64> {
        let mut driver = self.open()?;
        let image = image.to_vec();
        self.with(|op| driver.firmware().expect("firmware").upload(slot, &image, op)).map(|upload| upload.written.sent)
    }

    pub fn held(&self, partition: &str) -> Vec<u8> {
        let phone = self.phone.lock().unwrap();
        phone.engine.store().partition(partition).expect("a partition").read(0, usize::MAX).unwrap()
    }
}

/// Bytes that repeat themselves nowhere.
pub fn pattern(length: usize) -> Vec<u8> {
    (0..length as u64).map(|n| (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect()
}
