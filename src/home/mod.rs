//! The directory of a station: who it is, its secret, and where its ledger, journals and vault lie.
//!
//! ```text
//! station.yaml   format 1: the station's id, and its bays. Keys of other versions are left alone.
//! secret         32 random bytes, readable by the user only; keys the digests of secrets
//! keys/          the station's key for ADB, if its user has none
//! ledger.sqlite  all records
//! journals/      one file for each run that has no record yet
//! vault/         backups and artifacts by digest
//! ```

mod keys;

pub use keys::{AdbKey, KeyFolder};

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use etcetera::BaseStrategy as _;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::Deserialize;
use sha2::Sha256;
use uuid::Uuid;

use crate::digest::{Algorithm, Digest};
use crate::durable::{self, storage};
use crate::error::{Error, Kind, Result};

const STATION: &str = "station.yaml";
const SECRET: &str = "secret";
const LEDGER: &str = "ledger.sqlite";
const FORMAT: u64 = 1;
/// Keeps these digests apart from whatever else the secret will key.
const KEYED_DOMAIN: &[u8] = b"hardwire keyed digest v1\0";

/// How long a ledger that another process holds is waited for.
pub const LEDGER_WAIT: Duration = Duration::from_secs(10);

/// A station's directory, opened.
#[derive(Debug, Clone)]
pub struct Home {
    root: PathBuf,
    station: Uuid,
    secret: Secret,
    ledger_wait: Duration,
}

#[derive(Clone)]
struct Secret([u8; 32]);

impl Secret {
    fn mac(&self) -> Hmac<Sha256> {
        Hmac::new_from_slice(&self.0).expect("HMAC takes a key of any length (RFC 2104)")
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// What is read of `station.yaml`; everything else in it belongs to somebody else.
#[derive(Deserialize)]
struct Station {
    format: u64,
    station: Uuid,
}

impl Home {
    /// Opens the station at `root`, or at [`Home::default_root`], and creates what it lacks.
    ///
    /// Processes that start at once on an empty directory agree on one station.
    ///
    /// # Errors
    /// `storage`: the directory cannot be created, read or written; `station.yaml` is damaged or of a newer format;
    /// it is gone although there is a ledger (a new id would break its chain); the secret is gone or damaged although the
    /// station exists (a new one would disown every keyed digest).
    pub fn open(root: Option<PathBuf>) -> Result<Home> {
        let root = root.map_or_else(Home::default_root, Ok)?;
        let named = root.display().to_string();
        durable::create_dir(&root).map_err(|e| storage(format!("the station's home {named} cannot be created"), e))?;
        // Asked first: whoever makes a ledger has published the station before.
        let has_ledger = exists(&root.join(LEDGER))?;
        if !exists(&root.join(STATION))? && has_ledger {
            let gone = format!("{STATION} is gone from {named}, and the ledger there is of a station that has one");
            return Err(Error::new(Kind::Storage, gone).next(
                "put it back from a copy, or write `format: 1` and `station: ID` into it: every record names the id",
            ));
        }
        // The secret is there before the station is: so a station without one is damage, not a beginning.
        if !exists(&root.join(STATION))? && !exists(&root.join(SECRET))? {
            let mut fresh = [0; 32];
            getrandom::fill(&mut fresh)
                .map_err(|e| Error::new(Kind::Storage, "the system gives no random bytes").because(e))?;
            durable::publish(&root, SECRET, &fresh)
                .map_err(|e| storage(format!("the station's secret cannot be kept in {named}"), e))?;
        }
        if !exists(&root.join(STATION))? {
            let text = format!(
                "# This station. Hardwire keeps it; bays are named here too.\nformat: 1\nstation: {}\n",
                Uuid::new_v4()
            );
            durable::publish(&root, STATION, text.as_bytes())
                .map_err(|e| storage(format!("{STATION} cannot be kept in {named}"), e))?;
        }
        let station = read_station(&root.join(STATION))?;
        let secret = read_secret(&root.join(SECRET))?;
        for part in ["journals", "vault"] {
            durable::create_dir(&root.join(part))
                .map_err(|e| storage(format!("{part} cannot be created in {named}"), e))?;
        }
        Ok(Home { root, station: station.station, secret, ledger_wait: LEDGER_WAIT })
    }

    /// Where a station lies unless somebody says otherwise: `hardwire` in the platform's data directory.
    ///
    /// # Errors
    /// `storage`: the user has no home directory.
    pub fn default_root() -> Result<PathBuf> {
        let base = etcetera::base_strategy::choose_native_strategy().map_err(|e| {
            Error::new(Kind::Storage, "this user has no data directory")
                .because(e)
                .next("set HARDWIRE_HOME to a folder")
        })?;
        Ok(base.data_dir().join("hardwire"))
    }

    /// The same home, whose ledger is waited for this long when another process holds it.
    #[must_use]
    pub fn with_ledger_wait(mut self, wait: Duration) -> Home {
        self.ledger_wait = wait;
        self
    }

    /// The directory.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The station's id, which stands in each of its records.
    #[must_use]
    pub fn station(&self) -> Uuid {
        self.station
    }

    /// HMAC-SHA-256 of `value` under the station's secret: how a secret value is compared and recorded.
    #[must_use]
    pub fn keyed(&self, value: &[u8]) -> Digest {
        let mut mac = self.secret.mac();
        mac.update(KEYED_DOMAIN);
        mac.update(value);
        Digest::from_bytes(Algorithm::HmacSha256, mac.finalize().into_bytes().to_vec())
    }

    pub(crate) fn ledger_wait(&self) -> Duration {
        self.ledger_wait
    }

    pub(crate) fn ledger(&self) -> PathBuf {
        self.root.join(LEDGER)
    }

    pub(crate) fn journals(&self) -> PathBuf {
        self.root.join("journals")
    }

    pub(crate) fn vault(&self) -> PathBuf {
        self.root.join("vault")
    }
}

fn exists(path: &Path) -> Result<bool> {
    path.try_exists().map_err(|e| storage(format!("{} cannot be read", path.display()), e))
}

fn read_station(path: &Path) -> Result<Station> {
    let named = path.display();
    let text = fs::read(path).map_err(|e| storage(format!("{named} cannot be read"), e))?;
    let station: Station = serde_yaml::from_slice(&text).map_err(|e| {
        Error::new(Kind::Storage, format!("{named} is damaged"))
            .because(e)
            .next("put it back from a copy; records name the station's id if there is none")
    })?;
    if station.format != FORMAT {
        return Err(Error::new(
            Kind::Storage,
            format!("{named} has format {}, this Hardwire reads {FORMAT}", station.format),
        )
        .next("use the Hardwire that wrote it, or a newer one"));
    }
    Ok(station)
}

fn read_secret(path: &Path) -> Result<Secret> {
    let named = path.display();
    let lost = |sentence: String| {
        Error::new(Kind::Storage, sentence)
            .next("put it back from a copy: without it no recorded digest of a secret can be checked again")
    };
    let bytes = match fs::read(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            return Err(lost(format!("the station's secret {named} is gone")).because(e));
        }
        read => read.map_err(|e| storage(format!("{named} cannot be read"), e))?,
    };
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::metadata(path).map_err(|e| storage(format!("{named} cannot be read"), e))?.permissions().mode();
        if mode & 0o077 != 0 {
            tracing::warn!(path = %named, "the station's secret can be read by other users");
        }
    }
    let bytes = <[u8; 32]>::try_from(bytes).map_err(|b| lost(format!("{named} holds {} bytes and not 32", b.len())))?;
    Ok(Secret(bytes))
}

#[cfg(test)]
mod tests;
