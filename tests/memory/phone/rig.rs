//! A phone behind a cable in memory, that two drivers speak to in turn.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

use firmware_stubs::phone::{Options, Phone};
use firmware_stubs::usb::Then;
use firmware_stubs::usb::host::{Host, Trouble};
use hardwire::clock::Clock;
use hardwire::device::{Bay, BayId, Departure, Driver, Known, Mode, ModeSpec, Op, Returned};
use hardwire::drivers::{Opening, Options as LinkOptions};
use hardwire::error::{Error, Kind, Result};
use hardwire::link::memory::{self, Peer};
use hardwire::profile::model::{Resolved, Step};
use hardwire::profile::{self, Facts, Fit, Given, Sources, UnitNames};
use hardwire::run::report::Report;
use protocols::adb::wire::{Deframer as Packets, Version};
use protocols::fastboot::wire::{Deframer as Frames, HANDSHAKE, header};
use protocols::time::Moment;

use crate::station::{self, Station, protocol};

/// The phone and its cable, which can be cut at any packet.
struct Plugged {
    host: Option<Host<Phone>>,
    number: u64,
    back_at: Option<Moment>,
    unplugged: bool,
    packets: u64,
    cut_at: Option<u64>,
}

impl Plugged {
    fn host(&mut self) -> &mut Host<Phone> {
        self.host.as_mut().expect("a phone")
    }

    fn pass(&mut self, now: Moment) {
        if self.unplugged {
            return;
        }
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
            self.unplugged |= self.host().enumerate().is_err();
        }
    }

    fn packet(&mut self) -> Result<()> {
        self.packets += 1;
        self.unplugged |= self.cut_at.is_some_and(|at| self.packets >= at);
        if self.unplugged { Err(gone()) } else { Ok(()) }
    }
}

fn gone() -> Error {
    Error::new(Kind::Gone, "the phone is off the bus")
}

/// An open connection, which ends when the phone leaves.
struct Connection {
    plugged: Arc<Mutex<Plugged>>,
    number: u64,
    speaks: Speaks,
}

enum Speaks {
    Adb(Packets),
    Fastboot { frames: Frames, greets: bool },
}

impl Connection {
    fn there(&self, now: Moment) -> Result<MutexGuard<'_, Plugged>> {
        let mut plugged = self.plugged.lock().unwrap();
        plugged.pass(now);
        let is_there = !plugged.unplugged && plugged.back_at.is_none() && plugged.number == self.number;
        if is_there { Ok(plugged) } else { Err(gone()) }
    }

    fn write(&self, now: Moment, bytes: &[u8]) -> Result<()> {
        let mut plugged = self.there(now)?;
        plugged.packet()?;
        plugged.host().write(1, bytes).map_err(|_| gone())
    }
}

impl Peer for Connection {
    fn take(&mut self, now: Moment, mut bytes: &[u8]) -> Result<()> {
        let mut out = Vec::new();
        match &mut self.speaks {
            Speaks::Adb(packets) => {
                while let Some(packet) = packets.next(&mut bytes).expect("the driver's packets") {
                    out.push(packet.header(Version::NO_CHECKSUM).to_bytes().to_vec());
                    out.extend((!packet.payload.is_empty()).then(|| packet.payload.clone()));
                }
            }
            Speaks::Fastboot { frames, .. } => {
                out.extend(frames.push(bytes).expect("the driver's frames").into_iter().map(|part| part.bytes));
            }
        }
        out.iter().try_for_each(|bytes| self.write(now, bytes))
    }

    fn give(&mut self, now: Moment) -> Result<Vec<u8>> {
        if let Speaks::Fastboot { greets, .. } = &mut self.speaks
            && std::mem::take(greets)
        {
            return Ok(HANDSHAKE.to_vec());
        }
        let mut plugged = self.there(now)?;
        let bytes = match plugged.host().read(1, 16_384) {
            Ok(bytes) => bytes,
            Err(Trouble::Silence) => return Ok(Vec::new()),
            Err(_) => return Err(gone()),
        };
        plugged.packet()?;
        Ok(match &self.speaks {
            Speaks::Adb(_) => bytes,
            Speaks::Fastboot { .. } => [&header(bytes.len() as u64)[..], &bytes].concat(),
        })
    }
}

/// What such phones can do in all their modes.
fn modes() -> Vec<ModeSpec> {
    ["adb", "fastboot"].into_iter().flat_map(|name| protocol(name).modes()).copied().collect()
}

/// The port, as a run holds it.
struct Port {
    plugged: Arc<Mutex<Plugged>>,
    clock: Arc<dyn Clock>,
}

