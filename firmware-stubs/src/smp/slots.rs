//! The two image slots: flash that is erased by the page and written once.

use super::fail::Stop;
use super::flash::{self, Flash};
use super::{Fault, Limits, Options, image};
use crate::Error;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

/// A slot by what it is for. Which of the two banks of flash that is changes when the bootloader swaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    /// The one that runs.
    Primary,
    /// The one that uploads go to.
    Secondary,
}

/// One half of the image flash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Bank {
    A,
    B,
}

impl Bank {
    pub(super) const fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }
}

/// Both banks, each a file of exactly the slot's size.
pub(super) struct Slots {
    folder: PathBuf,
    size: u32,
    /// With [`Fault::LieHash`]: what was sent is kept beside what was stored, to answer for it.
    lies: bool,
}

const ERASED: u8 = 0xff;

impl Slots {
    /// Open the slots in `folder`; a factory image is put into bank A when there are none.
    pub(super) fn open(folder: &Path, options: &Options, factory: &[u8]) -> Result<Self, Error> {
        let size = options.limits.slot_size;
        let slots = Self { folder: folder.to_owned(), size, lies: options.faults.contains(&Fault::LieHash) };
        for (bank, content) in [(Bank::A, factory), (Bank::B, &[][..])] {
            slots.open_bank(bank, content)?;
        }
        Ok(slots)
    }

    fn open_bank(&self, bank: Bank, content: &[u8]) -> Result<(), Error> {
        let path = self.path(bank);
        match std::fs::metadata(&path) {
            Ok(found) if found.len() == u64::from(self.size) => {}
            Ok(found) => {
                let why = format!("the slot has {} bytes, not the {} it should have", found.len(), self.size);
                return Err(Error::foreign(&path)(why));
            }
            Err(_) => {
                let mut fresh = content.to_vec();
                fresh.resize(self.size as usize, ERASED);
                flash::replace(&path, &fresh)?;
            }
        }
        // What was sent in an earlier process is only worth keeping while the lie goes on.
        match (self.lies, flash::read(&self.sent_path(bank))?) {
            (true, None) => flash::replace(&self.sent_path(bank), &self.read(bank)?),
            (false, Some(_)) => flash::remove(&self.sent_path(bank)),
            (true, Some(_)) | (false, None) => Ok(()),
        }
    }

    /// Bytes of a slot.
    pub(super) const fn size(&self) -> u32 {
        self.size
    }

    fn path(&self, bank: Bank) -> PathBuf {
        self.folder.join(match bank {
            Bank::A => "slot-a.bin",
            Bank::B => "slot-b.bin",
        })
    }

    fn sent_path(&self, bank: Bank) -> PathBuf {
        self.folder.join(match bank {
            Bank::A => "slot-a.sent",
            Bank::B => "slot-b.sent",
        })
    }

    /// All of a bank.
    pub(super) fn read(&self, bank: Bank) -> Result<Vec<u8>, Error> {
        let path = self.path(bank);
        std::fs::read(&path).map_err(Error::state(&path))
    }

    /// What the image in a bank says of itself; `None` when there is none that can be read.
    pub(super) fn inspect(&self, bank: Bank) -> Result<Option<image::Info>, Error> {
        Ok(image::inspect(&self.read(bank)?))
    }

    /// The first `len` bytes, for a hash command: what is stored, or with [`Fault::LieHash`] what was sent.
    pub(super) fn read_for_hash(&self, bank: Bank, len: u64) -> Result<Vec<u8>, Error> {
        let path = if self.lies { self.sent_path(bank) } else { self.path(bank) };
        let state = Error::state(&path);
        let mut bytes = Vec::new();
        File::open(&path).map_err(state)?.take(len).read_to_end(&mut bytes).map_err(state)?;
        Ok(bytes)
    }

    /// Erase the pages that the first `len` bytes lie in.
    pub(super) fn erase(&self, bank: Bank, len: u32) -> Result<(), Error> {
        let len = len.div_ceil(Limits::PAGE).saturating_mul(Limits::PAGE).min(self.size);
        let blank = vec![ERASED; len as usize];
        Self::write_file(&self.path(bank), 0, &blank)?;
        if self.lies { Self::write_file(&self.sent_path(bank), 0, &blank) } else { Ok(()) }
    }

    /// Write `data` at `off` of an image whose middle is at `middle`.
    pub(super) fn write(&self, bank: Bank, off: u64, data: &[u8], middle: u64, flash: &mut Flash) -> Result<(), Stop> {
        if self.lies {
            Self::write_file(&self.sent_path(bank), off, data)?;
        }
        let worn = flash.worn(data, off, Some(middle));
        flash.store(&worn, |data| Self::write_file(&self.path(bank), off, data))
    }

    fn write_file(path: &Path, off: u64, data: &[u8]) -> Result<(), Error> {
        let state = Error::state(path);
        let mut file = OpenOptions::new().write(true).open(path).map_err(state)?;
        file.seek(SeekFrom::Start(off)).map_err(state)?;
        file.write_all(data).map_err(state)
    }
}
