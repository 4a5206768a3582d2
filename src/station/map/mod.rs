//! The bay map: which ports of this station are which bay, and how a bay is begun and freed. It stands in
//! `station.yaml`:
//!
//! ```yaml
//! bays:
//!   - bay: 1
//!     label: left                       # what a person scans or reads; unique
//!     ports: ["pci-0000:00:14.0-usbv2-0:2.1", "pci-0000:00:14.0-usbv3-0:2.1"]   # one socket, both speeds
//!     link: { baud: 921600 }
//!   - bay: 2                            # a fixture: its adapter stays, its unit comes and goes
//!     serial: /dev/serial/by-path/pci-0000:00:14.0-usb-0:3:1.0
//!     start: probe                      # plug (default), probe, cts, key
//!     free: silent 2s                   # unplug, silent TIME, key
//!     enabled: false
//!   - bays: 11-18                       # a hub: its socket N is bay 10+N
//!     ports: "pci-0000:00:14.0-usbv*-0:4.{}"
//!     disabled: [13]
//! ```
//!
//! In a port `*` stands for anything and `?` for one character; whatever matches belongs to that one bay. `{}` stands
//! for the socket's number and goes with `bays`, so that a number never depends on what happens to be plugged in.

mod edit;
mod pattern;
mod read;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

pub use edit::Learned;
pub use pattern::PortPattern;

use crate::detect::Found;
use crate::device::BayId;
use crate::durable::storage;
use crate::error::{Error, Kind, Result};
use crate::home::Home;
use crate::profile::LinkOptions;

/// Where the map stands in a station's home.
pub(super) const FILE: &str = "station.yaml";
/// How long a fixture is silent, unless the map says otherwise, before its unit counts as taken out.
const USUAL_SILENCE: Duration = Duration::from_secs(2);

/// The bays of a station. Empty when it has no map: then every port counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Map {
    bays: BTreeMap<BayId, Arc<BaySpec>>,
}

/// One bay of the map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaySpec {
    /// Its number.
    pub id: BayId,
    /// What people call it, and what a scanner reads there; no two bays share one.
    pub label: Option<String>,
    /// The USB ports of its socket: one for each speed.
    pub ports: Vec<PortPattern>,
    /// Its serial port, by a path that survives a reboot.
    pub serial: Option<PathBuf>,
    /// How its links are opened; `-d` wins over it, it wins over a profile.
    pub link: LinkOptions,
    /// What begins a run here.
    pub start: Start,
    /// What frees it.
    pub free: Free,
    /// Whether it is used at all.
    pub enabled: bool,
}

/// What begins a run in a bay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Start {
    /// Something is plugged in.
    #[default]
    Plug,
    /// A unit answers: for a fixture, whose adapter never leaves.
    Probe,
    /// The line CTS of its serial port rises: a lid, a contact.
    Cts,
    /// A person presses its key.
    Key,
}

/// What frees a bay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Free {
    /// What was plugged in is gone.
    Unplug,
    /// No unit answers for this long.
    Silent(Duration),
    /// A person presses its key.
    Key,
}

impl Map {
    /// The map of the station at `home`.
    ///
    /// # Errors
    /// `invalid` with file, line and key when it is wrong; `storage` when it cannot be read.
    pub fn load(home: &Home) -> Result<Map> {
        Map::under(home.root())
    }

    /// The same of the folder `root`, which need not be there: then there is no map.
    ///
    /// # Errors
    /// As [`Map::load`].
    pub fn under(root: &Path) -> Result<Map> {
        let path = root.join(FILE);
        match fs::read(&path) {
            Ok(bytes) => read::map(&read::parse(&path, bytes)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Map::default()),
            Err(error) => Err(storage(format!("{} cannot be read", path.display()), error)),
        }
    }

