//! A folder that holds these files. What else is in it is nobody's business.
//!
//! However many files it has, it is one item of the record: a digest over the list of all of them as they should be, and
//! as they are. Those that differ are named before it, not more than a few.

use std::collections::BTreeMap;
use std::sync::Arc;

use sha2::Digest as _;

use super::super::evidence::{Item, StepOutcome};
use super::super::{Observed, Todo};
use crate::device::{Bounds, Content, Entry, EntryKind, Files, Level, Listing, Marks, Op, Take};
use crate::digest::{Algorithm, Digest};
use crate::error::{Error, Kind, Result};
use crate::profile::model::{Leaf, PutTree};

/// As many of those that differ are named.
const NAMED: usize = 20;

/// Compares a folder with what should be in it, adds what was found, and says what differs.
pub(super) fn observe(
    files: &mut dyn Files,
    put: &PutTree,
    level: Level,
    observed: &mut Observed,
    op: &mut Op<'_>,
) -> Result<Option<String>> {
    let held = match level {
        Level::Link => None,
        _ => Some(look(files, put, level, op)?),
    };
    let (mut should, mut is) = (String::new(), String::new());
    let mut differs = 0_usize;
    for leaf in put.leaves.iter() {
        let wanted = Shown::of(leaf);
        let found = held.as_ref().and_then(|held| held.get(leaf.path.as_str()));
        should.push_str(&line(&leaf.path, &wanted));
        is.extend(found.map(|found| line(&leaf.path, found)));
        if found == Some(&wanted) {
            continue;
        }
        differs += 1;
        let path = put.path(leaf);
        let todo = match (&leaf.file, found) {
            (_, Some(found)) if found.holds == wanted.holds => Todo::Mark,
            (None, _) => Todo::Make,
            (Some(_), _) => Todo::Write,
        };
        if todo == Todo::Write {
            observed.bytes += leaf.file.as_ref().map_or(0, |file| file.content.len());
        }
        if differs <= NAMED && held.is_some() {
            observed.items.push(one(&path, &wanted, found, level));
        }
        observed.todo.insert(path, todo);
    }
    observed.items.push(Item {
        path: put.root.clone(),
        algorithm: Some(Algorithm::Sha256),
        expected: Some(Digest::sha256(should.as_bytes()).to_string()),
        observed: held.as_ref().map(|_| Digest::sha256(is.as_bytes()).to_string()),
        level: Some(level),
        outcome: if differs == 0 && held.is_some() { StepOutcome::Already } else { StepOutcome::Failed },
    });
    let (root, all) = (&put.root, put.leaves.len());
    Ok((differs > 0).then(|| format!("{differs} of {all} files and folders in {root} are not as they should be")))
}

/// What is said of a file or folder, wanted or found.
#[derive(Debug, PartialEq, Eq)]
struct Shown {
    holds: Holds,
    marks: Marks,
}

#[derive(Debug, PartialEq, Eq)]
enum Holds {
    Folder,
    File(Digest),
    /// A file of another length, which nobody needs to read.
    Len(u64),
}

impl Shown {
    fn of(leaf: &Leaf) -> Shown {
        let holds = leaf.file.as_ref().map_or(Holds::Folder, |file| Holds::File(file.sha256.clone()));
        Shown { holds, marks: leaf.marks }
    }

    fn marks(&self) -> String {
        let mode = self.marks.mode.map(|mode| format!(" mode {mode:04o}"));
        let modified = self.marks.modified.map(|at| format!(" modified {at}"));
        [mode, modified].into_iter().flatten().collect()
    }
}

fn line(path: &str, shown: &Shown) -> String {
    let marks = shown.marks();
    match &shown.holds {
        Holds::Folder => format!("folder{marks} {path}\n"),
        Holds::File(sha256) => format!("file {sha256}{marks} {path}\n"),
        Holds::Len(len) => format!("file of {len} bytes{marks} {path}\n"),
    }
}

