//! One block: sent, and asked about until the unit waits for the next.

use super::{Ask, Cause, Policy, Reply, TransferError, Unit};
use crate::dfu::message::{State, Status};
use crate::dfu::wire::{BlockNumber, Request, StatusReply};
use crate::time::Moment;
use std::time::Duration;

/// A block on its way. The unit must be asked for its status after each (appendix A.2.4); it is asked no oftener than
/// that, and again only as long as it is busy.
#[derive(Debug)]
pub(super) struct Block {
    block: BlockNumber,
    data: Vec<u8>,
    /// How long the unit may take.
    patience: Duration,
    /// How long to wait before it is asked first.
    delay: Duration,
    began: Option<Moment>,
    phase: Phase,
    /// The unit refused the block.
    stalled: bool,
    /// Failed attempts in a row to learn the status.
    failed: u32,
    /// How often the unit said that it is busy.
    busy: u32,
    /// What the unit said when it was first asked.
    first: Option<StatusReply>,
    /// What the unit said last.
    last: Option<StatusReply>,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    Send,
    Ask(Moment),
    Over,
}

impl Block {
    pub(super) fn new(block: BlockNumber, data: Vec<u8>, patience: Duration) -> Self {
        Self {
            block,
            data,
            patience,
            delay: Duration::ZERO,
            began: None,
            phase: Phase::Send,
            stalled: false,
            failed: 0,
            busy: 0,
            first: None,
            last: None,
        }
    }

    /// This block, after which the unit is first asked only when so much time has passed.
    pub(super) fn asked_after(self, delay: Duration) -> Self {
        Self { delay, ..self }
    }

    pub(super) fn number(&self) -> BlockNumber {
        self.block
    }

    pub(super) fn first(&self) -> Option<StatusReply> {
        self.first
    }

    pub(super) fn last(&self) -> Option<StatusReply> {
        self.last
    }

    pub(super) fn next(&mut self, now: Moment, unit: &Unit) -> Ask {
        self.began.get_or_insert(now);
        match self.phase {
            Phase::Send => {
                let length = u16::try_from(self.data.len()).unwrap_or(u16::MAX);
                let transfer = unit.send(Request::Download { block: self.block, length }, self.data.clone());
                Ask::Control(unit.then(transfer, self.delay.is_zero().then_some(Request::GetStatus)))
            }
            Phase::Ask(at) if now < at => Ask::WaitUntil(at),
            Phase::Ask(_) | Phase::Over => Ask::Control(unit.transfer(Request::GetStatus)),
        }
    }

    /// `Some` when the block is through.
    pub(super) fn on_reply(&mut self, now: Moment, unit: &Unit, reply: Reply<'_>) -> Option<Result<(), Cause>> {
        let end = match (self.phase, reply) {
            (Phase::Send, Ok(_)) => {
                self.phase = Phase::Ask(now + self.delay);
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
                Ok(status) => self.on_status(now, status),
                Err(error) => Some(Err(Cause::Malformed(error))),
            },
            (Phase::Ask(_), Err(error)) => {
                self.failed += 1;
                self.phase = Phase::Ask(now + unit.policy.pause);
                let over = error == TransferError::Gone || self.failed >= unit.policy.tries;
                over.then_some(Err(Cause::Transfer(error)))
            }
            (Phase::Over, _) => None,
        };
        if end.is_some() {
            self.phase = Phase::Over;
        }
        end
    }

    fn on_status(&mut self, now: Moment, reply: StatusReply) -> Option<Result<(), Cause>> {
        self.first.get_or_insert(reply);
        self.last = Some(reply);
        self.failed = 0;
        if let Some(cause) = refusal(reply, self.stalled) {
            return Some(Err(cause));
        }
        match reply.state {
            State::DownloadIdle => Some(Ok(())),
            State::DownloadSync | State::DownloadBusy => {
                self.busy += 1;
                let began = self.began.unwrap_or(now);
                match patience(now, began, self.patience, reply, self.busy) {
                    Ok(at) => {
                        self.phase = Phase::Ask(at);
                        None
                    }
                    Err(cause) => Some(Err(cause)),
                }
            }
            found => Some(Err(Cause::Unexpected { found, wanted: State::DownloadIdle })),
        }
    }
}

/// What is wrong, when the unit says that something is, or refused the request before.
pub(super) fn refusal(reply: StatusReply, stalled: bool) -> Option<Cause> {
    if reply.status != Status::Ok || reply.state == State::Error {
        Some(Cause::Refused(reply))
    } else {
        stalled.then_some(Cause::Unexplained(reply))
    }
}

/// When to ask a busy unit again.
pub(super) fn patience(
    now: Moment,
    began: Moment,
    allowed: Duration,
    reply: StatusReply,
    busy: u32,
) -> Result<Moment, Cause> {
    let waited = now.saturating_since(began);
    let asked = reply.poll_timeout.duration();
    if waited >= allowed {
        return Err(Cause::Busy { waited, state: reply.state });
    }
    if asked > allowed.saturating_sub(waited) {
        return Err(Cause::Patience { asked, allowed });
    }
    Ok(now + Policy::pause_after(asked, busy))
}
