//! The central directory: which entries there are, and where.

use super::ZipError;
use crate::android::source::{FileError, Source};
use crate::text::steers_screen;
use std::collections::BTreeMap;

/// Entries of an archive; the largest packages have some ten thousand.
const MAX_ENTRIES: u64 = 1 << 17;
/// Bytes of a central directory.
const MAX_DIRECTORY: u64 = 64 << 20;
/// Bytes of a name.
const MAX_NAME: usize = 1024;

const END: usize = 22;
const LOCATOR: usize = 20;
const END64: usize = 56;
const ENTRY: usize = 46;
/// Bytes that stand before an entry at least.
pub(super) const LOCAL: u64 = 30;

/// The entries of an archive. The bytes stay in the file that it was read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Archive {
    entries: BTreeMap<String, Entry>,
    directory_at: u64,
}

/// A file in an archive, as the directory says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name: a path of plain parts with `/` between them.
    pub name: String,
    /// How it is packed.
    pub method: Method,
    /// Bytes that it has unpacked.
    pub len: u64,
    /// Bytes that it takes in the archive.
    pub packed: u64,
    /// CRC-32 of its bytes.
    pub checksum: u32,
    /// Whether it is encrypted.
    pub(super) encrypted: bool,
    /// Where it begins, with what stands before it.
    pub(super) at: u64,
}

/// How an entry is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// Not at all.
    Stored,
    /// Deflated.
    Deflated,
    /// In a way that is not known here.
    Other(u16),
}

impl Method {
    const fn of(number: u16) -> Self {
        match number {
            0 => Self::Stored,
            8 => Self::Deflated,
            other => Self::Other(other),
        }
    }
}

impl Archive {
    /// Reads the central directory; no entry is unpacked.
    ///
    /// # Errors
    /// When the file cannot be read, is no archive, or has entries that nothing should unpack.
    pub fn open<S: Source + ?Sized>(file: &S) -> Result<Self, FileError<ZipError, S::Error>> {
        let end = End::find(file)?;
        if end.entries > MAX_ENTRIES {
            return fail(ZipError::TooMany { found: end.entries, limit: MAX_ENTRIES });
        }
        let limit = MAX_DIRECTORY.min(file.len());
        if end.len > limit || end.at.checked_add(end.len).is_none_or(|behind| behind > end.here) {
            return fail(ZipError::Outside("the directory"));
        }
        let mut directory = vec![0; end.len as usize];
        file.read_exact_at(end.at, &mut directory).map_err(FileError::Read)?;
        let entries = parse(&directory, &end).map_err(FileError::Format)?;
        Ok(Self { entries, directory_at: end.at })
    }

    /// Where the central directory of an archive begins, of which nothing else is read.
    ///
    /// # Errors
    /// When the file cannot be read, or is no archive.
    pub fn find_directory<S: Source + ?Sized>(file: &S) -> Result<u64, FileError<ZipError, S::Error>> {
        Ok(End::find(file)?.at)
    }

    /// The entries, by name. Folders are not among them.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    /// The entry of this name.
    #[must_use]
    pub fn entry(&self, name: &str) -> Option<&Entry> {
        self.entries.get(name)
    }

    /// Where the central directory begins: what signs the whole archive stands before it.
    #[must_use]
    pub const fn directory_at(&self) -> u64 {
        self.directory_at
    }
}

pub(super) fn fail<T, E>(error: ZipError) -> Result<T, FileError<ZipError, E>> {
    Err(FileError::Format(error))
}

/// What the record at the end of an archive says.
struct End {
    /// Where the record itself begins.
    here: u64,
    at: u64,
    len: u64,
    entries: u64,
}

impl End {
    fn find<S: Source + ?Sized>(file: &S) -> Result<Self, FileError<ZipError, S::Error>> {
        const COMMENT: u64 = u16::MAX as u64;
        let start = file.len().saturating_sub(COMMENT + END as u64);
        let mut tail = vec![0; (file.len() - start) as usize];
        file.read_exact_at(start, &mut tail).map_err(FileError::Read)?;
        let found = (0..(tail.len() + 1).saturating_sub(END)).rev().find(|at| {
            // The comment behind it reaches exactly to the end of the file.
            let rest = tail.get(*at..).unwrap_or_default();
            rest.starts_with(b"PK\x05\x06") && END + usize::from(u16_at(rest, 20)) == rest.len()
        });
        let at = found.ok_or(FileError::Format(ZipError::NotZip))?;
        let record = tail.get(at..).unwrap_or_default();
        let here = start + at as u64;
        let end = Self {
            here,
            at: u32_at(record, 16).into(),
            len: u32_at(record, 12).into(),
            entries: u16_at(record, 10).into(),
        };
        let spread = u16_at(record, 4) != 0 && u16_at(record, 4) != u16::MAX;
        if spread {
            return fail(ZipError::Spread);
        }
        if end.at == u32::MAX.into() || end.len == u32::MAX.into() || end.entries == u16::MAX.into() {
            return Ok(Self::find_64(file, here)?.unwrap_or(end));
        }
        Ok(end)
    }

