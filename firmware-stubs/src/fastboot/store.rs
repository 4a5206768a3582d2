//! Partitions in files, and what the bootloader keeps: written through at once, so that a kill leaves what was stored.

use super::slots::Kept;
use super::{Error, Fault, Options, Slot, SlotState};
use crate::error::lock;
use crate::usb::Stop;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Where a partition lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// In the table of the storage.
    Physical,
    /// In `super`: only fastbootd knows of it.
    Logical,
}

/// A partition. It can be read while the engine writes, as `/dev/block/by-name/NAME` can.
#[derive(Debug)]
pub struct Partition {
    path: PathBuf,
    file: File,
    size: u64,
    kind: Kind,
}

#[derive(Serialize, Deserialize)]
struct Entry {
    size: u64,
    kind: Kind,
}

/// What a unit does not forget.
pub struct Store {
    folder: PathBuf,
    table: Mutex<BTreeMap<String, Arc<Partition>>>,
    kept: Mutex<Kept>,
    /// Bytes stored since the process started.
    stored: Mutex<u64>,
    unplug_at: Option<u64>,
    flips: Vec<u64>,
    /// Held so that two processes never share a state folder.
    _lock: File,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Store {
    /// What the folder keeps, or a new unit's.
    ///
    /// # Errors
    /// When the options make no sense or the folder cannot be used.
    pub fn open(options: &Options) -> Result<Arc<Self>, Error> {
        options.check().map_err(Error::Options)?;
        let folder = options.state.join("partitions");
        fs::create_dir_all(&folder).map_err(Error::state(&folder))?;
        let lock = lock(&options.state.join("lock"))?;
        let count = |pick: fn(&Fault) -> Option<u64>| options.faults.iter().filter_map(pick);
        let unplug = count(|fault| if let Fault::UnplugByte(n) = fault { Some(*n) } else { None }).min();
        let flips = count(|fault| if let Fault::FlipByte(n) = fault { Some(*n - 1) } else { None }).collect();
        let store = Self {
            folder: options.state.clone(),
            table: Mutex::default(),
            kept: Mutex::new(Kept::new(options.unlocked, options.rollback_index)),
            stored: Mutex::new(0),
            unplug_at: unplug,
            flips,
            _lock: lock,
        };
        store.fill(options)?;
        Ok(Arc::new(store))
    }

    fn fill(&self, options: &Options) -> Result<(), Error> {
        match self.read_json::<Kept>("bootloader.json")? {
            Some(kept) => *locked(&self.kept) = kept,
            None => self.keep(&locked(&self.kept))?,
        }
        let mut table = locked(&self.table);
        if let Some(entries) = self.read_json::<BTreeMap<String, Entry>>("table.json")? {
            for (name, entry) in entries {
                let partition = Partition::open(&self.path(&name), entry.size, entry.kind)?;
                table.insert(name, Arc::new(partition));
            }
            return Ok(());
        }
        for spec in &options.partitions {
            for name in spec.names() {
                let partition = Partition::open(&self.path(&name), spec.size, spec.kind)?;
                partition.put(0, &spec.content)?;
                table.insert(name, Arc::new(partition));
            }
        }
        self.write_table(&table)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join("partitions").join(name)
    }

    fn read_json<T: for<'de> Deserialize<'de>>(&self, name: &str) -> Result<Option<T>, Error> {
        let path = self.folder.join(name);
        match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(Error::foreign(&path)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(Error::state(&path)(source)),
        }
    }

    /// Whole or not at all, as a bootloader keeps it.
    fn write_json(&self, name: &str, value: &impl Serialize) -> Result<(), Error> {
        let path = self.folder.join(name);
        let next = self.folder.join(format!("{name}.next"));
        let bytes = serde_json::to_vec(value).map_err(Error::foreign(&path))?;
        let written = fs::write(&next, bytes).and_then(|()| fs::rename(&next, &path));
        written.map_err(Error::state(&path))
    }

    fn keep(&self, kept: &Kept) -> Result<(), Error> {
        self.write_json("bootloader.json", kept)
    }

    fn write_table(&self, table: &BTreeMap<String, Arc<Partition>>) -> Result<(), Error> {
        let entry = |partition: &Partition| Entry { size: partition.size, kind: partition.kind };
        let entries: BTreeMap<&String, Entry> =
            table.iter().map(|(name, partition)| (name, entry(partition))).collect();
        self.write_json("table.json", &entries)
    }

    /// The names of all partitions, in order.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        locked(&self.table).keys().cloned().collect()
    }

    /// A partition, by its full name: `boot_a`.
    #[must_use]
    pub fn partition(&self, name: &str) -> Option<Arc<Partition>> {
        locked(&self.table).get(name).cloned()
    }

    /// The slot that is started from.
    #[must_use]
    pub fn current_slot(&self) -> Slot {
        locked(&self.kept).current
    }

    /// What the bootloader knows of a slot.
    #[must_use]
    pub fn slot(&self, slot: Slot) -> SlotState {
        locked(&self.kept).of(slot)
    }

    /// Whether there are two slots at all.
    #[must_use]
    pub fn has_slots(&self) -> bool {
        locked(&self.table).keys().any(|name| name.ends_with("_a"))
    }

