//! Firmware images in slots, which on some units are partitions.

use std::fmt;
use std::io::Write;

use serde::{Deserialize, Serialize};

use super::super::{Content, Departure, Level, Op, UnitText};
use super::Written;
use crate::digest::Digest;
use crate::error::{Error, Kind, Result};

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

/// A file for a slot, hashed when it was opened.
#[derive(Clone, Copy)]
pub struct ImageFile<'a> {
    /// Its bytes.
    pub content: &'a dyn Content,
    /// SHA-256 of them. What a long file that changed since would make of a slot is something else.
    pub sha256: &'a Digest,
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

/// What is known of what a slot holds, beside what it should hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The digest that there should be.
    pub expected: Digest,
    /// The one that there is.
    pub observed: Digest,
    /// How strongly that is known: [`Level::Readback`] when the bytes were read, [`Level::Digest`] when the unit computed
    /// it, [`Level::Booted`] when it is what the unit reports to run.
    pub level: Level,
}

impl Held {
    /// Whether the slot holds what it should.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.expected == self.observed
    }
}

/// Firmware images in slots. A unit may show them in a mode in which none can be written ([`Access::Look`]): then
/// [`Firmware::writable`] names none, and [`Firmware::held`] proves what another mode wrote.
///
/// [`Access::Look`]: super::super::Access::Look
pub trait Firmware {
    /// What the unit says of its slots.
    fn tells(&self) -> Tells {
        Tells::Images
    }

    /// Refuses a file that is no image for this family, this unit or this slot.
    ///
    /// # Errors
    /// `invalid`: not an image, cut short, for another unit, or its hash does not match its content.
    fn fits(&self, slot: &str, content: &dyn Content) -> Result<()>;

    /// Reads how a unit that lists its images will name this file in `slot`.
    ///
    /// # Errors
    /// As [`Firmware::fits`]; `unsupported` where it lists none ([`Tells::Nothing`]).
    fn identify(&self, _slot: &str, _content: &dyn Content) -> Result<ImageIdentity> {
        Err(Error::new(Kind::Unsupported, "the unit does not list its images"))
    }

    /// SHA-256 over the bytes that this file writes to `slot`: often those of the file.
    ///
    /// # Errors
    /// As [`Firmware::fits`].
    fn expected(&self, _slot: &str, file: ImageFile<'_>) -> Result<Digest> {
        Ok(file.sha256.clone())
    }

    /// The slots as the unit reports them now.
    ///
    /// # Errors
    /// Link errors; `refused`.
    fn slots(&mut self, op: &mut Op<'_>) -> Result<Vec<SlotState>>;

    /// Refuses when the unit, as it is now, lets nothing be written or erased: its bootloader is locked.
    ///
    /// # Errors
    /// `unsupported`.
    fn allows(&self) -> Result<()> {
        Ok(())
    }

    /// Which set of slots runs, or is started next, where there are several: `a`, `b`.
    fn selected(&self) -> Option<String> {
        None
    }

    /// Makes a set of slots the one that is started next.
    ///
    /// # Errors
    /// Link errors; `refused`; `unsupported` where there are none, or it is for another mode to do.
    fn select(&mut self, slot: &str, _op: &mut Op<'_>) -> Result<()> {
        let slot = UnitText::new(slot);
        Err(Error::new(Kind::Unsupported, format!("in this mode slot {slot} cannot be made the one that starts"))
            .next("phones with two slots choose in their bootloader: say `in: bootloader`"))
    }

    /// Tells the unit the table of its logical partitions; the payload bytes that were put on the link.
    ///
    /// # Errors
    /// Link errors; `refused`; `unsupported` in a mode without logical partitions.
    fn retable(&mut self, _table: &dyn Content, _op: &mut Op<'_>) -> Result<u64> {
        Err(Error::new(Kind::Unsupported, "in this mode the unit has no table of logical partitions"))
    }

    /// The slots that can be written in this mode.
    fn writable(&self) -> Vec<String>;

    /// Whether an image can be written to what `slot` names: one of [`Firmware::writable`], or a place in one.
    fn takes(&self, slot: &str) -> bool {
        self.writable().iter().any(|writable| writable == slot)
    }

    /// Whether `slot` can be erased in this mode.
    fn erases(&self, slot: &str) -> bool {
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

    /// Compares what `slot` holds, where the bytes of this image belong, with the image, in the cheapest way that
    /// satisfies `level`, or in the best that there is; `None` when what it holds does not show in this mode. That is the
    /// only look there is where the unit tells nothing of its slots ([`Tells::Nothing`]).
    ///
    /// # Errors
    /// Link errors; `refused`; `invalid` as [`Firmware::fits`].
    fn held(&mut self, _slot: &str, _file: ImageFile<'_>, _level: Level, _op: &mut Op<'_>) -> Result<Option<Held>> {
        Ok(None)
    }

    /// Compares all of `slot` with as many bytes as an erased one holds; `None` when that does not show in this mode.
    /// Where a family erases to `0x00` or to `0xff`, the nearer of the two is what is expected.
    ///
    /// # Errors
    /// Link errors; `refused`; `unsupported` when there is no such slot.
    fn blank(&mut self, _slot: &str, _op: &mut Op<'_>) -> Result<Option<Held>> {
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
