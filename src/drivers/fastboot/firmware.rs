//! Firmware in partitions: written by pieces, erased, read out where the unit lets it.

use std::io::Write;

use protocols::fastboot::message::Command;
use protocols::fastboot::session::Exchange;
use sha2::{Digest as _, Sha256};

use super::super::partition::Artifact;
use super::exchange::Payload;
use super::partitions::Partitions;
use super::{FastbootDriver, open, refusal, rollback, send, suits};
use crate::device::{
    Activate, Content, Firmware, Held, ImageFile, Level, Mode, Op, Progress, SlotState, Tells, Upload, Written,
};
use crate::digest::{Algorithm, Digest};
use crate::error::{Error, Kind, Result};

/// Bytes of a block of the images that are made here.
const BLOCK: u64 = 4096;

impl Firmware for FastbootDriver {
    fn tells(&self) -> Tells {
        Tells::Nothing
    }

    fn expected(&self, slot: &str, file: ImageFile<'_>) -> Result<Digest> {
        self.artifact(slot, file.content)?.expected(file)
    }

    fn fits(&self, slot: &str, content: &dyn Content) -> Result<()> {
        self.artifact(slot, content).map(drop)
    }

    fn slots(&mut self, _: &mut Op<'_>) -> Result<Vec<SlotState>> {
        Ok(self.survey.partitions.states())
    }

    fn allows(&self) -> Result<()> {
        suits::unlocked(&self.survey)
    }

    fn selected(&self) -> Option<String> {
        self.survey.partitions.current().map(str::to_owned)
    }

    fn select(&mut self, slot: &str, op: &mut Op<'_>) -> Result<()> {
        let doing = format!("making slot {slot} the one that starts");
        let command = Command::SetActive(slot.to_owned());
        self.wire.require(&command, op).map_err(|error| error.while_doing(doing))?;
        self.survey.partitions.select(slot);
        Ok(())
    }

    fn retable(&mut self, table: &dyn Content, op: &mut Op<'_>) -> Result<u64> {
        if self.unit.mode != Mode::Fastbootd {
            let sentence = "only fastboot in userspace knows logical partitions";
            return Err(Error::new(Kind::Unsupported, sentence).next("name the mode with `in: fastbootd`"));
        }
        let sent = send::stage(&mut self.wire, table, self.survey.download, op)?;
        let partition = self.survey.variables.get("super-partition-name").unwrap_or("super").to_owned();
        self.wire.require(&Command::UpdateSuper { partition, wipe: false }, op)?;
        let variables = open::variables(&mut self.wire, op)?;
        self.survey.partitions = Partitions::of(&variables);
        self.survey.variables = variables;
        Ok(sent)
    }

    fn writable(&self) -> Vec<String> {
        self.survey.partitions.names()
    }

    fn takes(&self, slot: &str) -> bool {
        self.survey.partitions.resolve(slot).is_ok()
    }

    fn erases(&self, slot: &str) -> bool {
        self.takes(slot)
    }

    fn usual(&self) -> Option<String> {
        None
    }

    fn room(&self, slot: &str) -> Option<u64> {
        // What lies in `super` is given the size that it needs.
        self.survey.partitions.room(slot).filter(|_| !self.survey.partitions.is_logical(slot))
    }

    fn activations(&self) -> &[Activate] {
        &[Activate::None, Activate::Confirm]
    }

    fn upload(&mut self, slot: &str, content: &dyn Content, op: &mut Op<'_>) -> Result<Upload> {
        let artifact = self.artifact(slot, content)?;
        let partition = self.survey.partitions.resolve(slot)?;
        self.make_room(&partition, artifact.covers(content), op)?;
        let sent = send::flash(&mut self.wire, &partition, artifact, content, self.survey.download, op)
            .map_err(|error| error.while_doing(format!("writing partition {partition}")))?;
        Ok(Upload { written: Written { sent, resumed_at: 0 }, matched: None, left: None })
    }

    fn held(&mut self, slot: &str, file: ImageFile<'_>, _: Level, op: &mut Op<'_>) -> Result<Option<Held>> {
        let (Some(most), true) = (self.survey.fetch, self.survey.reads_all) else { return Ok(None) };
        let artifact = self.artifact(slot, file.content)?;
        let partition = self.survey.partitions.resolve(slot)?;
        let room = self.survey.partitions.room(slot).unwrap_or(u64::MAX);
        let mut hash = Hashing(Sha256::new());
        for run in artifact.runs(file.content) {
            // What lies beyond a partition is not held.
            let end = run.end.min(room);
            self.fetch(&partition, run.start..end.max(run.start), most, &mut hash, op)?;
        }
        let observed = Digest::from_bytes(Algorithm::Sha256, hash.0.finalize().to_vec());
        Ok(Some(Held { expected: artifact.expected(file)?, observed, level: Level::Readback }))
    }

