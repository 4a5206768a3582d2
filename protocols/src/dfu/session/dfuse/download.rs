//! Erasing and writing, command by command and block by block.

use super::plan::{Blocks, DfusePlan, Erase};
use crate::dfu::session::block::Block;
use crate::dfu::session::{Cause, Doing, Failure, PlanError, Policy, Progress, Reply, Session, Step, Unit};
use crate::dfu::wire::{BlockNumber, Command};
use crate::time::Moment;

/// Block 0 holds a command.
pub(in crate::dfu::session) const COMMAND: BlockNumber = BlockNumber(0);
/// The block that lies at the address that was set; the ones after it follow at the distance of a whole block each.
pub(in crate::dfu::session) const FIRST: BlockNumber = BlockNumber(2);

/// Erases what the plan says and writes its pieces.
///
/// It expects a unit in dfuIDLE and leaves it in dfuDNLOAD-IDLE: read back and compare, then [`Leave`](super::Leave).
///
/// The address is set once for each piece and not for each block, as other hosts do. It is set again before a last
/// block that is shorter than the others, because some bootloaders compute its place from its own length, and after
/// block 65,535.
#[derive(Debug)]
pub struct DfuseDownload<'a> {
    unit: Unit,
    plan: DfusePlan<'a>,
    blocks: Blocks,
    op: Op,
    /// The block that carries `op` out; `None` when all is done.
    block: Option<Block>,
    erased: u64,
    written: u64,
    transfers: u32,
    report: Option<Progress>,
    end: Option<Cause>,
    over: bool,
}

/// What a block is for.
#[derive(Clone, Copy, Debug)]
enum Op {
    EraseAll,
    /// The page of this index.
    Erase(usize),
    /// Where the next block of this piece belongs, at this offset.
    Address(usize, usize),
    /// A block of this piece, at this offset.
    Data(usize, usize, BlockNumber),
}

/// A download that ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DfuseDownloaded {
    /// Control transfers that it took.
    pub transfers: u32,
}

impl<'a> DfuseDownload<'a> {
    /// Carry out `plan` on the interface of this number, in these blocks.
    ///
    /// # Errors
    /// When blocks have no bytes.
    pub fn new(
        interface: u8,
        plan: DfusePlan<'a>,
        blocks: impl Into<Blocks>,
        policy: Policy,
    ) -> Result<Self, PlanError> {
        let blocks = blocks.into();
        if blocks.size() == 0 {
            return Err(PlanError::BlockSize);
        }
        let op = match plan.erase {
            Erase::All => Op::EraseAll,
            Erase::Touched if !plan.pages.is_empty() => Op::Erase(0),
            Erase::Touched | Erase::Nothing => Op::Address(0, 0),
        };
        let mut download = Self {
            unit: Unit { interface, policy },
            plan,
            blocks,
            op,
            block: None,
            erased: 0,
            written: 0,
            transfers: 0,
            report: None,
            end: None,
            over: false,
        };
        download.begin(op);
        Ok(download)
    }

    fn begin(&mut self, op: Op) {
        let policy = self.unit.policy;
        let command = |command: Command, patience| Block::new(COMMAND, command.to_bytes(), patience);
        self.op = op;
        self.block = Some(match op {
            Op::EraseAll => command(Command::MassErase, policy.mass_erase),
            Op::Erase(index) => command(Command::ErasePage(self.page(index)), policy.erase),
            Op::Address(piece, offset) => command(Command::SetAddress(self.address(piece, offset)), policy.block),
            Op::Data(piece, offset, number) => Block::new(number, self.data(piece, offset).to_vec(), policy.block),
        });
    }

    /// What follows `op`, and what it has brought.
    fn after(&mut self, op: Op) -> Option<Op> {
        match op {
            Op::EraseAll => Some(Op::Address(0, 0)),
            Op::Erase(index) => {
                self.erased += self.plan.pages.get(index).map_or(0, |page| page.len.into());
                let total = self.plan.pages.iter().map(|page| u64::from(page.len)).sum();
                self.report = Some(Progress { doing: Doing::Erasing, done: self.erased, total });
                let more = index + 1 < self.plan.pages.len();
                Some(if more { Op::Erase(index + 1) } else { Op::Address(0, 0) })
            }
            Op::Address(piece, offset) => Some(Op::Data(piece, offset, FIRST)),
            Op::Data(piece, offset, number) => {
                let len = self.data(piece, offset).len();
                self.written += len as u64;
                let total = self.plan.bytes();
                self.report = Some(Progress { doing: Doing::Writing, done: self.written, total });
                let offset = offset + len;
                match self.data(piece, offset).len() {
                    0 => (piece + 1 < self.plan.pieces.len()).then_some(Op::Address(piece + 1, 0)),
                    next if next == usize::from(self.blocks.size()) && self.blocks.go_on_after(number) => {
                        Some(Op::Data(piece, offset, number.next()))
                    }
                    _ => Some(Op::Address(piece, offset)),
                }
            }
        }
    }

    fn page(&self, index: usize) -> u32 {
        // Pages lie below 2³² (`Region::new`).
        self.plan.pages.get(index).map_or(0, |page| page.start as u32)
    }

    fn address(&self, piece: usize, offset: usize) -> u32 {
        self.plan.pieces.get(piece).map_or(0, |piece| piece.address.wrapping_add(offset as u32))
    }

    fn data(&self, piece: usize, offset: usize) -> &'a [u8] {
        let rest = self.plan.pieces.get(piece).and_then(|piece| piece.bytes.get(offset..)).unwrap_or_default();
        rest.get(..self.blocks.size().into()).unwrap_or(rest)
    }

    fn failure(&self, cause: Cause) -> Failure {
        let (doing, address) = match self.op {
            Op::EraseAll => (Doing::Erasing, None),
            Op::Erase(index) => (Doing::Erasing, Some(self.page(index))),
            Op::Address(piece, offset) => (Doing::Addressing, Some(self.address(piece, offset))),
            Op::Data(piece, offset, _) => (Doing::Writing, Some(self.address(piece, offset))),
        };
        let block = self.block.as_ref().filter(|_| doing == Doing::Writing).map(Block::number);
        let last = self.block.as_ref().and_then(Block::last);
        Failure { doing, block, address, done: self.written, total: self.plan.bytes(), last, cause }
    }
}

impl Session for DfuseDownload<'_> {
    type Output = DfuseDownloaded;

    fn next(&mut self, now: Moment) -> Step<DfuseDownloaded> {
        if self.over {
            return Step::Failed(Box::new(self.failure(Cause::Over)));
        }
        if let Some(progress) = self.report.take() {
            return Step::Progress(progress);
        }
        if let Some(cause) = self.end.take() {
            self.over = true;
            return Step::Failed(Box::new(self.failure(cause)));
        }
        let Some(block) = &mut self.block else {
            self.over = true;
            return Step::Done(DfuseDownloaded { transfers: self.transfers });
        };
        block.next(now, &self.unit).into()
    }

    fn on_reply(&mut self, now: Moment, reply: Reply<'_>) {
        let Some(block) = self.block.as_mut().filter(|_| self.end.is_none() && !self.over) else { return };
        self.transfers += 1;
        match block.on_reply(now, &self.unit, reply) {
            None => {}
            Some(Err(cause)) => self.end = Some(cause),
            Some(Ok(())) => match self.after(self.op) {
                Some(op) => self.begin(op),
                None => self.block = None,
            },
        }
    }
}
