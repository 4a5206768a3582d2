//! The device: requests in, answers out, and everything it remembers. It knows no line and no clock.

use super::body::{Body, Out};
use super::boot::{Boot, Booted};
use super::fail::{self, Fail, Stop, rc};
use super::files::Files;
use super::flash::Flash;
use super::fs::Transfer;
use super::images::Upload;
use super::settings::{Entries, Values};
use super::slots::Slots;
use super::{Fault, Options, Recovery, os, recovery, report};
use crate::Error;
use crate::error::lock;
use protocols::mcuboot::{ImageBuilder, Version};
use protocols::smp::wire::CONSOLE_OVERHEAD;
use protocols::smp::{Group, Header, HeaderError, Op};
use std::fs::{self, File};
use std::time::Duration;

/// An SMP unit without its line.
///
/// What it keeps lies in the state folder, written as it happens: a device that is dropped at any moment, or whose
/// process is killed, is found by the next [`Device::open`] as flash would be found after a power cut.
pub struct Device {
    pub(super) options: Options,
    pub(super) flash: Flash,
    pub(super) slots: Slots,
    pub(super) boot: Boot,
    pub(super) entries: Entries,
    pub(super) files: Files,
    pub(super) ram: Ram,
    /// Requests taken up since the process started; faults count by it.
    taken: u64,
    /// Time since the process started, as the caller last told it.
    pub(super) now: Duration,
    /// Boot mode that a reset command asked for. Kept in a register that a reset spares and a power cut does not.
    pub(super) recovery_asked: bool,
    /// Held so that two processes never share a state folder.
    _lock: File,
}

/// What a reset forgets.
#[derive(Default)]
pub(super) struct Ram {
    pub(super) settings: Values,
    pub(super) upload: Option<Upload>,
    pub(super) transfer: Option<Transfer>,
    pub(super) clock: Option<os::Clock>,
    /// Requests since the reset.
    pub(super) requests: u64,
    /// When the application started, as [`Device::now`] counts.
    pub(super) started: Duration,
    pub(super) mode: Mode,
    pub(super) recovery_upload: Option<recovery::Upload>,
    /// A command asked for a reset; carried out when its answer is on the way.
    pub(super) reset_asked: bool,
}

/// What runs on the device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// The application in the primary slot.
    Application,
    /// The bootloader's serial recovery.
    Recovery,
    /// Nothing: there is no image that can run.
    #[default]
    Dead,
}

/// What the device can take in, in the mode it is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Buffers {
    /// Longest message in bytes, header included. Longer ones are dropped in silence.
    pub largest_message: usize,
    /// Requests that can wait, the one at work included.
    pub count: u8,
}

/// What the device made of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The answer (header and body); `None` when there is none.
    pub answer: Option<Vec<u8>>,
    /// Payload bytes that reached flash meanwhile.
    pub written: u64,
    /// What happens besides.
    pub effect: Effect,
}

/// What happens besides an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing.
    None,
    /// The device resets after its reset delay. Call [`Device::reset`] then.
    Reset,
    /// It hangs before it answers.
    Stall,
    /// The answer has a wrong bit on the line.
    Corrupt,
}

/// Text on the line that is no frame: what a boot printed, a line each.
pub type Banner = Vec<String>;

impl Device {
    /// Power on what is kept in the state folder, which is made, with a factory image in its primary slot, when
    /// it is not there.
    ///
    /// # Errors
    /// [`Stop::Broken`] when the options make no sense, or the folder cannot be used or is used by another process.
    pub fn open(options: Options) -> Result<Self, Stop> {
        options.check().map_err(Error::Options)?;
        let folder = &options.state;
        let state = Error::state(folder);
        fs::create_dir_all(folder).map_err(state)?;
        let lock = lock(&folder.join("lock"))?;
        let factory = factory_image(&options)?;
        let mut device = Self {
            flash: Flash::new(&options),
            slots: Slots::open(folder, &options, &factory)?,
            boot: Boot::open(folder)?,
            entries: Entries::open(folder)?,
            files: Files::open(folder, &options)?,
            ram: Ram::default(),
            taken: 0,
            now: Duration::ZERO,
            recovery_asked: false,
            options,
            _lock: lock,
        };
        device.reset(Duration::ZERO)?;
        Ok(device)
    }

