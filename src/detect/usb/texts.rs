//! The strings of USB devices, read once for each time that one is plugged in.
//!
//! To read them the kernel takes the device's lock, and whoever asks waits while the device holds the kernel up: up to
//! ten seconds for one that answers nothing. So each new device is read on a thread of its own, and one that takes
//! long is listed without them until they come.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use super::sysfs::text;
use crate::device::UnitText;

/// How long a listing waits for devices that it has not met before.
const PATIENCE: Duration = Duration::from_millis(150);

/// What a device says of itself in words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Texts {
    pub(super) serial: Option<UnitText>,
    pub(super) model: Option<UnitText>,
}

impl Texts {
    fn read(folder: &Path) -> Texts {
        Texts { serial: text(&folder.join("serial")), model: text(&folder.join("product")) }
    }
}

/// What tells a device from the next one in its port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stay {
    pub(super) port: String,
    pub(super) number: Option<u32>,
    pub(super) descriptors: Vec<u8>,
}

/// The texts of every device that is there.
pub(super) struct Memory(Mutex<BTreeMap<String, Entry>>);

struct Entry {
    stay: Stay,
    texts: Arc<OnceLock<Texts>>,
}

impl Memory {
    pub(super) const fn new() -> Memory {
        Memory(Mutex::new(BTreeMap::new()))
    }

    /// The texts of each of these devices, in their order; `None` for one that has not told them yet. Others are
    /// forgotten.
    pub(super) fn of(&self, folder: &Path, stays: &[Stay]) -> Vec<Option<Texts>> {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        entries.retain(|_, entry| stays.contains(&entry.stay));
        let (mut new, told) = (0, Arc::new(Told::default()));
        for stay in stays.iter().filter(|stay| stay.number.is_some()) {
            if !entries.contains_key(&stay.port) {
                let texts = Arc::default();
                read(folder.join(&stay.port), &texts, &told);
                new += 1;
                entries.insert(stay.port.clone(), Entry { stay: stay.clone(), texts });
            }
        }
        let texts = stays.iter().map(|stay| entries.get(&stay.port).map(|entry| Arc::clone(&entry.texts)));
        let texts: Vec<Option<Arc<OnceLock<Texts>>>> = texts.collect();
        drop(entries);
        told.wait_for(new);
        texts.into_iter().map(|texts| texts.and_then(|texts| texts.get().cloned())).collect()
    }
}

/// How many of the devices that are asked at once have told their texts.
#[derive(Default)]
struct Told {
    count: Mutex<usize>,
    changed: Condvar,
}

impl Told {
    fn one_more(&self) {
        *self.count.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.changed.notify_all();
    }

    /// Waits for as many, and for all of them together no longer than for one.
    fn wait_for(&self, all: usize) {
        let count = self.count.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.changed.wait_timeout_while(count, PATIENCE, |count| *count < all));
    }
}

fn read(folder: PathBuf, texts: &Arc<OnceLock<Texts>>, told: &Arc<Told>) {
    let (kept, tell) = (Arc::clone(texts), Arc::clone(told));
    let body = move || {
        let _ = kept.set(Texts::read(&folder));
        tell.one_more();
    };
    if std::thread::Builder::new().name("usb-texts".into()).spawn(body).is_err() {
        // A machine without a thread to spare lists it without words.
        let _ = texts.set(Texts::default());
        told.one_more();
    }
}
