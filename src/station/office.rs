//! The station's papers: its home, opened, with what earlier runs left behind put in order.

use std::path::PathBuf;

use crate::clock::Clock;
use crate::error::Result;
use crate::home::Home;
use crate::ledger::{self, Ledger, Sealed};
use crate::vault::Vault;

/// The station's home, opened.
pub struct Office {
    /// The home.
    pub home: Home,
    /// The records of runs that had died, sealed just now.
    pub recovered: Vec<Sealed>,
}

impl Office {
    /// Opens the home at `root`, or where the platform keeps such things, and seals what died runs left.
    ///
    /// # Errors
    /// `storage`.
    pub fn open(root: Option<PathBuf>, clock: &dyn Clock) -> Result<Office> {
        let home = Home::open(root)?;
        let recovered = ledger::recover(&home, clock.wall())?;
        Ok(Office { home, recovered })
    }

    /// The ledger; each thread opens its own.
    ///
    /// # Errors
    /// `storage`.
    pub fn ledger(&self) -> Result<Ledger> {
        Ledger::open(&self.home)
    }

    /// The vault.
    ///
    /// # Errors
    /// `storage`.
    pub fn vault(&self) -> Result<Vault> {
        Vault::open(&self.home)
    }
}
