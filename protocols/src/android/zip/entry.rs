//! The bytes of an entry, unpacked as they are read.

use super::ZipError;
use super::directory::{Archive, Entry, LOCAL, Method, fail, u16_at};
use crate::android::source::{FileError, Source};
use crc::{CRC_32_ISO_HDLC, Crc, Digest, Table};
use miniz_oxide::inflate::stream::{InflateState, inflate};
use miniz_oxide::{DataFormat, MZFlush, MZStatus};

/// Packed bytes that are read together.
const WINDOW: usize = 1 << 16;

static CRC: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_ISO_HDLC);

/// Reads an entry from its beginning to its end, where its length and checksum are held against the directory.
pub struct EntryReader<'a, S: ?Sized> {
    file: &'a S,
    entry: &'a Entry,
    /// Where the next packed bytes lie, and how many are left.
    at: u64,
    left: u64,
    /// Unpacked bytes still to come.
    due: u64,
    inflate: Option<Inflate>,
    sum: Digest<'static, u32, Table<16>>,
    ended: bool,
}

struct Inflate {
    state: Box<InflateState>,
    packed: Vec<u8>,
    used: usize,
}

impl Entry {
    /// Where the bytes lie in the archive: as they are when it is stored.
    ///
    /// # Errors
    /// When the file cannot be read, or the entry is not where the directory says.
    pub fn data_at<S: Source + ?Sized>(&self, file: &S) -> Result<u64, FileError<ZipError, S::Error>> {
        let misplaced = || FileError::Format(ZipError::Misplaced(self.name.clone()));
        let mut local = vec![0; LOCAL as usize + self.name.len()];
        if self.at.checked_add(local.len() as u64).is_none_or(|end| end > file.len()) {
            return Err(misplaced());
        }
        file.read_exact_at(self.at, &mut local).map_err(FileError::Read)?;
        let (fixed, name) = local.split_at(LOCAL as usize);
        let same = fixed.starts_with(b"PK\x03\x04") && name == self.name.as_bytes();
        if !same || usize::from(u16_at(fixed, 26)) != name.len() {
            return Err(misplaced());
        }
        let at = self.at + local.len() as u64 + u64::from(u16_at(fixed, 28));
        match at.checked_add(self.packed) {
            Some(end) if end <= file.len() => Ok(at),
            _ => Err(misplaced()),
        }
    }

    /// Reads it. `file` is the one that the archive was opened on.
    ///
    /// # Errors
    /// When the file cannot be read, or the entry is encrypted, packed in an unknown way, or misplaced.
    pub fn reader<'a, S: Source + ?Sized>(
        &'a self,
        file: &'a S,
    ) -> Result<EntryReader<'a, S>, FileError<ZipError, S::Error>> {
        let name = || self.name.clone();
        if self.encrypted {
            return fail(ZipError::Encrypted(name()));
        }
        let inflate = match self.method {
            Method::Stored if self.packed != self.len => return fail(ZipError::Broken(name())),
            Method::Stored => None,
            Method::Deflated => {
                Some(Inflate { state: InflateState::new_boxed(DataFormat::Raw), packed: Vec::new(), used: 0 })
            }
            Method::Other(method) => return fail(ZipError::Method { name: name(), method }),
        };
        let at = self.data_at(file)?;
        let sum = CRC.digest();
        Ok(EntryReader { file, entry: self, at, left: self.packed, due: self.len, inflate, sum, ended: false })
    }

    /// All of it in memory, when it has no more than `limit` bytes.
    ///
    /// # Errors
    /// As [`Entry::reader`]; when it has more, is broken, or has another checksum.
    pub fn to_vec<S: Source + ?Sized>(&self, file: &S, limit: u64) -> Result<Vec<u8>, FileError<ZipError, S::Error>> {
        if self.len > limit {
            return fail(ZipError::TooLarge { name: self.name.clone(), len: self.len, limit });
        }
        let mut reader = self.reader(file)?;
        let mut bytes = Vec::new();
        let mut buf = vec![0; WINDOW];
        loop {
            match reader.read(&mut buf)? {
                0 => return Ok(bytes),
                n => bytes.extend_from_slice(buf.get(..n).unwrap_or_default()),
            }
        }
    }
}

