//! `files`: paths that hold exactly this content, folders that hold these files, and folders that hold none.

mod empty;
mod tree;

use std::io::{self, Write};

use sha2::Digest as _;

use super::evidence::StepOutcome;
use super::{Bench, Effect, Observed, Stage, StepKind, compared, lacking, listed, unreadable, why};
use crate::device::{Capability, Driver, Files, Level, Marks, Op, Put};
use crate::digest::{Algorithm, Digest};
use crate::error::{Error, Kind, Result};
use crate::profile::model::{FilesStep, Payload};

impl StepKind for FilesStep {
    fn describe(&self) -> String {
        let files = self.put.iter().map(|(path, _)| path.as_str());
        let paths: Vec<&str> = files.chain(self.trees.iter().map(|tree| tree.root.as_str())).collect();
        let empty: Vec<&str> = self.empty.iter().map(String::as_str).collect();
        match (paths.as_slice(), empty.as_slice()) {
            (paths, []) => format!("writing {}", listed(paths)),
            ([], empty) => format!("emptying {}", listed(empty)),
            (paths, empty) => format!("writing {} and emptying {}", listed(paths), listed(empty)),
        }
    }

    fn needs(&self) -> Option<Capability> {
        Some(Capability::Files)
    }

    fn bytes(&self) -> u64 {
        let below = self.trees.iter().flat_map(|tree| tree.leaves.iter().filter_map(|leaf| leaf.file.as_ref()));
        self.put.iter().map(|(_, file)| file).chain(below).map(|file| file.content.len()).sum()
    }

    fn reaches(&self, levels: &[Level]) -> Vec<Level> {
        levels.to_vec()
    }

    fn check(&self, driver: &mut dyn Driver) -> Result<()> {
        let files = driver.files().ok_or_else(|| lacking(Capability::Files))?;
        if !(self.trees.is_empty() && self.empty.is_empty()) && files.trees().is_none() {
            return Err(tree::unknown());
        }
        Ok(())
    }

    fn observe(&self, driver: &mut dyn Driver, level: Level, bench: &mut Bench<'_, '_>) -> Result<Observed> {
        let files = driver.files().ok_or_else(|| lacking(Capability::Files))?;
        let mut observed = Observed::default();
        let mut differ = Vec::new();
        let held = self.held(files, level, bench.op)?;
        for ((path, file), (expected, held)) in self.put.iter().zip(held) {
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
        for put in &self.trees {
            differ.extend(tree::observe(files, put, level, &mut observed, bench.op)?);
        }
        for root in &self.empty {
            differ.extend(empty::observe(files, root, level, &mut observed, bench.op)?);
        }
        observed.why = why(&differ, "every file is what it should be");
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
        let is_so =
            |path: &str| observed.items.iter().any(|item| item.path == *path && item.outcome == StepOutcome::Already);
        let plain = self.put.iter().filter(|(path, _)| !is_so(path));
        let plain = plain.map(|(path, file)| (path.clone(), &file.content, Marks::default()));
        let mut work = tree::Work::of(&self.trees, observed);
        let all: Vec<_> = plain.chain(std::mem::take(&mut work.files)).collect();
        let puts: Vec<Put<'_>> =
            all.iter().map(|(path, content, marks)| Put { path, content: content.as_ref(), marks: *marks }).collect();
        let mut effect = Effect::default();
        for root in self.empty.iter().filter(|root| !is_so(root)) {
            bench.op.check()?;
            empty::clear(files, root, bench.op)?;
        }
        if !puts.is_empty() {
            bench.op.check()?;
            effect.sent += files.write_many(&puts, bench.op)?.sent;
        }
        work.make_folders(files, bench.op)?;
        tree::mark(files, &work.marks, bench.op)?;
        Ok(effect)
    }
}

/// What a file should have as its digest, and what it has.
type Found = (Digest, Option<Digest>);

impl FilesStep {
    fn held(&self, files: &mut dyn Files, level: Level, op: &mut Op<'_>) -> Result<Vec<Found>> {
        match level {
            Level::Readback => self
                .put
                .iter()
                .map(|(path, file)| Ok((file.sha256.clone(), read_back(files, path, file, op)?)))
                .collect(),
            Level::Digest | Level::Booted if self.put.is_empty() => Ok(Vec::new()),
            Level::Digest | Level::Booted => {
                let algorithm = algorithm(files)?;
                let paths: Vec<&str> = self.put.iter().map(|(path, _)| path.as_str()).collect();
                let held = files.digests(&paths, algorithm, op)?;
                let expected = self.put.iter().map(|(_, file)| expected(file, algorithm));
                expected.zip(held).map(|(expected, held)| Ok((expected?, held))).collect()
            }
            // Nothing can be observed: what the unit holds is unknown, so it is written again.
            Level::Link => Ok(self.put.iter().map(|(_, file)| (file.sha256.clone(), None)).collect()),
        }
    }
}

/// In what the unit computes digests over what it stored.
fn algorithm(files: &dyn Files) -> Result<Algorithm> {
    files.algorithms().first().copied().ok_or_else(|| {
        Error::new(Kind::Unsupported, "the unit computes no digests").next("ask for `verify: readback` in the profile")
    })
}

fn expected(file: &Payload, algorithm: Algorithm) -> Result<Digest> {
    Ok(match algorithm {
        Algorithm::Crc32 => Digest::crc32(&file.content.to_vec().map_err(unreadable)?),
        Algorithm::Sha256 | Algorithm::HmacSha256 => file.sha256.clone(),
    })
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
