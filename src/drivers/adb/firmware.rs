//! What partitions hold, by the digest that the unit computes. They are looked at here, and written through fastboot.
//!
//! Only root reads partitions: of a unit whose shell is none, nothing is offered. Holes of a sparse image are what it leaves
//! alone, and are not looked at.

use std::ops::Range;
use std::time::Duration;

use protocols::android::avb::{Vbmeta, chain_digest};
use protocols::android::source::FileError;
use sha2::{Digest as _, Sha256};

use super::super::partition::{Artifact, candidates, unreadable};
use super::AdbDriver;
use super::shell::SLOW;
use super::sideload::PACKAGE;
use super::survey::{LOGICAL, PARTITIONS, Survey};
use crate::device::{
    Activate, Content, Departure, Firmware, Held, ImageFile, Level, Mode, Op, SlotState, Tells, Upload, Written,
};
use crate::digest::{Algorithm, Digest};
use crate::error::{Error, Kind, Result};

/// Bytes that are hashed together.
const WINDOW: usize = 1 << 20;
/// The longest partition that is looked at whole.
const MAX_PARTITION: u64 = 1 << 40;
/// The most runs of blocks that go into one command.
const MOST_RUNS: usize = 1000;

/// How long recovery may go on answering as if it waited for a package.
const PACKAGE_ENDS: Duration = Duration::from_secs(2);

/// Whether partitions can be looked at.
pub(super) fn shows(survey: &Survey) -> bool {
    let programs = ["head", "sha256sum", "dd"].iter().all(|program| survey.has(program));
    survey.root && survey.tells_exit_codes && !survey.partitions.is_empty() && programs
}

/// The command that prints what `artifact` writes as `path` holds it.
fn command(artifact: &Artifact, content: &dyn Content, path: &str) -> Result<String> {
    let image = match artifact {
        Artifact::Sparse(image) if image.has_holes() => image,
        _ => return Ok(format!("head -c {} {path}", artifact.covers(content))),
    };
    let runs = artifact.runs(content);
    if runs.len() > MOST_RUNS {
        let sentence = format!("the sparse image has {} pieces, too many to be looked at on the unit", runs.len());
        return Err(Error::new(Kind::Unsupported, sentence).next("use the image as it is before it is made sparse"));
    }
    let block = image.block_size().of(1);
    let run = |run: &Range<u64>| {
        let (skip, count) = (run.start / block, run.end.saturating_sub(run.start) / block);
        format!("dd if={path} bs={block} skip={skip} count={count} 2>/dev/null")
    };
    let runs: Vec<String> = runs.iter().map(run).collect();
    Ok(format!("sh -c '{}'", runs.join("; ")))
}

/// SHA-256 over `len` bytes that `fill` gives piece by piece.
fn repeated(len: u64, mut fill: impl FnMut(u64, &mut [u8]) -> Result<()>) -> Result<Vec<u8>> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; WINDOW];
    let mut at = 0;
    while at < len {
        let left = usize::try_from(len - at).unwrap_or(WINDOW).min(WINDOW);
        let part = buffer.get_mut(..left).unwrap_or_default();
        fill(at, part)?;
        hash.update(&*part);
        at += left as u64;
    }
    Ok(hash.finalize().to_vec())
}

impl Firmware for AdbDriver {
    fn tells(&self) -> Tells {
        Tells::Nothing
    }

    fn expected(&self, _: &str, file: ImageFile<'_>) -> Result<Digest> {
        Artifact::read(file.content)?.expected(file)
    }

    fn fits(&self, _: &str, content: &dyn Content) -> Result<()> {
        Artifact::read(content).map(drop)
    }

    fn slots(&mut self, _: &mut Op<'_>) -> Result<Vec<SlotState>> {
        Ok(self.unit.firmware.clone())
    }

    fn selected(&self) -> Option<String> {
        self.slot().map(str::to_owned)
    }

    fn writable(&self) -> Vec<String> {
        self.usual().into_iter().collect()
    }

    fn usual(&self) -> Option<String> {
        self.takes_packages().then(|| PACKAGE.to_owned())
    }

    fn activations(&self) -> &[Activate] {
        &[Activate::None]
    }

    fn upload(&mut self, slot: &str, content: &dyn Content, op: &mut Op<'_>) -> Result<Upload> {
        if !self.takes_packages() || slot != PACKAGE {
            return Err(unwritable());
        }
        let sent = self.sideload(content, op)?;
        // Recovery shows its menu again, or starts what it has installed.
        let to = vec![Mode::Recovery, Mode::Application];
        let why = "to finish with its package".to_owned();
        let left = Departure { to, settle: PACKAGE_ENDS, within: self.start_wait, why };
        Ok(Upload { written: Written { sent, resumed_at: 0 }, left: Some(left), ..Upload::default() })
    }

