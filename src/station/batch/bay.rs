//! One bay of the line. It goes round like this:
//!
//! ```text
//! empty ── arrived ─► settling ── still there ─► queued ── a place is free ─► running ── ended ─► done ── left ─► empty
//! ```
//!
//! A unit that flaps stays in `settling`. While a run is on, its bay's departures and arrivals are the run's own affair;
//! what they meant is judged when it has ended. So no bay ever has two runs.

use std::collections::BTreeSet;
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
    Settling {
        until: Moment,
        who: Option<String>,
    },
    Queued {
        turn: u64,
        who: Option<String>,
    },
    Running(Running),
    Done {
        who: Option<String>,
        leaving: Option<Moment>,
        ended: Moment,
        /// When what is there is started again by itself.
        again: Option<Moment>,
    },
    Out {
        here: Option<Option<String>>,
    },
}

#[derive(Debug)]
pub(super) struct Running {
    pub(super) ticket: Ticket,
    /// Whether anything is in the bay.
    pub(super) here: bool,
    pub(super) hold: Hold,
    /// What shows itself in the bay now.
    pub(super) who: Option<String>,
    /// What showed itself when it began.
    pub(super) began: Option<String>,
    /// Something came since the unit was told to leave.
    came: bool,
    /// Something left although the unit had come back already: a person's act.
    pub(super) touched: bool,
}

impl Running {
    pub(super) fn new(ticket: Ticket, who: Option<String>) -> Running {
        let began = who.clone();
        Running { ticket, here: true, hold: Hold::Held, who, began, came: false, touched: false }
    }

    /// Its unit was told to leave.
    pub(super) fn away(&mut self) {
        (self.hold, self.came) = (Hold::Away, false);
    }

    /// It has its unit again. That may be news before the watch tells of the arrival, and old when the unit left since.
    pub(super) fn back(&mut self) {
        self.here |= !self.came;
        self.hold = Hold::Held;
    }

    /// Whether what is in the bay now shows itself as another one than the unit that it began with.
    pub(super) fn is_swapped(&self) -> bool {
        self.began.is_some() && self.who.is_some() && self.began != self.who
    }
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
    pub(super) instead: Instead,
}

/// How often in a row what came instead of a unit that was waited for is started at once. It may be the same unit, which
/// shows too little, or another serial number in every mode, or does not get where it is told to.
const AT_ONCE: u32 = 3;
/// The pause after that, doubled each time: nobody sees a cable that is pulled while its unit is away by itself, so a bay
/// never gives up what is in it.
const PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(600);
/// Names that one unit may go by before it is one that shows a new one each time.
const MAX_NAMES: usize = 8;

/// Starts in a row of what came instead of a unit that was waited for.
#[derive(Debug, Default)]
pub(super) struct Instead {
    times: u32,
    /// What showed itself in the bay meanwhile.
    names: BTreeSet<String>,
}

impl Instead {
    /// How long to leave alone what is in the bay, after its run waited for its unit in vain; `None`: not at all.
    pub(super) fn pause(&mut self, running: &Running) -> Option<Duration> {
        // A name that was not shown here before is another unit's; and what a person did, a person wants.
        let is_new = |name: &String| !self.names.contains(name) && self.names.len() < MAX_NAMES;
        let is_other = running.is_swapped() && running.who.as_ref().is_some_and(is_new);
        self.names.extend(running.began.iter().chain(&running.who).cloned());
        if is_other || running.touched {
            self.times = 0;
        }
        self.times = self.times.saturating_add(1);
        let doubled = self.times.checked_sub(AT_ONCE + 1)?;
        Some(PAUSE.saturating_mul(2_u32.saturating_pow(doubled)).min(LONGEST_PAUSE))
    }
}

impl State {
    pub(super) fn deadline(&self) -> Option<Moment> {
        match self {
            State::Settling { until, .. }
            | State::Done { leaving: Some(until), .. }
            | State::Done { again: Some(until), .. } => Some(*until),
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
                    Hold::Away => {
                        running.came = true;
                        return Some(running.ticket);
                    }
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
                running.touched |= running.came;
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
