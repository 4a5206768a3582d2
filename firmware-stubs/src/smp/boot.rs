//! The bootloader: MCUboot's swap with test, confirm and revert.
//!
//! MCUboot keeps its state in the slots' trailers and can finish a swap that lost power. Here the state is one file
//! that is replaced whole, which comes to the same: a swap has happened or it has not.

use super::fail::Stop;
use super::flash;
use super::image;
use super::slots::{Bank, Slot, Slots};
use crate::Error;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// What is to happen to the secondary slot at the next boot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Next {
    /// Nothing: the primary runs again.
    #[default]
    Stay,
    /// It runs once, and for good only when confirmed.
    Test,
    /// It runs for good.
    Permanent,
    /// The primary was on test and not confirmed: the secondary, which was there before, comes back.
    Revert,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Trailer {
    format: u32,
    primary: Bank,
    next: Next,
}

const FORMAT: u32 = 1;

/// What survives of the bootloader's decisions.
pub(super) struct Boot {
    path: PathBuf,
    trailer: Trailer,
}

/// What a boot came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Booted {
    /// Whether there is an application to run.
    pub(super) runs: bool,
    /// What the bootloader and the application print, a line each.
    pub(super) banner: Vec<String>,
}

impl Boot {
    pub(super) fn open(folder: &Path) -> Result<Self, Error> {
        let path = folder.join("boot.json");
        let trailer = match flash::read(&path)? {
            None => Trailer { format: FORMAT, primary: Bank::A, next: Next::Stay },
            Some(bytes) => serde_json::from_slice(&bytes).map_err(Error::foreign(&path))?,
        };
        if trailer.format != FORMAT {
            let why = format!("its format is {}, this stand-in writes {FORMAT}", trailer.format);
            return Err(Error::foreign(&path)(why));
        }
        Ok(Self { path, trailer })
    }

    pub(super) const fn bank(&self, slot: Slot) -> Bank {
        match slot {
            Slot::Primary => self.trailer.primary,
            Slot::Secondary => self.trailer.primary.other(),
        }
    }

    pub(super) const fn next(&self) -> Next {
        self.trailer.next
    }

    pub(super) fn set_next(&mut self, next: Next) -> Result<(), Error> {
        self.commit(Trailer { next, ..self.trailer.clone() })
    }

    fn commit(&mut self, trailer: Trailer) -> Result<(), Error> {
        if trailer != self.trailer {
            let bytes = serde_json::to_vec(&trailer).map_err(|error| Error::state(&self.path)(error.into()))?;
            flash::replace(&self.path, &bytes)?;
            self.trailer = trailer;
        }
        Ok(())
    }

    /// What the bootloader prints before it decides anything.
    pub(super) fn greeting() -> Vec<String> {
        vec!["*** Booting MCUboot v2.2.0 ***".to_owned(), "I: Starting bootloader".to_owned()]
    }

    /// Validate, swap when that was asked for, and start what is in the primary slot.
    pub(super) fn boot(&mut self, slots: &Slots) -> Result<Booted, Stop> {
        let mut banner = Self::greeting();
        let secondary = self.bank(Slot::Secondary);
        let after = match self.trailer.next {
            Next::Stay => None,
            _ if !image::is_valid(&slots.read(secondary)?) => {
                // MCUboot erases what it refused, and goes on with the primary as if just reverted to it.
                banner.push("E: Image in the secondary slot is not valid!".to_owned());
                slots.erase(secondary, slots.size())?;
                self.set_next(Next::Stay)?;
                None
            }
            Next::Test => Some(("test", Next::Revert)),
            Next::Permanent => Some(("perm", Next::Stay)),
            Next::Revert => Some(("revert", Next::Stay)),
        };
        match after {
            Some((kind, next)) => {
                banner.push(format!("I: Image index: 0, Swap type: {kind}"));
                self.commit(Trailer { primary: secondary, next, ..self.trailer.clone() })?;
            }
            None => banner.push("I: Image index: 0, Swap type: none".to_owned()),
        }
        let primary = slots.read(self.trailer.primary)?;
        let runs = image::is_valid(&primary);
        match image::inspect(&primary).filter(|_| runs) {
            Some(info) => {
                banner.push("I: Jumping to the first image slot".to_owned());
                banner.push(format!("*** Booting application v{} ***", info.version_text()));
                banner.push("*** Using Zephyr OS v4.4.0 ***".to_owned());
            }
            None => banner.push("E: Unable to find bootable image".to_owned()),
        }
        Ok(Booted { runs, banner })
    }
}