    /// Reset: forget what is in memory, run the bootloader, start what it found.
    ///
    /// # Errors
    /// [`Stop::Broken`] when the state folder fails.
    pub fn reset(&mut self, now: Duration) -> Result<Banner, Stop> {
        let has_recovery = self.options.recovery == Recovery::Serial;
        let (mode, banner) = if std::mem::take(&mut self.recovery_asked) && has_recovery {
            (Mode::Recovery, Boot::greeting())
        } else {
            match self.boot.boot(&self.slots)? {
                Booted { runs: true, banner } => (Mode::Application, banner),
                Booted { banner, .. } if has_recovery => (Mode::Recovery, banner),
                Booted { banner, .. } => (Mode::Dead, banner),
            }
        };
        self.now = now;
        self.ram = Ram { settings: self.entries.stored().clone(), started: now, mode, ..Ram::default() };
        Ok(banner)
    }

    /// What the device was made with.
    #[must_use]
    pub const fn options(&self) -> &Options {
        &self.options
    }

    /// What runs.
    #[must_use]
    pub const fn mode(&self) -> Mode {
        self.ram.mode
    }

    /// What it can take in.
    #[must_use]
    pub fn buffers(&self) -> Buffers {
        let limits = self.options.limits;
        match self.ram.mode {
            Mode::Recovery => Buffers { largest_message: recovery::LARGEST_MESSAGE, count: recovery::BUFFERS },
            Mode::Application | Mode::Dead => {
                Buffers { largest_message: usize::from(limits.buf_size) - CONSOLE_OVERHEAD, count: limits.buf_count }
            }
        }
    }

    /// Take up one message at `now`, the time since the process started.
    ///
    /// # Errors
    /// [`Stop::PowerLost`] when a fault cut the power: the device must be dropped then.
    pub fn handle(&mut self, message: &[u8], now: Duration) -> Result<Reply, Stop> {
        self.idle(now)?;
        let before = self.flash.stored();
        if self.ram.mode == Mode::Dead {
            return Ok(Reply { answer: None, written: 0, effect: Effect::None });
        }
        self.taken += 1;
        self.ram.requests += 1;
        if self.strikes(Fault::CutRequest) {
            return Err(Stop::PowerLost);
        }
        let answer = self.answer(message)?;
        if self.strikes(Fault::CutAnswer) {
            return Err(Stop::PowerLost);
        }
        let effect = if std::mem::take(&mut self.ram.reset_asked) {
            Effect::Reset
        } else if self.strikes(Fault::Stall) {
            Effect::Stall
        } else if self.strikes(Fault::Corrupt) {
            Effect::Corrupt
        } else {
            Effect::None
        };
        let answer = answer.filter(|_| !self.strikes(Fault::Drop));
        Ok(Reply { answer, written: self.flash.stored() - before, effect })
    }

    /// Let what happens by itself happen until `now`; [`Device::closes_at`] tells when that is.
    ///
    /// # Errors
    /// [`Stop::Broken`] when the state folder fails.
    pub fn idle(&mut self, now: Duration) -> Result<(), Stop> {
        self.now = now;
        match self.close_idle() {
            Err(Fail::Stop(stop)) => Err(stop),
            _ => Ok(()),
        }
    }

    fn strikes(&self, fault: fn(u64) -> Fault) -> bool {
        self.options.faults.contains(&fault(self.taken))
    }

    fn answer(&mut self, message: &[u8]) -> Result<Option<Vec<u8>>, Stop> {
        let (header, outcome) = match Header::split(message) {
            Ok((header, _)) if header.op.is_reply() => return Ok(None),
            Ok((header, body)) if self.ram.mode == Mode::Recovery => (header, self.recover(&header, body)),
            Ok((header, body)) => (header, self.dispatch(&header, body)),
            Err(HeaderError::Truncated { .. }) => match Header::parse(message) {
                Ok(header) => (header, Err(Fail::Rc(rc::ECORRUPT))),
                Err(_) => return Ok(None),
            },
            Err(_) => return Ok(None),
        };
        let largest = usize::from(self.options.limits.buf_size) - Header::LEN;
        let body = match outcome.map(Out::finish) {
            Ok(body) if body.len() <= largest => body,
            Ok(_) => fail::body(header.version, &Fail::Rc(too_long(header.group))),
            Err(Fail::Stop(stop)) => return Err(stop),
            Err(fail) => fail::body(header.version, &fail),
        };
        let len = body.len() as u16;
        let mut answer = Header { op: header.op.reply(), flags: 0, len, ..header }.to_bytes().to_vec();
        answer.extend(body);
        Ok(Some(answer))
    }

