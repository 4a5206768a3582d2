//! Whole trees: what is in folders, and folders made, marked and removed by commands.

use std::collections::BTreeMap;

use protocols::adb::message::feature;
use protocols::adb::message::sync::{self, Asked, FileKind, Follow, Request, Version};

use super::AdbDriver;
use super::files::COMMAND;
use super::path::check;
use super::shell::{SLOW, quoted};
use super::stage::STAGE;
use super::sync::Answer;
use crate::device::{Bounds, Entry, EntryKind, LeftOut, Listing, Marks, Op, Trees, UnitText, relative};
use crate::error::{Error, Kind, Result};

/// Folders that are asked for at once.
const AHEAD: usize = 64;

impl Trees for AdbDriver {
    fn list(&mut self, root: &str, bounds: Bounds, op: &mut Op<'_>) -> Result<Option<Listing>> {
        check(root)?;
        let found = self.stats(&[root], Follow::Yes, op)?;
        let Some(stat) = found.first() else { return Ok(None) };
        match stat.mode.kind() {
            FileKind::Folder | FileKind::Link => {}
            FileKind::File => {
                let entry = entry(String::new(), stat, EntryKind::File);
                return Ok(Some(Listing { entries: vec![entry], left_out: Vec::new() }));
            }
            FileKind::Nothing if matches!(stat.error, 0 | 2 | 20) => return Ok(None),
            FileKind::Nothing | FileKind::Special => {
                let sentence = format!("{root} is neither a file nor a folder that may be read");
                return Err(Error::new(Kind::Refused, sentence));
            }
        }
        let version = if self.wire.features().has(feature::LS_V2) { Version::V2 } else { Version::V1 };
        let mut walk = Walk { bounds, listing: Listing::default(), next: Vec::new(), depth: 1, is_full: false };
        let mut folders = vec![String::new()];
        while !folders.is_empty() {
            for batch in folders.chunks(AHEAD) {
                match self.list_batch(root, batch, version, &mut walk, op) {
                    // What else the unit would say is not heard.
                    Err(_) if walk.is_full => return Ok(Some(walk.listing)),
                    listed => listed?,
                }
            }
            folders = std::mem::take(&mut walk.next);
            walk.depth += 1;
        }
        let is_file = |entry: &&Entry| entry.kind == EntryKind::File;
        let path = |entry: &Entry| format!("{}/{}", root.trim_end_matches('/'), entry.path);
        self.listed = walk.listing.entries.iter().filter(is_file).map(path).collect();
        Ok(Some(walk.listing))
    }

    fn make_folders(&mut self, paths: &[&str], op: &mut Op<'_>) -> Result<()> {
        self.batched("mkdir -p", paths, op)
    }

    fn mark(&mut self, marks: &[(&str, Marks)], op: &mut Op<'_>) -> Result<()> {
        let mut modes: BTreeMap<u32, Vec<&str>> = BTreeMap::new();
        let mut times: BTreeMap<i64, Vec<&str>> = BTreeMap::new();
        for (path, marks) in marks {
            if let Some(mode) = marks.mode {
                modes.entry(mode & 0o7777).or_default().push(path);
            }
            if let Some(modified) = marks.modified {
                times.entry(modified).or_default().push(path);
            }
        }
        for (mode, paths) in modes {
            self.batched(&format!("chmod {mode:o}"), &paths, op)?;
        }
        // One command for each time, and as many of them in one go as fit.
        let mut script = String::new();
        for (modified, paths) in times {
            for path in paths {
                check(path)?;
                script.push_str(&format!("touch -m -d @{modified} {} || exit 1\n", quoted(path)));
                if script.len() > COMMAND / 2 {
                    self.wire.exec(&std::mem::take(&mut script), SLOW, op)?.require("touch")?;
                }
            }
        }
        if !script.is_empty() {
            self.wire.exec(&script, SLOW, op)?.require("touch")?;
        }
        Ok(())
    }

    fn remove(&mut self, paths: &[&str], op: &mut Op<'_>) -> Result<()> {
        self.batched("rm -rf", paths, op)
    }
}

