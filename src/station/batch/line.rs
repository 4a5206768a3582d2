//! What the line does next: a state a bay, a queue, and the rules of the batch.
//!
//! No I/O and no clock.

use std::collections::BTreeMap;
use std::time::Duration;

use protocols::time::Moment;

use super::bay::{Bay, Hold, Instead, Running, SETTLE, State};
use super::incident::{Action, Ending, Haste, Incident, Rules, Shown, Ticket};
use super::tally::{End, Pulled, Tally};
use crate::device::BayId;
use crate::error::Kind;
use crate::run::report::Outcome;

/// A run may know that its unit is gone before the watch does: for so long its end may yet turn out to be a pull.
const HINDSIGHT: Duration = Duration::from_secs(2);

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
        let bay = |id| (id, Bay { state: State::Empty, last: None, errors: 0, instead: Instead::default() });
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
                    running.away();
                }
            }
            Incident::Back(id, ticket) => {
                if let Some(running) = self.bays.get_mut(&id).and_then(|bay| bay.run(ticket)) {
                    running.back();
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
        if bay.run(ticket).is_none() {
            return;
        }
        let State::Running(running) = std::mem::replace(&mut bay.state, State::Empty) else { return };
        let (here, hold) = (running.here, running.hold);
        let pulled = if matches!(hold, Hold::Pulled | Hold::Pushed) || !here { Pulled::Yes } else { Pulled::No };
        // It came instead of a unit that was waited for, or is that unit and did not get where it was told to.
        let is_instead = hold == Hold::Away && end.kind == Some(Kind::Gone) && here;
        let pause = if is_instead { bay.instead.pause(&running) } else { None };
        if !is_instead {
            bay.instead = Instead::default();
        }
        // Pushed in after a pull: whatever a pulled cable looked like to the run, or another unit after the verdict.
        let is_pushed = hold == Hold::Pushed && (end.outcome == Outcome::Error || running.is_swapped());
        let is_another = is_pushed || (is_instead && pause.is_none());
        let who = running.who;
        self.tally.ended(&end, pulled);
        bay.errors = if end.outcome == Outcome::Error { bay.errors + 1 } else { 0 };
        let is_out = self.rules.quarantine_after.is_some_and(|limit| bay.errors >= limit);
        bay.state = match (is_out, here, is_another) {
            (true, ..) => State::Out { here: here.then_some(who) },
            (_, false, _) => State::Empty,
            (_, true, true) => State::Settling { until: now + SETTLE, who },
            (_, true, false) => State::Done { who, leaving: None, ended: now, again: pause.map(|pause| now + pause) },
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
                State::Done { again: Some(until), .. } if *until <= now => settled.push((*until, *id)),
                _ => {}
            }
        }
        settled.sort_unstable();
        for (_, id) in settled {
            self.turns += 1;
            let turn = self.turns;
            if let Some(bay) = self.bays.get_mut(&id) {
                let who = match &mut bay.state {
                    State::Settling { who, .. } | State::Done { who, .. } => who.take(),
                    _ => None,
                };
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
            bay.state = State::Running(Running::new(ticket, who));
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
