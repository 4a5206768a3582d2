//! Files, one by one and many at once: requests go out without waiting for answers, digests are taken on the unit.

use std::io::Write;
use std::ops::Range;

use protocols::adb::message::feature;
use protocols::adb::message::sync::{Asked, Compression, FileKind, Follow, Request, Stat, Version};

use super::AdbDriver;
use super::compress;
use super::path::check;
use super::shell::{SLOW, quoted};
use super::sync::{Answer, Reading, Sync};
use crate::device::{Content, FileStat, Files, Marks, Op, Put, Take, Trees, UnitText, Written};
use crate::digest::{Algorithm, Digest};
use crate::error::{Error, Kind, Result};

/// Bytes of one command to the unit's shell: Linux takes 128 KiB in an argument.
pub(super) const COMMAND: usize = 60 << 10;
/// Requests under way at once. Each is answered with a few bytes at least.
const AHEAD: usize = 128;
/// What a file may turn out to be longer than it said: it is being written, or `/proc` says of no file how long it is.
const GROWTH: u64 = 16 << 20;
/// Linux's numbers of "no such file" and "not a folder".
pub(super) const ABSENT: [u32; 2] = [2, 20];

impl Files for AdbDriver {
    fn stat(&mut self, path: &str, op: &mut Op<'_>) -> Result<Option<FileStat>> {
        check(path)?;
        let stats = self.stats(&[path], Follow::Yes, op)?;
        stats.first().map_or(Ok(None), |stat| file(path, stat)).map(|stat| stat.map(|stat| FileStat { len: stat.size }))
    }

    fn algorithms(&self) -> &[Algorithm] {
        if self.survey.has("sha256sum") && self.survey.tells_exit_codes { &[Algorithm::Sha256] } else { &[] }
    }

    fn digest(
        &mut self,
        path: &str,
        algorithm: Algorithm,
        range: Option<Range<u64>>,
        op: &mut Op<'_>,
    ) -> Result<Option<Digest>> {
        let Some(range) = range else {
            return Ok(self.digests(&[path], algorithm, op)?.into_iter().next().flatten());
        };
        self.computes(algorithm)?;
        if self.stat(path, op)?.is_none() {
            return Ok(None);
        }
        let (from, len) = (range.start.saturating_add(1), range.end.saturating_sub(range.start));
        let command = format!("tail -c +{from} {} | head -c {len} | sha256sum", quoted(path));
        let output = self.wire.exec(&command, SLOW, op)?.require("sha256sum")?;
        digest_in(&output.text()).map(Some).ok_or_else(|| senseless(path))
    }

