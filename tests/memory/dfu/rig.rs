//! A DFU unit on a port in memory.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use firmware_stubs::dfu::{Options, Unit as Stub};
use firmware_stubs::usb::Then;
use firmware_stubs::usb::host::{Host, Trouble};
use hardwire::clock::Clock;
use hardwire::device::{Bay, BayId, Departure, Driver, Known, Op, Returned};
use hardwire::drivers::{Opening, Options as LinkOptions, Protocol};
use hardwire::error::{Error, Result};
use hardwire::ledger::Filter;
use hardwire::link::Opened;
use hardwire::link::usb::fault::Faults;
use hardwire::link::usb::memory::{self, Answer, Peripheral};
use hardwire::profile::model::{Resolved, Step};
use hardwire::profile::{self, Facts, Fit, Inputs};
use hardwire::run::report::Report;
use protocols::time::Moment;
use protocols::usb::Setup;

use crate::station::{self, Station, protocol};

/// The stand-in behind its cable.
struct Plugged {
    /// None for the moment between two.
    host: Option<Host<Stub>>,
    /// Counts what the kernel would number anew: how often the unit came to the bus.
    number: u64,
    back_at: Option<Moment>,
    unplugged: bool,
}

impl Plugged {
    fn host(&mut self) -> &mut Host<Stub> {
        self.host.as_mut().expect("a unit")
    }

    /// Lets time pass up to `now`. A unit that left comes back when it has booted.
    fn pass(&mut self, now: Moment) {
        let time = now.saturating_since(self.host().now);
        match self.host().pass(time) {
            Ok(Then::Stay) => {}
            Ok(Then::Leave { away }) => {
                self.number += 1;
                self.back_at = Some(now + away);
            }
            Err(_) => self.unplugged = true,
        }
        if self.back_at.is_some_and(|at| at <= now) {
            self.back_at = None;
            self.enumerate();
        }
    }

    fn enumerate(&mut self) {
        if self.host().enumerate().is_err() {
            self.unplugged = true;
        }
    }

    fn is_there(&self) -> bool {
        !self.unplugged && self.back_at.is_none()
    }
}

/// An open device: gone for good when the unit leaves the bus.
struct Handle {
    plugged: Arc<Mutex<Plugged>>,
    number: u64,
}

impl Handle {
    fn there(&self, now: Moment) -> Option<MutexGuard<'_, Plugged>> {
        let mut plugged = self.plugged.lock().unwrap();
        plugged.pass(now);
        (plugged.is_there() && plugged.number == self.number).then_some(plugged)
    }
}

impl Peripheral for Handle {
    fn control(&mut self, now: Moment, setup: Setup, data: &[u8]) -> Answer {
        let Some(mut plugged) = self.there(now) else { return Answer::Gone };
        match plugged.host().control(setup, data) {
            Ok(bytes) => Answer::Data(bytes),
            Err(Trouble::Stall) => Answer::Stall,
            Err(Trouble::Silence) => Answer::Silence,
            Err(Trouble::Unplugged) => {
                plugged.unplugged = true;
                Answer::Gone
            }
            Err(Trouble::Left | Trouble::Babble) => Answer::Gone,
            Err(Trouble::Broken(why)) => panic!("the stand-in failed: {why}"),
        }
    }

    fn reset(&mut self, now: Moment) -> Answer {
        let Some(mut plugged) = self.there(now) else { return Answer::Gone };
        let before = plugged.host().device.running().is_some();
        plugged.enumerate();
        if plugged.host().device.running().is_some() == before {
            return Answer::Ack;
        }
        plugged.number += 1;
        Answer::Gone
    }
}

/// The port, as a run holds it.
struct Port {
    plugged: Arc<Mutex<Plugged>>,
    faults: Faults,
    clock: Arc<dyn Clock>,
    options: LinkOptions,
    first_id: Option<String>,
}

impl Port {
    fn try_open(&mut self, op: &mut Op<'_>) -> Result<Box<dyn Driver>> {
        let number = {
            let mut plugged = self.plugged.lock().unwrap();
            plugged.pass(self.clock.now());
            if self.faults.is_cut() || !plugged.is_there() {
                return Err(Error::absent("nothing is on the port"));
            }
            plugged.number
        };
        let handle = Arc::new(Mutex::new(Handle { plugged: Arc::clone(&self.plugged), number }));
        let device = self.faults.wrap(memory::open("1-1", &handle, &self.clock)?);
        let id = format!("{:04x}:{:04x}", device.about().vendor, device.about().product);
        let mut driver = dfu().open(Opened::Usb(device), Opening::unknown(&self.options), op)?;
        driver.met_as(self.first_id.get_or_insert(id));
        Ok(driver)
    }
}

