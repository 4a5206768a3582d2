//! Reading a unit's memory.

use super::block::{Block, refusal};
use super::dfuse::{Blocks, COMMAND, FIRST};
use super::{Ask, Cause, Doing, Failure, PlanError, Policy, Progress, Reply, Session, Step, TransferError, Unit};
use crate::dfu::wire::{Access, BlockNumber, Command, Layout, Request, StatusReply};
use crate::time::Moment;

/// How much to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Want {
    /// All that there is, and never more than so many bytes.
    UpTo(u64),
    /// So many bytes; it is known that there are as many.
    Exactly(u64),
}

/// Why a reading ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum End {
    /// The unit had no more.
    Short,
    /// All that was wanted has come. With [`Want::UpTo`] there may be more.
    Full,
}

/// What was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uploaded {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Why there are no more.
    pub end: End,
    /// Control transfers that it took.
    pub transfers: u32,
}

/// Reads blocks until the unit has no more, or enough has come (§6.2). One transfer a block, and the unit is idle again
/// at the end.
///
/// It expects a unit in dfuIDLE; with an address, dfuDNLOAD-IDLE will do.
#[derive(Debug)]
pub struct Upload {
    unit: Unit,
    blocks: Blocks,
    want: Want,
    /// Where the first byte lies, on units with addresses, and how far whole blocks may be asked for.
    memory: Option<Memory>,
    bytes: Vec<u8>,
    stage: Stage,
    transfers: u32,
    report: bool,
    last: Option<StatusReply>,
    end: Option<Result<End, Cause>>,
    over: bool,
}

#[derive(Clone, Copy, Debug)]
struct Memory {
    start: u32,
    /// Behind the last address that can be read without a gap.
    reach: u64,
}

#[derive(Debug)]
enum Stage {
    /// Back to idle, then to read.
    Abort(Then),
    Address(Block),
    Read(BlockNumber),
    /// The unit refused to be read: why?
    Why,
}

#[derive(Clone, Copy, Debug)]
enum Then {
    /// Read from where the address is set.
    Read,
    /// Set the address again: the number of the block does not tell where the next one lies.
    Address,
    /// All is read.
    End,
}

impl Upload {
    /// Read from the interface of this number, in blocks of `block_size` bytes, without addresses.
    ///
    /// # Errors
    /// When nothing is wanted, or blocks have no bytes.
    pub fn new(interface: u8, want: Want, block_size: u16, policy: Policy) -> Result<Self, PlanError> {
        Self::from(interface, want, block_size.into(), None, policy)
    }

    /// Read `len` bytes of memory from `start` on, from a unit that speaks DfuSe.
    ///
    /// # Errors
    /// As [`Upload::new`], and when the layout has no such memory or it cannot be read.
    pub fn memory(
        interface: u8,
        (start, len): (u32, u64),
        layout: &Layout,
        blocks: impl Into<Blocks>,
        policy: Policy,
    ) -> Result<Self, PlanError> {
        layout.require(start, len, Access::READ)?;
        let memory = Memory { start, reach: layout.reach(start, Access::READ) };
        Self::from(interface, Want::Exactly(len), blocks.into(), Some(memory), policy)
    }

    fn from(
        interface: u8,
        want: Want,
        blocks: Blocks,
        memory: Option<Memory>,
        policy: Policy,
    ) -> Result<Self, PlanError> {
        if blocks.size() == 0 {
            return Err(PlanError::BlockSize);
        }
        if matches!(want, Want::UpTo(0) | Want::Exactly(0)) {
            return Err(PlanError::Empty);
        }
        let mut upload = Self {
            unit: Unit { interface, policy },
            blocks,
            want,
            memory,
            bytes: Vec::new(),
            stage: Stage::Read(BlockNumber(0)),
            transfers: 0,
            report: false,
            last: None,
            end: None,
            over: false,
        };
        upload.set_address();
        Ok(upload)
    }

    fn set_address(&mut self) {
        if let Some(address) = self.address() {
            let command = Command::SetAddress(address).to_bytes();
            self.stage = Stage::Address(Block::new(COMMAND, command, self.unit.policy.block));
        }
    }

    /// Where the next byte lies, on units with addresses.
    fn address(&self) -> Option<u32> {
        self.memory.map(|memory| memory.start.wrapping_add(self.bytes.len() as u32))
    }

    fn total(&self) -> u64 {
        match self.want {
            Want::UpTo(bytes) | Want::Exactly(bytes) => bytes,
        }
    }

    /// Bytes to ask for when so many have come: whole blocks as far as memory reaches, for a shorter block may be taken
    /// from another place by bootloaders that compute places from lengths.
    fn ask(&self, come: usize) -> u16 {
        let memory = self.memory.map_or(u64::MAX, |memory| memory.reach - u64::from(memory.start));
        let left = memory.saturating_sub(come as u64).min(self.blocks.size().into());
        u16::try_from(left).unwrap_or(u16::MAX)
    }

