//! When a unit has come into a fixture, and when it has left, by what is observed there. Pure: time is an argument.

use std::time::Duration;

use protocols::time::Moment;

use crate::station::map::{Free, Start};

/// What is to be observed next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Question {
    /// Whether a unit answers.
    Answer,
    /// Whether the line CTS is raised.
    Contact,
    /// Nothing: others tell.
    Nothing,
}

/// What changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// A unit is there.
    Came,
    /// It is there no more.
    Left,
}

/// The state of one fixture.
#[derive(Debug)]
pub(super) struct Door {
    start: Start,
    free: Free,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nobody is there.
    Empty,
    /// A unit is there; since when it has not answered.
    Taken { silent: Option<Moment> },
    /// A person said that the bay is free, and what was there may be there still.
    Emptying,
}

impl Door {
    pub(super) fn new(start: Start, free: Free) -> Door {
        Door { start, free, state: State::Empty }
    }

    pub(super) fn question(&self) -> Question {
        match (self.state, self.start, self.free) {
            (State::Taken { .. }, _, Free::Silent(_)) | (State::Empty | State::Emptying, Start::Probe, _) => {
                Question::Answer
            }
            (State::Empty | State::Emptying, Start::Cts, _) => Question::Contact,
            _ => Question::Nothing,
        }
    }

    /// Takes the answer to the [`Door::question`].
    pub(super) fn hear(&mut self, yes: bool, now: Moment) -> Option<Turn> {
        let (state, turn) = match (self.state, yes) {
            (State::Empty, true) => (State::Taken { silent: None }, Some(Turn::Came)),
            (State::Empty | State::Emptying, false) => (State::Empty, None),
            (State::Emptying, true) => (State::Emptying, None),
            (State::Taken { .. }, true) => (State::Taken { silent: None }, None),
            (State::Taken { silent }, false) => {
                let since = silent.unwrap_or(now);
                match self.free {
                    Free::Silent(time) if now.saturating_since(since) >= time => {
                        // Its silence was heard: whatever answers next is another one.
                        let next = if self.start == Start::Probe { State::Empty } else { self.after() };
                        (next, Some(Turn::Left))
                    }
                    _ => (State::Taken { silent: Some(since) }, None),
                }
            }
        };
        self.state = state;
        turn
    }

    /// Somebody else saw a unit come.
    pub(super) fn came(&mut self) {
        self.state = State::Taken { silent: None };
    }

    /// Somebody else says that the bay is free.
    pub(super) fn left(&mut self) {
        self.state = self.after();
    }

    /// A contact that was closed all the time does not close again; a unit that was taken for gone may answer still.
    fn after(&self) -> State {
        match self.start {
            Start::Probe | Start::Cts => State::Emptying,
            Start::Plug | Start::Key => State::Empty,
        }
    }
}

/// How long to wait between two questions.
pub(super) const ASK_AGAIN: Duration = Duration::from_millis(250);

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers at these milliseconds; what turned, and when.
    fn turns(door: &mut Door, heard: &[(u64, bool)]) -> Vec<(u64, Turn)> {
        let at = |ms| Moment::from_start(Duration::from_millis(ms));
        heard.iter().filter_map(|(ms, yes)| door.hear(*yes, at(*ms)).map(|turn| (*ms, turn))).collect()
    }

    #[test]
    fn a_fixture_is_taken_by_an_answer_and_freed_by_silence() {
        let mut door = Door::new(Start::Probe, Free::Silent(Duration::from_secs(2)));
        let heard = [
            (0, false),
            (1000, true),
            (2000, true),
            (3000, false),
            (4000, true),
            (5000, false),
            (6900, false),
            (7000, false),
        ];
        assert_eq!(turns(&mut door, &heard), [(1000, Turn::Came), (7000, Turn::Left)]);
        assert_eq!(turns(&mut door, &[(7100, true)]), [(7100, Turn::Came)]);
    }

    #[test]
    fn a_contact_must_open_before_it_closes_again() {
        let mut door = Door::new(Start::Cts, Free::Silent(Duration::from_secs(1)));
        assert_eq!(door.question(), Question::Contact);
        assert_eq!(turns(&mut door, &[(0, true)]), [(0, Turn::Came)]);
        assert_eq!(door.question(), Question::Answer);
        assert_eq!(turns(&mut door, &[(1000, false), (2000, false)]), [(2000, Turn::Left)]);
        assert_eq!(door.question(), Question::Contact);
        assert_eq!(turns(&mut door, &[(3000, true), (4000, false), (5000, true)]), [(5000, Turn::Came)]);
    }

    #[test]
    fn a_person_frees_a_bay_whose_unit_is_there_still() {
        let mut door = Door::new(Start::Probe, Free::Key);
        assert_eq!(turns(&mut door, &[(0, true)]), [(0, Turn::Came)]);
        assert_eq!(door.question(), Question::Nothing);
        door.left();
        assert_eq!(turns(&mut door, &[(1000, true), (2000, false), (3000, true)]), [(3000, Turn::Came)]);
    }

    #[test]
    fn what_others_see_come_is_freed_by_silence_here() {
        let mut door = Door::new(Start::Plug, Free::Silent(Duration::from_secs(1)));
        assert_eq!(door.question(), Question::Nothing);
        door.came();
        assert_eq!(door.question(), Question::Answer);
        assert_eq!(turns(&mut door, &[(0, true), (500, false), (1500, false)]), [(1500, Turn::Left)]);
        assert_eq!(door.question(), Question::Nothing);
    }
}
