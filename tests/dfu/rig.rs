//! A DFU unit on a port in memory, a station, and a clock that is moved by hand.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use firmware_stubs::dfu::{Options, Unit as Stub};
use firmware_stubs::usb::Then;
use firmware_stubs::usb::host::{Host, Trouble};
use hardwire::clock::{Clock, ManualClock};
use hardwire::device::{Bay, BayId, Cancel, Continuity, Departure, Driver, Known, Op, Returned};
use hardwire::drivers::{self, Options as LinkOptions, Protocol};
use hardwire::error::{Error, Kind, Result};
use hardwire::home::Home;
use hardwire::ledger::{Filter, Ledger, RecordKind};
use hardwire::link::usb::fault::Faults;
use hardwire::link::usb::memory::{self, Answer, Peripheral};
use hardwire::profile::model::{Resolved, Step};
use hardwire::profile::{self, Facts, Fit, Inputs};
use hardwire::run::person::{Consent, Person, Question};
use hardwire::run::report::Report;
use hardwire::run::{self, Desk, Order};
use hardwire::vault::Vault;
use protocols::time::Moment;
use protocols::usb::Setup;
use uuid::Uuid;

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
        let mut driver = dfu().over_usb().expect("USB").open(device, &self.options, &self.clock, op)?;
        driver.met_as(self.first_id.get_or_insert(id));
        Ok(driver)
    }
}

pub fn dfu() -> &'static dyn Protocol {
    *drivers::registry().iter().find(|protocol| protocol.name() == "dfu").expect("the driver")
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
        let until = op.clock.now() + departure.within;
        op.clock.sleep(departure.settle);
        while op.clock.now() < until {
            match self.try_open(op) {
                Ok(driver) if departure.to.contains(&driver.unit().mode) => {
                    let proof = known.recognise(driver.unit())?;
                    return Ok(Returned { driver, proof, continuity: Continuity::Kept });
                }
                Ok(_) => {}
                Err(error) if matches!(error.kind(), Kind::Gone | Kind::TimedOut | Kind::Garbled) => {}
                Err(error) => return Err(error),
            }
            op.clock.sleep(Duration::from_millis(100));
        }
        Err(Error::new(Kind::TimedOut, "the unit did not come back"))
    }
}

struct Yes;

impl Person for Yes {
    fn consent(&self, _: &str, _: &[Consent]) -> Result<bool> {
        Ok(true)
    }
    fn answer(&self, _: &Question, _: Option<Moment>, _: &Cancel) -> Result<String> {
        Ok("pass".to_owned())
    }
}

/// A unit on its port, and a station.
pub struct Rig {
    folder: tempfile::TempDir,
    plugged: Arc<Mutex<Plugged>>,
    clock: Arc<ManualClock>,
    pub faults: Faults,
    pub options: LinkOptions,
    home: Home,
    pub ledger: Ledger,
    pub vault: Vault,
}

impl Rig {
    pub fn new(adjust: impl FnOnce(&mut Options)) -> Rig {
        let folder = tempfile::tempdir().unwrap();
        let mut options = Options::new(folder.path().join("unit"));
        adjust(&mut options);
        let home = Home::open(Some(folder.path().join("home"))).unwrap();
        Rig {
            plugged: Arc::new(Mutex::new(plug(options, Moment::START))),
            clock: Arc::new(ManualClock::new()),
            faults: Faults::default(),
            options: LinkOptions::new(),
            ledger: Ledger::open(&home).unwrap(),
            vault: Vault::open(&home).unwrap(),
            home,
            folder,
        }
    }

    /// Pulls the unit and plugs it in again, with what its flash held. Nothing goes wrong from here on.
    pub fn replug(&mut self, adjust: impl FnOnce(&mut Options)) {
        let mut options = Options::new(self.folder.path().join("unit"));
        adjust(&mut options);
        self.faults = Faults::default();
        let mut plugged = self.plugged.lock().unwrap();
        // It holds its folder while it is there.
        plugged.host = None;
        *plugged = plug(options, self.clock.now());
    }

    /// Version and digest of the firmware that runs; `None` in the loader.
    pub fn running(&self) -> Option<String> {
        let mut plugged = self.plugged.lock().unwrap();
        plugged.pass(self.clock.now());
        plugged.host().device.running().map(|firmware| firmware.sha256)
    }

    pub fn elapsed(&self) -> Duration {
        self.clock.now().since_start()
    }

    fn port(&self) -> Port {
        let clock: Arc<dyn Clock> = Arc::clone(&self.clock) as Arc<dyn Clock>;
        let (plugged, faults) = (Arc::clone(&self.plugged), self.faults.clone());
        Port { plugged, faults, clock, options: self.options.clone(), first_id: None }
    }

    /// Opens the unit and lets `act` have its driver.
    pub fn with<T>(&self, act: impl FnOnce(&mut dyn Driver, &mut Op<'_>) -> T) -> Result<T> {
        let cancel = Cancel::default();
        let mut quiet = |_| {};
        let mut op = Op::new(&*self.clock, &cancel, &mut quiet);
        let mut driver = self.port().try_open(&mut op)?;
        Ok(act(&mut *driver, &mut op))
    }

    pub fn run(&self, steps: Vec<Step>) -> Result<Report> {
        self.carry_out(Resolved::single("test", "test", steps))
    }

    /// A profile with this file beside it.
    pub fn apply(&self, profile: &str, artifact: &str, file: &[u8]) -> Result<Report> {
        let path = self.folder.path().join("profile.yaml");
        std::fs::write(self.folder.path().join(artifact), file).unwrap();
        std::fs::write(&path, profile).unwrap();
        profile::lock(&path)?;
        let prepared = profile::load(&path)?.prepare()?;
        let facts = self.with(|driver, _| Facts::of(driver.unit(), None))?;
        assert_eq!(prepared.fits(&facts), Fit::Yes);
        self.carry_out(prepared.resolve(&facts, &Inputs::default())?)
    }

    fn carry_out(&self, resolved: Resolved) -> Result<Report> {
        let mut port = self.port();
        let cancel = Cancel::default();
        let mut quiet = |_| {};
        let mut op = Op::new(&*self.clock, &cancel, &mut quiet);
        let driver = port.try_open(&mut op)?;
        let desk = Desk {
            clock: &*self.clock,
            home: &self.home,
            ledger: &self.ledger,
            vault: &self.vault,
            person: &Yes,
            listener: &|_: &run::event::Event| {},
            cancel: &cancel,
            gate: &(),
        };
        let order = Order {
            kind: RecordKind::Run,
            run: Uuid::new_v4(),
            resolved,
            serial: None,
            modes: dfu().modes().to_vec(),
            tags: BTreeMap::new(),
            batch: None,
            scans: BTreeMap::new(),
            operator: None,
            accept_omitted: Vec::new(),
        };
        run::execute(&mut port, driver, &order, desk)
    }

    /// The outcomes of all runs so far. The ledger is sound.
    pub fn recorded(&self) -> Vec<String> {
        assert!(self.ledger.verify().unwrap().is_sound());
        self.ledger.list(&Filter::default()).unwrap().into_iter().map(|record| record.outcome).collect()
    }
}

fn plug(options: Options, now: Moment) -> Plugged {
    let stub = Stub::open(options).unwrap();
    let mut host = Host::plug(stub).unwrap();
    host.now = now;
    let mut plugged = Plugged { host: Some(host), number: 0, back_at: None, unplugged: false };
    plugged.enumerate();
    plugged
}