    fn read(&self, block: BlockNumber) -> Ask {
        let length = self.ask(self.bytes.len());
        let come = self.bytes.len() + usize::from(length);
        let transfer = self.unit.transfer(Request::Upload { block, length });
        let last = self.memory.is_some() && !self.blocks.go_on_after(block);
        let more = matches!(self.want, Want::Exactly(bytes) if (come as u64) < bytes) && !last;
        let next = more.then(|| Request::Upload { block: block.next(), length: self.ask(come) });
        Ask::Control(self.unit.then(transfer, next))
    }

    fn on_block(&mut self, block: BlockNumber, data: &[u8]) {
        let asked = usize::from(self.ask(self.bytes.len()));
        if data.len() > asked {
            self.end = Some(Err(Cause::TooLong { came: data.len(), asked }));
            return;
        }
        let room = usize::try_from(self.total()).unwrap_or(usize::MAX).saturating_sub(self.bytes.len());
        self.bytes.extend_from_slice(data.get(..room).unwrap_or(data));
        self.report = true;
        let full = self.bytes.len() as u64 >= self.total();
        if data.len() < asked {
            // The unit is idle again by itself.
            self.end = Some(Ok(if full { End::Full } else { End::Short }));
        } else if full {
            self.stage = Stage::Abort(Then::End);
        } else if self.memory.is_some() && !self.blocks.go_on_after(block) {
            self.stage = Stage::Abort(Then::Address);
        } else {
            self.stage = Stage::Read(block.next());
        }
    }

    fn failure(&self, cause: Cause) -> Failure {
        let (doing, block, last) = match &self.stage {
            Stage::Address(block) => (Doing::Addressing, None, block.last()),
            Stage::Read(block) => (Doing::Reading, Some(*block), self.last),
            Stage::Abort(_) | Stage::Why => (Doing::Reading, None, self.last),
        };
        let (address, done, total) = (self.address(), self.bytes.len() as u64, self.total());
        Failure { doing, block, address, done, total, last, cause }
    }
}

impl Session for Upload {
    type Output = Uploaded;

    fn next(&mut self, now: Moment) -> Step<Uploaded> {
        if self.over {
            return Step::Failed(Box::new(self.failure(Cause::Over)));
        }
        if std::mem::take(&mut self.report) {
            return Step::Progress(Progress {
                doing: Doing::Reading,
                done: self.bytes.len() as u64,
                total: self.total(),
            });
        }
        match self.end.take() {
            Some(Ok(end)) => {
                self.over = true;
                let bytes = std::mem::take(&mut self.bytes);
                Step::Done(Uploaded { bytes, end, transfers: self.transfers })
            }
            Some(Err(cause)) => {
                self.over = true;
                Step::Failed(Box::new(self.failure(cause)))
            }
            None => match &mut self.stage {
                Stage::Address(block) => block.next(now, &self.unit).into(),
                Stage::Abort(_) => Step::Control(self.unit.transfer(Request::Abort)),
                Stage::Why => Step::Control(self.unit.transfer(Request::GetStatus)),
                Stage::Read(block) => {
                    let block = *block;
                    self.read(block).into()
                }
            },
        }
    }

    fn on_reply(&mut self, now: Moment, reply: Reply<'_>) {
        if self.over || self.end.is_some() {
            return;
        }
        self.transfers += 1;
        match (&mut self.stage, reply) {
            (Stage::Address(block), reply) => match block.on_reply(now, &self.unit, reply) {
                None => {}
                Some(Ok(())) => self.stage = Stage::Abort(Then::Read),
                Some(Err(cause)) => self.end = Some(Err(cause)),
            },
            (Stage::Abort(Then::Read), Ok(_)) => self.stage = Stage::Read(FIRST),
            (Stage::Abort(Then::Address), Ok(_)) => self.set_address(),
            // All has been read; that the unit did not become idle is for the next session to mend.
            (Stage::Abort(Then::End), _) => self.end = Some(Ok(End::Full)),
            (Stage::Read(block), Ok(data)) => {
                let block = *block;
                self.on_block(block, data);
            }
            (Stage::Abort(_) | Stage::Read(_), Err(TransferError::Stall)) => self.stage = Stage::Why,
            (Stage::Why, Ok(bytes)) => {
                self.end = Some(Err(match StatusReply::parse(bytes) {
                    Ok(status) => {
                        self.last = Some(status);
                        refusal(status, true).unwrap_or(Cause::Unexplained(status))
                    }
                    Err(error) => Cause::Malformed(error),
                }));
            }
            (Stage::Abort(_) | Stage::Read(_) | Stage::Why, Err(error)) => {
                self.end = Some(Err(Cause::Transfer(error)));
            }
        }
    }
}
