//! The vault: bytes by their SHA-256, and backups made of them.
//!
//! ```text
//! objects/ab/cdef…   one object: its name is the SHA-256 of its bytes
//! backups/<id>.json  one manifest: its name is the SHA-256 of its bytes (canonical JSON)
//! incoming/          what is being written; locked while its writer lives
//! ```
//!
//! The files are all there is: no index can disagree with them. Names of units' files stand inside manifests and are
//! never used as names here. Left out: encryption, deduplication below whole objects, and object stores.

mod incoming;
mod manifest;
mod object;
mod verify;

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::digest::{Algorithm, Digest};
use crate::durable;
use crate::error::{Error, Kind, Result};
use crate::home::Home;

pub use incoming::{Incoming, Stored};
pub use manifest::{Backup, Firmware, Item, ItemKind, Manifest, Omission};
pub use object::Object;
pub use verify::{Damage, Verification};

/// A station's vault. Several processes and threads may use it at once.
#[derive(Debug, Clone)]
pub struct Vault {
    root: PathBuf,
}

impl Vault {
    /// Opens the vault of `home`, creates what it lacks and removes what writers that died have left unfinished.
    ///
    /// # Errors
    /// `storage`: it cannot be read or written.
    pub fn open(home: &Home) -> Result<Vault> {
        let vault = Vault { root: home.vault() };
        let make = || -> io::Result<()> {
            for part in [vault.objects(), vault.backups(), vault.incoming_dir()] {
                durable::create_dir(&part)?;
            }
            incoming::sweep(&vault.incoming_dir())
        };
        make().map_err(|e| durable::storage("the vault cannot be opened", e))?;
        Ok(vault)
    }

    /// A writer for a new object: it is in the vault when [`Incoming::finish`] returns, and not before.
    ///
    /// # Errors
    /// `storage`: nothing can be written there.
    pub fn incoming(&self) -> Result<Incoming> {
        Incoming::begin(self)
    }

    /// Keeps all that `from` gives.
    ///
    /// # Errors
    /// `storage`: `from` cannot be read, or the vault not be written; nothing is left of it.
    pub fn put(&self, from: &mut dyn Read) -> Result<Stored> {
        let mut incoming = self.incoming()?;
        io::copy(from, &mut incoming).map_err(|e| durable::storage("an object cannot be kept in the vault", e))?;
        incoming.finish()
    }

    /// Opens the object `sha256` for reading; its bytes are checked as they are read: the last read fails when they are
    /// not those that were kept.
    ///
    /// # Errors
    /// `mismatch`: the vault has no such object. `storage`: it cannot be read.
    pub fn get(&self, sha256: &Digest) -> Result<Object> {
        Object::open(&self.object_path(sha256)?, sha256)
    }

    /// Opens the object `sha256` after reading all of it once: what is written to a unit must not turn out to be damaged
    /// halfway.
    ///
    /// # Errors
    /// `mismatch`: the vault has no such object, or its bytes are not those that were kept. `storage`: it cannot be read.
    pub fn get_checked(&self, sha256: &Digest) -> Result<Object> {
        let mut object = self.get(sha256)?;
        object.check()?;
        Ok(object)
    }

    /// Whether the vault holds the object `sha256`; its bytes are not looked at.
    ///
    /// # Errors
    /// `storage`: the vault cannot be read.
    pub fn holds(&self, sha256: &Digest) -> Result<bool> {
        let path = self.object_path(sha256)?;
        path.try_exists().map_err(|e| durable::storage("the vault cannot be read", e))
    }

    fn objects(&self) -> PathBuf {
        self.root.join("objects")
    }

    fn backups(&self) -> PathBuf {
        self.root.join("backups")
    }

    fn incoming_dir(&self) -> PathBuf {
        self.root.join("incoming")
    }

    fn object_path(&self, sha256: &Digest) -> Result<PathBuf> {
        if sha256.algorithm() != Algorithm::Sha256 || sha256.as_bytes().len() != 32 {
            return Err(Error::new(Kind::Invalid, "objects in the vault are named by SHA-256"));
        }
        let hex = sha256.to_string();
        let (folder, name) = hex.split_at(2);
        Ok(self.objects().join(folder).join(name))
    }

    /// Every file under `objects/`, with the digest that its place says, or `None` for what does not belong there.
    fn walk(&self) -> io::Result<Vec<(Option<Digest>, PathBuf)>> {
        let mut all = Vec::new();
        for folder in names(&self.objects())? {
            if !folder.is_dir() {
                all.push((None, folder));
                continue;
            }
            for path in names(&folder)? {
                let text = |path: &Path| path.file_name().and_then(OsStr::to_str).map(str::to_owned);
                let hex = text(&folder).zip(text(&path)).filter(|(folder, _)| folder.len() == 2);
                let digest = hex.and_then(|(a, b)| Digest::from_hex(Algorithm::Sha256, &format!("{a}{b}")));
                all.push((digest.filter(|_| path.is_file()), path));
            }
        }
        Ok(all)
    }
}

/// What lies in `dir`, in order.
fn names(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths: Vec<PathBuf> = fs::read_dir(dir)?.map(|entry| entry.map(|e| e.path())).collect::<io::Result<_>>()?;
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests;
