//! Sending firmware, as DFU 1.1 has it: blocks in order, and a block without data at the end.

use super::block::Block;
use super::manifest::{After, Manifest};
use super::pace::Pace;
use super::{Cause, Doing, Failure, PlanError, Policy, Progress, Reply, Session, Step, Unit};
use crate::dfu::wire::{Attributes, BlockNumber};
use crate::time::Moment;

/// Sends an image block by block and lets the unit put it in place.
///
/// It expects a unit in dfuIDLE. Each block takes two transfers, the least that the specification allows, and one more
/// for a unit whose time for a block is not yet known.
#[derive(Debug)]
pub struct Download<'a> {
    unit: Unit,
    image: &'a [u8],
    block_size: usize,
    attributes: Attributes,
    /// Bytes that the unit has acknowledged.
    done: usize,
    stage: Stage,
    pace: Pace,
    transfers: u32,
    report: bool,
    end: Option<Result<After, Cause>>,
    over: bool,
}

#[derive(Debug)]
enum Stage {
    Block { block: Block, len: usize },
    Manifest(Manifest),
}

/// A download that ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Downloaded {
    /// What has to follow.
    pub after: After,
    /// Control transfers that it took.
    pub transfers: u32,
}

impl<'a> Download<'a> {
    /// Send `image` to the interface of this number, in blocks of `block_size` bytes: see
    /// [`FunctionalDescriptor::block_size`](crate::dfu::wire::FunctionalDescriptor::block_size).
    ///
    /// # Errors
    /// When there is nothing to send, or blocks have no bytes.
    pub fn new(
        interface: u8,
        image: &'a [u8],
        block_size: u16,
        attributes: Attributes,
        policy: Policy,
    ) -> Result<Self, PlanError> {
        if image.is_empty() {
            return Err(PlanError::Empty);
        }
        if block_size == 0 {
            return Err(PlanError::BlockSize);
        }
        let mut download = Self {
            unit: Unit { interface, policy },
            image,
            block_size: block_size.into(),
            attributes,
            done: 0,
            // Replaced at once: what the first block is follows from the rest.
            stage: Stage::Manifest(Manifest::new(BlockNumber(0), attributes)),
            pace: Pace::default(),
            transfers: 0,
            report: false,
            end: None,
            over: false,
        };
        download.stage = download.stage_at(BlockNumber(0));
        Ok(download)
    }

    /// The block that begins where the unit is, or the end.
    fn stage_at(&self, number: BlockNumber) -> Stage {
        let rest = self.image.get(self.done..).unwrap_or_default();
        let data = rest.get(..self.block_size).unwrap_or(rest);
        if data.is_empty() {
            return Stage::Manifest(Manifest::new(number, self.attributes));
        }
        let block = Block::new(number, data.to_vec(), self.unit.policy.block).asked_after(self.pace.delay());
        Stage::Block { block, len: data.len() }
    }

    fn failure(&self, cause: Cause) -> Failure {
        let (doing, block, last) = match &self.stage {
            Stage::Block { block, .. } => (Doing::Writing, block.number(), block.last()),
            Stage::Manifest(manifest) => (Doing::Finishing, manifest.number(), manifest.last()),
        };
        let (done, total) = (self.done as u64, self.image.len() as u64);
        Failure { doing, block: Some(block), address: None, done, total, last, cause }
    }
}

impl Session for Download<'_> {
    type Output = Downloaded;

    fn next(&mut self, now: Moment) -> Step<Downloaded> {
        if self.over {
            return Step::Failed(Box::new(self.failure(Cause::Over)));
        }
        if std::mem::take(&mut self.report) {
            let (done, total) = (self.done as u64, self.image.len() as u64);
            return Step::Progress(Progress { doing: Doing::Writing, done, total });
        }
        let ended = match (self.end.take(), &mut self.stage) {
            (Some(end), _) => end,
            (None, Stage::Block { block, .. }) => return block.next(now, &self.unit).into(),
            (None, Stage::Manifest(manifest)) => match manifest.next(now, &self.unit) {
                Ok(ask) => return ask.into(),
                Err(after) => Ok(after),
            },
        };
        self.over = true;
        match ended {
            Ok(after) => Step::Done(Downloaded { after, transfers: self.transfers }),
            Err(cause) => Step::Failed(Box::new(self.failure(cause))),
        }
    }

    fn on_reply(&mut self, now: Moment, reply: Reply<'_>) {
        if self.over || self.end.is_some() {
            return;
        }
        self.transfers += 1;
        match &mut self.stage {
            Stage::Manifest(manifest) => self.end = manifest.on_reply(now, &self.unit, reply),
            Stage::Block { block, len } => match block.on_reply(now, &self.unit, reply) {
                None => {}
                Some(Err(cause)) => self.end = Some(Err(cause)),
                Some(Ok(())) => {
                    self.done += *len;
                    self.report = true;
                    if let Some(first) = block.first() {
                        self.pace.learn(first);
                    }
                    let next = block.number().next();
                    self.stage = self.stage_at(next);
                }
            },
        }
    }
}
