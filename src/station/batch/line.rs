//! What the line does next: a state a bay, a queue, and the rules of the batch.
//!
//! No I/O and no clock. A bay goes round like this:
//!
//! ```text
//! empty ── arrived ─► settling ── still there ─► queued ── a place is free ─► running ── ended ─► done ── left ─► empty
//! ```
//!
//! A unit that flaps stays in `settling`. While a run is on, its bay's departures and arrivals are the run's own affair;
//! what they meant is judged when it has ended. So no bay ever has two runs.

use std::collections::BTreeMap;
use std::time::Duration;

use protocols::time::Moment;

use super::tally::{End, Pulled, Tally};
use crate::device::BayId;
use crate::error::Kind;
use crate::run::report::Outcome;

/// How long a unit must stay before it is started, and away before a pass is taken off the board: contacts bounce.
pub const SETTLE: Duration = Duration::from_millis(150);

/// A run may know that its unit is gone before the watch does: for so long its end may yet turn out to be a pull.
const HINDSIGHT: Duration = Duration::from_secs(2);

/// How often in a row what came instead of a unit that was waited for is started by itself: it may be the same unit, which
/// shows too little, or another serial number in every mode.
const MAX_INSTEAD: u32 = 3;

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

#[derive(Debug)]
enum State {
    Empty,
    Settling { until: Moment, who: Option<String> },
    Queued { turn: u64, who: Option<String> },
    Running(Running),
    Done { who: Option<String>, leaving: Option<Moment>, ended: Moment },
    Out { here: Option<Option<String>> },
}

#[derive(Debug)]
struct Running {
    ticket: Ticket,
    /// Whether anything is in the bay.
    here: bool,
    hold: Hold,
    who: Option<String>,
}

/// What a run has of its unit, as the watch sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hold {
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
struct Bay {
    state: State,
    last: Option<End>,
    errors: u32,
    /// Starts in a row of what came instead of a unit that was waited for.
    instead: u32,
}

/// The line.
#[derive(Debug)]
pub struct Line {
    rules: Rules,
    bays: BTreeMap<BayId, Bay>,
    tally: Tally,
    turns: u64,
    tickets: u64,
    ending: Option<Ending>,
}

impl Line {
    /// A line of these bays, all empty; `before` passes of the batch are on record already.
    pub fn new(bays: impl IntoIterator<Item = BayId>, rules: Rules, before: u64) -> Line {
        let bay = |id| (id, Bay { state: State::Empty, last: None, errors: 0, instead: 0 });
        let tally = Tally::after(before);
        let mut line =
            Line { rules, bays: bays.into_iter().map(bay).collect(), tally, turns: 0, tickets: 0, ending: None };
        line.judge();
        line
    }

    /// Takes in what happened, and says what is to be done. Call it again, with no incident, at [`Line::deadline`].
    pub fn on(&mut self, now: Moment, incident: Option<Incident>) -> Vec<Action> {
        let mut actions = Vec::new();
        if let Some(incident) = incident {
            self.take(now, incident, &mut actions);
        }
        self.let_time_pass(now);
        self.judge();
        self.fill(now, &mut actions);
        actions
    }

    /// When it must be asked again although nothing happens.
    #[must_use]
    pub fn deadline(&self) -> Option<Moment> {
        self.bays.values().filter_map(|bay| bay.state.deadline()).min()
    }

    /// The counters.
    #[must_use]
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Why it ends or has ended; `None` while it goes on.
    #[must_use]
    pub fn ending(&self) -> Option<Ending> {
        self.ending
    }