    fn read(&mut self, path: &str, into: &mut dyn Write, op: &mut Op<'_>) -> Result<Option<u64>> {
        struct One<'a>(&'a mut dyn Write, Option<u64>);
        impl Take for One<'_> {
            fn bytes(&mut self, _: usize, bytes: &[u8]) -> Result<()> {
                let kept = self.0.write_all(bytes);
                kept.map_err(|error| Error::new(Kind::Storage, "what was read cannot be kept").because(error))?;
                *self.1.get_or_insert(0) += bytes.len() as u64;
                Ok(())
            }
            fn end(&mut self, _: usize, there: bool) -> Result<()> {
                self.1 = if there { Some(self.1.unwrap_or(0)) } else { None };
                Ok(())
            }
        }
        let mut one = One(into, None);
        self.read_many(&[path], u64::MAX, &mut one, op)?;
        Ok(one.1)
    }

    fn write(&mut self, path: &str, content: &dyn Content, op: &mut Op<'_>) -> Result<Written> {
        self.write_many(&[Put { path, content, marks: Marks::default() }], op)
    }

    fn digests(&mut self, paths: &[&str], algorithm: Algorithm, op: &mut Op<'_>) -> Result<Vec<Option<Digest>>> {
        self.computes(algorithm)?;
        // What a list just showed as files need not be looked at again.
        let listed = std::mem::take(&mut self.listed);
        if paths.len() > 1 && paths.iter().all(|path| listed.contains(*path)) {
            let all: Vec<_> = paths.iter().copied().enumerate().collect();
            match self.compute(paths.len(), &all, op) {
                // One of them has left meanwhile, perhaps.
                Err(error) if matches!(error.kind(), Kind::Refused | Kind::Garbled) => {}
                computed => return computed,
            }
        }
        let stats = self.stats(paths, Follow::Yes, op)?;
        let mut there = Vec::new();
        for (index, (path, stat)) in paths.iter().zip(&stats).enumerate() {
            if file(path, stat)?.is_some() {
                there.push((index, *path));
            }
        }
        self.compute(paths.len(), &there, op)
    }

    fn write_many(&mut self, files: &[Put<'_>], op: &mut Op<'_>) -> Result<Written> {
        self.put_many(files, op)
    }

    fn read_many(&mut self, paths: &[&str], most: u64, into: &mut dyn Take, op: &mut Op<'_>) -> Result<()> {
        let stats = self.stats(paths, Follow::Yes, op)?;
        let mut wanted = Vec::with_capacity(paths.len());
        for (path, stat) in paths.iter().zip(&stats) {
            let size = file(path, stat)?.map(|stat| stat.size);
            if size.is_some_and(|size| size > most) {
                return Err(too_long(path, most));
            }
            wanted.push(size);
        }
        let flags = self.compression.to_receive(self.wire.features());
        let version = if self.wire.features().has(feature::SENDRECV_V2) { Version::V2 } else { Version::V1 };
        let request = |path: &str| Request::Receive { version, path: path.as_bytes().to_vec(), flags };
        let total = wanted.iter().flatten().sum();
        let mut done = 0;
        self.with_sync(op, |driver, sync, op| {
            let mut ahead = paths.iter().zip(&wanted).filter(|(_, size)| size.is_some()).map(|(path, _)| *path);
            let (mut under_way, mut batch) = (0, Vec::new());
            for (index, (path, size)) in paths.iter().zip(&wanted).enumerate() {
                let Some(size) = size else {
                    into.end(index, false)?;
                    continue;
                };
                op.check()?;
                // The next requests go out together before the unit runs out of them.
                if under_way <= AHEAD / 2 {
                    batch.extend(ahead.by_ref().take(AHEAD - under_way));
                    under_way += batch.len();
                    for path in batch.drain(..) {
                        sync.ask(&request(path), &mut driver.wire, op)?;
                    }
                    sync.flush(&mut driver.wire, op)?;
                }
                let bound = most.min(size.saturating_add(GROWTH));
                let mut got = 0;
                let mut take = |bytes: &[u8]| {
                    got += bytes.len() as u64;
                    if got > bound {
                        return Err(too_long(path, bound));
                    }
                    into.bytes(index, bytes)
                };
                let answer = if flags.compression == Compression::None {
                    sync.answer(Asked::Receive, &mut driver.wire, op, &mut take)?
                } else {
                    compress::receive(flags.compression, Reading::new(sync, &mut driver.wire, op), &mut take)?
                };
                if let Answer::Failed(why) = answer {
                    return Err(refused("reading", path, &why));
                }
                under_way -= 1;
                done += got;
                into.end(index, true)?;
                (op.progress)(crate::device::Progress { bytes: done, total });
            }
            Ok(())
        })
    }

    fn trees(&mut self) -> Option<&mut dyn Trees> {
        if self.manages_files() { Some(self) } else { None }
    }
}

impl AdbDriver {
    /// Whether what was sent can be moved, marked and removed by commands that tell how they ended.
    pub(super) fn manages_files(&self) -> bool {
        self.survey.tells_exit_codes
            && ["mv", "chmod", "mkdir", "rm", "touch"].iter().all(|program| self.survey.has(program))
    }

    fn computes(&self, algorithm: Algorithm) -> Result<()> {
        if self.algorithms().contains(&algorithm) {
            return Ok(());
        }
        Err(Error::new(Kind::Unsupported, format!("the unit computes no {algorithm} of files"))
            .next("use `verify: readback`"))
    }

