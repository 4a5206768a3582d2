//! Conversations with a unit, as state machines: which control transfer to do, until when to wait, when to give up.
//!
//! A session is driven by whoever can reach endpoint 0:
//!
//! ```text
//! loop {
//!     match session.next(now) {
//!         Step::Control(transfer) => do it; its outcome goes to session.on_reply(now, outcome),
//!         Step::WaitUntil(moment) => wait until then,
//!         Step::Progress(progress) => report it,
//!         Step::Done(output) | Step::Failed(failure) => leave,
//!     }
//! }
//! ```
//!
//! [`Session::next`] must be asked again after every step but the last two. It repeats a transfer until its reply was
//! given, and a wait until the moment has come. Between any two calls a session may be dropped: the unit is then in
//! some DFU state, from which [`Prepare`] brings it back.
//!
//! All but [`Prepare`] and [`Detach`] expect a unit in dfuIDLE, with the alternate setting chosen. Reading back and
//! comparing is the business of who drives them.

mod block;
mod detach;
mod dfuse;
mod download;
mod failure;
mod manifest;
mod pace;
mod policy;
mod prepare;
#[cfg(test)]
mod tests;
mod upload;

pub use detach::{Detach, Detached};
pub use dfuse::{Blocks, DfuseDownload, DfuseDownloaded, DfusePlan, Erase, Leave, Piece};
pub use download::{Download, Downloaded};
pub use failure::{Cause, Doing, Failure, PlanError, TransferError};
pub use manifest::After;
pub use policy::Policy;
pub use prepare::{Prepare, Prepared};
pub use upload::{End, Upload, Uploaded, Want};

use crate::dfu::wire::Request;
use crate::time::Moment;
use crate::usb::Setup;
use std::time::Duration;

/// What a session wants next.
#[derive(Debug)]
pub enum Step<T> {
    /// Do this control transfer and give its outcome to [`Session::on_reply`].
    Control(Transfer),
    /// Nothing to do until then: the unit wants to be left alone.
    WaitUntil(Moment),
    /// So much is done. Only transfers of firmware say this.
    Progress(Progress),
    /// Over, and this is what came of it.
    Done(T),
    /// Over without success. Boxed, for it knows a lot.
    Failed(Box<Failure>),
}

/// A control transfer on endpoint 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// Its setup packet.
    pub setup: Setup,
    /// The data to send, as many as the setup packet says; empty when it asks for data.
    pub data: Vec<u8>,
    /// How long it may take.
    pub within: Duration,
    /// The transfer that follows when this one succeeds in full, if that is known already and has no data to send. Whoever
    /// can queue transfers may send it right behind this one, and answers with its outcome when it is asked for; when
    /// another step is asked for instead, that outcome is to be thrown away.
    pub then: Option<Setup>,
}

/// How far a session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// What is being done.
    pub doing: Doing,
    /// Bytes that were erased, written or read.
    pub done: u64,
    /// Bytes in all; for a reading whose end is unknown, as many as are allowed.
    pub total: u64,
}

/// What came of a control transfer: the data that were received (none when data were sent), or why it failed.
pub type Reply<'a> = Result<&'a [u8], TransferError>;

/// A conversation that ends by itself.
pub trait Session {
    /// What a conversation that succeeds yields.
    type Output;

    /// What to do now.
    fn next(&mut self, now: Moment) -> Step<Self::Output>;

    /// Take in what came of the transfer that [`Session::next`] asked for. Ignored when it asked for none.
    fn on_reply(&mut self, now: Moment, reply: Reply<'_>);
}

/// What a part of a session wants next: a step that is not an end.
enum Ask {
    Control(Transfer),
    WaitUntil(Moment),
}

impl<T> From<Ask> for Step<T> {
    fn from(want: Ask) -> Self {
        match want {
            Ask::Control(transfer) => Self::Control(transfer),
            Ask::WaitUntil(moment) => Self::WaitUntil(moment),
        }
    }
}

/// Whom a session talks to, and how patiently.
#[derive(Clone, Copy, Debug)]
struct Unit {
    interface: u8,
    policy: Policy,
}

impl Unit {
    fn transfer(&self, request: Request) -> Transfer {
        self.send(request, Vec::new())
    }

    fn send(&self, request: Request, data: Vec<u8>) -> Transfer {
        Transfer { setup: request.setup(self.interface), data, within: self.policy.transfer, then: None }
    }

    /// This transfer, with the one that is known to follow.
    fn then(&self, transfer: Transfer, next: Option<Request>) -> Transfer {
        Transfer { then: next.map(|next| next.setup(self.interface)), ..transfer }
    }
}