/// One that differs.
fn one(path: &str, wanted: &Shown, found: Option<&Shown>, level: Level) -> Item {
    let text = |shown: &Shown| match &shown.holds {
        Holds::Folder => "folder".to_owned(),
        Holds::File(sha256) => sha256.to_string(),
        Holds::Len(len) => format!("{len} bytes"),
    };
    let same = found.is_some_and(|found| found.holds == wanted.holds);
    let hashed = !same && matches!(wanted.holds, Holds::File(_));
    let text = |shown: &Shown| if same { shown.marks().trim_start().to_owned() } else { text(shown) };
    Item {
        path: path.to_owned(),
        algorithm: hashed.then_some(Algorithm::Sha256),
        expected: Some(text(wanted)),
        observed: found.map(text),
        level: Some(level),
        outcome: StepOutcome::Failed,
    }
}

/// What the unit holds of what is wanted, by the path below the root.
fn look<'a>(
    files: &mut dyn Files,
    put: &'a PutTree,
    level: Level,
    op: &mut Op<'_>,
) -> Result<BTreeMap<&'a str, Shown>> {
    let mut held = BTreeMap::new();
    let trees = files.trees().ok_or_else(unknown)?;
    let Some(listing) = trees.list(&put.root, Bounds::default(), op)? else { return Ok(held) };
    refuse_links(put, &listing)?;
    let there: BTreeMap<&str, &Entry> = listing.entries.iter().map(|entry| (entry.path.as_str(), entry)).collect();
    let mut same_length = Vec::new();
    for leaf in put.leaves.iter() {
        let Some(entry) = there.get(leaf.path.as_str()) else { continue };
        let holds = match (entry.kind, &leaf.file) {
            (EntryKind::Folder, _) => Holds::Folder,
            (EntryKind::File, Some(file)) if file.content.len() == entry.len => {
                same_length.push(leaf);
                continue;
            }
            (EntryKind::File, _) => Holds::Len(entry.len),
        };
        held.insert(leaf.path.as_str(), Shown { holds, marks: asked(entry, leaf) });
    }
    let paths: Vec<String> = same_length.iter().map(|leaf| put.path(leaf)).collect();
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    let most = same_length.iter().filter_map(|leaf| Some(leaf.file.as_ref()?.content.len())).max().unwrap_or(0);
    for (leaf, sha256) in same_length.into_iter().zip(digests(files, &paths, most, level, op)?) {
        let (Some(sha256), Some(entry)) = (sha256, there.get(leaf.path.as_str())) else { continue };
        held.insert(leaf.path.as_str(), Shown { holds: Holds::File(sha256), marks: asked(entry, leaf) });
    }
    Ok(held)
}

/// Of the marks that it has, those that are wanted.
fn asked(entry: &Entry, leaf: &Leaf) -> Marks {
    Marks { mode: leaf.marks.mode.and(entry.marks.mode), modified: leaf.marks.modified.and(entry.marks.modified) }
}

/// Nothing is written through a link: it may lead anywhere.
fn refuse_links(put: &PutTree, listing: &Listing) -> Result<()> {
    for left_out in &listing.left_out {
        let path = left_out.path.untrusted();
        let leads =
            |leaf: &Leaf| leaf.path == path || leaf.path.strip_prefix(path).is_some_and(|rest| rest.starts_with('/'));
        if !path.is_empty() && put.leaves.iter().any(leads) {
            let sentence = format!("{}/{} cannot be written: {}", put.root, left_out.path, left_out.why);
            return Err(Error::new(Kind::Refused, sentence).next("remove it on the unit, or put the files elsewhere"));
        }
    }
    Ok(())
}

