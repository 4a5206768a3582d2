//! A USB device that misbehaves on purpose, at a control transfer that a test names.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use super::{About, Device, Pipes, Setup, Transfer};
use crate::error::{Error, Kind, Result};
use crate::link::Link;

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Harm {
    /// The device is gone before the transfer reaches it, for good.
    Cut,
    /// The device did what it was told to; then it is gone, and nobody hears of it.
    CutAfter,
    /// The transfer is refused and never reaches the device.
    Stall,
    /// The transfer does not reach the device in the time given.
    Lose,
    /// Of what the device sends, these bits of the first byte are flipped.
    Corrupt(u8),
    /// The last byte of what the device sends is missing.
    Shorten,
}

/// A plan of faults, counted over all devices that it is given to: a unit that comes back as another is still the same.
#[derive(Debug, Clone, Default)]
pub struct Faults(Arc<Plan>);

#[derive(Debug, Default)]
struct Plan {
    /// Transfers are counted from 1.
    at: Vec<(u64, Harm)>,
    count: AtomicU64,
    cut: AtomicBool,
}

impl Faults {
    /// One fault at the `nth` control transfer, from 1.
    #[must_use]
    pub fn at(nth: u64, harm: Harm) -> Faults {
        Faults(Arc::new(Plan { at: vec![(nth, harm)], ..Plan::default() }))
    }

    /// Control transfers so far.
    #[must_use]
    pub fn transfers(&self) -> u64 {
        self.0.count.load(Ordering::Relaxed)
    }

    /// Whether a cut struck: the unit is off the bus until somebody plugs it in again.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.0.cut.load(Ordering::Relaxed)
    }

    /// The same device with these faults in it.
    #[must_use]
    pub fn wrap(&self, device: Box<dyn Device>) -> Box<dyn Device> {
        Box::new(Harmed { inner: device, faults: self.clone() })
    }

    fn next(&self) -> Result<Option<Harm>> {
        if self.is_cut() {
            return Err(gone());
        }
        let nth = self.0.count.fetch_add(1, Ordering::Relaxed) + 1;
        Ok(self.0.at.iter().find(|(at, _)| *at == nth).map(|(_, harm)| *harm))
    }

    fn cut(&self) -> Error {
        self.0.cut.store(true, Ordering::Relaxed);
        gone()
    }
}

fn gone() -> Error {
    Error::new(Kind::Gone, "the cable was cut")
}

struct Harmed {
    inner: Box<dyn Device>,
    faults: Faults,
}

impl Harmed {
    fn pass(&mut self, transfer: impl FnOnce(&mut dyn Device) -> Result<Transfer>) -> Result<(Transfer, Option<Harm>)> {
        let harm = self.faults.next()?;
        match harm {
            Some(Harm::Cut) => Err(self.faults.cut()),
            Some(Harm::CutAfter) => {
                transfer(&mut *self.inner).ok();
                Err(self.faults.cut())
            }
            Some(Harm::Stall) => Ok((Transfer::Stalled, None)),
            Some(Harm::Lose) => Err(Error::new(Kind::TimedOut, "the transfer was lost")),
            harm => transfer(&mut *self.inner).map(|transfer| (transfer, harm)),
        }
    }
}

impl Device for Harmed {
    fn about(&self) -> &About {
        self.inner.about()
    }

    fn claim(&mut self, interface: u8, alternate: u8) -> Result<()> {
        if self.faults.is_cut() { Err(gone()) } else { self.inner.claim(interface, alternate) }
    }

    fn control_in(&mut self, setup: Setup, buf: &mut [u8], within: Duration) -> Result<Transfer> {
        Ok(match self.pass(|inner| inner.control_in(setup, buf, within))? {
            (Transfer::Done(len), Some(Harm::Corrupt(bits))) => {
                if let Some(first) = buf[..len].first_mut() {
                    *first ^= bits;
                }
                Transfer::Done(len)
            }
            (Transfer::Done(len), Some(Harm::Shorten)) => Transfer::Done(len.saturating_sub(1)),
            (transfer, _) => transfer,
        })
    }

    fn control_out(&mut self, setup: Setup, bytes: &[u8], within: Duration) -> Result<Transfer> {
        self.pass(|inner| inner.control_out(setup, bytes, within)).map(|(transfer, _)| transfer)
    }

    fn reset(&mut self) -> Result<()> {
        if self.faults.is_cut() { Err(gone()) } else { self.inner.reset() }
    }

    fn stream(self: Box<Self>, pipes: &Pipes) -> Result<Link> {
        self.inner.stream(pipes)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::super::memory::{self, Answer};
    use super::*;
    use crate::clock::{Clock, ManualClock};

    /// What a transfer brought, and the first byte of it.
    type Brought = std::result::Result<(Transfer, u8), Kind>;

    /// What two transfers bring, and how many the device saw.
    fn through(faults: &Faults) -> (Vec<Brought>, u64) {
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::new());
        let seen = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&seen);
        let device = Arc::new(Mutex::new(move |setup: Setup, _: &[u8]| {
            counter.fetch_add(u64::from(setup.request == 3), Ordering::Relaxed);
            if setup.request == 3 { Answer::Data(vec![0x40, 1]) } else { Answer::Stall }
        }));
        let mut device = faults.wrap(memory::open("1-1", &device, &clock).unwrap());
        let setup = Setup { request_type: 0xa1, request: 3, value: 0, index: 0, length: 2 };
        let results = (0..2).map(|_| {
            let mut buf = [0; 2];
            let transfer = device.control_in(setup, &mut buf, Duration::from_secs(1));
            transfer.map(|transfer| (transfer, buf[0])).map_err(|error| error.kind())
        });
        (results.collect(), seen.load(Ordering::Relaxed))
    }

    #[test]
    fn a_fault_strikes_where_it_was_told_to() {
        let good = Ok((Transfer::Done(2), 0x40));
        let two = |harm| through(&Faults::at(2, harm));
        assert_eq!(two(Harm::Cut), (vec![good, Err(Kind::Gone)], 1));
        assert_eq!(two(Harm::CutAfter), (vec![good, Err(Kind::Gone)], 2));
        assert_eq!(two(Harm::Stall), (vec![good, Ok((Transfer::Stalled, 0))], 1));
        assert_eq!(two(Harm::Lose), (vec![good, Err(Kind::TimedOut)], 1));
        assert_eq!(two(Harm::Corrupt(0x01)), (vec![good, Ok((Transfer::Done(2), 0x41))], 2));
        assert_eq!(two(Harm::Shorten), (vec![good, Ok((Transfer::Done(1), 0x40))], 2));
    }

    #[test]
    fn a_cut_unit_stays_away_whatever_it_comes_back_as() {
        let faults = Faults::at(1, Harm::Cut);
        assert_eq!(through(&faults).0, [Err(Kind::Gone), Err(Kind::Gone)]);
        assert!(faults.is_cut());
        assert_eq!(through(&faults).0, [Err(Kind::Gone), Err(Kind::Gone)]);
        assert_eq!(faults.transfers(), 1);
    }
}
