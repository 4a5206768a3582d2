//! What a unit can do, a trait each. A driver answers "no" by handing out none.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Write;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::{Content, Departure, Mode, Op, Unit, UnitText};
use crate::digest::{Algorithm, Digest};
use crate::error::Result;

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

    /// Refuses a file of which can be seen, in whatever mode the unit is, that it is no firmware for it.
    ///
    /// # Errors
    /// `invalid`.
    fn foresee(&self, _image: &dyn Content) -> Result<()> {
        Ok(())
    }

    /// Settings, if the unit has them in this mode.
    fn settings(&mut self) -> Option<&mut dyn Settings> {
        None
    }
    /// Files, if the unit has them in this mode.
    fn files(&mut self) -> Option<&mut dyn Files> {
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

    /// The most bytes of a value that fit, key included, where the unit says.
    fn max_value(&self, key: &str) -> Option<u64>;
}

/// What the unit says of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileStat {
    /// Its length in bytes.
    pub len: u64,
}

/// What a transfer did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Written {
    /// Payload bytes that were put on the link, retries included.
    pub sent: u64,
    /// The offset at which the unit let us continue; 0 from the start.
    pub resumed_at: u64,
}

/// Files under absolute paths.
pub trait Files {
    /// What the unit says of `path`, or `None` when there is no such file.
    ///
    /// # Errors
    /// Link errors; `refused`.
    fn stat(&mut self, path: &str, op: &mut Op<'_>) -> Result<Option<FileStat>>;

    /// The algorithms in which the unit computes digests over what it stored, best first.
    fn algorithms(&self) -> &[Algorithm];

    /// The unit's digest over `path`, or over `range` of it; `None` when there is no such file.
    ///
    /// # Errors
    /// Link errors; `refused`; `unsupported` for an algorithm not in [`Files::algorithms`].
    fn digest(
        &mut self,
        path: &str,
        algorithm: Algorithm,
        range: Option<Range<u64>>,
        op: &mut Op<'_>,
    ) -> Result<Option<Digest>>;

    /// Reads `path` into `into`; the number of bytes, or `None` when there is no such file.
    ///
    /// # Errors
    /// Link errors; `refused`; `storage` when `into` cannot be written.
    fn read(&mut self, path: &str, into: &mut dyn Write, op: &mut Op<'_>) -> Result<Option<u64>>;

    /// Writes `content` to `path`, replacing what is there.
    ///
    /// # Errors
    /// Link errors; `refused` (full, no such folder).
    fn write(&mut self, path: &str, content: &dyn Content, op: &mut Op<'_>) -> Result<Written>;
}

/// One firmware slot as the unit reports it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SlotState {
    /// Its name: `primary`, `secondary`; with an image number above 0: `1/primary`.
    pub slot: String,
    /// The version in its image header.
    pub version: Option<UnitText>,
    /// The hash by which the unit names the image, lower-case hex.
    pub hash: Option<String>,
    /// MCUboot's flags: `active`, `confirmed`, `pending`, `permanent`, `bootable`.
    pub state: Vec<&'static str>,
}

impl SlotState {
    /// Whether it carries `flag`.
    #[must_use]
    pub fn is(&self, flag: &str) -> bool {
        self.state.contains(&flag)
    }
}

/// How a unit of this family will name an image, read from the file itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ImageIdentity {
    /// The version in its header.
    pub version: String,
    /// The hash by which the unit will report it, lower-case hex.
    pub hash: String,
}

/// What is done with an uploaded image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Activate {
    /// Nothing: it lies in its slot.
    None,
    /// It runs once; without a confirmation the next reset reverts it.
    Test,
    /// It runs, and is confirmed when the unit reports running exactly it.
    Confirm,
}

impl fmt::Display for Activate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Activate::None => "none",
            Activate::Test => "test",
            Activate::Confirm => "confirm",
        })
    }
}

/// What an image upload did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Upload {
    /// The transfer.
    pub written: Written,
    /// The unit's own comparison with the digest that it was told, where it makes one.
    pub matched: Option<bool>,
    /// The unit left by itself when it had taken the image: what may come back.
    pub left: Option<Departure>,
}

