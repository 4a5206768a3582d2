//! From the application into DFU mode.

use super::manifest::After;
use super::{Cause, Doing, Failure, Policy, Reply, Session, Step, TransferError, Unit};
use crate::dfu::wire::{FunctionalDescriptor, Request};
use crate::time::Moment;
use std::time::Duration;

/// Makes a unit leave its application (§5.1). It comes back in DFU mode, most likely as another product.
#[derive(Debug)]
pub struct Detach {
    unit: Unit,
    functional: FunctionalDescriptor,
    end: Option<Result<Detached, Cause>>,
    over: bool,
}

/// A unit that was told to leave its application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Detached {
    /// What has to follow.
    pub after: After,
    /// When a bus reset has to follow: within so long, or the unit stays in its application.
    pub within: Duration,
}

impl Detach {
    /// Tell the unit through its runtime interface of this number, which has this functional descriptor.
    #[must_use]
    pub const fn new(interface: u8, functional: FunctionalDescriptor, policy: Policy) -> Self {
        Self { unit: Unit { interface, policy }, functional, end: None, over: false }
    }

    fn detached(&self, after: After) -> Detached {
        Detached { after, within: Duration::from_millis(self.functional.detach_timeout.into()) }
    }

    fn failure(&self, cause: Cause) -> Failure {
        Failure { doing: Doing::Detaching, block: None, address: None, done: 0, total: 0, last: None, cause }
    }
}

impl Session for Detach {
    type Output = Detached;

    fn next(&mut self, _now: Moment) -> Step<Detached> {
        if self.over {
            return Step::Failed(Box::new(self.failure(Cause::Over)));
        }
        let Some(end) = self.end.take() else {
            let request = Request::Detach { timeout: self.functional.detach_timeout };
            return Step::Control(self.unit.transfer(request));
        };
        self.over = true;
        match end {
            Ok(detached) => Step::Done(detached),
            Err(cause) => Step::Failed(Box::new(self.failure(cause))),
        }
    }

    fn on_reply(&mut self, _now: Moment, reply: Reply<'_>) {
        let will_detach = self.functional.attributes.will_detach();
        self.end = Some(match reply {
            Ok(_) => Ok(self.detached(After::of(self.functional.attributes))),
            // Many are gone before they have acknowledged.
            Err(TransferError::Gone) => Ok(self.detached(After::Left)),
            Err(TransferError::TimedOut | TransferError::Bus) if will_detach => Ok(self.detached(After::Detaches)),
            Err(error) => Err(Cause::Transfer(error)),
        });
    }
}
