//! What a unit can do, a trait each. A driver answers "no" by handing out none.

mod apps;
mod diagnostics;
mod files;
mod firmware;
mod tree;

use std::fmt;
use std::io::Write;

use serde::{Deserialize, Serialize};

pub use apps::{AppEntry, AppFile, AppIdentity, Apps, InstallOptions, Installed, InstalledFile};
pub use diagnostics::{Diagnosis, Diagnostics, Measurement};
pub use files::{FileStat, Files, Put, Take, Written};
pub use firmware::{Activate, Firmware, Held, ImageFile, ImageIdentity, SlotState, Tells, Upload};
pub use tree::{Bounds, Entry, EntryKind, LeftOut, Listing, Marks, Trees, relative};

use super::{Content, Demands, Departure, Mode, Op, Unit, UnitText};
use crate::error::{Error, Kind, Result};

/// The names of the traits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Capability {
    /// Typed values under keys.
    Settings,
    /// Files under absolute paths.
    Files,
    /// Applications of an operating system.
    Apps,
    /// Firmware images in slots.
    Firmware,
    /// Measurements and reports.
    Diagnostics,
    /// Reading out what names itself or is named.
    Backup,
    /// A shell or prompt.
    Console,
    /// Reset and change of mode.
    Power,
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Capability::Settings => "settings",
            Capability::Files => "files",
            Capability::Apps => "apps",
            Capability::Firmware => "firmware",
            Capability::Diagnostics => "diagnostics",
            Capability::Backup => "backup",
            Capability::Console => "console",
            Capability::Power => "power",
        })
    }
}

/// One protocol over one open link to one unit in one mode.
pub trait Driver: Send {
    /// What it learned of the unit when it opened it.
    fn unit(&self) -> &Unit;

    /// It is the unit that showed this USB id, `vvvv:pppp`, when it was first met: files may name it by that.
    fn met_as(&mut self, _usb: &str) {}

    /// Has the unit become what it was asked to be when it was opened, where it is not: it leaves for that.
    ///
    /// # Errors
    /// Link errors; `unsupported` when it cannot become that.
    fn prepare(&mut self, _op: &mut Op<'_>) -> Result<Option<Departure>> {
        Ok(None)
    }

    /// Refuses a file of which can be seen, in whatever mode the unit is, that it is no firmware for it.
    ///
    /// # Errors
    /// `invalid`.
    fn foresee(&self, _image: &dyn Content) -> Result<()> {
        Ok(())
    }

    /// Refuses what a factory archive demands of its unit and this one, as far as it shows in this mode, is not.
    ///
    /// # Errors
    /// `invalid`, naming what is demanded and what the unit says; `unsupported` when its bootloader is locked.
    fn suits(&self, _demands: &Demands) -> Result<()> {
        Ok(())
    }

    /// The digest over all metadata of verified boot that the unit started from, lower-case hex, where it reports one.
    fn verified(&self) -> Option<String> {
        None
    }

    /// Settings, if the unit has them in this mode.
    fn settings(&mut self) -> Option<&mut dyn Settings> {
        None
    }
    /// Files, if the unit has them in this mode.
    fn files(&mut self) -> Option<&mut dyn Files> {
        None
    }
    /// Applications, if the unit has them in this mode.
    fn apps(&mut self) -> Option<&mut dyn Apps> {
        None
    }
    /// Firmware slots, if the unit shows them in this mode.
    fn firmware(&mut self) -> Option<&mut dyn Firmware> {
        None
    }
    /// Diagnostics, if the unit has them in this mode.
    fn diagnostics(&mut self) -> Option<&mut dyn Diagnostics> {
        None
    }
    /// A shell, if the unit has one in this mode.
    fn console(&mut self) -> Option<&mut dyn Console> {
        None
    }
    /// Reset and change of mode, if the unit takes them.
    fn power(&mut self) -> Option<&mut dyn Power> {
        None
    }
}

/// Values under keys, as bytes: the profile carries the type.
pub trait Settings {
    /// The value of `key`, or `None` when the unit has no such key.
    ///
    /// # Errors
    /// Link errors; `refused` when the unit may not show it.
    fn read(&mut self, key: &str, op: &mut Op<'_>) -> Result<Option<Vec<u8>>>;

    /// Sets `key` to `value`.
    ///
    /// # Errors
    /// Link errors; `refused`; `invalid` when key or value exceed what the unit takes.
    fn write(&mut self, key: &str, value: &[u8], op: &mut Op<'_>) -> Result<()>;

    /// Removes `key`; removing what is not there succeeds.
    ///
    /// # Errors
    /// As [`Settings::write`].
    fn delete(&mut self, key: &str, op: &mut Op<'_>) -> Result<()>;

    /// Makes what was written survive a power cut.
    ///
    /// # Errors
    /// As [`Settings::write`].
    fn save(&mut self, op: &mut Op<'_>) -> Result<()>;

    /// Whether `key` holds text and nothing else: a number is written out there.
    fn is_text(&self, _key: &str) -> bool {
        false
    }

    /// The most bytes of a value that fit, key included, where the unit says.
    fn max_value(&self, key: &str) -> Option<u64>;
}

/// What a command on the unit's shell answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsoleReply {
    /// What it printed.
    pub output: UnitText,
    /// What it returned; 0 is success.
    pub status: i64,
}

/// A shell or prompt.
pub trait Console {
    /// Runs one command and waits for its end.
    ///
    /// # Errors
    /// Link errors; `refused`; `invalid` when the command is too long for the unit.
    fn run(&mut self, command: &str, op: &mut Op<'_>) -> Result<ConsoleReply>;

    /// Leaves a file with the unit, for the command that comes next; the payload bytes that were put on the link.
    ///
    /// # Errors
    /// Link errors; `refused`; `invalid` when it is more than the unit takes; `unsupported` where nothing is left so.
    fn stage(&mut self, _content: &dyn Content, _op: &mut Op<'_>) -> Result<u64> {
        Err(Error::new(Kind::Unsupported, "the unit takes no file for a command"))
    }

    /// Takes what a command left to be taken; how many bytes.
    ///
    /// # Errors
    /// Link errors; `refused` when nothing is there; `unsupported` where nothing is left so; `storage` when `into` cannot
    /// be written.
    fn take(&mut self, _into: &mut dyn Write, _op: &mut Op<'_>) -> Result<u64> {
        Err(Error::new(Kind::Unsupported, "the unit's commands leave no file to be taken"))
    }
}

/// Reset and change of mode.
pub trait Power {
    /// The modes that can be entered from this one by command, this one included when a reset leads back to it.
    fn reaches(&self) -> Vec<Mode>;

    /// Tells the unit to restart into `mode`. The driver is of no use afterwards.
    ///
    /// # Errors
    /// Link errors; `refused`; `unsupported` when not in [`Power::reaches`].
    fn restart(&mut self, mode: Mode, op: &mut Op<'_>) -> Result<Departure>;
}