    /// Whether it has ended: nothing will be started and nothing is running.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.ending.is_some() && self.running() == 0
    }

    /// How many runs are on.
    #[must_use]
    pub fn running(&self) -> usize {
        self.bays.values().filter(|bay| matches!(bay.state, State::Running(_))).count()
    }

    /// Every bay, by number.
    pub fn shown(&self) -> impl Iterator<Item = (BayId, Shown<'_>)> {
        self.bays.iter().map(|(id, bay)| {
            let last = bay.last.as_ref();
            let shown = match &bay.state {
                State::Empty => Shown::Empty(last),
                State::Settling { .. } => Shown::Settling,
                State::Queued { turn, .. } => Shown::Queued(self.place_in_queue(*turn)),
                State::Running(running) => Shown::Running(running.ticket),
                State::Done { .. } => last.map_or(Shown::Empty(None), Shown::Done),
                State::Out { .. } => Shown::Out(last),
            };
            (*id, shown)
        })
    }

    fn place_in_queue(&self, turn: u64) -> usize {
        let before = |bay: &&Bay| matches!(bay.state, State::Queued { turn: other, .. } if other <= turn);
        self.bays.values().filter(before).count()
    }

    fn take(&mut self, now: Moment, incident: Incident, actions: &mut Vec<Action>) {
        match incident {
            Incident::Arrived(id, who) => {
                let ticket = self.bays.get_mut(&id).and_then(|bay| bay.arrived(now, who));
                actions.extend(ticket.map(|ticket| Action::Readmit(id, ticket)));
            }
            Incident::Left(id) => self.left(now, id, actions),
            Incident::Away(id, ticket) => {
                if let Some(running) = self.bays.get_mut(&id).and_then(|bay| bay.run(ticket)) {
                    running.hold = Hold::Away;
                }
            }
            Incident::Back(id, ticket) => {
                if let Some(running) = self.bays.get_mut(&id).and_then(|bay| bay.run(ticket)) {
                    (running.hold, running.here) = (Hold::Held, true);
                    actions.push(Action::Readmit(id, ticket));
                }
            }
            Incident::Ended(id, ticket, end) => self.ended(now, (id, ticket), end, actions),
            Incident::Called(id) => {
                self.turns += 1;
                let turn = self.turns;
                if let Some(bay) = self.bays.get_mut(&id) {
                    bay.called(turn);
                }
            }
            Incident::Stop => {
                let haste = if self.ending == Some(Ending::ByHand) { Haste::AtOnce } else { Haste::Sane };
                self.ending = Some(Ending::ByHand);
                actions.push(Action::Stop(haste));
            }
            Incident::Broken => self.ending = self.ending.or(Some(Ending::Broken)),
        }
    }

    fn left(&mut self, now: Moment, id: BayId, actions: &mut Vec<Action>) {
        let Some(bay) = self.bays.get_mut(&id) else { return };
        if let (State::Done { ended, leaving: None, .. }, Some(end)) = (&bay.state, &bay.last)
            && end.kind == Some(Kind::Gone)
            && now.saturating_since(*ended) < HINDSIGHT
        {
            self.tally.was_pulled();
        }
        actions.extend(bay.left(now).map(|ticket| Action::Withdraw(id, ticket)));
    }

    fn ended(&mut self, now: Moment, (id, ticket): (BayId, Ticket), end: End, actions: &mut Vec<Action>) {
        let Some(bay) = self.bays.get_mut(&id) else { return };
        let Some(running) = bay.run(ticket) else { return };
        let (here, hold, who) = (running.here, running.hold, running.who.take());
        let pulled = if matches!(hold, Hold::Pulled | Hold::Pushed) || !here { Pulled::Yes } else { Pulled::No };
        // What is in the bay now is not what the run knew: it was pushed in after a pull, or came instead of a unit
        // that was waited for.
        let is_another = match end.kind {
            Some(Kind::Gone) if hold == Hold::Pushed => true,
            Some(Kind::Gone | Kind::Mismatch) => hold == Hold::Away && bay.instead < MAX_INSTEAD,
            _ => false,
        };
        bay.instead = if is_another && hold != Hold::Pushed { bay.instead + 1 } else { 0 };
        self.tally.ended(&end, pulled);
        bay.errors = if end.outcome == Outcome::Error { bay.errors + 1 } else { 0 };
        let is_out = self.rules.quarantine_after.is_some_and(|limit| bay.errors >= limit);
        bay.state = match (is_out, here, is_another) {
            (true, ..) => State::Out { here: here.then_some(who) },
            (_, false, _) => State::Empty,
            (_, true, true) => State::Settling { until: now + SETTLE, who },
            (_, true, false) => State::Done { who, leaving: None, ended: now },
        };
        bay.last = Some(end);
        if is_out {
            actions.push(Action::Quarantine(id));
        }
    }

    fn let_time_pass(&mut self, now: Moment) {
        // Whoever settled first is first in the queue.
        let mut settled: Vec<(Moment, BayId)> = Vec::new();
        for (id, bay) in &mut self.bays {
            match &bay.state {
                State::Settling { until, .. } if *until <= now => settled.push((*until, *id)),
                State::Done { leaving: Some(until), .. } if *until <= now => bay.state = State::Empty,
                _ => {}
            }
        }
        settled.sort_unstable();
        for (_, id) in settled {
            self.turns += 1;
            let turn = self.turns;
            if let Some(bay) = self.bays.get_mut(&id) {
                let who = if let State::Settling { who, .. } = &mut bay.state { who.take() } else { None };
                bay.state = State::Queued { turn, who };
            }
        }
    }

    fn judge(&mut self) {
        let reached = |limit: Option<u64>, count: u64| limit.is_some_and(|limit| count >= limit);
        let reason = if reached(self.rules.count, self.tally.passes()) {
            Some(Ending::Complete)
        } else if reached(self.rules.max_fail, self.tally.failed) {
            Some(Ending::TooManyFailed)
        } else if self.bays.values().all(|bay| matches!(bay.state, State::Out { .. })) {
            Some(Ending::NoBayLeft)
        } else {
            None
        };
        self.ending = self.ending.or(reason);
    }

    /// Starts whoever waited longest while there is a place, and no more than the count still lacks.
    fn fill(&mut self, now: Moment, actions: &mut Vec<Action>) {
        while self.ending.is_none() && self.has_place() {
            let queued = self.bays.iter_mut().filter_map(|(id, bay)| match bay.state {
                State::Queued { turn, .. } => Some((turn, *id, bay)),
                _ => None,
            });
            let Some((_, id, bay)) = queued.min_by_key(|(turn, ..)| *turn) else { return };
            self.tickets += 1;
            let ticket = Ticket(self.tickets);
            let who = if let State::Queued { who, .. } = &mut bay.state { who.take() } else { None };
            bay.state = State::Running(Running { ticket, here: true, hold: Hold::Held, who });
            self.tally.started(now);
            actions.push(Action::Start(id, ticket));
        }
    }

    fn has_place(&self) -> bool {
        let running = self.running();
        let lacks = self.rules.count.map(|count| count.saturating_sub(self.tally.passes()));
        self.rules.at_most.is_none_or(|most| running < most) && lacks.is_none_or(|lacks| (running as u64) < lacks)
    }
}

impl State {
    fn deadline(&self) -> Option<Moment> {
        match self {
            State::Settling { until, .. } | State::Done { leaving: Some(until), .. } => Some(*until),
            _ => None,
        }
    }
}

impl Bay {
    fn run(&mut self, ticket: Ticket) -> Option<&mut Running> {
        match &mut self.state {
            State::Running(running) if running.ticket == ticket => Some(running),
            _ => None,
        }
    }

    /// The run that has its unit again, if that is what it means.
    fn arrived(&mut self, now: Moment, who: Option<String>) -> Option<Ticket> {
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
    fn left(&mut self, now: Moment) -> Option<Ticket> {
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

    fn called(&mut self, turn: u64) {
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
