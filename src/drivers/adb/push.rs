//! Files to the unit. They go to a folder of ours and are moved from there when the unit has taken all of them ([`stage`]), so
//! that one that was cut off never looks like the file. Where nothing can be moved they go to their place.
//!
//! [`stage`]: super::stage
//!
//! The daemon gives a file's group and the others what its owner may, so permissions are set by a command.

use protocols::adb::message::feature;
use protocols::adb::message::sync::{
    Asked, Compression, FileKind, Flags, Follow, MAX_DATA, Mode, Request, Stat, Version, data_header,
};

use super::AdbDriver;
use super::compress;
use super::files::refused;
use super::sync::{Answer, Sync, Writing};
use crate::device::{Op, Progress, Put, Written};
use crate::error::{Error, Kind, Result};

/// Permissions of a file that was not there and of which nothing was said.
const USUAL: u32 = 0o644;

impl AdbDriver {
    pub(super) fn put_many(&mut self, files: &[Put<'_>], op: &mut Op<'_>) -> Result<Written> {
        self.listed.clear();
        let paths: Vec<&str> = files.iter().map(|file| file.path).collect();
        let stats = self.stats(&paths, Follow::No, op)?;
        for (path, stat) in paths.iter().zip(&stats) {
            if matches!(stat.mode.kind(), FileKind::Folder | FileKind::Special) {
                let sentence = format!("{path} is no file on the unit, but a folder or a device");
                return Err(Error::new(Kind::Refused, sentence).next("name a file"));
            }
        }
        let places = if self.manages_files() { Some(self.places(files, op)?) } else { None };
        let now = op.clock.wall().as_second();
        let total = files.iter().map(|file| file.content.len()).sum();
        let sent = self.with_sync(op, |driver, sync, op| {
            let mut sending = Sending { sent: 0, begun: 0, total, acknowledged: 0 };
            for (index, (file, stat)) in files.iter().zip(&stats).enumerate() {
                let place = places.as_ref().and_then(|places| places.get(index));
                let path = place.map_or(file.path, |place| place.staged.as_str());
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
        if let Some(places) = places {
            self.settle(files, &stats, &places, op)?;
        }
        Ok(Written { sent, resumed_at: 0 })
    }
}

/// What was asked for, else what the file had.
pub(super) fn permissions(file: &Put<'_>, stat: &Stat) -> u32 {
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