    /// Has the unit compute the digests of `files`, by their place among `count`.
    fn compute(&mut self, count: usize, files: &[(usize, &str)], op: &mut Op<'_>) -> Result<Vec<Option<Digest>>> {
        let mut digests = vec![None; count];
        let mut rest = files;
        while let Some(((first, path), _)) = rest.split_first() {
            op.check()?;
            let mut command = format!("sha256sum {}", quoted(path));
            let mut batch = vec![(*first, *path)];
            for (index, path) in rest.get(1..).unwrap_or_default() {
                let word = quoted(path);
                if command.len() + word.len() >= COMMAND {
                    break;
                }
                command.push(' ');
                command.push_str(&word);
                batch.push((*index, *path));
            }
            rest = rest.get(batch.len()..).unwrap_or_default();
            // It writes each line by itself, and a daemon makes a packet of each: the shell gives all of them together.
            if batch.len() > 1 && !command.contains('\\') {
                command = format!("d=$({command}) && echo \"$d\"");
            }
            let output = self.wire.exec(&command, SLOW, op)?;
            let computed: Vec<Option<Digest>> = output.text().lines().map(digest_in).collect();
            // One line a file, in their order; a file that went away meanwhile has none.
            if !output.succeeded() || computed.len() != batch.len() {
                output.require("sha256sum")?;
                return Err(senseless(path));
            }
            for ((index, path), digest) in batch.into_iter().zip(computed) {
                let digest = digest.ok_or_else(|| senseless(path))?;
                if let Some(into) = digests.get_mut(index) {
                    *into = Some(digest);
                }
            }
        }
        Ok(digests)
    }

    /// Has `work` done on the stream `sync:`, which stays open for the next unless something went wrong.
    pub(super) fn with_sync<T>(
        &mut self,
        op: &mut Op<'_>,
        work: impl FnOnce(&mut AdbDriver, &mut Sync, &mut Op<'_>) -> Result<T>,
    ) -> Result<T> {
        op.check()?;
        let mut sync = match self.sync.take() {
            Some(sync) => sync,
            None => Sync::open(&mut self.wire, op)?,
        };
        let done = work(self, &mut sync, op);
        match done {
            Ok(_) => self.sync = Some(sync),
            Err(_) => sync.close(&mut self.wire, op),
        }
        done
    }

    /// What the unit says of each of `paths`.
    pub(super) fn stats(&mut self, paths: &[&str], follow: Follow, op: &mut Op<'_>) -> Result<Vec<Stat>> {
        for path in paths {
            check(path)?;
        }
        let version = if self.wire.features().has(feature::STAT_V2) { Version::V2 } else { Version::V1 };
        let follow = if version == Version::V1 { Follow::No } else { follow };
        self.with_sync(op, |driver, sync, op| {
            let mut stats = Vec::with_capacity(paths.len());
            for batch in paths.chunks(AHEAD) {
                for path in batch {
                    let path = path.as_bytes().to_vec();
                    sync.ask(&Request::Stat { version, follow, path }, &mut driver.wire, op)?;
                }
                sync.flush(&mut driver.wire, op)?;
                for path in batch {
                    match sync.answer(Asked::Stat(version, follow), &mut driver.wire, op, &mut |_| Ok(()))? {
                        Answer::Stat(stat) => stats.push(stat),
                        Answer::Failed(why) => return Err(refused("looking at", path, &why)),
                        Answer::Entry(_) | Answer::Done => {}
                    }
                }
            }
            Ok(stats)
        })
    }
}

/// A file that is there; `None` when nothing is.
fn file<'a>(path: &str, stat: &'a Stat) -> Result<Option<&'a Stat>> {
    if ABSENT.contains(&stat.error) || (stat.error == 0 && stat.mode.kind() == FileKind::Nothing) {
        return Ok(None);
    }
    if stat.error != 0 {
        let sentence = format!("the unit does not let us look at {path} (error {})", stat.error);
        return Err(Error::new(Kind::Refused, sentence));
    }
    match stat.mode.kind() {
        FileKind::File | FileKind::Link => Ok(Some(stat)),
        FileKind::Folder => Err(Error::new(Kind::Refused, format!("{path} is a folder"))),
        FileKind::Special | FileKind::Nothing => Err(Error::new(Kind::Refused, format!("{path} is a device file"))),
    }
}

pub(super) fn refused(doing: &str, path: &str, why: &UnitText) -> Error {
    Error::new(Kind::Refused, format!("{doing} {path}: the unit says `{why}`"))
        .next("see whether the folder exists, may be written, and has room")
}

fn too_long(path: &str, most: u64) -> Error {
    Error::new(Kind::Refused, format!("the unit sends more of {path} than {most} bytes, which is all that is taken"))
}

fn senseless(path: &str) -> Error {
    Error::new(Kind::Garbled, format!("the unit's digest of {path} makes no sense"))
        .next("run the same again; if it happens again use `verify: readback`")
}

/// The digest at the beginning of a line. GNU's program puts a backslash before it when it escapes the name.
pub(super) fn digest_in(line: &str) -> Option<Digest> {
    let line = line.strip_prefix('\\').unwrap_or(line);
    Digest::from_hex(Algorithm::Sha256, line.get(..64)?)
}
