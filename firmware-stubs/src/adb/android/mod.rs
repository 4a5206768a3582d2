//! The system behind the daemon: files, properties, settings, packages, and the commands that show and change them.

mod command;
mod commands;
mod properties;
mod store;
mod syntax;
mod tree;

pub(crate) use command::{Input, Outcome, needs_input, reason, run};
pub(crate) use commands::{entries, mode, reboot_into};
pub(crate) use store::Store;
pub(crate) use tree::{Place, Tree};

use super::auth::Keys;
use super::fault::Fault;
use super::options::{Build, Options, Runs};
use crate::Error;
use crate::usb::Stop;
use protocols::adb::message::Reboot;
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

/// Bytes that the unit's storage says it has.
pub(crate) const STORAGE: u64 = 8 << 30;

/// Who the shell is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum User {
    Root,
    Shell,
}

/// The unit's system. It forgets what its folder does not hold.
#[derive(Debug)]
pub struct System {
    pub(crate) options: Options,
    pub(crate) tree: Tree,
    pub(crate) store: Store,
    pub(crate) user: User,
    /// What was sent to each file, for a unit that lies about it.
    pub(crate) sent: BTreeMap<PathBuf, Vec<u8>>,
    /// Packets of the host that came so far.
    pub(crate) packets: u64,
    /// Bytes of files that were stored so far.
    stored: u64,
    restart: Option<Restart>,
}

/// What is to begin anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restart {
    /// The daemon alone: whoever speaks to it has to come again.
    Daemon,
    /// The unit.
    Unit(Reboot),
}

impl System {
    /// Opens the unit's state, making a new unit where there is none.
    ///
    /// # Errors
    /// When the folder cannot be used.
    pub fn open(options: Options) -> Result<Self, Error> {
        let tree = Tree::new(&options.state);
        for folder in [tree.root(), tree.partitions()] {
            fs::create_dir_all(folder).map_err(Error::state(folder))?;
        }
        furnish(tree.root(), &options).map_err(Error::state(tree.root()))?;
        let store = Store::open(&options.state)?;
        let user = if options.build == Build::Eng { User::Root } else { User::Shell };
        let sent = BTreeMap::new();
        Ok(Self { options, tree, store, user, sent, packets: 0, stored: 0, restart: None })
    }

    /// What was on it of a person is no more: files, applications, settings, keys. A unit that was never started has nothing
    /// to lose, and is set up as it was made.
    ///
    /// # Errors
    /// When the folder cannot be used.
    pub(crate) fn user_data_is_gone(&mut self) -> Result<(), Error> {
        if self.store.kept.started {
            let root = self.tree.root().to_owned();
            let data = root.join("data");
            fs::remove_dir_all(&data).map_err(Error::state(&data))?;
            furnish(&root, &self.options).map_err(Error::state(&root))?;
            Keys::of(&self.options.state).forget().map_err(Error::state(&self.options.state))?;
            self.options.accounts.clear();
            self.store.reset();
        }
        self.store.kept.started = true;
        self.store.save().map_err(Error::state(self.tree.root()))
    }

    /// What it was told to be.
    #[must_use]
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// From here on this runs on the unit.
    pub fn boot(&mut self, runs: Runs) {
        self.options.runs = runs;
        self.user = if self.options.build == Build::Eng { User::Root } else { User::Shell };
        self.store.passing.clear();
        self.restart = None;
    }

    /// A property that whatever started the unit gave it.
    pub(crate) fn show(&mut self, name: &str, value: &str) {
        self.store.passing.insert(name.to_owned(), value.to_owned());
    }

    /// Something is to begin anew, once all was answered.
    pub(crate) fn restart(&mut self, what: Restart) {
        self.restart = Some(what);
    }

    /// What is to begin anew, if anything.
    #[must_use]
    pub fn restarts(&self) -> Option<Restart> {
        self.restart
    }

    /// The daemon has begun anew.
    pub fn restarted(&mut self) {
        self.restart = None;
    }

    /// Stores bytes of a file.
    pub(crate) fn store_bytes(&mut self, file: &mut fs::File, bytes: &[u8]) -> Result<io::Result<()>, Stop> {
        if self.options.has(Fault::DiskFull) {
            return Ok(Err(io::Error::from_raw_os_error(nix::errno::Errno::ENOSPC as i32)));
        }
        let before = self.stored;
        self.stored += bytes.len() as u64;
        let cut = self.options.faults.iter().find_map(|fault| match *fault {
            Fault::UnplugByte(n) if before < n && n <= self.stored => Some((n - before) as usize),
            _ => None,
        });
        match cut {
            Some(kept) => {
                let _ = file.write_all(&bytes[..kept]);
                Err(Stop::Unplugged)
            }
            None => Ok(file.write_all(bytes)),
        }
    }

    /// Whether the shell may change this file.
    pub(crate) fn may_write(&self, place: &Place) -> bool {
        const FREE: [&[u8]; 3] = [b"/storage", b"/data/media", b"/data/local/tmp"];
        self.user == User::Root || FREE.into_iter().any(|folder| place.is_below(folder))
    }

    /// Whether the shell may read this file.
    pub(crate) fn may_read(&self, place: &Place) -> bool {
        self.user == User::Root || !(place.block || place.is_below(b"/data/data"))
    }
}

/// What every unit has, and nobody took away.
fn furnish(root: &Path, options: &Options) -> io::Result<()> {
    let folders =
        ["data/media/0", "data/local/tmp", "data/app", "data/data", "dev/block/by-name", "proc", "storage/emulated"];
    for folder in folders.into_iter().chain(["system/bin", "vendor", "cache"]) {
        fs::create_dir_all(root.join(folder))?;
    }
    for (link, target) in [("storage/emulated/0", "/data/media/0"), ("sdcard", "/storage/emulated/0")] {
        let link = root.join(link);
        if fs::symlink_metadata(&link).is_err() {
            symlink(target, link)?;
        }
    }
    // Numbers of a phone with 4 GiB.
    let memory = "MemTotal:        3895344 kB\nMemFree:          312448 kB\nMemAvailable:    1893216 kB\n\
                  Buffers:           12208 kB\nCached:          1612340 kB\nSwapTotal:       2097148 kB\n\
                  SwapFree:        1720320 kB\n";
    fs::write(root.join("proc/meminfo"), memory)?;
    fs::write(root.join("proc/uptime"), "421.07 2902.11\n")?;
    let version = format!("Linux version 5.15.123-android14 ({}) #1 SMP PREEMPT\n", options.product);
    fs::write(root.join("proc/version"), version)
}