pub fn dfu() -> &'static dyn Protocol {
    protocol("dfu")
}

impl Bay for Port {
    fn id(&self) -> Option<BayId> {
        None
    }

    fn address(&self) -> &str {
        "usb:1-1"
    }

    fn open(&mut self, op: &mut Op<'_>) -> Result<Box<dyn Driver>> {
        self.try_open(op)
    }

    fn wait(&mut self, known: &Known, departure: &Departure, op: &mut Op<'_>) -> Result<Returned> {
        station::wait(known, departure, op, |op| self.try_open(op))
    }
}

/// A unit on its port, and a station.
pub struct Rig {
    pub station: Station,
    plugged: Arc<Mutex<Plugged>>,
    pub faults: Faults,
    pub options: LinkOptions,
}

impl Rig {
    pub fn new(adjust: impl FnOnce(&mut Options)) -> Rig {
        let station = Station::new();
        let mut options = options(&station);
        adjust(&mut options);
        Rig {
            plugged: Arc::new(Mutex::new(plug(options, Moment::START))),
            faults: Faults::default(),
            options: LinkOptions::new(),
            station,
        }
    }

    /// Pulls the unit and plugs it in again, with what its flash held. Nothing goes wrong from here on.
    pub fn replug(&mut self, adjust: impl FnOnce(&mut Options)) {
        let mut options = options(&self.station);
        adjust(&mut options);
        self.faults = Faults::default();
        let mut plugged = self.plugged.lock().unwrap();
        // It holds its folder while it is there.
        plugged.host = None;
        *plugged = plug(options, self.station.clock.now());
    }

    /// Version and digest of the firmware that runs; `None` in the loader.
    pub fn running(&self) -> Option<String> {
        let mut plugged = self.plugged.lock().unwrap();
        plugged.pass(self.station.clock.now());
        plugged.host().device.running().map(|firmware| firmware.sha256)
    }

    pub fn elapsed(&self) -> Duration {
        self.station.clock.now().since_start()
    }

    fn port(&self) -> Port {
        let (plugged, faults) = (Arc::clone(&self.plugged), self.faults.clone());
        Port { plugged, faults, clock: self.station.clock(), options: self.options.clone(), first_id: None }
    }

    /// Opens the unit and lets `act` have its driver.
    pub fn with<T>(&self, act: impl FnOnce(&mut dyn Driver, &mut Op<'_>) -> T) -> Result<T> {
        self.station.op(|op| {
            let mut driver = self.port().try_open(op)?;
            Ok(act(&mut *driver, op))
        })
    }

    pub fn run(&self, steps: Vec<Step>) -> Result<Report> {
        self.carry_out(Resolved::single("test", "test", steps))
    }

    /// A profile with this file beside it.
    pub fn apply(&self, profile: &str, artifact: &str, file: &[u8]) -> Result<Report> {
        let path = self.station.folder().join("profile.yaml");
        std::fs::write(self.station.folder().join(artifact), file).unwrap();
        std::fs::write(&path, profile).unwrap();
        profile::lock(&path)?;
        let prepared = profile::load(&path)?.prepare()?;
        let facts = self.with(|driver, _| Facts::of(driver.unit(), None))?;
        assert_eq!(prepared.fits(&facts), Fit::Yes);
        self.carry_out(prepared.resolve(&facts, &Inputs::default())?)
    }

    fn carry_out(&self, resolved: Resolved) -> Result<Report> {
        self.station.run(&mut self.port(), dfu().modes().to_vec(), resolved)
    }

    /// The outcomes of all runs so far.
    pub fn recorded(&self) -> Vec<String> {
        self.station.ledger.list(&Filter::default()).unwrap().into_iter().map(|record| record.outcome).collect()
    }
}

fn options(station: &Station) -> Options {
    Options::new(station.folder().join("unit"))
}

fn plug(options: Options, now: Moment) -> Plugged {
    let stub = Stub::open(options).unwrap();
    let mut host = Host::plug(stub).unwrap();
    host.now = now;
    let mut plugged = Plugged { host: Some(host), number: 0, back_at: None, unplugged: false };
    plugged.enumerate();
    plugged
}
