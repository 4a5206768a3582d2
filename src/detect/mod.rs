//! What is plugged in where: serial ports and USB devices, without opening any of them.
//!
//! Listing is apart from opening: what we may not open is listed too, marked so.

mod access;
mod path;
mod serial;
mod usb;
mod watch;

use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use access::Access;
pub use path::PortPath;
pub use watch::{Change, Look, Paths, Poll, Wake, Watch, Watcher, Woken};

use serde::Serialize;

use crate::clock::Clock;
use crate::device::{BayId, Mode, Signature, Speaks, UnitText, Via};

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
    /// The kernel should make a serial port of it, and has not yet.
    #[serde(skip)]
    pub(crate) port_should_come: bool,
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
}

impl Usb {
    /// A device with these ids, nothing else known.
    #[must_use]
    pub fn new(vendor: u16, product: u16) -> Usb {
        Usb { id: format!("{vendor:04x}:{product:04x}"), serial: None, port: None, path: None, number: None }
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

/// Lists what is plugged in; `signatures` tell which driver a USB identity belongs to.
#[must_use]
pub fn list(signatures: &[Signature]) -> Listing {
    let mut listing = ports(signatures);
    for found in &mut listing.found {
        check_access(found);
    }
    usb::list(signatures, &mut listing);
    listing
}

/// Lists the same, with access to serial ports taken for granted.
#[must_use]
pub fn places(signatures: &[Signature]) -> Listing {
    let mut listing = ports(signatures);
    usb::list(signatures, &mut listing);
    listing
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
    Box::new(Poll::new(Arc::clone(clock), "this system tells nothing of what is plugged in"))
}

/// The whole machine.
struct Everywhere(Vec<Signature>);

impl Look for Everywhere {
    fn places(&mut self) -> Vec<Found> {
        places(&self.0).found
    }

    fn access(&mut self, found: &mut [&mut Found]) {
        for found in found {
            check_access(found);
        }
    }
}

fn ports(signatures: &[Signature]) -> Listing {
    let mut listing = Listing::default();
    serial::list(signatures, &mut listing);
    listing.found.sort_by_key(|found| natural(&found.address));
    listing
}

/// The signature that says most of what a device shows, and who speaks to it through `via`.
fn known(signatures: &[Signature], via: Via, (vendor, product): (u16, u16), interfaces: &[[u8; 3]]) -> Option<Speaks> {
    let fits = |signature: &&Signature| signature.pattern.fits(vendor, product, interfaces);
    let speaks = signatures.iter().filter(fits).filter(|s| s.speaks.is_some_and(|speaks| speaks.via == via));
    speaks.max_by_key(|signature| signature.pattern.weight()).and_then(|signature| signature.speaks)
}

/// Looks whether a serial port could be opened.
pub fn check_access(found: &mut Found) {
    if let Some(path) = found.path() {
        let (access, hint) = access::of(path);
        found.access = access;
        found.hint = hint.or(found.hint.take());
    }
}

/// One named port, listed or not (a PTY is in no list).
#[must_use]
pub fn named(address: String) -> Found {
    Found {
        address,
        bay: None,
        driver: None,
        mode: None,
        serial: None,
        model: None,
        usb: None,
        access: Access::Ok,
        hint: None,
        port_should_come: false,
    }
}

/// Sorts `ttyS10` after `ttyS9`.
fn natural(address: &str) -> (String, u64) {
    let stem = address.trim_end_matches(|c: char| c.is_ascii_digit());
    (stem.to_owned(), address[stem.len()..].parse().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    #[test]
    fn ports_sort_by_number() {
        let mut ports = ["tty:/dev/ttyS10", "tty:/dev/ttyS9", "tty:/dev/ttyACM1"];
        ports.sort_by_key(|port| super::natural(port));
        assert_eq!(ports, ["tty:/dev/ttyACM1", "tty:/dev/ttyS9", "tty:/dev/ttyS10"]);
    }
}