impl AdbDriver {
    fn list_batch(
        &mut self,
        root: &str,
        folders: &[String],
        version: Version,
        walk: &mut Walk,
        op: &mut Op<'_>,
    ) -> Result<()> {
        self.with_sync(op, |driver, sync, op| {
            for folder in folders {
                // With a slash at its end a link to a folder is the folder.
                let path = format!("{}/{folder}/", root.trim_end_matches('/')).into_bytes();
                sync.ask(&Request::List { version, path }, &mut driver.wire, op)?;
            }
            sync.flush(&mut driver.wire, op)?;
            for folder in folders {
                loop {
                    match sync.answer(Asked::List(version), &mut driver.wire, op, &mut |_| Ok(()))? {
                        Answer::Entry(entry) => walk.meet(folder, &entry)?,
                        Answer::Failed(why) => return Err(super::files::refused("listing", folder, &why)),
                        Answer::Done | Answer::Stat(_) => break,
                    }
                }
            }
            Ok(())
        })
    }

    /// Runs `command` over `paths`, as many at a time as fit.
    fn batched(&mut self, command: &str, paths: &[&str], op: &mut Op<'_>) -> Result<()> {
        let mut line = command.to_owned();
        for path in paths {
            check(path)?;
            let word = quoted(path);
            if line.len() + word.len() >= COMMAND {
                self.wire.exec(&std::mem::replace(&mut line, command.to_owned()), SLOW, op)?.require(command)?;
            }
            line.push(' ');
            line.push_str(&word);
        }
        if line.len() > command.len() {
            self.wire.exec(&line, SLOW, op)?.require(command)?;
        }
        Ok(())
    }
}

/// What has been met of a tree.
struct Walk {
    bounds: Bounds,
    listing: Listing,
    /// Folders of the next depth.
    next: Vec<String>,
    depth: usize,
    /// There is more than is listed.
    is_full: bool,
}

impl Walk {
    fn meet(&mut self, folder: &str, met: &sync::Entry) -> Result<()> {
        if matches!(met.name.as_slice(), b"." | b"..") || met.name == STAGE.as_bytes() {
            return Ok(());
        }
        if self.listing.entries.len() + self.listing.left_out.len() >= self.bounds.entries {
            self.is_full = true;
            self.leave_out(folder, "there is more in the tree than is listed");
            return Err(Error::new(Kind::Refused, "there is more in the tree than is listed"));
        }
        let within = |name: &str| if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
        let Ok(name) = std::str::from_utf8(&met.name) else {
            self.leave_out(&within(&met.name.escape_ascii().to_string()), "its name is not UTF-8");
            return Ok(());
        };
        let path = within(name);
        // A name with a slash in it is no name.
        let allowed = if name.contains('/') { Err("its name leads out of the folder") } else { relative(&path) };
        if let Err(why) = allowed {
            self.leave_out(&path, why);
            return Ok(());
        }
        match met.stat.mode.kind() {
            FileKind::File => self.listing.entries.push(entry(path, &met.stat, EntryKind::File)),
            FileKind::Folder if self.depth > self.bounds.depth => self.leave_out(&path, "it lies too deep"),
            FileKind::Folder => {
                self.listing.entries.push(entry(path.clone(), &met.stat, EntryKind::Folder));
                self.next.push(path);
            }
            FileKind::Link => self.leave_out(&path, "it is a symbolic link"),
            FileKind::Special => self.leave_out(&path, "it is a device file"),
            FileKind::Nothing => self.leave_out(&path, "it may not be looked at"),
        }
        Ok(())
    }

    fn leave_out(&mut self, path: &str, why: &str) {
        self.listing.left_out.push(LeftOut { path: UnitText::new(path), why: why.to_owned() });
    }
}

fn entry(path: String, stat: &sync::Stat, kind: EntryKind) -> Entry {
    let len = if kind == EntryKind::File { stat.size } else { 0 };
    let marks = Marks { mode: Some(stat.mode.permissions()), modified: Some(stat.mtime) };
    Entry { path, kind, len, marks }
}