    /// Whether the bootloader takes images.
    #[must_use]
    pub fn is_unlocked(&self) -> bool {
        locked(&self.kept).unlocked
    }

    /// The index below which no vbmeta image starts.
    #[must_use]
    pub fn rollback_index(&self) -> u64 {
        locked(&self.kept).rollback_index
    }

    /// The slot to start from.
    ///
    /// # Errors
    /// When it cannot be kept.
    pub fn set_active(&self, slot: Slot) -> Result<(), Error> {
        self.change(|kept| kept.activate(slot))
    }

    /// The slot that runs has started to its end.
    ///
    /// # Errors
    /// When it cannot be kept.
    pub fn mark_successful(&self) -> Result<(), Error> {
        self.change(Kept::succeed)
    }

    /// Opens or closes the lock. What belongs to a person is erased, as phones do.
    ///
    /// # Errors
    /// When it cannot be kept.
    pub fn set_unlocked(&self, unlocked: bool) -> Result<(), Error> {
        for name in ["userdata", "metadata"] {
            if let Some(partition) = self.partition(name) {
                partition.erase()?;
            }
        }
        self.change(|kept| kept.unlocked = unlocked)
    }

    fn change(&self, change: impl FnOnce(&mut Kept)) -> Result<(), Error> {
        let mut kept = locked(&self.kept);
        change(&mut kept);
        self.keep(&kept)
    }

    /// Makes a logical partition, or gives one another size. What it held beyond that is lost.
    pub(super) fn resize(&self, name: &str, size: u64) -> Result<(), Error> {
        let mut table = locked(&self.table);
        let partition = Partition::open(&self.path(name), size, Kind::Logical)?;
        table.insert(name.to_owned(), Arc::new(partition));
        self.write_table(&table)
    }

    pub(super) fn remove(&self, name: &str) -> Result<(), Error> {
        let mut table = locked(&self.table);
        table.remove(name);
        fs::remove_file(self.path(name)).ok();
        self.write_table(&table)
    }

    /// Writes into a partition, with what goes wrong on the way.
    pub(super) fn write(&self, partition: &Partition, offset: u64, bytes: &[u8]) -> Result<(), Stop> {
        let mut stored = locked(&self.stored);
        // Once only: the same process serves the unit when it is plugged in again.
        let left = self.unplug_at.and_then(|at| at.checked_sub(*stored)).filter(|left| *left > 0);
        let kept = left.map_or(bytes.len(), |left| usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len()));
        let cut = left == Some(kept as u64);
        let mut now = bytes.get(..kept).unwrap_or(bytes).to_vec();
        for flip in &self.flips {
            let at = flip.checked_sub(*stored).and_then(|at| usize::try_from(at).ok());
            if let Some(byte) = at.and_then(|at| now.get_mut(at)) {
                *byte ^= 1;
            }
        }
        partition.put(offset, &now).map_err(|error| Stop::Broken(error.into()))?;
        *stored += kept as u64;
        if cut { Err(Stop::Unplugged) } else { Ok(()) }
    }
}

impl Partition {
    fn open(path: &Path, size: u64, kind: Kind) -> Result<Self, Error> {
        let state = Error::state(path);
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).map_err(state)?;
        // What was never written takes no room.
        file.set_len(size).map_err(state)?;
        Ok(Self { path: path.to_owned(), file, size, kind })
    }

    /// Bytes that it holds.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Where it lies.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// Its file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// At most so many of its bytes from `offset` on; fewer at its end.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn read(&self, offset: u64, length: usize) -> Result<Vec<u8>, Error> {
        let left = usize::try_from(self.size.saturating_sub(offset)).unwrap_or(usize::MAX);
        let mut bytes = vec![0; length.min(left)];
        self.file.read_exact_at(&mut bytes, offset).map_err(|source| self.failed(source))?;
        Ok(bytes)
    }

    /// SHA-256 over its first `length` bytes, or all of it where it has fewer.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn sha256(&self, length: u64) -> Result<[u8; 32], Error> {
        const WINDOW: usize = 1 << 20;
        let end = length.min(self.size);
        let mut hash = Sha256::new();
        let mut at = 0;
        while at < end {
            let window = usize::try_from(end - at).unwrap_or(usize::MAX).min(WINDOW);
            hash.update(self.read(at, window)?);
            at += window as u64;
        }
        Ok(hash.finalize().into())
    }

    /// Makes all of it zeros.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn erase(&self) -> Result<(), Error> {
        self.file.set_len(0).and_then(|()| self.file.set_len(self.size)).map_err(|source| self.failed(source))
    }

    /// Marks it, as a system does that makes a file system on it.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn mark(&self, offset: u64, bytes: &[u8]) -> Result<(), Error> {
        self.put(offset, bytes)
    }

    fn put(&self, offset: u64, bytes: &[u8]) -> Result<(), Error> {
        self.file.write_all_at(bytes, offset).map_err(|source| self.failed(source))
    }

    fn failed(&self, source: io::Error) -> Error {
        Error::state(&self.path)(source)
    }
}
