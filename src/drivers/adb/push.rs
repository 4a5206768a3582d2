//! Files to the unit. They go to a folder of ours beside their place and are moved there when the unit has taken all of
//! them, so that one that was cut off never looks like the file. Where nothing can be moved they go to their place.
//!
//! The daemon gives a file's group and the others what its owner may, so permissions are set by a command.

use std::collections::BTreeMap;

use protocols::adb::message::feature;
use protocols::adb::message::sync::{
    Asked, Compression, FileKind, Flags, Follow, MAX_DATA, Mode, Request, Stat, Version, data_header,
};

use super::AdbDriver;
use super::compress;
use super::files::{COMMAND, refused};
use super::path::{join, split};
use super::shell::{SLOW, quoted};
use super::sync::{Answer, Sync, Writing};
use crate::device::{Op, Progress, Put, Written};
use crate::error::{Error, Kind, Result};

/// The folder of ours. Whatever lies in it was never whole.
pub(super) const STAGE: &str = ".hardwire-incoming";
/// Permissions of a file that was not there and of which nothing was said.
const USUAL: u32 = 0o644;

impl AdbDriver {
    pub(super) fn put_many(&mut self, files: &[Put<'_>], op: &mut Op<'_>) -> Result<Written> {
        let paths: Vec<&str> = files.iter().map(|file| file.path).collect();
        let stats = self.stats(&paths, Follow::No, op)?;
        for (path, stat) in paths.iter().zip(&stats) {
            if matches!(stat.mode.kind(), FileKind::Folder | FileKind::Special) {
                let sentence = format!("{path} is no file on the unit, but a folder or a device");
                return Err(Error::new(Kind::Refused, sentence).next("name a file"));
            }
        }
        let moves = self.manages_files();
        let now = op.clock.wall().as_second();
        let total = files.iter().map(|file| file.content.len()).sum();
        let sent = self.with_sync(op, |driver, sync, op| {
            let mut sending = Sending { sent: 0, begun: 0, total, acknowledged: 0 };
            for (file, stat) in files.iter().zip(&stats) {
                let (folder, name) = split(file.path);
                let staged = join(&join(folder, STAGE), name);
                let path = if moves { staged.as_str() } else { file.path };
                let mtime = file.marks.modified.unwrap_or(now);
                let mtime = u32::try_from(mtime).unwrap_or(if mtime < 0 { 0 } else { u32::MAX });
                sending.one(file, path, permissions(file, stat), mtime, driver, sync, op)?;
                sending.hear(files, driver, sync, op)?;
            }
            sync.flush(&mut driver.wire, op)?;
            while sending.acknowledged < files.len() {
                let answer = sync.answer(Asked::Send, &mut driver.wire, op, &mut |_| Ok(()))?;
                sending.took(&answer, files)?;
            }
            (op.progress)(Progress { bytes: total, total });
            Ok(sending.sent)
        })?;
        if moves {
            self.settle(files, &stats, op)?;
        }
        Ok(Written { sent, resumed_at: 0 })
    }

    /// Marks what was sent and moves it to its place, with a few commands a folder.
    fn settle(&mut self, files: &[Put<'_>], stats: &[Stat], op: &mut Op<'_>) -> Result<()> {
        let mut folders: BTreeMap<&str, BTreeMap<(u32, bool), Vec<&str>>> = BTreeMap::new();
        for (file, stat) in files.iter().zip(stats) {
            let (folder, name) = split(file.path);
            // Some file systems have no permissions: only who asks for them must get them.
            let marks = (permissions(file, stat), file.marks.mode.is_some());
            folders.entry(folder).or_default().entry(marks).or_default().push(name);
        }
        for (folder, groups) in &folders {
            let stage = quoted(&join(folder, STAGE));
            for ((mode, strict), names) in groups {
                let mut names = names.as_slice();
                while !names.is_empty() {
                    let mut list = String::new();
                    let mut count = 0;
                    for name in names {
                        let word = quoted(&format!("./{name}"));
                        if count > 0 && list.len() + word.len() >= COMMAND / 2 {
                            break;
                        }
                        list.push(' ');
                        list.push_str(&word);
                        count += 1;
                    }
                    names = names.get(count..).unwrap_or_default();
                    let otherwise = if *strict { "|| exit 1" } else { "2>/dev/null" };
                    let command =
                        format!("cd {stage} || exit 1; chmod {mode:o}{list} {otherwise}; mv -f{list} .. || exit 1");
                    let doing = format!("putting {count} files into {folder}");
                    self.wire.exec(&command, SLOW, op)?.require(&doing)?;
                }
            }
            // Left by one that was cut off: whatever else is in it is of no use to anybody.
            self.wire.exec(&format!("rm -rf {stage}"), SLOW, op)?;
        }
        Ok(())
    }
}

/// What was asked for, else what the file had.
fn permissions(file: &Put<'_>, stat: &Stat) -> u32 {
    let had = (stat.mode.kind() == FileKind::File).then(|| stat.mode.permissions());
    file.marks.mode.or(had).unwrap_or(USUAL) & 0o7777
}

/// Many files on their way.
struct Sending {
    /// Bytes of data that went out.
    sent: u64,
    /// Bytes of the files before the one that is being sent.
    begun: u64,
    total: u64,
    /// Files that the unit has taken.
    acknowledged: usize,
}

impl Sending {
    #[expect(clippy::too_many_arguments, reason = "what a file is, and what it goes through")]
    fn one(
        &mut self,
        file: &Put<'_>,
        path: &str,
        permissions: u32,
        mtime: u32,
        driver: &mut AdbDriver,
        sync: &mut Sync,
        op: &mut Op<'_>,
    ) -> Result<()> {
        let features = driver.wire.features();
        let flags = driver.compression.to_send(file.content, features);
        // The first version is shorter, and all there is to say of a file that is sent as it is.
        let version = if flags == Flags::default() { Version::V1 } else { Version::V2 };
        debug_assert!(version == Version::V1 || features.has(feature::SENDRECV_V2));
        let request = Request::Send { version, path: path.as_bytes().to_vec(), mode: Mode::file(permissions), flags };
        let wire = &mut driver.wire;
        sync.ask(&request, wire, op)?;
        let (begun, total) = (self.begun, self.total);
        if flags.compression == Compression::None {
            let mut at = 0;
            while at < file.content.len() {
                op.check()?;
                let len = usize::try_from(file.content.len() - at).unwrap_or(MAX_DATA).min(MAX_DATA);
                sync.put(&data_header(len as u32), wire, op)?;
                sync.put_content(file.content, at, len, wire, op)?;
                at += len as u64;
                (op.progress)(Progress { bytes: begun + at, total });
            }
            self.sent += at;
        } else {
            let writing = Writing::new(sync, wire, op);
            self.sent += compress::send(flags.compression, file.content, writing, &mut |at, op| {
                (op.progress)(Progress { bytes: begun + at, total });
            })?;
        }
        let mut done = Vec::new();
        Request::write_done(mtime, &mut done);
        sync.put(&done, wire, op)?;
        self.begun += file.content.len();
        Ok(())
    }

    /// Hears what the unit says meanwhile, without waiting for it: nothing more is sent to one that says no.
    fn hear(&mut self, files: &[Put<'_>], driver: &mut AdbDriver, sync: &mut Sync, op: &mut Op<'_>) -> Result<()> {
        while let Some(answer) = sync.answered(Asked::Send, &mut driver.wire, op)? {
            self.took(&answer, files)?;
        }
        Ok(())
    }

    fn took(&mut self, answer: &Answer, files: &[Put<'_>]) -> Result<()> {
        let path = files.get(self.acknowledged).map_or("a file", |file| file.path);
        match answer {
            Answer::Failed(why) => Err(refused("writing", path, why)),
            _ if self.acknowledged >= files.len() => {
                Err(Error::new(Kind::Garbled, "the unit has taken more files than it was sent"))
            }
            _ => {
                self.acknowledged += 1;
                Ok(())
            }
        }
    }
}
