//! DFU units that a test holds in its hand: pulled, pushed and cut by it, with a witness of all that reaches them.

use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use firmware_stubs::dfu::{self, Options};
use firmware_stubs::usb::{self, Device, Port, Reply, Stop, Then, Transfer};
use jiff::Timestamp;
use protocols::dfu::wire::{BlockNumber, Request};
use protocols::time::Moment;
use protocols::usb::Setup;

use super::wait_for;

/// A kernel that cannot finish an enumeration on one port looks at no other port of that hub for five seconds.
const SETTLE: Duration = Duration::from_secs(20);

/// When a unit is cut off the bus, counted from [`DfuUnit::cut`] on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// At this DFU request; nothing of it is done.
    Before(u64),
    /// At this DFU request; it is carried out, and its answer is lost.
    After(u64),
    /// At this control transfer of any kind, those of the kernel's own enumerations included; nothing of it is done.
    Anywhere(u64),
}

/// What reached a unit.
#[derive(Debug, Default)]
pub struct Seen {
    /// Control transfers of any kind since the test last said what to cut, or to forget.
    pub transfers: u64,
    /// The DFU requests among them.
    pub requests: u64,
    /// Blocks with bytes in them that the host sent, in order. DfuSe's commands are blocks 0.
    pub blocks: Vec<(BlockNumber, Vec<u8>)>,
    /// When and where it was told to do anything by which it is another one afterwards: to take a block with bytes in it, or
    /// to leave its application.
    pub acts: Vec<(Timestamp, Port)>,
    /// DFU requests of its loader since it was pushed in.
    pub in_loader: u64,
    port: Option<Port>,
    cut: Option<Cut>,
    was_cut: bool,
    listener: Option<Sender<Setup>>,
}

impl Seen {
    /// What each download of plain DFU brought: one begins with block 0.
    pub fn downloads(&self) -> Vec<Vec<u8>> {
        let mut downloads = Vec::new();
        for (block, bytes) in &self.blocks {
            match downloads.last_mut() {
                Some(last) if block.0 > 0 => Vec::extend(last, bytes),
                _ => downloads.push(bytes.clone()),
            }
        }
        downloads
    }

    fn act(&mut self) {
        self.acts.extend(self.port.map(|port| (Timestamp::now(), port)));
    }
}

/// A unit and its cable.
pub struct DfuUnit {
    cable: usb::Unit,
    options: Options,
    seen: Arc<Mutex<Seen>>,
    in_port: bool,
}

impl DfuUnit {
    /// Plugs a unit in and waits until the kernel has configured it.
    pub fn plug(options: Options, port: Port) -> Self {
        let unit = Self::push_new(options, port);
        unit.until_configured();
        unit
    }

    /// Plugs it in, and does not wait.
    pub fn push_new(options: Options, port: Port) -> Self {
        let seen = Arc::new(Mutex::new(Seen { port: Some(port), ..Seen::default() }));
        let inner = dfu::Unit::open(options.clone()).expect("the unit's state opens");
        let witness = Witness { inner, seen: Arc::clone(&seen) };
        let cable = usb::Unit::plug(Box::new(witness), port).expect("the unit is plugged in");
        Self { cable, options, seen, in_port: true }
    }

    /// Its port.
    pub fn port(&self) -> Port {
        self.cable.port()
    }

    /// As `-d` takes it.
    pub fn address(&self) -> String {
        address(self.port())
    }

    /// What it was told to be.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Waits until the kernel has configured it.
    pub fn until_configured(&self) {
        // Its own folder is there before a configuration is chosen, and its interfaces come last.
        let id = self.port().bus_id().expect("the virtual controller is there");
        let folder = format!("/sys/bus/usb/devices/{id}");
        let interface = format!("{folder}:1.0");
        wait_for("unit in its port", SETTLE, || Path::new(&interface).exists().then_some(()));
        // Its lock is the kernel's own until all of it has begun, and a listing does not wait that long for its strings.
        let _ = std::fs::read(format!("{folder}/product"));
    }

    /// Whether it is in a port, as far as the test put it there.
    pub fn is_in_port(&self) -> bool {
        self.in_port
    }

