//! A machine made of a script, for tests: each link that is opened is the next line of it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use protocols::time::Moment;

use super::World;
use super::map::Map;
use crate::clock::{Clock, ManualClock};
use crate::detect::{Change, Found, Watch};
use crate::device::{Driver, Mode, ModeSpec, Op, Unit, UnitText};
use crate::drivers::{Opening, Over, Protocol};
use crate::error::{Error, Kind, Result};
use crate::link::{Address, Contact, Link, Opened, SerialOptions, memory};

pub(super) struct Script {
    clock: Arc<dyn Clock>,
    /// `Ok`: a unit with this serial number (empty: it shows none); `timed-out`: the port opens, nothing answers.
    lines: Mutex<VecDeque<std::result::Result<&'static str, Kind>>>,
    pub(super) places: Vec<Found>,
    /// What is plugged in instead of `places`, from each of these times since the clock's start on.
    pub(super) scenes: Vec<(Duration, Vec<Found>)>,
    pub(super) map: Map,
    pub(super) opened: Mutex<Vec<Address>>,
    /// What the contact says, each time that it is asked; in the end it is open.
    pub(super) contacts: Arc<Mutex<VecDeque<bool>>>,
    /// What is plugged in and out while somebody watches: at each of these times since the clock's start.
    pub(super) changes: Vec<(Duration, Change)>,
    pub(super) protocols: Vec<&'static dyn Protocol>,
}

impl Script {
    pub(super) fn new(lines: &[std::result::Result<&'static str, Kind>]) -> Script {
        Script {
            clock: Arc::new(ManualClock::new()),
            lines: Mutex::new(lines.iter().copied().collect()),
            places: Vec::new(),
            scenes: Vec::new(),
            map: Map::default(),
            opened: Mutex::new(Vec::new()),
            contacts: Arc::default(),
            changes: Vec::new(),
            protocols: vec![&Fake],
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

    fn contact(&self, _: &Address, _: &SerialOptions) -> Result<Box<dyn Contact>> {
        Ok(Box::new(Says(Arc::clone(&self.contacts))))
    }

    fn protocols(&self) -> &[&'static dyn Protocol] {
        &self.protocols
    }

    fn places(&self) -> Vec<Found> {
        let now = self.clock.now().since_start();
        let scene = self.scenes.iter().rev().find(|(at, _)| *at <= now);
        let mut places = scene.map_or(&self.places, |(_, scene)| scene).clone();
        self.map.fill(&mut places);
        places
    }

    fn map(&self) -> &Map {
        &self.map
    }

    fn watch(&self) -> Result<Box<dyn Watch>> {
        let changes = self.changes.iter().map(|(at, change)| (Moment::from_start(*at), change.clone())).collect();
        Ok(Box::new(Play { clock: Arc::clone(&self.clock), there: self.places.clone(), changes }))
    }

    fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }
}

struct Says(Arc<Mutex<VecDeque<bool>>>);

impl Contact for Says {
    fn is_closed(&mut self) -> Result<bool> {
        Ok(self.0.lock().unwrap().pop_front().unwrap_or(false))
    }
}

/// A watch that is a script too.
struct Play {
    clock: Arc<dyn Clock>,
    there: Vec<Found>,
    changes: VecDeque<(Moment, Change)>,
}

impl Watch for Play {
    fn there(&self) -> Vec<Found> {
        self.there.clone()
    }

    fn next(&mut self, within: Duration) -> Option<Change> {
        let now = self.clock.now();
        let Some((at, _)) = self.changes.front().filter(|(at, _)| *at <= now + within) else {
            self.clock.sleep(within);
            return None;
        };
        self.clock.sleep(at.saturating_since(now));
        let (_, change) = self.changes.pop_front()?;
        match &change {
            Change::Arrived(found) => self.there.push((**found).clone()),
            Change::Departed(found) => self.there.retain(|there| there.address != found.address),
        }
        Some(change)
    }

    fn notes(&self) -> &[String] {
        &[]
    }
}

pub(super) struct Fake;

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

    fn kin(&self) -> &'static [&'static str] {
        &["loader"]
    }

    fn options(&self) -> &'static [&'static str] {
        &["pace"]
    }

    fn over(&self) -> &'static [Over] {
        &[Over::Serial, Over::Stream]
    }

    fn open(&self, end: Opened, _: Opening<'_>, _: &mut Op<'_>) -> Result<Box<dyn Driver>> {
        match stream(end)?.address.strip_prefix("serial ") {
            Some(serial) if !serial.starts_with("boot-") => Ok(Box::new(FakeDriver(unit(serial)))),
            _ => Err(Error::new(Kind::TimedOut, "no reply")),
        }
    }
}

/// What units speak in their bootloader: those whose serial number begins with `boot-`.
pub(super) struct Loader;

impl Protocol for Loader {
    fn name(&self) -> &'static str {
        "loader"
    }

    fn modes(&self) -> &'static [ModeSpec] {
        &[ModeSpec { mode: Mode::Bootloader, driver: "loader", offers: &[], reaches: &[] }]
    }

    fn over(&self) -> &'static [Over] {
        &[Over::Serial, Over::Stream]
    }

    fn open(&self, end: Opened, with: Opening<'_>, _: &mut Op<'_>) -> Result<Box<dyn Driver>> {
        if !with.options.is_empty() {
            return Err(Error::new(Kind::Invalid, "the loader takes no option"));
        }
        match stream(end)?.address.strip_prefix("serial ") {
            Some(serial) if serial.starts_with("boot-") => {
                Ok(Box::new(FakeDriver(Unit { mode: Mode::Bootloader, driver: "loader", ..unit(serial) })))
            }
            _ => Err(Error::new(Kind::TimedOut, "no reply")),
        }
    }
}

fn stream(end: Opened) -> Result<Link> {
    match end {
        Opened::Stream(link) => Ok(link),
        _ => Err(Error::new(Kind::Unsupported, "the fake is spoken over streams")),
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
        locked: None,
        firmware: Vec::new(),
        offers: Vec::new(),
        ahead: BTreeMap::new(),
        limits: BTreeMap::new(),
    }
}