    fn dispatch(&mut self, header: &Header, bytes: &[u8]) -> Result<Out, Fail> {
        // Most commands without parameters do not look at their body at all, so it is read where it is needed.
        let body = || Body::parse(bytes);
        match (header.group, header.id, header.op) {
            (Group::OS, 0, _) => self.os_echo(&body()?),
            (Group::OS, 2, Op::Read) => Ok(self.os_tasks()),
            (Group::OS, 3, Op::Read) => Ok(self.os_memory()),
            (Group::OS, 4, Op::Read) => self.os_clock(),
            (Group::OS, 4, Op::Write) => self.os_set_clock(&body()?),
            (Group::OS, 5, Op::Write) => Ok(self.os_reset(bytes)),
            (Group::OS, 6, Op::Read) => Ok(self.os_parameters()),
            (Group::OS, 7, Op::Read) => self.os_info(&body()?),
            (Group::OS, 8, Op::Read) => self.os_bootloader(&body()?),
            (Group::IMAGE, 0, Op::Read) => self.image_state(),
            (Group::IMAGE, 0, Op::Write) => self.image_set_state(&body()?),
            (Group::IMAGE, 1, Op::Write) => self.image_upload(&body()?),
            (Group::IMAGE, 5, Op::Write) => self.image_erase(&body()?),
            (Group::IMAGE, 6, Op::Read) => Ok(self.image_slots()),
            (Group::STATISTICS, 0, Op::Read) => self.statistics(&body()?),
            (Group::STATISTICS, 1, Op::Read) => Ok(report::statistics_list()),
            (Group::SETTINGS, 0, Op::Read) => self.settings_read(&body()?),
            (Group::SETTINGS, 0, Op::Write) => self.settings_write(&body()?),
            (Group::SETTINGS, 1, Op::Write) => self.settings_delete(&body()?),
            (Group::SETTINGS, 2, Op::Write) => Ok(Out::new()),
            (Group::SETTINGS, 3, Op::Read) => Ok(self.settings_load()),
            (Group::SETTINGS, 3, Op::Write) => self.settings_save(&body()?),
            (Group::FS, 0, Op::Read) => self.fs_download(&body()?),
            (Group::FS, 0, Op::Write) => self.fs_upload(&body()?),
            (Group::FS, 1, Op::Read) => self.fs_status(&body()?),
            (Group::FS, 2, Op::Read) => self.fs_hash(&body()?),
            (Group::FS, 3, Op::Read) => Ok(self.fs_hashes()),
            (Group::FS, 4, Op::Write) => self.fs_close(),
            (Group::SHELL, 0, Op::Write) => self.shell(&body()?),
            (Group::ENUMERATION, 0, Op::Read) => Ok(report::group_count()),
            (Group::ENUMERATION, 1, Op::Read) => Ok(report::group_list()),
            (Group::ENUMERATION, 2, Op::Read) => report::group_single(&body()?),
            (Group::ENUMERATION, 3, Op::Read) => report::group_details(&body()?),
            (Group::ZEPHYR_BASIC, 0, Op::Write) => self.storage_erase(),
            _ => Err(Fail::Rc(rc::ENOTSUP)),
        }
    }

    /// Time since the last reset.
    pub(super) fn uptime(&self) -> Duration {
        self.now.saturating_sub(self.ram.started)
    }

    /// Time since the process started, which no reset sets back: as a battery-backed clock sees it.
    pub(super) const fn now(&self) -> Duration {
        self.now
    }
}

/// What Zephyr says when an answer does not fit its buffer.
const fn too_long(group: Group) -> u8 {
    match group {
        Group::ENUMERATION => rc::ECORRUPT,
        _ => rc::EMSGSIZE,
    }
}

/// What a unit leaves the factory with: version 1.0.0 of something that differs from model to model.
fn factory_image(options: &Options) -> Result<Vec<u8>, Error> {
    const BODY: usize = 4096;
    let name = format!("factory firmware of {}\n", options.identity.platform());
    let body: Vec<u8> = name.bytes().cycle().take(BODY).collect();
    let version = Version { major: 1, ..Version::default() };
    ImageBuilder::new(version).build(&body).map_err(|error| Error::Options(error.to_string()))
}