    fn held(&mut self, slot: &str, file: ImageFile<'_>, level: Level, op: &mut Op<'_>) -> Result<Option<Held>> {
        if self.takes_packages() {
            return Ok(None);
        }
        // Stronger than a digest, and for nothing.
        if level != Level::Readback
            && let Some(held) = self.started(slot, file.content)?.filter(Held::holds)
        {
            return Ok(Some(held));
        }
        let path = self.partition(slot)?;
        let artifact = Artifact::read(file.content)?;
        let command = format!("{} | sha256sum", command(&artifact, file.content, &path)?);
        let expected = artifact.expected(file)?;
        let observed = self.sum(&command, slot, op)?;
        Ok(Some(Held { expected, observed, level: Level::Digest }))
    }

    fn blank(&mut self, slot: &str, op: &mut Op<'_>) -> Result<Option<Held>> {
        if self.takes_packages() {
            return Ok(None);
        }
        let path = self.partition(slot)?;
        let doing = format!("looking at partition {slot}");
        let counted = self.wire.exec(&format!("wc -c < {path}"), SLOW, op)?.require(&doing)?;
        let len = counted.text().trim().parse::<u64>().ok().filter(|len| *len <= MAX_PARTITION);
        let len = len
            .ok_or_else(|| Error::new(Kind::Garbled, format!("the unit does not say how long partition {slot} is")))?;
        let observed = self.sum(&format!("sha256sum < {path}"), slot, op)?;
        let mut expected = None;
        for byte in [0xff, 0x00] {
            let filled = repeated(len, |_, part| {
                part.fill(byte);
                op.check()
            })?;
            expected = Some(Digest::from_bytes(Algorithm::Sha256, filled));
            if expected.as_ref() == Some(&observed) {
                break;
            }
        }
        Ok(expected.map(|expected| Held { expected, observed, level: Level::Digest }))
    }

    fn activate(&mut self, _: &str, _: Activate, _: &mut Op<'_>) -> Result<()> {
        Err(unwritable())
    }

    fn erase(&mut self, _: &str, _: &mut Op<'_>) -> Result<()> {
        Err(unwritable())
    }
}

impl AdbDriver {
    /// What verified boot has started, beside what this image would make it report; `None` where it does not show.
    fn started(&self, slot: &str, content: &dyn Content) -> Result<Option<Held>> {
        let Some(reported) = self.survey.property("ro.boot.vbmeta.digest") else { return Ok(None) };
        let started =
            self.slot().map_or_else(Vec::new, |slot| vec![format!("vbmeta_{slot}"), format!("{slot}/vbmeta")]);
        // What the other slot holds has not been started.
        if slot != "vbmeta" && !started.iter().any(|name| name == slot) {
            return Ok(None);
        }
        let vbmeta = match Vbmeta::read(content) {
            Ok(vbmeta) => vbmeta,
            Err(FileError::Read(error)) => return Err(unreadable(error)),
            Err(FileError::Format(_)) => return Ok(None),
        };
        // Metadata that chain to others: those are in other artifacts.
        let Ok(expected) = chain_digest(&vbmeta, |_| None) else { return Ok(None) };
        let Some(observed) = Digest::from_hex(Algorithm::Sha256, &reported.to_ascii_lowercase()) else {
            return Ok(None);
        };
        Ok(Some(Held { expected: Digest::from_bytes(Algorithm::Sha256, expected), observed, level: Level::Booted }))
    }

    /// The slot that runs.
    fn slot(&self) -> Option<&str> {
        self.survey.property("ro.boot.slot_suffix").map(|suffix| suffix.trim_start_matches('_'))
    }

    /// Where a partition is: `boot` is the one of the slot that runs.
    fn partition(&self, slot: &str) -> Result<String> {
        let names = candidates(slot, self.slot());
        let within = |folder, known: &[String]| {
            names.iter().find(|name| known.contains(name)).map(|name| format!("{folder}/{name}"))
        };
        let found = within(PARTITIONS, &self.survey.partitions).or_else(|| within(LOGICAL, &self.survey.logical));
        found.ok_or_else(|| {
            let sentence = format!("the unit shows no partition {}", slot.escape_debug());
            Error::new(Kind::Unsupported, sentence).next("`hardwire info` in the bootloader names its partitions")
        })
    }

    /// The digest that a command prints. What it complains of beside it counts: a partition that cannot be read has the
    /// digest of nothing.
    fn sum(&mut self, command: &str, slot: &str, op: &mut Op<'_>) -> Result<Digest> {
        let doing = format!("looking at partition {slot}");
        let output = self.wire.exec(command, SLOW, op)?;
        if !output.stderr.is_empty() {
            let sentence = format!("{doing} failed on the unit: {}", output.complaint());
            return Err(Error::new(Kind::Refused, sentence));
        }
        let output = output.require(&doing)?;
        let text = output.text();
        let word = text.split_whitespace().next().unwrap_or_default();
        Digest::from_hex(Algorithm::Sha256, word)
            .ok_or_else(|| Error::new(Kind::Garbled, format!("the unit's digest of partition {slot} makes no sense")))
    }
}

fn unwritable() -> Error {
    Error::new(Kind::Unsupported, "Android lets partitions be looked at, and not be written")
        .next("name the mode that writes them with `in: bootloader`")
}
