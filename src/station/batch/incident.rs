//! What happens at the bench, what is to be done about it, and how a bay is shown.

use super::tally::End;
use crate::device::BayId;

/// Which start, from 1: what is told of another one than the bay's own is stale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// The rules of a batch.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    /// The batch ends after this many passes over its life.
    pub count: Option<u64>,
    /// The batch ends after this many failed units of this process.
    pub max_fail: Option<u64>,
    /// At most this many runs at a time.
    pub at_most: Option<usize>,
    /// A bay is taken out after this many errors in a row.
    pub quarantine_after: Option<u32>,
}

/// What happens at the bench.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Incident {
    /// Something is in the bay; `who` is what it shows of itself without being asked.
    Arrived(BayId, Option<String>),
    /// Nothing is in the bay any more.
    Left(BayId),
    /// The run told its unit to leave, and waits for it.
    Away(BayId, Ticket),
    /// The run has its unit again, and knows it.
    Back(BayId, Ticket),
    /// The run is over.
    Ended(BayId, Ticket, End),
    /// A person wants this bay to go on: brings it back from quarantine, or starts the unit in it again.
    Called(BayId),
    /// A person wants the batch to end; a second time, at once.
    Stop,
    /// Nothing can be recorded any more.
    Broken,
}

/// How fast a run must stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Haste {
    /// At the next sane point.
    Sane,
    /// At once.
    AtOnce,
}

/// What is to be done about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Begin a run in this bay.
    Start(BayId, Ticket),
    /// The unit of this run left without being told to: nobody need answer for it any more.
    Withdraw(BayId, Ticket),
    /// It is there again.
    Readmit(BayId, Ticket),
    /// Stop every run.
    Stop(Haste),
    /// The bay was taken out.
    Quarantine(BayId),
}

/// Why a batch ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It has its passes.
    Complete,
    /// Too many units failed.
    TooManyFailed,
    /// Every bay was taken out.
    NoBayLeft,
    /// A person ended it.
    ByHand,
    /// Nothing can be recorded any more.
    Broken,
}

/// A bay, as the board shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown<'a> {
    /// Nobody is there; and what the last unit came to, which may have left before anybody looked.
    Empty(Option<&'a End>),
    /// A unit has just come.
    Settling,
    /// It waits for a place; its number in the queue, from 1.
    Queued(usize),
    /// It is worked on.
    Running(Ticket),
    /// What the unit that is still there came to.
    Done(&'a End),
    /// The bay is taken out.
    Out(Option<&'a End>),
}
