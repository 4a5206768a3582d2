//! A machine made of a script, for tests: each link that is opened is the next line of it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use super::World;
use crate::clock::{Clock, ManualClock};
use crate::detect::Found;
use crate::device::{Driver, Mode, ModeSpec, Op, Unit, UnitText};
use crate::drivers::{Options, OverStream, Protocol};
use crate::error::{Error, Kind, Result};
use crate::link::{Address, Link, Opened, SerialOptions, memory};

pub(super) struct Script {
    clock: Arc<dyn Clock>,
    /// `Ok`: a unit with this serial number (empty: it shows none); `timed-out`: the port opens, nothing answers.
    lines: Mutex<VecDeque<std::result::Result<&'static str, Kind>>>,
    pub(super) places: Vec<Found>,
    pub(super) opened: Mutex<Vec<Address>>,
}

impl Script {
    pub(super) fn new(lines: &[std::result::Result<&'static str, Kind>]) -> Script {
        Script {
            clock: Arc::new(ManualClock::new()),
            lines: Mutex::new(lines.iter().copied().collect()),
            places: Vec::new(),
            opened: Mutex::new(Vec::new()),
        }
    }
}

impl World for Script {
    fn open(&self, address: &Address, _: &SerialOptions) -> Result<Opened> {
        self.opened.lock().unwrap().push(address.clone());
        let line = self.lines.lock().unwrap().pop_front().unwrap_or(Err(Kind::Gone));
        let mut link = memory::pair().0;
        match line {
            Ok(serial) => link.address = format!("serial {serial}"),
            Err(Kind::TimedOut) => link.address = "silent".into(),
            Err(kind) => return Err(Error::new(kind, "the script says so")),
        }
        Ok(Opened::Stream(link))
    }

    fn protocols(&self) -> &[&'static dyn Protocol] {
        &[&Fake]
    }

    fn places(&self) -> Vec<Found> {
        self.places.clone()
    }

    fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }
}

struct Fake;

struct FakeDriver(Unit);

impl Driver for FakeDriver {
    fn unit(&self) -> &Unit {
        &self.0
    }
}

impl Protocol for Fake {
    fn name(&self) -> &'static str {
        "fake"
    }

    fn modes(&self) -> &'static [ModeSpec] {
        &[]
    }

    fn over_stream(&self) -> Option<&dyn OverStream> {
        Some(self)
    }
}

impl OverStream for Fake {
    fn open(&self, link: Link, _: &Options, _: &Arc<dyn Clock>, _: &mut Op<'_>) -> Result<Box<dyn Driver>> {
        match link.address.strip_prefix("serial ") {
            Some(serial) => Ok(Box::new(FakeDriver(unit(serial)))),
            None => Err(Error::new(Kind::TimedOut, "no reply")),
        }
    }
}

pub(super) fn unit(serial: &str) -> Unit {
    Unit {
        driver: "fake",
        mode: Mode::Application,
        serial: (!serial.is_empty()).then(|| UnitText::new(serial)),
        hwid: None,
        model: None,
        hardware: None,
        firmware: Vec::new(),
        offers: Vec::new(),
        limits: BTreeMap::new(),
    }
}