impl Port {
    fn try_open(&mut self, op: &mut Op<'_>) -> Result<Box<dyn Driver>> {
        use firmware_stubs::phone::Mode as Is;
        let (number, mode) = {
            let mut plugged = self.plugged.lock().unwrap();
            plugged.pass(self.clock.now());
            if plugged.unplugged || plugged.back_at.is_some() {
                return Err(Error::absent("nothing is on the port"));
            }
            // A new connection: whoever spoke to it before is gone.
            plugged.host().enumerate().map_err(|_| gone())?;
            (plugged.number, plugged.host().device.mode())
        };
        let (name, speaks) = match mode {
            Is::Bootloader | Is::Fastbootd => ("fastboot", Speaks::Fastboot { frames: Frames::new(), greets: true }),
            _ => ("adb", Speaks::Adb(Packets::hunting())),
        };
        let connection = Connection { plugged: Arc::clone(&self.plugged), number, speaks };
        let link = memory::served(&Arc::new(Mutex::new(connection)), &self.clock);
        protocol(name).open(link.into(), Opening::unknown(&LinkOptions::new()), op)
    }
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

/// A phone on its port, and a station.
pub struct Rig {
    pub station: Station,
    plugged: Arc<Mutex<Plugged>>,
}

impl Rig {
    /// A phone whose cable is cut at this packet, if at any.
    pub fn new(cut_at: Option<u64>, adjust: impl FnOnce(&mut Options)) -> Rig {
        let station = Station::new();
        let mut options = options(&station);
        adjust(&mut options);
        Rig { plugged: Arc::new(Mutex::new(plug(options, Moment::START, cut_at))), station }
    }

    /// Plugs the phone in again as it was left: what it was doing is over, what it held is there.
    pub fn replug(&self) {
        let mut plugged = self.plugged.lock().unwrap();
        let mut options = options(&self.station);
        // Power stays: it has a battery, and is in whatever mode it was.
        options.first = plugged.host().device.mode();
        plugged.host = None;
        *plugged = plug(options, self.station.clock.now(), None);
    }

    pub fn packets(&self) -> u64 {
        self.plugged.lock().unwrap().packets
    }

    pub fn mode(&self) -> firmware_stubs::phone::Mode {
        self.plugged.lock().unwrap().host().device.mode()
    }

    /// The first bytes of a partition.
    pub fn held(&self, partition: &str, len: usize) -> Vec<u8> {
        let mut plugged = self.plugged.lock().unwrap();
        let store = Arc::clone(plugged.host().device.store());
        store.partition(partition).expect("a partition").read(0, len).unwrap()
    }

    pub fn run(&self, steps: Vec<Step>) -> Result<Report> {
        self.apply(Resolved::single("test", "test", steps))
    }

    pub fn apply(&self, resolved: Resolved) -> Result<Report> {
        self.station.run(&mut self.port(), modes(), resolved)
    }

    /// A profile that ships, for this phone.
    pub fn shipped(&self, name: &str) -> Resolved {
        let path = format!("{}/profiles/{name}", env!("CARGO_MANIFEST_DIR"));
        let prepared = profile::load(path).unwrap().prepare().unwrap();
        let unit = self.station.op(|op| self.port().open(op)).unwrap().unit().clone();
        let facts = Facts::of(&unit, None);
        assert_eq!(prepared.fits(&facts), Fit::Yes, "{name}");
        let (given, names) = (Given::default(), UnitNames::default());
        let mut sources = Sources { given: &given, unit: &names, env: &|_| None, ask: &mut |_| Ok(None) };
        let inputs = prepared.profile().gather(&mut sources).unwrap();
        prepared.resolve(&facts, &inputs).unwrap()
    }

    /// Where a path of the phone is here.
    pub fn path(&self, of_the_phone: &str) -> PathBuf {
        self.station.folder().join("phone/files").join(of_the_phone.trim_start_matches('/'))
    }

    fn port(&self) -> Port {
        Port { plugged: Arc::clone(&self.plugged), clock: self.station.clock() }
    }
}

fn options(station: &Station) -> Options {
    Options::new(station.folder().join("phone"))
}

fn plug(options: Options, now: Moment, cut_at: Option<u64>) -> Plugged {
    let mut host = Host::plug(Phone::open(options).unwrap()).unwrap();
    host.now = now;
    host.enumerate().unwrap();
    Plugged { host: Some(host), number: 0, back_at: None, unplugged: false, packets: 0, cut_at }
}

/// In the words of `in:`.
pub const BOOTLOADER: Mode = Mode::Bootloader;
