//! Files under absolute paths.

use std::io::Write;
use std::ops::Range;

use protocols::smp::message::fs::{self, Hash, Status};
use protocols::smp::session::RetryPolicy;
use tracing::debug;

use super::SmpDriver;
use super::exchange::FLASH;
use super::{path, refusal};
use crate::device::{Content, FileStat, Files, Op, Written};
use crate::digest::{Algorithm, Digest};
use crate::error::{Error, Kind, Result};

/// A beginning shorter than this is sent again rather than asked for its digest.
const WORTH_RESUMING: u64 = 2048;
/// A file is read at most this far: no unit that speaks SMP stores more, and a unit may say anything.
const MAX_FILE: u64 = 64 << 20;

impl Files for SmpDriver {
    fn stat(&mut self, path: &str, op: &mut Op<'_>) -> Result<Option<FileStat>> {
        path::check(path)?;
        match self.wire.ask(&Status { name: path.to_owned() }, FLASH, op)? {
            Ok(status) => Ok(Some(FileStat { len: status.len })),
            Err(refusal) if refusal::no_such_file(&refusal) => Ok(None),
            Err(refusal) => Err(refusal::error("file status", refusal)),
        }
    }

    fn algorithms(&self) -> &[Algorithm] {
        &self.survey.algorithms
    }

    fn digest(
        &mut self,
        path: &str,
        algorithm: Algorithm,
        range: Option<Range<u64>>,
        op: &mut Op<'_>,
    ) -> Result<Option<Digest>> {
        path::check(path)?;
        let kind = match algorithm {
            Algorithm::Sha256 if self.survey.algorithms.contains(&algorithm) => "sha256",
            Algorithm::Crc32 if self.survey.algorithms.contains(&algorithm) => "crc32",
            _ => {
                return Err(Error::new(Kind::Unsupported, format!("the unit computes no {algorithm} of files")));
            }
        };
        // How long it takes goes by the length, which a whole file has to be asked for.
        let bytes = match &range {
            Some(range) => range.end.saturating_sub(range.start),
            None => match self.stat(path, op)? {
                Some(stat) => stat.len.min(MAX_FILE),
                None => return Ok(None),
            },
        };
        let (off, len) = match &range {
            Some(range) => (Some(range.start), Some(range.end.saturating_sub(range.start))),
            None => (None, None),
        };
        let request = Hash { name: path.to_owned(), kind: Some(kind.to_owned()), off: off.filter(|off| *off > 0), len };
        let reply = match self.wire.ask(&request, RetryPolicy::hash(bytes), op)? {
            Ok(reply) => reply,
            Err(refusal) if refusal::no_such_file(&refusal) => return Ok(None),
            // Zephyr will not hash nothing, and says that there is nothing.
            Err(refusal) if refusal::file_is_empty(&refusal) => return Ok(Some(digest_of(&[], algorithm))),
            Err(refusal) => return Err(refusal::error("file hash", refusal)),
        };
        let garbled = |why: String| {
            Error::new(Kind::Garbled, format!("the unit's digest of {path} makes no sense: {why}"))
                .next("apply again; if it happens again use `verify: readback`")
        };
        if reply.kind != kind {
            return Err(garbled(format!("{kind} was asked, {} came", reply.kind)));
        }
        if reply.off.unwrap_or(0) != off.unwrap_or(0) || len.is_some_and(|len| reply.len > len) {
            return Err(garbled("it is over another part of the file".to_owned()));
        }
        match (algorithm, reply.output) {
            (Algorithm::Sha256, fs::Digest::Bytes(bytes)) if bytes.len() == 32 => {
                Ok(Some(Digest::from_bytes(algorithm, bytes.0)))
            }
            (Algorithm::Crc32, fs::Digest::Number(number)) => match u32::try_from(number) {
                Ok(number) => Ok(Some(Digest::from_bytes(algorithm, number.to_be_bytes()))),
                Err(_) => Err(garbled("the number is too large".to_owned())),
            },
            _ => Err(garbled("it has the wrong size".to_owned())),
        }
    }

    fn read(&mut self, path: &str, into: &mut dyn Write, op: &mut Op<'_>) -> Result<Option<u64>> {
        path::check(path)?;
        self.wire.download(path, MAX_FILE, into, op)
    }

    fn write(&mut self, path: &str, content: &dyn Content, op: &mut Op<'_>) -> Result<Written> {
        path::check(path)?;
        if content.is_empty() {
            return self.write_nothing(path, content, op);
        }
        let from = self.beginning(path, content, op)?;
        match self.wire.upload_file(path, from, content, op) {
            // To go on with a file a copy-on-write file system needs more room than to write it anew.
            Err(error) if from > 0 && error.kind() == Kind::Refused => {
                debug!(%error, from, "the unit would not go on with the file, beginning again");
                op.retries += 1;
                self.wire.upload_file(path, 0, content, op)
            }
            written => written,
        }
    }
}

impl SmpDriver {
    /// SMP cannot empty a file: a write of nothing creates it, and leaves what is there.
    fn write_nothing(&mut self, path: &str, content: &dyn Content, op: &mut Op<'_>) -> Result<Written> {
        if self.stat(path, op)?.is_some_and(|stat| stat.len > 0) {
            return Err(Error::new(Kind::Unsupported, format!("SMP cannot empty {path}, which holds something"))
                .next("give the file at least one byte, or remove it by the unit's own shell"));
        }
        self.wire.upload_file(path, 0, content, op)
    }

    /// How much of `content` the unit holds already from a transfer that was cut off. Anything else begins anew.
    fn beginning(&mut self, path: &str, content: &dyn Content, op: &mut Op<'_>) -> Result<u64> {
        let Some(algorithm) = self.survey.algorithms.first().copied() else { return Ok(0) };
        if content.len() <= WORTH_RESUMING {
            return Ok(0);
        }
        // An upload that was just cut off may still be open, and shows a length of long ago.
        self.wire.close(path, op)?;
        let held = match self.stat(path, op)? {
            Some(stat) if (WORTH_RESUMING..content.len()).contains(&stat.len) => stat.len,
            _ => return Ok(0),
        };
        let mut beginning = vec![0; usize::try_from(held).unwrap_or(0)];
        content.read_exact_at(0, &mut beginning).map_err(unreadable)?;
        let there = self.digest(path, algorithm, Some(0..held), op)?;
        Ok(if there == Some(digest_of(&beginning, algorithm)) { held } else { 0 })
    }
}

pub(super) fn unreadable(error: std::io::Error) -> Error {
    Error::new(Kind::Invalid, "what is to be sent cannot be read").because(error)
}

/// As the unit computes it: SMP knows these two.
fn digest_of(bytes: &[u8], algorithm: Algorithm) -> Digest {
    match algorithm {
        Algorithm::Crc32 => Digest::crc32(bytes),
        _ => Digest::sha256(bytes),
    }
}
