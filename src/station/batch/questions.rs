//! One person for all bays: who may ask now, what is asked, and what was answered.
//!
//! Runs wait here on their own threads; whoever reads the keyboard answers from another. The turn goes from bay to bay in
//! the order in which they asked for it, and is kept until all that a unit needs is answered.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use protocols::time::Moment;

use super::Ticket;
use crate::clock::Clock;
use crate::device::{BayId, Cancel};
use crate::error::{Error, Kind, Result};

/// How often a wait for an answer looks for a request to stop.
const LOOK: Duration = Duration::from_millis(50);

/// What a person is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The bay that is meant.
    pub bay: BayId,
    /// The unit in it.
    pub unit: String,
    /// What to do or to say.
    pub say: String,
    /// Why the last answer was not taken.
    pub complaint: Option<String>,
    /// Whether what is typed may be shown.
    pub echo: Echo,
}

/// Whether what is typed may be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Echo {
    /// It may.
    Shown,
    /// It is a secret.
    Hidden,
}

/// Whether somebody is at the bench.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bench {
    /// Somebody answers.
    Staffed,
    /// Nobody can be asked.
    Empty,
}

/// The questions of a batch.
pub struct Questions {
    bench: Bench,
    state: Mutex<State>,
    changed: Condvar,
    /// Told whenever another question stands.
    tell: Box<dyn Fn() + Send + Sync>,
}

#[derive(Default)]
struct State {
    turns: VecDeque<Ticket>,
    current: Option<Asked>,
    answer: Option<String>,
    /// Runs whose unit was pulled.
    pulled: BTreeSet<Ticket>,
}

/// The turn of one run to ask; dropping it lets the next one ask.
pub struct Turn<'a> {
    questions: &'a Questions,
    ticket: Ticket,
}

impl Questions {
    /// No questions yet; `tell` is called whenever another one stands, and must not block.
    pub fn new(bench: Bench, tell: impl Fn() + Send + Sync + 'static) -> Questions {
        Questions { bench, state: Mutex::default(), changed: Condvar::new(), tell: Box::new(tell) }
    }

    /// Whether somebody is at the bench.
    #[must_use]
    pub fn bench(&self) -> Bench {
        self.bench
    }

    /// What is asked now.
    #[must_use]
    pub fn current(&self) -> Option<Asked> {
        self.lock().current.clone()
    }

