//! What is plugged in where: serial ports and USB devices, without opening any of them.
//!
//! Listing is apart from opening: what we may not open is listed too, marked so.

mod access;
mod doors;
mod known;
mod path;
mod serial;
pub mod udev;
mod usb;
mod watch;

use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use access::Access;
pub use path::PortPath;
pub use watch::{Change, Look, Paths, Poll, Wake, Watch, Watcher, Woken};

use serde::Serialize;

use crate::clock::Clock;
use crate::device::{BayId, Mode, Signature, UnitText};

/// One place where a unit is, or may be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Found {
    /// Its address, as `-d` takes it.
    pub address: String,
    /// Its bay, when it is on the map.
    pub bay: Option<BayId>,
    /// The driver that speaks to it; `None` when only its port is known.
    pub driver: Option<&'static str>,
    /// What it is at this moment, where the driver or its USB identity says.
    pub mode: Option<Mode>,
    /// What its USB identity is known as: `RP2040 in BOOTSEL mode`.
    pub name: Option<&'static str>,
    /// The unit's serial number.
    pub serial: Option<UnitText>,
    /// The unit's model.
    pub model: Option<UnitText>,
    /// Its USB identity, when it is on USB.
    pub usb: Option<Usb>,
    /// Whether it can be opened.
    pub access: Access,
    /// What a person could do about it.
    pub hint: Option<String>,
    /// What should come of it within a moment.
    #[serde(skip)]
    awaits: Option<Awaits>,
}

/// What a device that was just plugged in may not have yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Awaits {
    /// The serial port that the kernel should make of it.
    Port,
    /// Its strings.
    Texts,
}

/// A USB identity and place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Usb {
    /// `vendor:product`, four lower-case hex digits each.
    pub id: String,
    /// The serial number in its descriptor (`iSerialNumber`).
    pub serial: Option<UnitText>,
    /// The kernel's name of its port today: `1-2.3`.
    pub port: Option<String>,
    /// Its port by a name that survives a reboot.
    pub path: Option<PortPath>,
    /// The number that the system gave it when it was plugged in (`devnum`): under another number it has left in
    /// between, or is another device.
    #[serde(skip)]
    pub number: Option<u32>,
}

impl Found {
    /// The path of its serial port, when it has one.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.address.strip_prefix("tty:").map(Path::new)
    }

    /// Whether something of it is still to come: the serial port that the kernel should make of it, or its strings. It
    /// should not be opened before.
    #[must_use]
    pub fn is_incomplete(&self) -> bool {
        self.awaits.is_some()
    }

    /// Adds what a person should know.
    fn remark(&mut self, words: &str) {
        self.hint = Some(match self.hint.take() {
            Some(hint) => format!("{hint}; {words}"),
            None => words.to_owned(),
        });
    }
}

impl Usb {
    /// A device with these ids, nothing else known.
    #[must_use]
    pub fn new(vendor: u16, product: u16) -> Usb {
        Usb { id: format!("{vendor:04x}:{product:04x}"), serial: None, port: None, path: None, number: None }
    }

    /// Vendor and product.
    fn ids(&self) -> (u16, u16) {
        let number = |hex: &str| u16::from_str_radix(hex, 16).unwrap_or_default();
        self.id.split_once(':').map_or((0, 0), |(vendor, product)| (number(vendor), number(product)))
    }

    /// The same on `port`, as the kernel calls it today.
    #[must_use]
    pub fn on(self, port: &str) -> Usb {
        Usb { port: Some(port.to_owned()), path: PortPath::of(port), ..self }
    }
}

/// All that was found, and what kept us from looking further.
#[derive(Debug, Default)]
pub struct Listing {
    /// Serial ports first, then USB devices without one; by address.
    pub found: Vec<Found>,
    /// Sentences for people: no USB on this machine, a folder that cannot be read.
    pub notes: Vec<String>,
}

/// Lists what is plugged in, and whether it can be opened; `signatures` tell which driver a USB identity belongs to.
/// What is denied and has only just arrived is looked at again for up to two seconds: udev's rules come after the node.
#[must_use]
pub fn list(signatures: &[Signature], clock: &dyn Clock) -> Listing {
    let mut listing = places(signatures);
    access::look(&mut listing.found.iter_mut().collect::<Vec<_>>());
    access::wait_for_rules(&mut listing.found, clock);
    listing
}

/// Lists the same, access not looked at.
#[must_use]
pub fn places(signatures: &[Signature]) -> Listing {
    let mut notes = Vec::new();
    let ports = serial::ports().unwrap_or_else(|note| {
        notes.push(note);
        Vec::new()
    });
    let devices = usb::devices().unwrap_or_else(|note| {
        notes.push(note);
        Vec::new()
    });
    Listing { found: doors::rows(signatures, ports, &devices), notes }
}

/// Watches what is plugged in and out; `signatures` as in [`list`].
#[must_use]
pub fn watch(signatures: Vec<Signature>, clock: Arc<dyn Clock>) -> Box<dyn Watch> {
    let wake = wake(&clock);
    Box::new(Watcher::new(clock, wake, Box::new(Everywhere(signatures))))
}

/// Watches what `look` lists: places that were named, `paths` among them (a PTY is in no list).
#[must_use]
pub fn watch_only(look: Box<dyn Look>, paths: Vec<PathBuf>, clock: &Arc<dyn Clock>) -> Box<dyn Watch> {
    Box::new(Watcher::new(Arc::clone(clock), Box::new(Paths::new(wake(clock), paths)), look))
}

/// What tells of changes on this system.
fn wake(clock: &Arc<dyn Clock>) -> Box<dyn Wake> {
    #[cfg(target_os = "linux")]
    let why = match watch::Uevents::listen() {
        Ok(uevents) => return Box::new(uevents),
        Err(error) => format!("the kernel does not tell what is plugged in ({error})"),
    };
    #[cfg(not(target_os = "linux"))]
    let why = "this system does not tell what is plugged in".to_owned();
    Box::new(Poll::new(Arc::clone(clock), &why))
}

/// The whole machine.
struct Everywhere(Vec<Signature>);

impl Look for Everywhere {
    fn places(&mut self) -> Vec<Found> {
        places(&self.0).found
    }

    fn access(&mut self, found: &mut [&mut Found]) {
        access::look(found);
    }

    fn access_of_arrivals(&mut self, found: &mut [&mut Found]) {
        access::look_at_arrivals(found);
    }
}

/// Looks whether it could be opened, without opening it: opening alone resets some boards.
pub fn check_access(found: &mut Found) {
    access::look(&mut [found]);
}

/// One named port, listed or not (a PTY is in no list).
#[must_use]
pub fn named(address: String) -> Found {
    Found {
        address,
        bay: None,
        driver: None,
        mode: None,
        name: None,
        serial: None,
        model: None,
        usb: None,
        access: Access::Ok,
        hint: None,
        awaits: None,
    }
}
