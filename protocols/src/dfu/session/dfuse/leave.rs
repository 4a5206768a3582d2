//! Starting what was written.

use super::download::COMMAND;
use crate::dfu::session::block::Block;
use crate::dfu::session::manifest::{After, Manifest};
use crate::dfu::session::{Cause, Doing, Failure, Policy, Reply, Session, Step, Unit};
use crate::dfu::wire::{Attributes, BlockNumber, Command};
use crate::time::Moment;

/// Makes a DfuSe unit leave DFU mode and start the application (AN3156 §5.5): a block without data, once the address
/// is that of the application.
///
/// It expects a unit in dfuIDLE or dfuDNLOAD-IDLE.
#[derive(Debug)]
pub struct Leave {
    unit: Unit,
    address: Option<u32>,
    /// The command that sets the address, while it is on its way.
    block: Option<Block>,
    manifest: Manifest,
    end: Option<Result<After, Cause>>,
    over: bool,
}

impl Leave {
    /// Leave, and start what lies at `address`; without one, what lies where the address was set last.
    #[must_use]
    pub fn new(interface: u8, address: Option<u32>, attributes: Attributes, policy: Policy) -> Self {
        let command = |address| Block::new(COMMAND, Command::SetAddress(address).to_bytes(), policy.block);
        Self {
            unit: Unit { interface, policy },
            address,
            block: address.map(command),
            manifest: Manifest::new(BlockNumber(0), attributes),
            end: None,
            over: false,
        }
    }

    fn failure(&self, cause: Cause) -> Failure {
        let (doing, last) = match &self.block {
            Some(block) => (Doing::Addressing, block.last()),
            None => (Doing::Finishing, self.manifest.last()),
        };
        Failure { doing, block: None, address: self.address, done: 0, total: 0, last, cause }
    }
}

impl Session for Leave {
    type Output = After;

    fn next(&mut self, now: Moment) -> Step<After> {
        if self.over {
            return Step::Failed(Box::new(self.failure(Cause::Over)));
        }
        let ended = match (self.end.take(), &mut self.block) {
            (Some(end), _) => end,
            (None, Some(block)) => return block.next(now, &self.unit).into(),
            (None, None) => match self.manifest.next(now, &self.unit) {
                Ok(ask) => return ask.into(),
                Err(after) => Ok(after),
            },
        };
        self.over = true;
        match ended {
            Ok(after) => Step::Done(after),
            Err(cause) => Step::Failed(Box::new(self.failure(cause))),
        }
    }

    fn on_reply(&mut self, now: Moment, reply: Reply<'_>) {
        if self.over || self.end.is_some() {
            return;
        }
        match &mut self.block {
            None => self.end = self.manifest.on_reply(now, &self.unit, reply),
            Some(block) => match block.on_reply(now, &self.unit, reply) {
                None => {}
                Some(Ok(())) => self.block = None,
                Some(Err(cause)) => self.end = Some(Err(cause)),
            },
        }
    }
}