impl Archive {
    /// All of an entry in memory, when it has no more than `limit` bytes.
    ///
    /// # Errors
    /// As [`Entry::to_vec`]; when there is no such entry.
    pub fn read<S: Source + ?Sized>(
        &self,
        file: &S,
        name: &str,
        limit: u64,
    ) -> Result<Vec<u8>, FileError<ZipError, S::Error>> {
        let entry = self.entry(name).ok_or_else(|| FileError::Format(ZipError::Absent(name.to_owned())))?;
        entry.to_vec(file, limit)
    }
}

impl<S: Source + ?Sized> EntryReader<'_, S> {
    /// Fills `buf` with the next bytes; fewer than it holds only at the end, 0 behind it.
    ///
    /// # Errors
    /// When the file cannot be read, or the entry is broken. What was read before must not be used then.
    pub fn read(&mut self, buf: &mut [u8]) -> Result<usize, FileError<ZipError, S::Error>> {
        let want = self.due.min(buf.len() as u64) as usize;
        let buf = buf.get_mut(..want).unwrap_or_default();
        let mut filled = 0;
        while filled < buf.len() {
            let n = self.some(buf.get_mut(filled..).unwrap_or_default())?;
            if n == 0 {
                return self.broken();
            }
            filled += n;
        }
        self.sum.update(buf);
        self.due -= filled as u64;
        if self.due == 0 && !self.ended {
            self.finish()?;
        }
        Ok(filled)
    }

    /// Some of the next bytes; 0 only when there are no more.
    fn some(&mut self, buf: &mut [u8]) -> Result<usize, FileError<ZipError, S::Error>> {
        let Some(inflater) = &mut self.inflate else {
            self.file.read_exact_at(self.at, buf).map_err(FileError::Read)?;
            self.at += buf.len() as u64;
            self.left = self.left.saturating_sub(buf.len() as u64);
            return Ok(buf.len());
        };
        loop {
            if inflater.used == inflater.packed.len() && self.left > 0 {
                inflater.packed.resize(self.left.min(WINDOW as u64) as usize, 0);
                self.file.read_exact_at(self.at, &mut inflater.packed).map_err(FileError::Read)?;
                self.at += inflater.packed.len() as u64;
                self.left -= inflater.packed.len() as u64;
                inflater.used = 0;
            }
            let packed = inflater.packed.get(inflater.used..).unwrap_or_default();
            let result = inflate(&mut inflater.state, packed, buf, MZFlush::None);
            inflater.used += result.bytes_consumed;
            if result.bytes_written > 0 {
                return Ok(result.bytes_written);
            }
            match result.status {
                // More packed bytes are needed. When there are none, the next round writes nothing and takes nothing.
                Ok(MZStatus::Ok) if result.bytes_consumed > 0 => {}
                Ok(MZStatus::StreamEnd) => return Ok(0),
                _ => return self.broken(),
            }
        }
    }

    /// Whether what is packed ends here too, with the right checksum.
    fn finish(&mut self) -> Result<(), FileError<ZipError, S::Error>> {
        self.ended = true;
        // A byte more than the directory says would show here.
        if self.inflate.is_some() && (self.some(&mut [0])? != 0 || self.left > 0) {
            return self.broken();
        }
        if self.sum.clone().finalize() != self.entry.checksum {
            return fail(ZipError::Checksum(self.entry.name.clone()));
        }
        Ok(())
    }

    fn broken<T>(&self) -> Result<T, FileError<ZipError, S::Error>> {
        fail(ZipError::Broken(self.entry.name.clone()))
    }
}