    /// The record of an archive with large numbers, which a locator before the usual one points to.
    fn find_64<S: Source + ?Sized>(file: &S, here: u64) -> Result<Option<Self>, FileError<ZipError, S::Error>> {
        let Some(at) = here.checked_sub(LOCATOR as u64) else { return Ok(None) };
        let mut locator = [0; LOCATOR];
        file.read_exact_at(at, &mut locator).map_err(FileError::Read)?;
        if !locator.starts_with(b"PK\x06\x07") {
            return Ok(None);
        }
        let here = u64_at(&locator, 8);
        if here.checked_add(END64 as u64).is_none_or(|end| end > at) {
            return fail(ZipError::Outside("the end record"));
        }
        let mut record = [0; END64];
        file.read_exact_at(here, &mut record).map_err(FileError::Read)?;
        if !record.starts_with(b"PK\x06\x06") {
            return fail(ZipError::Outside("the end record"));
        }
        Ok(Some(Self { here, at: u64_at(&record, 48), len: u64_at(&record, 40), entries: u64_at(&record, 32) }))
    }
}

fn parse(directory: &[u8], end: &End) -> Result<BTreeMap<String, Entry>, ZipError> {
    let broken = ZipError::Entries { announced: end.entries };
    let mut entries = BTreeMap::new();
    let mut rest = directory;
    // Folders count too: they are no entries, and still take room.
    let mut taken = Vec::new();
    for _ in 0..end.entries {
        let fixed = rest.get(..ENTRY).filter(|fixed| fixed.starts_with(b"PK\x01\x02")).ok_or(broken.clone())?;
        let lengths = [28, 30, 32].map(|at| usize::from(u16_at(fixed, at)));
        let mut behind = rest.get(ENTRY..).unwrap_or_default();
        let [name, extra, _comment] = {
            let mut parts = [[].as_slice(); 3];
            for (part, len) in parts.iter_mut().zip(lengths) {
                (*part, behind) = behind.split_at_checked(len).ok_or(broken.clone())?;
            }
            parts
        };
        rest = behind;
        let name = plain_path(name)?;
        let mut entry = Entry {
            method: Method::of(u16_at(fixed, 10)),
            len: u32_at(fixed, 24).into(),
            packed: u32_at(fixed, 20).into(),
            checksum: u32_at(fixed, 16),
            encrypted: u16_at(fixed, 8) & 1 != 0,
            at: u32_at(fixed, 42).into(),
            name,
        };
        large_numbers(extra, &mut entry);
        let start = LOCAL + entry.name.len() as u64;
        let behind = entry.at.checked_add(start).and_then(|at| at.checked_add(entry.packed));
        let behind = behind.filter(|behind| *behind <= end.at).ok_or(ZipError::Outside("an entry"))?;
        taken.push((entry.at, behind, entry.name.clone()));
        if entry.name.ends_with('/') {
            continue;
        }
        let name = entry.name.clone();
        if entries.insert(name.clone(), entry).is_some() {
            return Err(ZipError::Twice(name));
        }
    }
    if !rest.is_empty() {
        return Err(broken);
    }
    taken.sort();
    for pair in taken.windows(2) {
        if let [(_, behind, _), (next, _, name)] = pair
            && next < behind
        {
            return Err(ZipError::Overlap(name.clone()));
        }
    }
    Ok(entries)
}

/// A name that stays in the folder it is unpacked in.
fn plain_path(name: &[u8]) -> Result<String, ZipError> {
    let shown = || ZipError::Name(String::from_utf8_lossy(name).chars().take(100).collect());
    let text = str::from_utf8(name).map_err(|_| shown())?;
    let mut parts = text.strip_suffix('/').unwrap_or(text).split('/');
    let plain = |part: &str| !part.is_empty() && part != "." && part != "..";
    let bad = |c: char| steers_screen(c) || c == '\\';
    if text.len() > MAX_NAME || text.contains(bad) || !parts.all(plain) {
        return Err(shown());
    }
    Ok(text.to_owned())
}

/// Numbers that did not fit 32 bits stand in an extra field, in this order and only those.
fn large_numbers(mut extra: &[u8], entry: &mut Entry) {
    while let Some((head, rest)) = extra.split_at_checked(4) {
        let Some((mut field, behind)) = rest.split_at_checked(usize::from(u16_at(head, 2))) else { return };
        extra = behind;
        if u16_at(head, 0) != 1 {
            continue;
        }
        for number in [&mut entry.len, &mut entry.packed, &mut entry.at] {
            if *number == u64::from(u32::MAX)
                && let Some((large, rest)) = field.split_at_checked(8)
            {
                *number = u64_at(large, 0);
                field = rest;
            }
        }
    }
}

pub(super) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    array(bytes, at).map(u16::from_le_bytes).unwrap_or_default()
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    array(bytes, at).map(u32::from_le_bytes).unwrap_or_default()
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    array(bytes, at).map(u64::from_le_bytes).unwrap_or_default()
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}
