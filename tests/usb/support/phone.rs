//! Our phone and its cable, in the hand of a test: pulled, pushed and cut by it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use firmware_stubs::phone::{Options, Phone};
use firmware_stubs::usb::{self, Answer, Device, Port, Reply, Speed, Stop, Then, Transfer};
use protocols::time::Moment;
use protocols::usb::Setup;

use super::{unit, wait_for};

const SETTLE: Duration = Duration::from_secs(20);

/// When a phone is cut off the bus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// At this transfer that moves something, those of the kernel's own enumerations included; nothing of it is done.
    Before(u64),
    /// At this transfer; what it asks for is done, and its answer is lost.
    After(u64),
    /// When it leaves its mode for this many times: it is pulled while it restarts.
    Leaving(u64),
}

/// What a phone is when it is pushed in again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Battery {
    /// What it was when it was pulled.
    Charged,
    /// What it is when power comes: it was off.
    Flat,
}

/// What reached a phone.
#[derive(Debug)]
struct Seen {
    transfers: u64,
    departures: u64,
    cut: Option<Cut>,
    battery: Battery,
    has_started: bool,
}

/// A phone and its cable.
pub struct OurPhone {
    cable: usb::Unit,
    seen: Arc<Mutex<Seen>>,
    folder: tempfile::TempDir,
}

impl OurPhone {
    /// Plugs one in and waits until the kernel has configured it.
    pub fn plug(serial: &str, port: Port, how: impl FnOnce(&mut Options)) -> Self {
        let folder = tempfile::tempdir().expect("temporary folder");
        let mut options = Options::new(folder.path().join("unit"));
        options.adb.serial = serial.to_owned();
        how(&mut options);
        let seen = Seen { transfers: 0, departures: 0, cut: None, battery: Battery::Charged, has_started: false };
        let seen = Arc::new(Mutex::new(seen));
        let inner = Phone::open(options).expect("the phone's state opens");
        let witness = Witness { inner, seen: Arc::clone(&seen) };
        let cable = usb::Unit::plug(Box::new(witness), port).expect("the phone is plugged in");
        let phone = Self { cable, seen, folder };
        phone.until_there();
        phone
    }

    /// As `-d` takes it.
    pub fn address(&self) -> String {
        unit::address(self.cable.port())
    }

    /// Waits until the kernel has configured it, in whatever mode.
    pub fn until_there(&self) {
        let id = self.cable.port().bus_id().expect("the virtual controller is there");
        let folder = PathBuf::from("/sys/bus/usb/devices").join(&id);
        let interface = folder.join(format!("{id}:1.0"));
        wait_for("phone in its port", SETTLE, || interface.exists().then_some(()));
        // Its lock is the kernel's own until all of it has begun, and a listing does not wait that long for its strings.
        let _ = fs::read(folder.join("product"));
    }

    /// Unplugs it at something to come.
    pub fn cut(&self, cut: Cut, battery: Battery) {
        let mut seen = self.seen();
        (seen.cut, seen.battery, seen.transfers, seen.departures) = (Some(cut), battery, 0, 0);
    }

    /// The transfers that moved something since the last cut was said, and how often it left its mode.
    pub fn counted(&self) -> (u64, u64) {
        let seen = self.seen();
        (seen.transfers, seen.departures)
    }

    /// Whether it was unplugged since this was last asked.
    pub fn was_cut(&mut self) -> bool {
        self.cable.news().expect("the phone's thread lives").is_some()
    }

    /// Pushes it in again, with no cut to come.
    pub fn push(&mut self) {
        self.seen().cut = None;
        self.cable.push().expect("the phone is pushed in");
    }

    /// What a partition holds.
    pub fn partition(&self, name: &str) -> Vec<u8> {
        fs::read(self.path("partitions").join(name)).expect("a partition")
    }

    /// A place in its state.
    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.folder.path().join("unit").join(name)
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().expect("the phone's thread lives")
    }
}

struct Witness {
    inner: Phone,
    seen: Arc<Mutex<Seen>>,
}

impl Witness {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().expect("the test lives")
    }

    /// Counts a transfer. Whether its answer is to be lost.
    fn count(&self) -> Result<bool, Stop> {
        let mut seen = self.seen();
        seen.transfers += 1;
        match seen.cut {
            Some(Cut::Before(n)) if n == seen.transfers => Err(Stop::Unplugged),
            cut => Ok(cut == Some(Cut::After(seen.transfers))),
        }
    }

    fn follow(&self, then: Then) -> Result<Then, Stop> {
        if then == Then::Stay {
            return Ok(then);
        }
        let mut seen = self.seen();
        seen.departures += 1;
        if seen.cut == Some(Cut::Leaving(seen.departures)) { Err(Stop::Unplugged) } else { Ok(then) }
    }
}

impl Device for Witness {
    fn power_on(&mut self, now: Moment) -> Result<(), Stop> {
        let starts = {
            let mut seen = self.seen();
            !std::mem::replace(&mut seen.has_started, true) || seen.battery == Battery::Flat
        };
        if starts { self.inner.power_on(now) } else { Ok(()) }
    }

    fn control(&mut self, now: Moment, setup: Setup, data: &[u8]) -> Result<Reply, Stop> {
        let is_lost = self.count()?;
        let reply = self.inner.control(now, setup, data)?;
        if is_lost { Err(Stop::Unplugged) } else { Ok(reply) }
    }

    fn transfer(&mut self, now: Moment, transfer: Transfer<'_>) -> Result<Reply, Stop> {
        let takes = matches!(transfer, Transfer::Out { .. });
        let mut is_lost = takes && self.count()?;
        let mut reply = self.inner.transfer(now, transfer)?;
        // What it has nothing for is asked again and again, and is no transfer yet.
        if !takes && matches!(reply.answer, Answer::Data(_)) {
            is_lost = self.count()?;
        }
        reply.then = self.follow(reply.then)?;
        if is_lost { Err(Stop::Unplugged) } else { Ok(reply) }
    }

    fn tick(&mut self, now: Moment) -> Result<Then, Stop> {
        let then = self.inner.tick(now)?;
        self.follow(then)
    }

    fn wakes_at(&self) -> Option<Moment> {
        self.inner.wakes_at()
    }

    fn speed(&self) -> Speed {
        self.inner.speed()
    }
}
