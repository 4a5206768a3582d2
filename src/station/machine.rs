//! The machine as a bay needs it: ports to open, protocols to speak. A trait, so that tests need neither.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::map::Map;
use crate::clock::Clock;
use crate::detect::{self, Change, Found, Watch};
use crate::device::Signature;
use crate::drivers::{self, Keys, NoKeys, Protocol};
use crate::error::{Error, Kind, Result};
use crate::home::KeyFolder;
use crate::link::{self, Address, Contact, Opened, SerialOptions};

/// What a bay opens its units through.
pub trait World: Send + Sync {
    /// Opens what is at an address.
    ///
    /// # Errors
    /// As [`link::open`].
    fn open(&self, address: &Address, options: &SerialOptions) -> Result<Opened>;

    /// The contact of a fixture: the line CTS of the serial port at an address.
    ///
    /// # Errors
    /// As [`link::contact`].
    fn contact(&self, address: &Address, options: &SerialOptions) -> Result<Box<dyn Contact>>;

    /// The protocols that can be spoken.
    fn protocols(&self) -> &[&'static dyn Protocol];

    /// The serial ports, and the USB devices without one, that the operating system lists now.
    fn places(&self) -> Vec<Found>;

    /// Watches what is plugged in and out, from now on.
    ///
    /// # Errors
    /// `storage` when the system gives nothing to listen with.
    fn watch(&self) -> Result<Box<dyn Watch>>;

    /// The station's bays.
    fn map(&self) -> &Map;

    /// The program's clock.
    fn clock(&self) -> &Arc<dyn Clock>;

    /// The keys by which units may know the station.
    fn keys(&self) -> &dyn Keys {
        &NoKeys
    }
}

/// The USB identities of every protocol.
#[must_use]
pub fn signatures(protocols: &[&'static dyn Protocol]) -> Vec<Signature> {
    protocols.iter().flat_map(|protocol| protocol.signatures()).copied().collect()
}

/// This machine.
pub struct Machine {
    clock: Arc<dyn Clock>,
    capture: Option<Capture>,
    map: Map,
    keys: Option<KeyFolder>,
}

impl Machine {
    /// This machine, under `clock`; what goes over its links is kept in `capture`.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, capture: Option<Capture>) -> Machine {
        Machine { clock, capture, map: Map::default(), keys: None }
    }

    /// The same, with bays.
    #[must_use]
    pub fn with_bays(self, map: Map) -> Machine {
        Machine { map, ..self }
    }

    /// The same, with keys.
    #[must_use]
    pub fn with_keys(self, keys: KeyFolder) -> Machine {
        Machine { keys: Some(keys), ..self }
    }
}

impl World for Machine {
    fn open(&self, address: &Address, options: &SerialOptions) -> Result<Opened> {
        let opened = link::open(address, options, &self.clock)?;
        let Some(capture) = &self.capture else { return Ok(opened) };
        let file = Box::new(capture.clone());
        match opened {
            Opened::Stream(link) => link::capture::wrap(link, file, &self.clock).map(Opened::Stream),
            Opened::Usb(device) => link::usb::capture::wrap(device, file, &self.clock).map(Opened::Usb),
            Opened::Behind(behind) => {
                let (capture, clock) = (capture.clone(), Arc::clone(&self.clock));
                let wrap = move |link| link::capture::wrap(link, Box::new(capture.clone()), &clock);
                Ok(Opened::Behind(behind.each(wrap)))
            }
        }
    }

    fn contact(&self, address: &Address, options: &SerialOptions) -> Result<Box<dyn Contact>> {
        link::contact(address, options)
    }

    fn protocols(&self) -> &[&'static dyn Protocol] {
        drivers::registry()
    }

    fn places(&self) -> Vec<Found> {
        let mut found = detect::places(&signatures(self.protocols())).found;
        self.map.fill(&mut found);
        found
    }

    fn map(&self) -> &Map {
        &self.map
    }

    fn watch(&self) -> Result<Box<dyn Watch>> {
        let watch = detect::watch(signatures(self.protocols()), Arc::clone(&self.clock));
        Ok(Box::new(OnTheMap { watch, map: self.map.clone() }))
    }

    fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    fn keys(&self) -> &dyn Keys {
        self.keys.as_ref().map_or(&NoKeys, |keys| keys)
    }
}

/// A watch that knows the bays.
struct OnTheMap {
    watch: Box<dyn Watch>,
    map: Map,
}

impl Watch for OnTheMap {
    fn there(&self) -> Vec<Found> {
        let mut there = self.watch.there();
        self.map.fill(&mut there);
        there
    }

    fn next(&mut self, within: Duration) -> Option<Change> {
        let mut change = self.watch.next(within)?;
        let (Change::Arrived(found) | Change::Departed(found)) = &mut change;
        self.map.fill([&mut **found]);
        Some(change)
    }

    fn notes(&self) -> &[String] {
        self.watch.notes()
    }
}

/// The capture file of one unit, kept open while links to the unit come and go.
#[derive(Debug, Clone)]
pub struct Capture(Arc<Mutex<File>>);

impl Capture {
    /// Starts a new file; an old one of that name is not overwritten.
    ///
    /// # Errors
    /// `invalid` when the file is there already, `storage` when it cannot be made.
    pub fn create(path: &Path) -> Result<Capture> {
        let file = OpenOptions::new().write(true).create_new(true).open(path).map_err(|cause| {
            let kind = if cause.kind() == io::ErrorKind::AlreadyExists { Kind::Invalid } else { Kind::Storage };
            Error::new(kind, format!("the capture {} cannot be started", path.display()))
                .because(cause)
                .next("name a file that is not there yet, in a folder that you may write to")
        })?;
        Ok(Capture(Arc::new(Mutex::new(file))))
    }
}

impl Write for Capture {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).flush()
    }
}
