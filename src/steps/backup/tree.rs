//! A folder with all that is in it, into the vault.
//!
//! Files come many at once, and are held against the unit's own digests afterwards. A unit goes on living meanwhile: a file
//! that is another one by then is read again by itself.

use std::collections::BTreeSet;
use std::io::{Seek, SeekFrom, Write};

use tempfile::SpooledTempFile;

use super::{IN_MEMORY, SECRET, spooling, take_file};
use crate::device::{Bounds, Capability, Driver, Entry, EntryKind, Listing, Marks, Take};
use crate::digest::{Algorithm, Digest};
use crate::error::Result;
use crate::steps::evidence::Omitted;
use crate::steps::{Bench, Keep, Kept, lacking};

/// By as much a file may grow between the list and its reading, in bytes.
const GROWTH: u64 = 64 << 20;

/// What is below `path`, when it is a folder that the unit shows.
pub(super) fn folder(driver: &mut dyn Driver, path: &str, bench: &mut Bench<'_, '_>) -> Result<Option<Listing>> {
    let Some(trees) = driver.files().and_then(|files| files.trees()) else { return Ok(None) };
    let listing = trees.list(path, Bounds::default(), bench.op)?;
    Ok(listing.filter(|listing| !listing.entries.iter().any(|entry| entry.path.is_empty())))
}

/// Takes everything below `root`, and says what it left.
pub(super) fn take(
    driver: &mut dyn Driver,
    root: &str,
    listing: &Listing,
    secrets: &BTreeSet<String>,
    bench: &mut Bench<'_, '_>,
    kept: &mut Vec<Kept>,
    omitted: &mut Vec<Omitted>,
) -> Result<()> {
    let base = root.trim_end_matches('/');
    let path = |below: &str| format!("{base}/{below}");
    let mut leave = |path: String, why: &str| {
        omitted.push(Omitted { kind: "file".to_owned(), path, why: why.to_owned() });
    };
    for left_out in &listing.left_out {
        leave(path(&left_out.path.to_string()), &left_out.why);
    }
    let mut files: Vec<(&Entry, String)> = Vec::new();
    for entry in &listing.entries {
        let path = path(&entry.path);
        match entry.kind {
            EntryKind::Folder => kept.push(taken("folder", path, root, entry, 0, bench.keep.put(&mut &[][..])?)),
            EntryKind::File if secrets.contains(&path) => leave(path, SECRET),
            EntryKind::File => files.push((entry, path)),
        }
    }
    let paths: Vec<&str> = files.iter().map(|(_, path)| path.as_str()).collect();
    if paths.is_empty() {
        return Ok(());
    }
    let most = files.iter().map(|(entry, _)| entry.len).max().unwrap_or(0).saturating_add(GROWTH);
    let reader = driver.files().ok_or_else(|| lacking(Capability::Files))?;
    let mut into = Into::new(bench.keep);
    reader.read_many(&paths, most, &mut into, bench.op)?;
    let held = match reader.algorithms().contains(&Algorithm::Sha256) {
        true => reader.digests(&paths, Algorithm::Sha256, bench.op)?.into_iter().map(Some).collect(),
        false => vec![None; paths.len()],
    };
    for (((entry, path), read), held) in files.into_iter().zip(into.read).zip(held) {
        let read = match (read, held) {
            (Ok(Some((_, sha256))), Some(held)) if held.as_ref().map(Digest::to_string).as_ref() != Some(&sha256) => {
                take_file(driver, &path, bench)?
            }
            (read, _) => read,
        };
        match read {
            Ok(Some((bytes, sha256))) => kept.push(taken("file", path, root, entry, bytes, sha256)),
            Ok(None) => leave(path, "it was gone before it was read"),
            Err(why) => leave(path, &why),
        }
    }
    Ok(())
}

fn taken(kind: &'static str, path: String, root: &str, entry: &Entry, bytes: u64, sha256: String) -> Kept {
    let modified = entry.marks.modified.filter(|_| entry.kind == EntryKind::File);
    let marks = Marks { mode: entry.marks.mode, modified };
    Kept { tree: Some(root.to_owned()), marks, ..Kept::new(kind, path, bytes, sha256) }
}

/// Files on their way into the vault, one after the other.
struct Into<'a> {
    keep: &'a dyn Keep,
    spool: SpooledTempFile,
    bytes: u64,
    read: Vec<super::Taken>,
}

impl Into<'_> {
    fn new(keep: &dyn Keep) -> Into<'_> {
        Into { keep, spool: SpooledTempFile::new(IN_MEMORY), bytes: 0, read: Vec::new() }
    }

    fn next(&mut self) -> (SpooledTempFile, u64) {
        let spool = std::mem::replace(&mut self.spool, SpooledTempFile::new(IN_MEMORY));
        (spool, std::mem::take(&mut self.bytes))
    }
}

impl Take for Into<'_> {
    fn bytes(&mut self, _: usize, bytes: &[u8]) -> Result<()> {
        self.bytes += bytes.len() as u64;
        self.spool.write_all(bytes).map_err(spooling)
    }

    fn refuse(&mut self, _: usize, why: &str) -> Result<()> {
        self.next();
        self.read.push(Err(why.to_owned()));
        Ok(())
    }

    fn end(&mut self, _: usize, there: bool) -> Result<()> {
        let (mut spool, bytes) = self.next();
        if !there {
            self.read.push(Ok(None));
            return Ok(());
        }
        spool.seek(SeekFrom::Start(0)).map_err(spooling)?;
        let sha256 = self.keep.put(&mut spool)?;
        self.read.push(Ok(Some((bytes, sha256))));
        Ok(())
    }
}
