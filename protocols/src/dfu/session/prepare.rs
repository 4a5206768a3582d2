//! From whatever state a unit was left in to idle.

use super::block::patience;
use super::{Cause, Doing, Failure, Policy, Reply, Session, Step, TransferError, Unit};
use crate::dfu::message::{State, Status};
use crate::dfu::wire::{Request, StatusReply};
use crate::time::Moment;

/// Brings a unit in DFU mode to dfuIDLE: aborts what is half done, clears an error, waits for what is being written.
#[derive(Debug)]
pub struct Prepare {
    unit: Unit,
    began: Option<Moment>,
    act: Act,
    /// Requests so far.
    requests: u32,
    busy: u32,
    cleared: bool,
    /// The first error that the unit was found in.
    error: Option<StatusReply>,
    last: Option<StatusReply>,
    end: Option<Result<Prepared, Cause>>,
    over: bool,
}

#[derive(Clone, Copy, Debug)]
enum Act {
    Ask(Moment),
    Clear,
    Abort,
}

/// A unit in dfuIDLE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prepared {
    /// What the unit said last.
    pub status: StatusReply,
    /// The error that it was found in, which has been cleared.
    pub error: Option<StatusReply>,
}

impl Prepare {
    /// Bring the unit behind the interface of this number to idle.
    #[must_use]
    pub const fn new(interface: u8, policy: Policy) -> Self {
        Self {
            unit: Unit { interface, policy },
            began: None,
            act: Act::Ask(Moment::START),
            requests: 0,
            busy: 0,
            cleared: false,
            error: None,
            last: None,
            end: None,
            over: false,
        }
    }

    fn on_status(&mut self, now: Moment, reply: StatusReply) {
        self.last = Some(reply);
        if reply.status != Status::Ok || reply.state == State::Error {
            self.error.get_or_insert(reply);
        }
        self.act = match reply.state {
            State::Idle if reply.status == Status::Ok || self.cleared => {
                self.end = Some(Ok(Prepared { status: reply, error: self.error }));
                return;
            }
            // A unit may be idle and keep an old error; once is enough to ask it to forget it.
            State::Idle | State::Error => Act::Clear,
            State::DownloadSync | State::DownloadBusy | State::Manifest => {
                self.busy += 1;
                // Waiting is no failed attempt.
                self.requests = self.requests.saturating_sub(1);
                match patience(now, self.began.unwrap_or(now), self.unit.policy.prepare, reply, self.busy) {
                    Ok(at) => Act::Ask(at),
                    Err(cause) => {
                        self.end = Some(Err(cause));
                        return;
                    }
                }
            }
            State::AppIdle | State::AppDetach => {
                self.end = Some(Err(Cause::Runtime(reply.state)));
                return;
            }
            State::ManifestWaitReset => {
                self.end = Some(Err(Cause::NeedsReset));
                return;
            }
            State::DownloadIdle | State::UploadIdle | State::ManifestSync | State::Other(_) => Act::Abort,
        };
    }

    fn failure(&self, cause: Cause) -> Failure {
        let last = self.last;
        Failure { doing: Doing::Preparing, block: None, address: None, done: 0, total: 0, last, cause }
    }
}

impl Session for Prepare {
    type Output = Prepared;

    fn next(&mut self, now: Moment) -> Step<Prepared> {
        self.began.get_or_insert(now);
        if self.over {
            return Step::Failed(Box::new(self.failure(Cause::Over)));
        }
        if self.end.is_none() && self.requests >= self.unit.policy.prepare_requests {
            self.end = Some(Err(Cause::Stuck { requests: self.requests }));
        }
        match self.end.take() {
            Some(end) => {
                self.over = true;
                match end {
                    Ok(prepared) => Step::Done(prepared),
                    Err(cause) => Step::Failed(Box::new(self.failure(cause))),
                }
            }
            None => match self.act {
                Act::Ask(at) if now < at => Step::WaitUntil(at),
                Act::Ask(_) => Step::Control(self.unit.transfer(Request::GetStatus)),
                Act::Clear => {
                    let transfer = self.unit.transfer(Request::ClearStatus);
                    Step::Control(self.unit.then(transfer, Some(Request::GetStatus)))
                }
                Act::Abort => {
                    let transfer = self.unit.transfer(Request::Abort);
                    Step::Control(self.unit.then(transfer, Some(Request::GetStatus)))
                }
            },
        }
    }

    fn on_reply(&mut self, now: Moment, reply: Reply<'_>) {
        if self.over || self.end.is_some() {
            return;
        }
        self.requests += 1;
        match (self.act, reply) {
            (_, Err(TransferError::Gone)) => self.end = Some(Err(Cause::Transfer(TransferError::Gone))),
            (Act::Ask(at), _) if now < at => self.requests -= 1,
            (Act::Ask(_), Ok(bytes)) => match StatusReply::parse(bytes) {
                Ok(status) => self.on_status(now, status),
                Err(error) => self.end = Some(Err(Cause::Malformed(error))),
            },
            // A unit that refuses even this may be in an error that it does not tell.
            (Act::Ask(_), Err(TransferError::Stall)) => self.act = Act::Clear,
            (Act::Ask(_), Err(error)) if self.requests >= self.unit.policy.tries => {
                self.end = Some(Err(Cause::Transfer(error)));
            }
            (Act::Ask(_), Err(_)) => self.act = Act::Ask(now + self.unit.policy.pause),
            // Some refuse to abort or to clear what they think needs none; the status tells.
            (act @ (Act::Clear | Act::Abort), _) => {
                self.cleared |= matches!(act, Act::Clear);
                self.act = Act::Ask(now);
            }
        }
    }
}
