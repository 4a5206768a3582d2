//! A station in a folder of its own, for units in memory.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hardwire::clock::{Clock, ManualClock};
use hardwire::device::{Bay, Cancel, Continuity, Departure, Driver, Known, ModeSpec, Op, Returned};
use hardwire::drivers::{self, Protocol};
use hardwire::error::{Error, Kind, Result};
use hardwire::home::Home;
use hardwire::ledger::{Ledger, RecordKind};
use hardwire::profile::model::Resolved;
use hardwire::run::person::{Consent, Person, Question};
use hardwire::run::report::Report;
use hardwire::run::{self, Desk, Order};
use hardwire::vault::Vault;
use protocols::time::Moment;
use uuid::Uuid;

pub struct Station {
    folder: tempfile::TempDir,
    pub clock: Arc<ManualClock>,
    home: Home,
    pub ledger: Ledger,
    pub vault: Vault,
    /// What a backup may leave out.
    pub accept_omitted: Vec<String>,
}

impl Station {
    pub fn new() -> Station {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::open(Some(folder.path().join("home"))).unwrap();
        let (ledger, vault) = (Ledger::open(&home).unwrap(), Vault::open(&home).unwrap());
        Station { folder, clock: Arc::new(ManualClock::new()), home, ledger, vault, accept_omitted: Vec::new() }
    }

    /// Where units keep what they hold.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock) as Arc<dyn Clock>
    }

    /// Lets `act` have an operation that nobody cancels or watches.
    pub fn op<T>(&self, act: impl FnOnce(&mut Op<'_>) -> T) -> T {
        act(&mut Op::new(&*self.clock, &Cancel::default(), &mut |_| {}))
    }

    /// Runs `resolved` on what is on the port; the ledger is sound afterwards.
    pub fn run(&self, port: &mut dyn Bay, modes: Vec<ModeSpec>, resolved: Resolved) -> Result<Report> {
        let driver = self.op(|op| port.open(op))?;
        let desk = Desk {
            clock: &*self.clock,
            home: &self.home,
            ledger: &self.ledger,
            vault: &self.vault,
            person: &Yes,
            listener: &|_: &run::event::Event| {},
            cancel: &Cancel::default(),
            gate: &(),
        };
        let order = Order {
            kind: RecordKind::Run,
            run: Uuid::new_v4(),
            resolved,
            serial: None,
            modes,
            tags: BTreeMap::new(),
            batch: None,
            scans: BTreeMap::new(),
            operator: None,
            accept_omitted: self.accept_omitted.clone(),
        };
        let report = run::execute(port, driver, &order, desk);
        assert!(self.ledger.verify().unwrap().is_sound());
        report
    }
}

/// Opens with `open` again and again, until one of the awaited modes is there.
pub fn wait(
    known: &Known,
    departure: &Departure,
    op: &mut Op<'_>,
    mut open: impl FnMut(&mut Op<'_>) -> Result<Box<dyn Driver>>,
) -> Result<Returned> {
    let until = op.clock.now() + departure.within;
    op.clock.sleep(departure.settle);
    while op.clock.now() < until {
        match open(op) {
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

pub fn protocol(name: &str) -> &'static dyn Protocol {
    *drivers::registry().iter().find(|protocol| protocol.name() == name).expect("the driver")
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
