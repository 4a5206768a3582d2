//! The end of a download: a block without data, upon which the unit puts the firmware in place (§7).

use super::block::{patience, refusal};
use super::{Ask, Cause, Reply, TransferError, Unit};
use crate::dfu::message::State;
use crate::dfu::wire::{Attributes, BlockNumber, Request, StatusReply};
use crate::time::Moment;

/// What has to follow, now that the unit has been told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum After {
    /// Nothing: the unit is back in dfuIDLE and can be told more.
    Idle,
    /// A bus reset, upon which the unit comes back as something else, most likely.
    BusReset,
    /// Nothing but waiting: the unit detaches by itself and comes back as something else, most likely. It has promised
    /// that for `DFU_DETACH`, and most that do hold to it here; one that is still there after a while needs a bus reset.
    Detaches,
    /// Nothing but waiting: the unit has left already.
    Left,
}

impl After {
    /// What these attributes promise.
    pub(super) const fn of(attributes: Attributes) -> Self {
        if attributes.will_detach() { Self::Detaches } else { Self::BusReset }
    }
}

#[derive(Debug)]
pub(super) struct Manifest {
    block: BlockNumber,
    attributes: Attributes,
    began: Option<Moment>,
    phase: Phase,
    stalled: bool,
    failed: u32,
    busy: u32,
    last: Option<StatusReply>,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    Send,
    Ask(Moment),
    /// The unit is on its own until then, and answers no more.
    Rest(Moment),
}

impl Manifest {
    pub(super) fn new(block: BlockNumber, attributes: Attributes) -> Self {
        Self { block, attributes, began: None, phase: Phase::Send, stalled: false, failed: 0, busy: 0, last: None }
    }

    pub(super) fn number(&self) -> BlockNumber {
        self.block
    }

    pub(super) fn last(&self) -> Option<StatusReply> {
        self.last
    }

    /// What to do, or what has to follow.
    pub(super) fn next(&mut self, now: Moment, unit: &Unit) -> Result<Ask, After> {
        self.began.get_or_insert(now);
        match self.phase {
            Phase::Send => {
                let transfer = unit.transfer(Request::Download { block: self.block, length: 0 });
                Ok(Ask::Control(unit.then(transfer, Some(Request::GetStatus))))
            }
            Phase::Ask(at) | Phase::Rest(at) if now < at => Ok(Ask::WaitUntil(at)),
            Phase::Ask(_) => Ok(Ask::Control(unit.transfer(Request::GetStatus))),
            Phase::Rest(_) => Err(After::of(self.attributes)),
        }
    }

    /// `Some` when that decides what has to follow, or that it failed.
    pub(super) fn on_reply(&mut self, now: Moment, unit: &Unit, reply: Reply<'_>) -> Option<Result<After, Cause>> {
        match (self.phase, reply) {
            (Phase::Send, Ok(_)) => {
                self.phase = Phase::Ask(now);
                None
            }
            (Phase::Send, Err(TransferError::Stall)) => {
                self.stalled = true;
                self.phase = Phase::Ask(now);
                None
            }
            (Phase::Send, Err(error)) => Some(Err(Cause::Transfer(error))),
            (Phase::Ask(at), _) if now < at => None,
            (Phase::Ask(_), Ok(bytes)) => match StatusReply::parse(bytes) {
                Ok(status) => self.on_status(now, unit, status),
                Err(error) => Some(Err(Cause::Malformed(error))),
            },
            (Phase::Ask(_), Err(error)) => self.on_silence(now, unit, error),
            (Phase::Rest(_), _) => None,
        }
    }

    /// A unit that has taken the last block may be gone, or busy with itself, and that is no failure unless it promised
    /// to answer.
    fn on_silence(&mut self, now: Moment, unit: &Unit, error: TransferError) -> Option<Result<After, Cause>> {
        if self.stalled {
            return Some(Err(Cause::Transfer(error)));
        }
        if error == TransferError::Gone {
            return Some(Ok(After::Left));
        }
        self.failed += 1;
        self.phase = Phase::Ask(now + unit.policy.pause);
        let over = self.failed >= unit.policy.tries;
        over.then(|| {
            let tolerant = self.attributes.manifestation_tolerant();
            if tolerant { Err(Cause::Transfer(error)) } else { Ok(After::of(self.attributes)) }
        })
    }

    fn on_status(&mut self, now: Moment, unit: &Unit, reply: StatusReply) -> Option<Result<After, Cause>> {
        self.last = Some(reply);
        self.failed = 0;
        if let Some(cause) = refusal(reply, self.stalled) {
            return Some(Err(cause));
        }
        let state = match reply.state {
            State::Idle => return Some(Ok(After::Idle)),
            State::ManifestWaitReset => return Some(Ok(After::BusReset)),
            State::AppIdle | State::AppDetach => return Some(Ok(After::Left)),
            state @ (State::ManifestSync | State::Manifest | State::DownloadSync | State::DownloadBusy) => state,
            found => return Some(Err(Cause::Unexpected { found, wanted: State::Manifest })),
        };
        self.busy += 1;
        match patience(now, self.began.unwrap_or(now), unit.policy.manifest, reply, self.busy) {
            // It answers no more once its time is over (appendix A.2.8), and some leave the bus at once.
            Ok(at) if state == State::Manifest && !self.attributes.manifestation_tolerant() => {
                self.phase = Phase::Rest(at);
                None
            }
            Ok(at) => {
                self.phase = Phase::Ask(at);
                None
            }
            Err(cause) => Some(Err(cause)),
        }
    }
}
