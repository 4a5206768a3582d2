//! How bytes get into the vault: a temporary name, synced, read again, renamed.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;

use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;

use super::{Vault, names};
use crate::digest::{Algorithm, Digest};
use crate::durable;
use crate::error::{Error, Kind, Result};

/// An object that is in the vault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Its SHA-256: its name.
    pub sha256: Digest,
    /// Its length in bytes.
    pub bytes: u64,
}

/// An object on its way into the vault. Dropped before [`Incoming::finish`], nothing is left of it.
#[derive(Debug)]
pub struct Incoming {
    vault: Vault,
    file: NamedTempFile,
    hash: Sha256,
    bytes: u64,
}

impl Incoming {
    pub(super) fn begin(vault: &Vault) -> Result<Incoming> {
        let dir = vault.incoming_dir();
        let begin = || -> io::Result<NamedTempFile> {
            // The sweeper holds the gate: it never sees a file that is not locked yet.
            let _gate = durable::gate(&dir)?;
            let file = tempfile::Builder::new().prefix("object-").tempfile_in(&dir)?;
            file.as_file().try_lock().map_err(io::Error::from)?;
            Ok(file)
        };
        let file = begin().map_err(|e| durable::storage("an object cannot be kept in the vault", e))?;
        Ok(Incoming { vault: vault.clone(), file, hash: Sha256::new(), bytes: 0 })
    }

    /// Puts what was written into the vault. It is durable, and was read again and compared, when this returns. What
    /// the vault holds already is compared and not written again; if it was damaged, it is whole afterwards.
    ///
    /// # Errors
    /// `storage`: the vault cannot be written, or gives back other bytes than it was given; nothing is left of it.
    pub fn finish(self) -> Result<Stored> {
        let sha256 = Digest::from_bytes(Algorithm::Sha256, self.hash.finalize().to_vec());
        let path = self.vault.object_path(&sha256)?;
        let stored = Stored { sha256, bytes: self.bytes };
        let keep = || -> io::Result<bool> {
            if File::open(&path).and_then(|mut there| hash(&mut there)).is_ok_and(|there| there == stored) {
                return Ok(true);
            }
            self.file.as_file().sync_all()?;
            forget(self.file.as_file());
            if hash(&mut self.file.reopen()?)? != stored {
                return Ok(false);
            }
            let folder = path.parent().unwrap_or(&self.vault.root);
            durable::create_dir(folder)?;
            self.file.persist(&path).map_err(|e| e.error)?;
            durable::sync_dir(folder)?;
            Ok(true)
        };
        match keep() {
            Ok(true) => Ok(stored),
            Ok(false) => Err(Error::new(Kind::Storage, "the vault gave back other bytes than it was given")
                .next("the station's disk or memory is failing: use another one")),
            Err(error) => Err(durable::storage("an object cannot be kept in the vault", error)),
        }
    }
}

impl Write for Incoming {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hash.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// SHA-256 and length of all that `from` gives.
pub(super) fn hash(from: &mut impl Read) -> io::Result<Stored> {
    let mut hash = Sha256::new();
    let mut bytes = 0;
    let mut chunk = vec![0; 64 << 10];
    loop {
        match from.read(&mut chunk) {
            Ok(0) => break,
            Ok(read) => {
                hash.update(&chunk[..read]);
                bytes += read as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Stored { sha256: Digest::from_bytes(Algorithm::Sha256, hash.finalize().to_vec()), bytes })
}

/// Drops what the system remembers of a synced file, so that reading it again asks the disk.
fn forget(file: &File) {
    #[cfg(target_os = "linux")]
    {
        use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};
        // Advice only: where it is not taken, the comparison is with memory.
        let _ = posix_fadvise(file, 0, 0, PosixFadviseAdvice::POSIX_FADV_DONTNEED);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = file;
}

/// Removes what writers that died have left in `dir`.
pub(super) fn sweep(dir: &Path) -> io::Result<()> {
    let _gate = durable::gate(dir)?;
    for path in names(dir)? {
        if path.file_name().is_some_and(|name| name == ".lock") {
            continue;
        }
        // Renamed into place or removed between the listing and now: nothing to do.
        let Ok(file) = File::open(&path) else { continue };
        if file.try_lock().is_ok() {
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
    }
    Ok(())
}