/// What a unit says of its slots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tells {
    /// It lists the images that they hold by hash, and which of them runs.
    Images,
    /// Nothing. What a slot holds shows when it is read, where it can be.
    Nothing,
}

/// Firmware images in slots.
pub trait Firmware {
    /// What the unit says of its slots.
    fn tells(&self) -> Tells {
        Tells::Images
    }

    /// Reads how the unit will name this file in `slot`; where it tells nothing, by SHA-256 over the image's bytes.
    /// Refuses a file that is no image for this family, this unit or this slot.
    ///
    /// # Errors
    /// `invalid`: not an image, cut short, for another unit, or its hash does not match its content.
    fn identify(&self, slot: &str, content: &dyn Content) -> Result<ImageIdentity>;

    /// The slots as the unit reports them now.
    ///
    /// # Errors
    /// Link errors; `refused`.
    fn slots(&mut self, op: &mut Op<'_>) -> Result<Vec<SlotState>>;

    /// The slots that can be written in this mode.
    fn writable(&self) -> Vec<String>;

    /// Whether an image can be written to what `slot` names: one of [`Firmware::writable`], or a place in one.
    fn takes(&self, slot: &str) -> bool {
        self.writable().iter().any(|writable| writable == slot)
    }

    /// The slot that is meant when none is named, where that is plain.
    fn usual(&self) -> Option<String> {
        Some("secondary".to_owned())
    }

    /// The most bytes that `slot` takes, where the unit says.
    fn room(&self, _slot: &str) -> Option<u64> {
        None
    }

    /// The ways of activation that the unit takes in this mode.
    fn activations(&self) -> &[Activate];

    /// Writes `content` to `slot`, continuing where the unit says it holds a part of it.
    ///
    /// # Errors
    /// Link errors; `refused` (too large, wrong header, downgrade).
    fn upload(&mut self, slot: &str, content: &dyn Content, op: &mut Op<'_>) -> Result<Upload>;

    /// SHA-256 over what `slot` holds where the bytes of this image belong, to be held against
    /// [`ImageIdentity::hash`]; `None` when the unit lets nobody read it.
    ///
    /// # Errors
    /// Link errors; `refused`; `invalid` as [`Firmware::identify`].
    fn held(&mut self, _slot: &str, _content: &dyn Content, _op: &mut Op<'_>) -> Result<Option<Digest>> {
        Ok(None)
    }

    /// Reads all of `slot` into `into`, such that [`Firmware::upload`] takes it back; `None` when the unit lets nobody
    /// read it.
    ///
    /// # Errors
    /// Link errors; `refused`; `unsupported` when there is no such slot; `storage` when `into` cannot be written.
    fn read(&mut self, _slot: &str, _into: &mut dyn Write, _op: &mut Op<'_>) -> Result<Option<u64>> {
        Ok(None)
    }

    /// Marks the image named `hash` to be run at the next reset ([`Activate::Test`]) or confirms it.
    ///
    /// # Errors
    /// Link errors; `refused`; `unsupported` when not in [`Firmware::activations`].
    fn activate(&mut self, hash: &str, how: Activate, op: &mut Op<'_>) -> Result<()>;

    /// Erases `slot`.
    ///
    /// # Errors
    /// Link errors; `refused`.
    fn erase(&mut self, slot: &str, op: &mut Op<'_>) -> Result<()>;
}

/// One measured value. Integers only: a record holds no floats.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Measurement {
    /// Its name, `group/name`.
    pub name: String,
    /// The value in `unit`.
    pub value: i64,
    /// The unit of measure, where there is one: `bytes`, `ms`, `mV`.
    pub unit: Option<&'static str>,
}

/// What was read to judge a unit's health.
#[derive(Debug, Clone, Default)]
pub struct Diagnosis {
    /// The values.
    pub measurements: Vec<Measurement>,
    /// Facts that are text: name to what the unit said.
    pub facts: BTreeMap<String, UnitText>,
    /// What was asked and not answered: name to why.
    pub missing: BTreeMap<String, String>,
}

/// Measurements and reports.
pub trait Diagnostics {
    /// Reads all that the unit measures. What one group refuses is in `missing`, not an error.
    ///
    /// # Errors
    /// Link errors.
    fn measure(&mut self, op: &mut Op<'_>) -> Result<Diagnosis>;
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
