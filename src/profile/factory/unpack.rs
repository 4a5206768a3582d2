//! Images out of an archive: where they lie when they are stored, unpacked into memory or a file that has no name else.

use std::fs::File;
use std::io::{self, Write};
use std::sync::Arc;

use protocols::android::zip::{Entry, Method};
use sha2::Digest as _;

use super::super::artifact::{IN_MEMORY, MAX_BYTES, lying};
use super::super::model::Payload;
use super::unusable;
use crate::device::Content;
use crate::digest::{Algorithm, Digest};
use crate::error::{Error, Kind, Result};

/// Bytes that are unpacked together.
const WINDOW: usize = 1 << 20;

/// Unpacks entries, and counts what they come to.
#[derive(Debug, Default)]
pub(super) struct Unpack {
    bytes: u64,
}

/// A stored entry, where it lies.
struct Lying {
    archive: Arc<dyn Content>,
    at: u64,
    len: u64,
}

impl Content for Lying {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        match offset.checked_add(buf.len() as u64) {
            Some(end) if end <= self.len => self.archive.read_exact_at(self.at + offset, buf),
            _ => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

/// Where the bytes of an entry go.
enum Room {
    Nowhere,
    Memory(Vec<u8>),
    Disk(File),
}

impl Unpack {
    /// Refuses what is more than any phone holds before a byte of it is unpacked.
    ///
    /// # Errors
    /// `invalid`.
    pub(super) fn expect<'a>(&self, entries: impl Iterator<Item = &'a Entry>) -> Result<()> {
        let mut bytes = self.bytes;
        for entry in entries {
            bytes = bytes.saturating_add(entry.len);
            if bytes > MAX_BYTES {
                let sentence = format!("with {} the archive unpacks to more than {MAX_BYTES} bytes", entry.name);
                return Err(Error::new(Kind::Invalid, sentence).next("see that it is the archive that was meant"));
            }
        }
        Ok(())
    }

    /// An entry of `archive`, unpacked and hashed; its length and checksum are held against the directory.
    ///
    /// # Errors
    /// `invalid`: it is broken, or all entries together are more than any phone holds; `storage`.
    pub(super) fn entry(&mut self, archive: &Arc<dyn Content>, entry: &Entry) -> Result<Payload> {
        let name = &entry.name;
        self.expect(std::iter::once(entry))?;
        self.bytes = self.bytes.saturating_add(entry.len);
        let no_room = |cause| {
            Error::new(Kind::Storage, format!("{name} cannot be unpacked into the temporary folder")).because(cause)
        };
        let mut room = match entry.method {
            Method::Stored => Room::Nowhere,
            _ if entry.len <= IN_MEMORY => Room::Memory(Vec::new()),
            _ => Room::Disk(tempfile::tempfile().map_err(no_room)?),
        };
        let mut reader = entry.reader(&**archive).map_err(unusable)?;
        let mut hash = sha2::Sha256::new();
        let mut buf = vec![0; WINDOW];
        loop {
            let count = reader.read(&mut buf).map_err(unusable)?;
            if count == 0 {
                break;
            }
            let part = buf.get(..count).unwrap_or_default();
            hash.update(part);
            match &mut room {
                Room::Nowhere => {}
                Room::Memory(bytes) => bytes.extend_from_slice(part),
                Room::Disk(file) => file.write_all(part).map_err(no_room)?,
            }
        }
        let content: Arc<dyn Content> = match room {
            Room::Nowhere => {
                let at = entry.data_at(&**archive).map_err(unusable)?;
                Arc::new(Lying { archive: Arc::clone(archive), at, len: entry.len })
            }
            Room::Memory(bytes) => Arc::new(bytes),
            Room::Disk(file) => lying(file, entry.len),
        };
        let sha256 = Digest::from_bytes(Algorithm::Sha256, hash.finalize().to_vec());
        Ok(Payload { content, sha256, secret: false })
    }
}