    /// Pulls it, and waits until the kernel has seen that.
    pub fn pull(&mut self) {
        self.snatch();
        let folder = format!("/sys/bus/usb/devices/{}", self.port().bus_id().expect("the virtual controller is there"));
        wait_for("departure", SETTLE, || (!Path::new(&folder).exists()).then_some(()));
    }

    /// Pulls it, and does not wait.
    pub fn snatch(&mut self) {
        self.cable.pull().expect("the unit is pulled");
        self.in_port = false;
    }

    /// Pushes it into its port, or another, with no cut to come.
    pub fn push(&mut self, port: Port) {
        {
            let mut seen = self.seen();
            (seen.cut, seen.in_loader, seen.port) = (None, 0, Some(port));
        }
        // What a fault unplugged has left its port, and knows it only when asked.
        let _ = self.cable.news();
        self.cable.push_into(port).expect("the unit is pushed in");
        self.in_port = true;
    }

    /// Unplugs it at a control transfer to come.
    pub fn cut(&self, cut: Cut) {
        let mut seen = self.seen();
        (seen.cut, seen.was_cut, seen.transfers, seen.requests) = (Some(cut), false, 0, 0);
    }

    /// Whether the cut has come.
    pub fn was_cut(&self) -> bool {
        self.seen().was_cut
    }

    /// Tells of every control transfer from now on, before the unit does anything about it.
    pub fn listen(&self) -> Receiver<Setup> {
        let (tell, told) = channel();
        self.seen().listener = Some(tell);
        told
    }

    /// What reached it.
    pub fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().expect("the unit's thread lives")
    }

    /// Forgets what it saw so far.
    pub fn forget(&self) {
        let mut seen = self.seen();
        (seen.transfers, seen.requests) = (0, 0);
        seen.blocks.clear();
    }

    /// What a memory holds.
    pub fn memory(&self, alternate: u8) -> Vec<u8> {
        memory(&self.options.state, alternate)
    }
}

/// What a memory of the unit with its state in `folder` holds.
pub fn memory(folder: &Path, alternate: u8) -> Vec<u8> {
    std::fs::read(folder.join(format!("memory-{alternate}"))).expect("the unit's memory is a file")
}

/// As `-d` takes whatever is in a port.
pub fn address(port: Port) -> String {
    format!("usb:{}", port.bus_id().expect("the virtual controller is there"))
}

struct Witness {
    inner: dfu::Unit,
    seen: Arc<Mutex<Seen>>,
}

impl Witness {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().expect("the test lives")
    }
}

impl Device for Witness {
    fn power_on(&mut self, now: Moment) -> Result<(), Stop> {
        self.inner.power_on(now)
    }

    fn control(&mut self, now: Moment, setup: Setup, data: &[u8]) -> Result<Reply, Stop> {
        let mut seen = self.seen();
        seen.transfers += 1;
        seen.requests += u64::from(Request::parse(setup).is_ok());
        let now_is = |cut| match cut {
            Cut::Before(n) | Cut::After(n) => seen.requests == n && Request::parse(setup).is_ok(),
            Cut::Anywhere(n) => seen.transfers == n,
        };
        let cut = seen.cut.filter(|cut| now_is(*cut));
        seen.was_cut |= cut.is_some();
        if let Some(listener) = &seen.listener
            && listener.send(setup).is_err()
        {
            seen.listener = None;
        }
        if matches!(cut, Some(Cut::Before(_) | Cut::Anywhere(_))) {
            return Err(Stop::Unplugged);
        }
        match Request::parse(setup) {
            Ok((Request::Download { block, .. }, _)) if !data.is_empty() => {
                seen.blocks.push((block, data.to_vec()));
                seen.act();
            }
            Ok((Request::Detach { .. }, _)) => seen.act(),
            Ok(_) => seen.in_loader += 1,
            Err(_) => {}
        }
        drop(seen);
        let reply = self.inner.control(now, setup, data)?;
        if cut.is_some() { Err(Stop::Unplugged) } else { Ok(reply) }
    }

    fn transfer(&mut self, now: Moment, transfer: Transfer<'_>) -> Result<Reply, Stop> {
        self.inner.transfer(now, transfer)
    }

    fn tick(&mut self, now: Moment) -> Result<Then, Stop> {
        self.inner.tick(now)
    }

    fn wakes_at(&self) -> Option<Moment> {
        self.inner.wakes_at()
    }
}