    /// Whether the station has no map.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bays.is_empty()
    }

    /// The bays, by number.
    pub fn bays(&self) -> impl Iterator<Item = &Arc<BaySpec>> {
        self.bays.values()
    }

    /// The bay with this number.
    ///
    /// # Errors
    /// `gone`, absent, when there is none.
    pub fn bay(&self, id: BayId) -> Result<&Arc<BaySpec>> {
        self.bays.get(&id).ok_or_else(|| {
            let (sentence, next) = if self.is_empty() {
                (format!("this station has no bay {id}: it has no bay map yet"), "`hardwire bay learn` makes one")
            } else {
                (format!("this station has no bay {id}"), "`hardwire bay list` shows those it has")
            };
            Error::absent(sentence).next(next)
        })
    }

    /// The bay with this number, which is in use.
    ///
    /// # Errors
    /// `gone`, absent, when there is none; `invalid` when it is disabled.
    pub fn enabled(&self, id: BayId) -> Result<&Arc<BaySpec>> {
        let bay = self.bay(id)?;
        if bay.enabled {
            return Ok(bay);
        }
        Err(Error::new(Kind::Invalid, format!("bay {id} is disabled"))
            .next(format!("`hardwire bay enable {id}` takes it into use")))
    }

    /// The bay in which `found` is, enabled or not.
    #[must_use]
    pub fn bay_of(&self, found: &Found) -> Option<&Arc<BaySpec>> {
        self.bays.values().find(|bay| bay.holds(found))
    }

    /// The bay whose serial port is at `path`, which may be in no list.
    #[must_use]
    pub fn bay_at(&self, path: &Path) -> Option<&Arc<BaySpec>> {
        self.bays.values().find(|bay| bay.is_at(path))
    }

    /// Whether `found` may be used without having been named: a station with a map leaves all else alone.
    #[must_use]
    pub fn admits(&self, found: &Found) -> bool {
        self.is_empty() || self.bay_of(found).is_some_and(|bay| bay.enabled)
    }

    /// Fills in the bay of each of `found`.
    pub fn fill<'a>(&self, found: impl IntoIterator<Item = &'a mut Found>) {
        if !self.is_empty() {
            found.into_iter().for_each(|found| found.bay = self.bay_of(found).map(|bay| bay.id));
        }
    }

    fn add(&mut self, bay: BaySpec) {
        self.bays.insert(bay.id, Arc::new(bay));
    }
}

impl Start {
    /// What frees a bay that is begun so, unless the map says otherwise.
    #[must_use]
    pub fn usual_end(self) -> Free {
        match self {
            Start::Plug => Free::Unplug,
            Start::Probe | Start::Cts => Free::Silent(USUAL_SILENCE),
            Start::Key => Free::Key,
        }
    }
}

impl FromStr for Start {
    type Err = Error;

    fn from_str(text: &str) -> Result<Start> {
        read::STARTS.iter().find(|(name, _)| *name == text).map(|(_, start)| *start).ok_or_else(|| {
            Error::new(Kind::Invalid, format!("`{}` begins no bay", text.escape_debug()))
                .next("say plug, probe, cts or key")
        })
    }
}

impl FromStr for Free {
    type Err = Error;

    fn from_str(text: &str) -> Result<Free> {
        read::free_of(text).ok_or_else(|| {
            Error::new(Kind::Invalid, format!("`{}` frees no bay", text.escape_debug()))
                .next("say unplug, key, or `silent 2s`")
        })
    }
}

impl fmt::Display for Start {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Start::Plug => "plug",
            Start::Probe => "probe",
            Start::Cts => "cts",
            Start::Key => "key",
        })
    }
}

impl fmt::Display for Free {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Free::Unplug => f.write_str("unplug"),
            Free::Silent(time) if time.subsec_millis() == 0 => write!(f, "silent {}s", time.as_secs()),
            Free::Silent(time) => write!(f, "silent {}ms", time.as_millis()),
            Free::Key => f.write_str("key"),
        }
    }
}

impl BaySpec {
    /// Whether `found` is in this bay.
    #[must_use]
    pub fn holds(&self, found: &Found) -> bool {
        self.is_socket(found) || self.is_serial(found)
    }

    /// Whether `found` hangs on one of its USB ports.
    #[must_use]
    pub fn is_socket(&self, found: &Found) -> bool {
        let path = found.usb.as_ref().and_then(|usb| usb.path.as_ref()).map(ToString::to_string);
        path.is_some_and(|path| self.ports.iter().any(|port| port.matches(&path)))
    }

    fn is_serial(&self, found: &Found) -> bool {
        found.path().is_some_and(|path| self.is_at(path))
    }

    /// Whether the serial port at `path` is its own, by whatever name.
    fn is_at(&self, path: &Path) -> bool {
        let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        self.serial.as_ref().is_some_and(|own| own == path || real(own) == real(path))
    }
}