fn digests(
    files: &mut dyn Files,
    paths: &[&str],
    most: u64,
    level: Level,
    op: &mut Op<'_>,
) -> Result<Vec<Option<Digest>>> {
    if paths.is_empty() {
        return Ok(Vec::new());
    }
    if level == Level::Readback {
        let mut read = Hashes { hash: sha2::Sha256::new(), read: Vec::new() };
        files.read_many(paths, most, &mut read, op)?;
        return Ok(read.read);
    }
    if !files.algorithms().contains(&Algorithm::Sha256) {
        return Err(Error::new(Kind::Unsupported, "the unit computes no SHA-256 of files")
            .next("ask for `verify: readback` in the profile"));
    }
    files.digests(paths, Algorithm::Sha256, op)
}

/// Many files that are read and not kept.
struct Hashes {
    hash: sha2::Sha256,
    read: Vec<Option<Digest>>,
}

impl Take for Hashes {
    fn bytes(&mut self, _: usize, bytes: &[u8]) -> Result<()> {
        self.hash.update(bytes);
        Ok(())
    }

    fn end(&mut self, _: usize, there: bool) -> Result<()> {
        let hash = std::mem::replace(&mut self.hash, sha2::Sha256::new());
        self.read.push(there.then(|| Digest::from_bytes(Algorithm::Sha256, hash.finalize().to_vec())));
        Ok(())
    }
}

/// What is to be done to make the folders so.
pub(super) struct Work<'a> {
    /// Folders into which nothing is written.
    folders: Vec<String>,
    pub(super) files: Vec<(String, &'a Arc<dyn Content>, Marks)>,
    /// What is only marked; folders last, for they are marked when nothing is written below them any more.
    pub(super) marks: Vec<(String, Marks)>,
}

impl<'a> Work<'a> {
    pub(super) fn of(trees: &'a [PutTree], observed: &Observed) -> Work<'a> {
        let mut work = Work { folders: Vec::new(), files: Vec::new(), marks: Vec::new() };
        let mut folders = Vec::new();
        for put in trees {
            for leaf in put.leaves.iter() {
                let path = put.path(leaf);
                match (observed.todo.get(&path), &leaf.file) {
                    (None, _) => {}
                    (Some(Todo::Mark), Some(_)) => work.marks.push((path, leaf.marks)),
                    (Some(_), Some(file)) => work.files.push((path, &file.content, leaf.marks)),
                    (Some(todo), None) => {
                        if *todo == Todo::Make {
                            work.folders.push(path.clone());
                        }
                        folders.push((path, leaf.marks));
                    }
                }
            }
            if observed.todo.keys().any(|path| path.starts_with(put.root.as_str())) {
                work.folders.push(put.root.clone());
            }
        }
        // Those above a file that is written are made with it.
        let is_above = |folder: &str, path: &str| path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'));
        let mut paths: Vec<&str> = work.files.iter().map(|(path, ..)| path.as_str()).collect();
        paths.sort_unstable();
        work.folders.retain(|folder| {
            let below = format!("{folder}/");
            let next = paths.partition_point(|path| *path < below.as_str());
            !paths.get(next).is_some_and(|path| is_above(folder, path))
        });
        work.marks.extend(folders);
        work.marks.retain(|(_, marks)| *marks != Marks::default());
        work
    }

    pub(super) fn make_folders(&self, files: &mut dyn Files, op: &mut Op<'_>) -> Result<()> {
        if self.folders.is_empty() {
            return Ok(());
        }
        op.check()?;
        let paths: Vec<&str> = self.folders.iter().map(String::as_str).collect();
        files.trees().ok_or_else(unknown)?.make_folders(&paths, op)
    }
}

pub(super) fn mark(files: &mut dyn Files, marks: &[(String, Marks)], op: &mut Op<'_>) -> Result<()> {
    if marks.is_empty() {
        return Ok(());
    }
    op.check()?;
    let marks: Vec<(&str, Marks)> = marks.iter().map(|(path, marks)| (path.as_str(), *marks)).collect();
    files.trees().ok_or_else(unknown)?.mark(&marks, op)
}

/// The error for a unit that has files and no folders to speak of.
pub(super) fn unknown() -> Error {
    Error::new(Kind::Unsupported, "the unit has files, and shows no folders, modes or times")
        .next("put its files one by one")
}
