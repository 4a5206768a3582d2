//! One bay of the line. It goes round like this:
//!
//! ```text
//! empty ── arrived ─► settling ── still there ─► queued ── a place is free ─► running ── ended ─► done ── left ─► empty
//! ```
//!
//! A unit that flaps stays in `settling`. While a run is on, its bay's departures and arrivals are the run's own affair;
//! what they meant is judged when it has ended. So no bay ever has two runs.

use std::time::Duration;

use protocols::time::Moment;

use super::incident::Ticket;
use super::tally::End;
use crate::run::report::Outcome;

/// How long a unit must stay before it is started, and away before a pass is taken off the board: contacts bounce.
pub(super) const SETTLE: Duration = Duration::from_millis(150);

#[derive(Debug)]
pub(super) enum State {
    Empty,
    Settling { until: Moment, who: Option<String> },
    Queued { turn: u64, who: Option<String> },
    Running(Running),
    Done { who: Option<String>, leaving: Option<Moment>, ended: Moment },
    Out { here: Option<Option<String>> },
}

#[derive(Debug)]
pub(super) struct Running {
    pub(super) ticket: Ticket,
    /// Whether anything is in the bay.
    pub(super) here: bool,
    pub(super) hold: Hold,
    pub(super) who: Option<String>,
}

/// What a run has of its unit, as the watch sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hold {
    /// It stayed, or came back as it was told to.
    Held,
    /// It was told to leave, and is waited for.
    Away,
    /// It left, and not by command.
    Pulled,
    /// Something was plugged in after that.
    Pushed,
}

#[derive(Debug)]
pub(super) struct Bay {
    pub(super) state: State,
    pub(super) last: Option<End>,
    pub(super) errors: u32,
    /// Starts in a row of what came instead of a unit that was waited for.
    pub(super) instead: u32,
}

impl State {
    pub(super) fn deadline(&self) -> Option<Moment> {
        match self {
            State::Settling { until, .. } | State::Done { leaving: Some(until), .. } => Some(*until),
            _ => None,
        }
    }
}

impl Bay {
    pub(super) fn run(&mut self, ticket: Ticket) -> Option<&mut Running> {
        match &mut self.state {
            State::Running(running) if running.ticket == ticket => Some(running),
            _ => None,
        }
    }

    /// The run that has its unit again, if that is what it means.
    pub(super) fn arrived(&mut self, now: Moment, who: Option<String>) -> Option<Ticket> {
        let settling = |who| State::Settling { until: now + SETTLE, who };
        match &mut self.state {
            State::Empty | State::Settling { .. } => self.state = settling(who),
            State::Queued { who: known, .. } => *known = who,
            State::Running(running) => {
                running.here = true;
                running.who = who;
                match running.hold {
                    Hold::Away => return Some(running.ticket),
                    Hold::Pulled => running.hold = Hold::Pushed,
                    Hold::Held | Hold::Pushed => {}
                }
            }
            // The same unit, by a loose contact: what it came to still holds.
            State::Done { who: known, leaving, .. } if leaving.is_some() => {
                if who.is_some() && *known == who {
                    *leaving = None;
                } else {
                    self.state = settling(who);
                }
            }
            State::Done { .. } => {}
            State::Out { here } => *here = Some(who),
        }
        None
    }

    /// The run whose unit was pulled.
    pub(super) fn left(&mut self, now: Moment) -> Option<Ticket> {
        let passed = self.last.as_ref().is_some_and(|end| end.outcome == Outcome::Pass);
        match &mut self.state {
            State::Empty => {}
            State::Settling { .. } | State::Queued { .. } => self.state = State::Empty,
            State::Running(running) => {
                running.here = false;
                if running.hold != Hold::Away {
                    running.hold = Hold::Pulled;
                    return Some(running.ticket);
                }
            }
            State::Done { leaving, .. } if passed => *leaving = leaving.or(Some(now + SETTLE)),
            State::Done { .. } => self.state = State::Empty,
            State::Out { here } => *here = None,
        }
        None
    }

    pub(super) fn called(&mut self, turn: u64) {
        match &mut self.state {
            State::Out { here } => {
                self.errors = 0;
                self.state = match here.take() {
                    Some(who) => State::Queued { turn, who },
                    None => State::Empty,
                };
            }
            State::Done { who, leaving: None, .. } => self.state = State::Queued { turn, who: who.take() },
            _ => {}
        }
    }
}
