//! What every operation on a unit is given: time, a way to be stopped, a way to tell how far it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use protocols::time::Moment;

use super::UnitText;
use crate::clock::Clock;
use crate::error::{Error, Kind, Result};

/// A request to stop, shared between a person and a run.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<AtomicU8>);

impl Cancel {
    /// Asks to stop at the next sane point; asked again, to stop at once.
    pub fn ask(&self) {
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |asked| Some(asked.saturating_add(1)));
    }

    /// Whether a stop at the next sane point is wanted.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 0
    }

    /// Whether a stop at once is wanted, sane or not.
    #[must_use]
    pub fn is_urgent(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 1
    }
}

/// How far an operation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Payload bytes that the unit acknowledged.
    pub bytes: u64,
    /// Payload bytes in all.
    pub total: u64,
}

/// The surroundings of one operation.
pub struct Op<'a> {
    /// The program's clock.
    pub clock: &'a dyn Clock,
    /// Looked at between steps and chunks, never inside a frame.
    pub cancel: &'a Cancel,
    /// When the whole operation must have ended.
    pub deadline: Option<Moment>,
    /// Told how far it is.
    pub progress: &'a mut dyn FnMut(Progress),
    /// Told what the unit says in words while it works; `None` where nobody may read it.
    pub said: Option<&'a dyn Fn(&UnitText)>,
    /// Told what a person has to do at the unit before it goes on.
    pub asks: Option<&'a dyn Fn(&str)>,
    /// Counts what had to be sent again.
    pub retries: u64,
}

impl<'a> Op<'a> {
    /// An operation without a deadline.
    pub fn new(clock: &'a dyn Clock, cancel: &'a Cancel, progress: &'a mut dyn FnMut(Progress)) -> Op<'a> {
        Op { clock, cancel, deadline: None, progress, said: None, asks: None, retries: 0 }
    }

    /// One of several transfers: its progress counts from `done` of `total`, and what it sends again counts as this one's.
    pub fn part<T>(&mut self, done: u64, total: u64, act: impl FnOnce(&mut Op<'_>) -> T) -> T {
        let progress = &mut *self.progress;
        let mut shifted = |at: Progress| progress(Progress { bytes: done + at.bytes, total });
        let mut part = Op {
            clock: self.clock,
            cancel: self.cancel,
            deadline: self.deadline,
            progress: &mut shifted,
            said: self.said,
            asks: self.asks,
            retries: 0,
        };
        let acted = act(&mut part);
        self.retries += part.retries;
        acted
    }

    /// Passes on what the unit says in words.
    pub fn say(&self, text: &UnitText) {
        if let Some(said) = self.said {
            said(text);
        }
    }

    /// Passes on what a person has to do at the unit.
    pub fn ask(&self, what: &str) {
        if let Some(asks) = self.asks {
            asks(what);
        }
    }

    /// Whether to go on.
    ///
    /// # Errors
    /// `cancelled` when a stop was asked for, `timed-out` when the deadline has passed.
    pub fn check(&self) -> Result<()> {
        if self.cancel.is_asked() {
            return Err(Error::new(Kind::Cancelled, "stopped on request"));
        }
        if self.deadline.is_some_and(|deadline| self.clock.now() >= deadline) {
            return Err(Error::new(Kind::TimedOut, "the time given to the step is over"));
        }
        Ok(())
    }
}