    /// How many runs wait for the person, the one that asks now included.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.lock().turns.len()
    }

    /// What the person typed or scanned; `Some` gives it back when nothing was asked.
    pub fn answer(&self, line: String) -> Option<String> {
        let mut state = self.lock();
        if state.current.is_none() || state.answer.is_some() {
            return Some(line);
        }
        state.answer = Some(line);
        self.changed.notify_all();
        None
    }

    /// The unit of this run was pulled: nobody need answer for it.
    pub fn withdraw(&self, ticket: Ticket) {
        self.lock().pulled.insert(ticket);
        self.changed.notify_all();
    }

    /// It is there again.
    pub fn readmit(&self, ticket: Ticket) {
        self.lock().pulled.remove(&ticket);
    }

    /// The run is over.
    pub fn forget(&self, ticket: Ticket) {
        self.readmit(ticket);
    }

    /// Waits for this run's turn.
    ///
    /// # Errors
    /// `invalid` when nobody can be asked, `cancelled`, `timed-out` at `until`, `gone` when the unit is pulled meanwhile.
    pub fn turn(&self, ticket: Ticket, until: Option<Moment>, clock: &dyn Clock, cancel: &Cancel) -> Result<Turn<'_>> {
        if self.bench == Bench::Empty {
            return Err(Error::new(Kind::Invalid, "a person must answer, and nobody can be asked")
                .next("run the batch at a terminal, without --no-input, or give the values with --inputs"));
        }
        self.lock().turns.push_back(ticket);
        let turn = Turn { questions: self, ticket };
        self.wait(ticket, until, clock, cancel, |state| (state.turns.front() == Some(&ticket)).then_some(()))?;
        Ok(turn)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<T>(
        &self,
        ticket: Ticket,
        until: Option<Moment>,
        clock: &dyn Clock,
        cancel: &Cancel,
        mut ready: impl FnMut(&mut State) -> Option<T>,
    ) -> Result<T> {
        let mut state = self.lock();
        loop {
            if state.pulled.contains(&ticket) {
                return Err(Error::new(Kind::Gone, "the unit was pulled while a person was asked")
                    .next("push it in again: it goes on from what the unit holds"));
            }
            if cancel.is_asked() {
                return Err(Error::new(Kind::Cancelled, "stopped on request while a person was asked"));
            }
            if until.is_some_and(|until| clock.now() >= until) {
                return Err(Error::new(Kind::TimedOut, "nobody answered in time"));
            }
            if let Some(ready) = ready(&mut state) {
                return Ok(ready);
            }
            state = self.changed.wait_timeout(state, LOOK).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Turn<'_> {
    /// Asks, and waits for the answer.
    ///
    /// # Errors
    /// As [`Questions::turn`].
    pub fn ask(&self, asked: Asked, until: Option<Moment>, clock: &dyn Clock, cancel: &Cancel) -> Result<String> {
        {
            let mut state = self.questions.lock();
            (state.current, state.answer) = (Some(asked), None);
        }
        (self.questions.tell)();
        let answer = self.questions.wait(self.ticket, until, clock, cancel, |state| {
            // In one step: what is typed next is for the next question.
            let answer = state.answer.take()?;
            state.current = None;
            Some(answer)
        });
        if answer.is_err() {
            self.questions.lock().current = None;
        }
        (self.questions.tell)();
        answer
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut state = self.questions.lock();
        state.turns.retain(|ticket| *ticket != self.ticket);
        self.questions.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use crate::clock::SystemClock;

    fn asked(bay: u32, say: &str) -> Asked {
        Asked { bay: BayId(bay), unit: "U".into(), say: say.into(), complaint: None, echo: Echo::Shown }
    }

    #[test]
    fn one_bay_asks_at_a_time_and_keeps_its_turn() {
        let (tell, told) = mpsc::channel();
        let questions = Questions::new(Bench::Staffed, move || _ = tell.send(()));
        let (clock, cancel) = (SystemClock::new(), Cancel::default());
        let order = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            let run = |bay: u32| {
                let turn = questions.turn(Ticket(bay.into()), None, &clock, &cancel).unwrap();
                for say in ["label", "unit"] {
                    assert_eq!(turn.ask(asked(bay, say), None, &clock, &cancel).unwrap(), "x");
                    order.lock().unwrap().push(format!("{bay} {say}"));
                }
            };
            scope.spawn(move || run(1));
            while questions.current().is_none() {
                told.recv().unwrap();
            }
            scope.spawn(move || run(2));
            while questions.waiting() < 2 {
                std::thread::yield_now();
            }
            while order.lock().unwrap().len() < 4 {
                questions.answer("x".into());
            }
        });
        assert_eq!(*order.lock().unwrap(), ["1 label", "1 unit", "2 label", "2 unit"]);
        assert_eq!(questions.answer("3".into()), Some("3".into()));
    }

    #[test]
    fn a_unit_that_is_pulled_takes_its_question_along() {
        let questions = Questions::new(Bench::Staffed, || {});
        let (clock, cancel) = (SystemClock::new(), Cancel::default());
        std::thread::scope(|scope| {
            let asks = scope.spawn(|| {
                let turn = questions.turn(Ticket(1), None, &clock, &cancel)?;
                turn.ask(asked(1, "unit"), None, &clock, &cancel)
            });
            while questions.current().is_none() {
                std::thread::yield_now();
            }
            questions.withdraw(Ticket(1));
            assert_eq!(asks.join().unwrap().unwrap_err().kind(), Kind::Gone);
        });
        assert_eq!((questions.current(), questions.waiting()), (None, 0));
        questions.readmit(Ticket(1));
        assert!(questions.turn(Ticket(1), None, &clock, &cancel).is_ok());
    }

    #[test]
    fn nobody_is_waited_for_longer_than_told() {
        let (clock, cancel) = (SystemClock::new(), Cancel::default());
        let questions = Questions::new(Bench::Staffed, || {});
        let turn = questions.turn(Ticket(1), None, &clock, &cancel).unwrap();
        let late = turn.ask(asked(1, "unit"), Some(Moment::START), &clock, &cancel).unwrap_err();
        assert_eq!(late.kind(), Kind::TimedOut);
        cancel.ask();
        assert_eq!(turn.ask(asked(1, "unit"), None, &clock, &cancel).unwrap_err().kind(), Kind::Cancelled);
        let empty = Questions::new(Bench::Empty, || {});
        assert_eq!(empty.turn(Ticket(1), None, &clock, &cancel).err().unwrap().kind(), Kind::Invalid);
    }
}
