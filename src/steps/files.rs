//! `files`: paths that hold exactly this content.

use std::io::{self, Write};

use sha2::Digest as _;

use super::evidence::StepOutcome;
use super::{Bench, Effect, Observed, Stage, StepKind, compared, lacking, listed, unreadable};
use crate::device::{Capability, Driver, Files, Level, Op, Progress};
use crate::digest::{Algorithm, Digest};
use crate::error::{Error, Kind, Result};
use crate::profile::model::{FilesStep, Payload};

impl StepKind for FilesStep {
    fn describe(&self) -> String {
        let paths: Vec<&str> = self.put.iter().map(|(path, _)| path.as_str()).collect();
        format!("writing {}", listed(&paths))
    }

    fn needs(&self) -> Option<Capability> {
        Some(Capability::Files)
    }

    fn bytes(&self) -> u64 {
        self.put.iter().map(|(_, file)| file.content.len()).sum()
    }

    fn reaches(&self, levels: &[Level]) -> Vec<Level> {
        levels.to_vec()
    }

    fn observe(&self, driver: &mut dyn Driver, level: Level, bench: &mut Bench<'_, '_>) -> Result<Observed> {
        let files = driver.files().ok_or_else(|| lacking(Capability::Files))?;
        let mut observed = Observed::default();
        let mut differ = Vec::new();
        for (path, file) in &self.put {
            let (expected, held) = match level {
                Level::Readback => (file.sha256.clone(), read_back(files, path, file, bench.op)?),
                Level::Digest | Level::Booted => unit_digest(files, path, file, bench.op)?,
                // Nothing can be observed: what the unit holds is unknown, so it is written again.
                Level::Link => (file.sha256.clone(), None),
            };
            let item = compared(path, &expected, held.as_ref(), level, file.secret, bench);
            if item.outcome != StepOutcome::Already {
                observed.bytes += file.content.len();
                differ.push(match held {
                    Some(_) => format!("{path} differs"),
                    None => format!("{path} is not there"),
                });
            }
            observed.items.push(item);
        }
        observed.why = match differ.as_slice() {
            [] => "every file is what it should be".to_owned(),
            [one] => one.clone(),
            [one, rest @ ..] => format!("{one}, and {} more", rest.len()),
        };
        Ok(observed)
    }

    fn execute(
        &self,
        driver: &mut dyn Driver,
        _: Stage,
        observed: &Observed,
        bench: &mut Bench<'_, '_>,
    ) -> Result<Effect> {
        let files = driver.files().ok_or_else(|| lacking(Capability::Files))?;
        let mut effect = Effect::default();
        let mut done = 0;
        for (path, file) in &self.put {
            if observed.items.iter().any(|item| item.path == *path && item.outcome == StepOutcome::Already) {
                continue;
            }
            bench.op.check()?;
            let progress = &mut *bench.op.progress;
            let total = observed.bytes;
            let mut shifted = |at: Progress| progress(Progress { bytes: done + at.bytes, total });
            let mut op = Op {
                clock: bench.op.clock,
                cancel: bench.op.cancel,
                deadline: bench.op.deadline,
                progress: &mut shifted,
                retries: 0,
            };
            let written = files.write(path, file.content.as_ref(), &mut op);
            let retries = op.retries;
            bench.op.retries += retries;
            effect.sent += written.map_err(|error| error.while_doing(format!("writing {path}")))?.sent;
            done += file.content.len();
        }
        Ok(effect)
    }
}

/// What the unit computes over what it stored, and what that should be.
fn unit_digest(files: &mut dyn Files, path: &str, file: &Payload, op: &mut Op<'_>) -> Result<(Digest, Option<Digest>)> {
    let algorithm = files.algorithms().first().copied().ok_or_else(|| {
        Error::new(Kind::Unsupported, "the unit computes no digests").next("ask for `verify: readback` in the profile")
    })?;
    let expected = match algorithm {
        Algorithm::Crc32 => Digest::crc32(&file.content.to_vec().map_err(unreadable)?),
        Algorithm::Sha256 | Algorithm::HmacSha256 => file.sha256.clone(),
    };
    Ok((expected, files.digest(path, algorithm, None, op)?))
}

/// The digest of what is read back; of a file of another length, of as much of it as settles the matter.
fn read_back(files: &mut dyn Files, path: &str, file: &Payload, op: &mut Op<'_>) -> Result<Option<Digest>> {
    let mut sink = HashUpTo::new(file.content.len());
    match files.read(path, &mut sink, op) {
        Ok(None) => Ok(None),
        Ok(Some(_)) => Ok(Some(sink.digest())),
        Err(_) if sink.over => Ok(Some(sink.digest())),
        Err(error) => Err(error),
    }
}

/// Takes no more than was promised, so that a unit cannot keep us reading for ever.
pub(super) struct HashUpTo {
    hash: sha2::Sha256,
    left: u64,
    over: bool,
}

impl HashUpTo {
    pub(super) fn new(most: u64) -> HashUpTo {
        HashUpTo { hash: sha2::Sha256::new(), left: most, over: false }
    }

    /// Whether more came than was promised.
    pub(super) fn is_over(&self) -> bool {
        self.over
    }

    pub(super) fn digest(self) -> Digest {
        Digest::from_bytes(Algorithm::Sha256, self.hash.finalize().to_vec())
    }
}

impl Write for HashUpTo {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.hash.update(bytes);
        match self.left.checked_sub(bytes.len() as u64) {
            Some(left) => {
                self.left = left;
                Ok(bytes.len())
            }
            None => {
                self.over = true;
                Err(io::Error::other("the file is longer than it should be"))
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
