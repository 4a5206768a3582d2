//! What every command is given, and the arguments that many share.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;

use super::report::{Failure, Result, Voice};
use crate::clock::{Clock, SystemClock};
use crate::device::{Bay, Cancel, Driver, Op};
use crate::error::{Error, Kind};
use crate::home::{Home, KeyFolder};
use crate::station::map::Map;
use crate::station::{self, Capture, Machine, Office, PortBay, Selector, Target, World};

/// What every command takes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(super) struct Global {
    /// Print results as JSON, one object a line on stdout; words for people go to stderr
    #[arg(long, global = true)]
    json: bool,
    /// Never ask; what would have to be asked is an error
    #[arg(long, global = true)]
    no_input: bool,
    /// Say more on stderr: -v milestones, -vv decisions, -vvv bytes
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(super) verbose: u8,
    /// Keep what goes over the link in a new text file
    #[arg(long, global = true, value_name = "FILE")]
    capture: Option<PathBuf>,
    /// Capture although a secret goes over the link
    #[arg(long, global = true, requires = "capture")]
    capture_secrets: bool,
}

/// One unit, named or known.
#[derive(Debug, Args)]
pub(super) struct OneDevice {
    /// The unit: a port (tty:/dev/ttyACM0, tcp:HOST:PORT, usb:1-2.3), bay:3, a serial number, server:SERIAL (a phone that an adb server holds); DRIVER@ before it
    /// forces a driver, ,KEY=VALUE after it sets link options
    #[arg(short, long, value_name = "DEV", env = "HARDWIRE_DEVICE", hide_env_values = true)]
    device: Option<String>,
}

impl OneDevice {
    /// The unit at `device`.
    pub(super) fn named(device: String) -> OneDevice {
        OneDevice { device: Some(device) }
    }
}

/// Whether secrets go over the link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Secrets {
    None,
    InPlay,
}

/// What every command is given.
pub(super) struct Context {
    pub(super) voice: Voice,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) cancel: Cancel,
    pub(super) global: Global,
}

/// Where the user wants the station's home.
fn root() -> Option<PathBuf> {
    std::env::var_os("HARDWIRE_HOME").filter(|root| !root.is_empty()).map(PathBuf::from)
}

impl Context {
    pub(super) fn new(global: Global) -> Context {
        Context {
            voice: Voice::new(global.json),
            clock: Arc::new(SystemClock::new()),
            cancel: Cancel::default(),
            global,
        }
    }

    /// Whether somebody may be asked, the terminal permitting.
    pub(super) fn may_ask(&self) -> bool {
        use std::io::IsTerminal;
        !self.global.no_input && std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
    }

    /// The station's papers; says so when it put something in order.
    pub(super) fn office(&self) -> Result<Office, Error> {
        let office = Office::open(root(), &*self.clock)?;
        for record in &office.recovered {
            self.voice.say(format_args!(
                "note: an earlier run ({}) had left no record; it is now record {}",
                record.run, record.digest
            ));
        }
        Ok(office)
    }

    /// The station's home, with nothing put in order: what only looks must work when the ledger is damaged.
    pub(super) fn home(&self) -> Result<Home, Error> {
        Home::open(root())
    }

    /// The station's bays; a home that is not there yet has none.
    pub(super) fn map(&self) -> Result<Map, Error> {
        Map::under(&root().map_or_else(Home::default_root, Ok)?)
    }

    /// The keys by which units may know the station.
    pub(super) fn keys(&self) -> Result<KeyFolder, Error> {
        KeyFolder::of(root())
    }

    /// The machine as `units` bays will see it.
    pub(super) fn world(&self, units: usize, secrets: Secrets) -> Result<Arc<dyn World>, Error> {
        let capture = match &self.global.capture {
            None => None,
            Some(_) if units > 1 => {
                return Err(Error::new(Kind::Invalid, format!("one capture cannot keep {units} units apart"))
                    .next("name one unit with -d, or leave out --capture"));
            }
            Some(_) if secrets == Secrets::InPlay && !self.global.capture_secrets => {
                return Err(Error::new(Kind::Invalid, "the capture would hold a secret in plain text")
                    .next("say --capture-secrets if that is meant, or leave out --capture"));
            }
            Some(path) => Some(Capture::create(path)?),
        };
        Ok(Arc::new(Machine::new(Arc::clone(&self.clock), capture).with_bays(self.map()?).with_keys(self.keys()?)))
    }

    /// The bay that is meant, or the only unit known by its USB identity.
    pub(super) fn bay(&self, device: &OneDevice, secrets: Secrets) -> Result<PortBay> {
        let world = self.world(1, secrets)?;
        Ok(PortBay::new(one_target(device, &*world)?, world))
    }

    /// Does `act` with the unit in `bay`, on a thread of its own, so that Ctrl-C is heard.
    pub(super) fn with_unit<T: Send>(
        &self,
        bay: PortBay,
        act: impl Fn(&mut dyn Driver, &mut Op<'_>) -> Result<T, Error> + Sync,
    ) -> Result<T> {
        let address = bay.address().to_owned();
        let work = |mut bay: PortBay, _: &dyn crate::run::event::Listener| {
            let mut quiet = |_| {};
            let mut op = Op::new(&*self.clock, &self.cancel, &mut quiet);
            let asks = |what: &str| self.voice.waiting(&address, what);
            op.asks = Some(&asks);
            let mut driver = bay.open(&mut op).map_err(not_there)?;
            act(&mut *driver, &mut op).map_err(Failure::from)
        };
        let mut results = station::fleet::run(vec![bay], &self.cancel, work, |_| {})?;
        let result = results.pop().unwrap_or_else(|| Err(Error::new(Kind::Interrupted, "no result")));
        result.map_err(Failure::from).flatten().map_err(|failure| failure.at(address))
    }
}

/// A file that is not there yet.
pub(super) fn new_file(path: &Path) -> Result<File, Error> {
    File::create_new(path).map_err(|cause| {
        let there = cause.kind() == std::io::ErrorKind::AlreadyExists;
        let kind = if there { Kind::Invalid } else { Kind::Storage };
        Error::new(kind, format!("{} cannot be written", path.display())).because(cause)
    })
}

/// A unit that could not even be opened: when nothing is there, that is "no such unit" rather than "went away".
pub(super) fn not_there(error: Error) -> Failure {
    let absent = error.is_absent();
    let failure = Failure::from(error);
    if absent { failure.no_such_unit() } else { failure }
}

fn one_target(device: &OneDevice, world: &dyn World) -> Result<Target> {
    match device.device.as_deref().filter(|text| !text.is_empty()) {
        Some(text) => {
            let selector: Selector = text.parse()?;
            station::resolve(&selector, &[], world).map_err(not_there)
        }
        None => {
            let known = station::resolve_any(|found| found.driver.is_some(), &[], world).map_err(not_there)?;
            Ok(station::only_one(known)?)
        }
    }
}
