//! An object that is read back.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::Mutex;

use sha2::{Digest as _, Sha256};

use super::incoming::hash;
use crate::digest::Digest;
use crate::durable;
use crate::error::{Error, Kind, Result};

/// Bytes that are read and written together.
const PART: u64 = 1 << 20;

/// An object, open. As a reader it checks its bytes on the way: the read that reaches the end fails when they are not
/// those that were kept.
#[derive(Debug)]
pub struct Object {
    /// Positioned reads go through the same file on every system.
    file: Mutex<File>,
    len: u64,
    sha256: Digest,
    /// `None` once the end was reached and found right.
    hash: Option<Sha256>,
    at: u64,
}

fn damaged(sha256: &Digest) -> Error {
    Error::new(Kind::Mismatch, format!("the object {sha256} in the vault is damaged"))
        .next("take the backup again, or put the vault back from a copy")
}

impl Object {
    pub(super) fn open(path: &Path, sha256: &Digest) -> Result<Object> {
        let open = || -> io::Result<(File, u64)> {
            let file = File::open(path)?;
            let len = file.metadata()?.len();
            Ok((file, len))
        };
        let (file, len) = match open() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(Error::new(Kind::Mismatch, format!("the vault does not hold the object {sha256}"))
                    .next("take the backup again, or put the vault back from a copy"));
            }
            opened => opened.map_err(|e| durable::storage(format!("the object {sha256} cannot be read"), e))?,
        };
        Ok(Object { file: Mutex::new(file), len, sha256: sha256.clone(), hash: Some(Sha256::new()), at: 0 })
    }

    /// Its SHA-256.
    #[must_use]
    pub fn sha256(&self) -> &Digest {
        &self.sha256
    }

    /// Its length in bytes.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Fills `buf` from `offset`. Not checked on the way: see [`Vault::get_checked`](super::Vault::get_checked).
    ///
    /// # Errors
    /// The object cannot be read, or ends before `buf` is full.
    pub fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        let mut file = self.file.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        seek_to(&mut file, offset)?;
        file.read_exact(buf)
    }

    /// Writes all of it, in parts that are large. What was written is right when this returns.
    ///
    /// # Errors
    /// It cannot be read or written; or its bytes are not those that were kept, told by an [`Error`] inside.
    pub fn copy_to(mut self, into: &mut dyn Write) -> io::Result<u64> {
        let mut part = vec![0; self.len.clamp(1, PART) as usize];
        let mut copied = 0;
        loop {
            let read = match self.read(&mut part) {
                Ok(0) => return Ok(copied),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                read => read?,
            };
            into.write_all(part.get(..read).unwrap_or_default())?;
            copied += read as u64;
        }
    }

    pub(super) fn check(&mut self) -> Result<()> {
        let file = self.file.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner);
        let stored =
            hash(file).map_err(|e| durable::storage(format!("the object {} cannot be read", self.sha256), e))?;
        if stored.sha256 == self.sha256 { Ok(()) } else { Err(damaged(&self.sha256)) }
    }
}

impl Read for Object {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        let file = self.file.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner);
        seek_to(file, self.at)?;
        let read = file.read(buf)?;
        self.at += read as u64;
        let Some(hash) = &mut self.hash else { return Ok(read) };
        if read > 0 {
            hash.update(&buf[..read]);
        } else if hash.clone().finalize().as_slice() == self.sha256.as_bytes() {
            self.hash = None;
        } else {
            return Err(io::Error::new(io::ErrorKind::InvalidData, damaged(&self.sha256)));
        }
        Ok(read)
    }
}

fn seek_to(file: &mut File, offset: u64) -> io::Result<()> {
    io::Seek::seek(file, io::SeekFrom::Start(offset)).map(|_| ())
}