    fn read(&mut self, slot: &str, into: &mut dyn Write, op: &mut Op<'_>) -> Result<Option<u64>> {
        let partition = self.survey.partitions.resolve(slot)?;
        let (Some(most), Some(size)) = (self.survey.fetch, self.survey.partitions.room(slot)) else { return Ok(None) };
        self.fetch(&partition, 0..size, most, into, op)?;
        Ok(Some(size))
    }

    fn activate(&mut self, _: &str, how: Activate, _: &mut Op<'_>) -> Result<()> {
        match how {
            // What a partition holds is what is started from it.
            Activate::None | Activate::Confirm => Ok(()),
            Activate::Test => {
                let sentence = "a phone cannot run an image on trial; its slots do that";
                Err(Error::new(Kind::Unsupported, sentence).next("write the other slot, and make it active"))
            }
        }
    }

    fn erase(&mut self, slot: &str, op: &mut Op<'_>) -> Result<()> {
        let partition = self.survey.partitions.resolve(slot)?;
        let doing = format!("erasing partition {partition}");
        self.wire.require(&Command::Erase(partition), op).map(drop).map_err(|error| error.while_doing(doing))
    }
}

impl FastbootDriver {
    /// Reads a part of a partition, at most `most` bytes at once.
    fn fetch(
        &mut self,
        partition: &str,
        part: std::ops::Range<u64>,
        most: u64,
        into: &mut dyn Write,
        op: &mut Op<'_>,
    ) -> Result<()> {
        let mut taken = Taken { into, bytes: 0, total: part.end - part.start };
        while taken.bytes < taken.total {
            op.check()?;
            let next = (part.start + taken.bytes, (taken.total - taken.bytes).min(most));
            let command = Command::Fetch { partition: partition.to_owned(), part: Some(next) };
            let exchange = Exchange::upload(&command, most).map_err(|error| refusal::unsendable(&command, error))?;
            let doing = |error: Error| error.while_doing(format!("reading partition {partition}"));
            self.wire.drive(exchange, &mut taken, op).map_err(refusal::error).map_err(doing)?;
        }
        Ok(())
    }

    /// Gives a logical partition the size that an image needs.
    fn make_room(&mut self, partition: &str, bytes: u64, op: &mut Op<'_>) -> Result<()> {
        let fits = self.survey.partitions.room(partition).is_none_or(|room| bytes <= room);
        if fits || !self.survey.partitions.is_logical(partition) {
            return Ok(());
        }
        // Pieces are of whole blocks.
        let bytes = bytes.next_multiple_of(BLOCK);
        self.wire
            .require(&Command::ResizeLogical(partition.to_owned(), bytes), op)
            .map_err(|error| error.while_doing(format!("giving partition {partition} {bytes} bytes")))?;
        self.survey.partitions.resized(partition, bytes);
        Ok(())
    }

    /// What the file is, once it is known to fit.
    fn artifact(&self, slot: &str, content: &dyn Content) -> Result<Artifact> {
        let partition = self.survey.partitions.resolve(slot)?;
        let artifact = Artifact::read(content)?;
        let covers = artifact.covers(content);
        if let Some(room) = self.room(slot).filter(|room| covers > *room) {
            let sentence = format!("the image covers {covers} bytes and partition {partition} holds {room}");
            return Err(Error::new(Kind::Invalid, sentence).next("use an image that fits the partition"));
        }
        rollback::check(&artifact, Some(&partition), content, &self.survey.variables)?;
        Ok(artifact)
    }
}

/// What was read, of which only the digest counts.
struct Hashing(Sha256);

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What was read.
pub(super) struct Taken<'a> {
    pub(super) into: &'a mut dyn Write,
    pub(super) bytes: u64,
    pub(super) total: u64,
}

impl Payload for Taken<'_> {
    fn take(&mut self, bytes: &[u8]) -> Result<()> {
        self.bytes += bytes.len() as u64;
        self.into
            .write_all(bytes)
            .map_err(|cause| Error::new(Kind::Storage, "what was read cannot be kept").because(cause))
    }

    fn progress(&self) -> Option<Progress> {
        Some(Progress { bytes: self.bytes, total: self.total })
    }
}
