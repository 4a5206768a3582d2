//! Conversations with a unit, as state machines: what to send, what to wait for, until when, when to try again.
//!
//! A session is driven by whoever owns the link:
//!
//! ```text
//! loop {
//!     match session.next(now) {
//!         Step::Send(bytes) => write all of them,
//!         Step::Noise(text) => show or keep it,
//!         Step::Progress(progress) => report it,
//!         Step::WaitUntil(moment) => read until then; what comes goes to session.on_bytes(now, &bytes),
//!         Step::Done(output) | Step::Failed(failure) => leave,
//!     }
//! }
//! ```
//!
//! [`Session::next`] must be asked again after every step but the last two: after [`Step::Send`], [`Step::Noise`] and
//! [`Step::Progress`] at once, after [`Step::WaitUntil`] when bytes came or the moment has passed. Between any two
//! calls a session may be dropped; what the unit was told by then stays told, and a late answer to it is recognised
//! as such by the next session on the same [`Line`].

mod download;
mod exchange;
mod failure;
mod line;
mod patience;
mod policy;
#[cfg(test)]
mod tests;
mod upload;
mod window;

pub use download::{FileDownload, FileDownloaded};
pub use exchange::Exchange;
pub use failure::{Cause, Failure};
pub use line::Line;
pub use policy::{Limits, RetryPolicy, TransferPolicy};
pub use upload::{FileUpload, Finish, ImageTarget, ImageUpload, Uploaded, VersionRule};

use super::message::Text;
use crate::time::Moment;

/// What a session wants next.
#[derive(Debug)]
pub enum Step<T> {
    /// Put these bytes on the line, all of them and in one piece.
    Send(Vec<u8>),
    /// The unit wrote this between frames: a line of a log or a shell. Untrusted text.
    Noise(Text),
    /// So much is done. Only transfers say this.
    Progress(Progress),
    /// Nothing to do until bytes come, or until then.
    WaitUntil(Moment),
    /// Over, and this is what came of it.
    Done(T),
    /// Over without success.
    Failed(Failure),
}

/// How far a transfer is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Bytes that the unit has acknowledged, or that were received from it.
    pub done: u64,
    /// Bytes in all.
    pub total: u64,
    /// Payload bytes put on the line so far, repetitions included.
    pub sent: u64,
}

/// A conversation that ends by itself.
pub trait Session {
    /// What a conversation that succeeds yields.
    type Output;

    /// Take in bytes that came from the unit.
    fn on_bytes(&mut self, now: Moment, bytes: &[u8]);

    /// What to do now.
    fn next(&mut self, now: Moment) -> Step<Self::Output>;
}
