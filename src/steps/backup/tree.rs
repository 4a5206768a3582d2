//! A folder with all that is in it, into the vault.
//!
//! Files come many at once, and are held against the unit's own digests afterwards. A unit goes on living meanwhile: a file
//! that is another one by then is read again by itself.

use std::collections::BTreeSet;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use super::{SECRET, take_file};
use crate::device::{Bounds, Capability, Driver, Entry, EntryKind, Files, Listing, Marks, Take};
use crate::digest::{Algorithm, Digest};
use crate::error::{Error, Kind, Result};
use crate::steps::evidence::Omitted;
use crate::steps::{Bench, Incoming, Keep, Kept, lacking};

/// By as much a file may grow between the list and its reading, in bytes.
const GROWTH: u64 = 64 << 20;
/// Files that have come and wait to be kept, each of them open: a station has many bays, and a process few files.
const AHEAD: usize = 8;

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
            EntryKind::Folder => kept.push(taken("folder", path, root, entry, 0, bench.keep.put(&[])?)),
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
    let read = read(reader, &paths, most, bench)?;
    let held = match reader.algorithms().contains(&Algorithm::Sha256) {
        true => reader.digests(&paths, Algorithm::Sha256, bench.op)?.into_iter().map(Some).collect(),
        false => vec![None; paths.len()],
    };
    for (((entry, path), read), held) in files.into_iter().zip(read).zip(held) {
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

/// Files on their way into the vault, one after the other; who keeps them works beside the link.
struct Into<'a> {
    keep: &'a dyn Keep,
    incoming: Option<Box<dyn Incoming>>,
    bytes: u64,
    /// What became of each file: its length, or that there is none, or why it was not given.
    read: Vec<std::result::Result<Option<u64>, String>>,
    keeper: SyncSender<Box<dyn Incoming>>,
}

impl Into<'_> {
    fn next(&mut self) -> Result<Box<dyn Incoming>> {
        self.incoming.take().map_or_else(|| self.keep.incoming(), Ok)
    }
}

impl Take for Into<'_> {
    fn bytes(&mut self, _: usize, bytes: &[u8]) -> Result<()> {
        let mut incoming = self.next()?;
        let unkept = |cause| Error::new(Kind::Storage, "what was read cannot be kept").because(cause);
        incoming.write_all(bytes).map_err(unkept)?;
        self.incoming = Some(incoming);
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    fn refuse(&mut self, _: usize, why: &str) -> Result<()> {
        (self.incoming, self.bytes) = (None, 0);
        self.read.push(Err(why.to_owned()));
        Ok(())
    }

    fn end(&mut self, _: usize, there: bool) -> Result<()> {
        if !there {
            self.read.push(Ok(None));
            return Ok(());
        }
        let incoming = self.next()?;
        self.read.push(Ok(Some(std::mem::take(&mut self.bytes))));
        // Why the keeper ended is told by itself.
        self.keeper.send(incoming).map_err(|_| Error::new(Kind::Storage, "the vault takes no more"))
    }
}

/// Reads files into the vault: of each, in their order, what was taken.
fn read(files: &mut dyn Files, paths: &[&str], most: u64, bench: &mut Bench<'_, '_>) -> Result<Vec<super::Taken>> {
    let (keeper, coming) = sync_channel(AHEAD);
    let keep = bench.keep;
    let (read, kept) = thread::scope(|scope| {
        let kept = scope.spawn(move || coming.into_iter().map(Incoming::finish).collect::<Result<Vec<String>>>());
        let mut into = Into { keep, incoming: None, bytes: 0, read: Vec::new(), keeper };
        let done = files.read_many(paths, most, &mut into, bench.op);
        let Into { read, keeper, .. } = into;
        drop(keeper);
        (done.map(|()| read), kept.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    });
    let mut kept = kept?.into_iter();
    let taken = |read: std::result::Result<Option<u64>, String>| {
        read.map(|there| there.and_then(|bytes| Some((bytes, kept.next()?))))
    };
    Ok(read?.into_iter().map(taken).collect())
}
