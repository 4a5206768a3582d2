//! The line's rules, one at a time.

use std::time::Duration;

use protocols::time::Moment;

use super::super::bay::SETTLE;
use super::super::*;
use crate::device::BayId;
use crate::error::Kind;

/// A line under a hand-moved clock.
struct Bench {
    line: Line,
    now: Moment,
}

impl Bench {
    fn of(bays: u32, rules: Rules) -> Bench {
        Bench { line: Line::new((1..=bays).map(BayId), rules, 0), now: Moment::START }
    }

    fn tell(&mut self, incident: Incident) -> Vec<Action> {
        self.line.on(self.now, Some(incident))
    }

    fn wait(&mut self, time: Duration) -> Vec<Action> {
        self.now += time;
        self.line.on(self.now, None)
    }

    fn arrive(&mut self, bay: u32) -> Vec<Action> {
        self.tell(Incident::Arrived(BayId(bay), None))
    }

    fn push(&mut self, bay: u32, who: &str) -> Vec<Action> {
        self.tell(Incident::Arrived(BayId(bay), Some(who.to_owned())))
    }

    fn leave(&mut self, bay: u32) -> Vec<Action> {
        self.tell(Incident::Left(BayId(bay)))
    }

    /// Plugs a unit in, and waits until it is started.
    fn start(&mut self, bay: u32) -> Ticket {
        self.arrive(bay);
        match self.wait(SETTLE)[..] {
            [Action::Start(BayId(started), ticket)] if started == bay => ticket,
            ref other => panic!("bay {bay} was not started: {other:?}"),
        }
    }

    fn end(&mut self, bay: u32, ticket: Ticket, end: End) -> Vec<Action> {
        self.tell(Incident::Ended(BayId(bay), ticket, end))
    }

    fn pass(&mut self, bay: u32, ticket: Ticket) -> Vec<Action> {
        self.end(bay, ticket, End::pass(None))
    }

    fn shown(&self, bay: u32) -> String {
        let (_, shown) = self.line.shown().nth(bay as usize - 1).unwrap();
        let word = |end: &End| format!("{:?}", end.outcome).to_lowercase();
        match shown {
            Shown::Empty(None) => "empty".into(),
            Shown::Empty(Some(end)) => format!("empty, last {}", word(end)),
            Shown::Settling => "settling".into(),
            Shown::Queued(n) => format!("queued {n}"),
            Shown::Running(_) => "running".into(),
            Shown::Done(end) => word(end),
            Shown::Out(_) => "out".into(),
        }
    }
}

fn gone() -> End {
    End::failed(Kind::Gone, None)
}

fn bad_cable() -> End {
    End::failed(Kind::TimedOut, None)
}

#[test]
fn a_unit_is_started_by_arriving_and_its_verdict_stays_until_it_leaves() {
    let mut bench = Bench::of(2, Rules::default());
    let ticket = bench.start(1);
    assert_eq!(bench.pass(1, ticket), []);
    assert_eq!(bench.wait(Duration::from_secs(3600)), []);
    assert_eq!((bench.shown(1).as_str(), bench.shown(2).as_str()), ("pass", "empty"));
    bench.leave(1);
    bench.wait(SETTLE);
    assert_eq!(bench.shown(1), "empty, last pass");
    assert_ne!(bench.start(1), ticket);
}

#[test]
fn a_unit_that_flaps_is_started_once_it_holds_still() {
    let mut bench = Bench::of(1, Rules::default());
    for _ in 0..20 {
        assert_eq!(bench.arrive(1), []);
        assert_eq!(bench.wait(SETTLE / 2), []);
        assert_eq!(bench.leave(1), []);
        assert_eq!(bench.wait(SETTLE * 2), []);
    }
    bench.start(1);
}

#[test]
fn a_loose_contact_after_a_pass_does_not_run_the_same_unit_again() {
    let mut bench = Bench::of(1, Rules::default());
    let named = |name: &str| Incident::Arrived(BayId(1), Some(name.to_owned()));
    bench.tell(named("A"));
    let [Action::Start(_, ticket)] = bench.wait(SETTLE)[..] else { panic!("not started") };
    bench.pass(1, ticket);
    bench.leave(1);
    bench.wait(SETTLE / 3);
    bench.tell(named("A"));
    assert_eq!((bench.wait(SETTLE * 2), bench.shown(1)), (vec![], "pass".into()));
    // Another unit, however quickly it was pushed in, is another unit.
    bench.leave(1);
    bench.tell(named("B"));
    assert_eq!(bench.wait(SETTLE), [Action::Start(BayId(1), Ticket(2))]);
}

#[test]
fn no_more_than_at_most_run_and_the_rest_wait_in_the_order_they_came() {
    let mut bench = Bench::of(4, Rules { at_most: Some(2), ..Rules::default() });
    let (first, second) = (bench.start(3), bench.start(1));
    bench.arrive(4);
    bench.wait(SETTLE);
    bench.arrive(2);
    bench.wait(SETTLE);
    assert_eq!((bench.shown(4), bench.shown(2)), ("queued 1".into(), "queued 2".into()));
    assert!(matches!(bench.pass(1, second)[..], [Action::Start(BayId(4), _)]));
    // Who leaves the queue is not waited for.
    bench.leave(2);
    assert_eq!((bench.pass(3, first), bench.shown(2)), (vec![], "empty".into()));
}

#[test]
fn units_that_came_at_once_queue_by_when_they_held_still() {
    let mut bench = Bench::of(3, Rules { at_most: Some(1), ..Rules::default() });
    bench.arrive(3);
    bench.wait(Duration::from_millis(1));
    bench.arrive(1);
    // Both are over when the line is asked again.
    assert!(matches!(bench.wait(SETTLE * 2)[..], [Action::Start(BayId(3), _)]));
}

#[test]
fn a_unit_pulled_in_mid_run_frees_its_bay_and_is_run_again() {
    let mut bench = Bench::of(1, Rules::default());
    let ticket = bench.start(1);
    assert_eq!(bench.leave(1), [Action::Withdraw(BayId(1), ticket)]);
    assert_eq!((bench.end(1, ticket, gone()), bench.shown(1)), (vec![], "empty, last error".into()));
    // Pushed in again before the run knew.
    let ticket = bench.start(1);
    bench.leave(1);
    assert_eq!((bench.arrive(1), bench.wait(SETTLE * 9)), (vec![], vec![]));
    bench.end(1, ticket, gone());
    assert!(matches!(bench.wait(SETTLE)[..], [Action::Start(..)]));
}

#[test]
fn a_run_that_knows_of_the_pull_before_the_watch_does_not_start_the_same_unit_twice() {
    let mut bench = Bench::of(1, Rules::default());
    let ticket = bench.start(1);
    bench.end(1, ticket, gone());
    assert_eq!((bench.wait(SETTLE * 2), bench.shown(1)), (vec![], "error".into()));
    assert_eq!((bench.line.tally().errors, bench.line.tally().operator), (1, 0));
    bench.leave(1);
    assert_eq!(bench.shown(1), "empty, last error");
    assert_eq!((bench.line.tally().errors, bench.line.tally().operator), (0, 1));
    bench.start(1);
}

#[test]
fn what_comes_and_goes_in_a_commanded_mode_change_belongs_to_the_run() {
    let mut bench = Bench::of(1, Rules::default());
    let ticket = bench.start(1);
    for _ in 0..3 {
        bench.leave(1);
        bench.tell(Incident::Away(BayId(1), ticket));
        assert_eq!(bench.arrive(1), [Action::Readmit(BayId(1), ticket)]);
        assert_eq!(bench.leave(1), []);
        bench.arrive(1);
        assert_eq!(bench.tell(Incident::Back(BayId(1), ticket)), [Action::Readmit(BayId(1), ticket)]);
        assert_eq!((bench.wait(SETTLE * 9), bench.shown(1)), (vec![], "running".into()));
    }
    bench.pass(1, ticket);
    assert_eq!((bench.wait(SETTLE * 9), bench.shown(1)), (vec![], "pass".into()));
}

#[test]
fn a_unit_that_came_instead_of_the_one_waited_for_is_run_for_itself() {
    let mut bench = Bench::of(1, Rules::default());
    let mut ticket = bench.start(1);
    let mut starts = 1;
    loop {
        bench.tell(Incident::Away(BayId(1), ticket));
        bench.leave(1);
        bench.arrive(1);
        bench.end(1, ticket, gone());
        let [Action::Start(_, next)] = bench.wait(SETTLE)[..] else { break };
        (ticket, starts) = (next, starts + 1);
    }
    // What shows too little to be told from the one before is left alone for a while, and longer each time.
    assert_eq!((starts, bench.shown(1).as_str()), (4, "error"));
    for pause in [5, 10, 20, 40, 80, 160, 320, 600, 600] {
        let pause = Duration::from_secs(pause);
        assert_eq!((bench.wait(pause - SETTLE - Duration::from_millis(1)), bench.shown(1)), (vec![], "error".into()));
        let [Action::Start(_, ticket)] = bench.wait(Duration::from_millis(1))[..] else {
            panic!("not after {pause:?}")
        };
        bench.tell(Incident::Away(BayId(1), ticket));
        bench.end(1, ticket, gone());
        assert_eq!(bench.wait(SETTLE), []);
    }
    // So is a unit that is another one in every mode; one that is pulled is tried again.
    for (names, more) in [(["A", "B"], 0), (["A", "B"], 2)] {
        let mut bench = Bench::of(1, Rules::default());
        let mut starts = 0;
        bench.push(1, names[0]);
        while let [Action::Start(_, ticket)] = bench.wait(SETTLE)[..] {
            starts += 1;
            assert!(starts < 20, "for ever");
            bench.tell(Incident::Away(BayId(1), ticket));
            bench.leave(1);
            bench.push(1, names[starts % 2]);
            // A person pulls what had come back, and pushes it in again.
            if starts <= more {
                bench.leave(1);
                bench.push(1, names[starts % 2]);
            }
            bench.end(1, ticket, gone());
        }
        assert_eq!((starts, bench.shown(1).as_str()), (4 + more.saturating_sub(1), "error"));
        bench.leave(1);
        bench.start(1);
    }
    // One that came back and does not answer is the same one.
    let mut bench = Bench::of(1, Rules::default());
    let ticket = bench.start(1);
    bench.tell(Incident::Away(BayId(1), ticket));
    bench.end(1, ticket, bad_cable());
    assert_eq!((bench.wait(SETTLE * 9), bench.shown(1)), (vec![], "error".into()));
}

#[test]
fn units_of_other_names_are_started_however_many_are_swapped_in_a_row() {
    let mut bench = Bench::of(1, Rules::default());
    bench.push(1, "0");
    for n in 1..7 {
        let [Action::Start(_, ticket)] = bench.wait(SETTLE)[..] else { panic!("{n} was not started") };
        bench.tell(Incident::Away(BayId(1), ticket));
        bench.leave(1);
        bench.push(1, &n.to_string());
        bench.end(1, ticket, gone());
    }
    assert_eq!(bench.shown(1), "settling");
}

#[test]
fn a_unit_that_stays_away_counts_for_nothing_when_it_is_pushed_in() {
    let mut bench = Bench::of(1, Rules::default());
    for _ in 0..9 {
        let ticket = bench.start(1);
        bench.tell(Incident::Away(BayId(1), ticket));
        bench.leave(1);
        bench.end(1, ticket, gone());
        assert_eq!(bench.shown(1), "empty, last error");
    }
}

#[test]
fn a_unit_pulled_before_its_return_is_told_leaves_an_empty_bay() {
    let mut bench = Bench::of(2, Rules::default());
    let ticket = bench.start(1);
    bench.tell(Incident::Away(BayId(1), ticket));
    bench.leave(1);
    bench.arrive(1);
    bench.leave(1);
    bench.tell(Incident::Back(BayId(1), ticket));
    bench.end(1, ticket, gone());
    assert_eq!((bench.shown(1).as_str(), bench.line.tally().operator), ("empty, last error", 1));
    bench.start(1);
    // A watch that is late tells of the arrival yet.
    let ticket = bench.start(2);
    bench.tell(Incident::Away(BayId(2), ticket));
    bench.leave(2);
    bench.tell(Incident::Back(BayId(2), ticket));
    bench.pass(2, ticket);
    assert_eq!(bench.shown(2), "pass");
}

#[test]
fn what_was_pushed_in_after_a_pull_is_started_whatever_the_run_made_of_the_pull() {
    let mut bench = Bench::of(1, Rules::default());
    for end in [gone(), bad_cable()] {
        bench.push(1, "A");
        let [Action::Start(_, ticket)] = bench.wait(SETTLE)[..] else { panic!("not started") };
        bench.leave(1);
        bench.push(1, "A");
        bench.end(1, ticket, end);
        let [Action::Start(_, ticket)] = bench.wait(SETTLE)[..] else { panic!("not started again") };
        bench.leave(1);
        bench.end(1, ticket, gone());
    }
    // One that was pushed in again as its run passed is the one that passed; another one is not.
    for (next, shown) in [("A", "pass"), ("B", "settling")] {
        let mut bench = Bench::of(1, Rules::default());
        bench.push(1, "A");
        let [Action::Start(_, ticket)] = bench.wait(SETTLE)[..] else { panic!("not started") };
        bench.leave(1);
        bench.push(1, next);
        bench.pass(1, ticket);
        assert_eq!(bench.shown(1), shown);
    }
}

#[test]
fn a_late_word_of_an_old_run_changes_nothing() {
    let mut bench = Bench::of(1, Rules::default());
    let old = bench.start(1);
    bench.pass(1, old);
    bench.leave(1);
    bench.wait(SETTLE);
    let new = bench.start(1);
    bench.tell(Incident::Away(BayId(1), old));
    assert_eq!(bench.pass(1, old), []);
    assert_eq!((bench.shown(1).as_str(), bench.line.tally().passed), ("running", 1));
    assert_eq!(bench.leave(1), [Action::Withdraw(BayId(1), new)]);
}

#[test]
fn errors_in_a_row_take_a_bay_out_and_a_person_brings_it_back() {
    let mut bench = Bench::of(2, Rules { quarantine_after: Some(3), ..Rules::default() });
    let mut ends = [bad_cable(), End::failed(Kind::Refused, None), bad_cable(), gone()].into_iter();
    for end in ends.by_ref() {
        let ticket = bench.start(1);
        bench.leave(1);
        assert_eq!(bench.end(1, ticket, end), []);
    }
    let ticket = bench.start(1);
    assert_eq!(bench.end(1, ticket, bad_cable()), [Action::Quarantine(BayId(1))]);
    bench.leave(1);
    assert_eq!((bench.arrive(1), bench.wait(SETTLE * 9), bench.shown(1)), (vec![], vec![], "out".into()));
    bench.start(2);
    assert!(matches!(bench.tell(Incident::Called(BayId(1)))[..], [Action::Start(BayId(1), _)]));
}

#[test]
fn a_batch_without_a_bay_ends() {
    let mut bench = Bench::of(2, Rules { quarantine_after: Some(1), ..Rules::default() });
    let (first, second) = (bench.start(1), bench.start(2));
    bench.end(1, first, bad_cable());
    assert!(!bench.line.is_over());
    bench.end(2, second, bad_cable());
    assert_eq!((bench.line.is_over(), bench.line.ending()), (true, Some(Ending::NoBayLeft)));
}

#[test]
fn a_count_starts_no_more_than_it_lacks() {
    let rules = Rules { count: Some(5), ..Rules::default() };
    let mut bench = Bench { line: Line::new((1..=4).map(BayId), rules, 3), now: Moment::START };
    for bay in 1..=4 {
        bench.arrive(bay);
    }
    assert_eq!(bench.wait(SETTLE).len(), 2);
    // One that fails lets another in.
    assert!(matches!(bench.end(1, Ticket(1), End::failed(Kind::Mismatch, None))[..], [Action::Start(BayId(3), _)]));
    bench.pass(2, Ticket(2));
    assert!(!bench.line.is_over());
    bench.pass(3, Ticket(3));
    assert_eq!((bench.line.is_over(), bench.line.ending()), (true, Some(Ending::Complete)));
    assert_eq!((bench.line.tally().passes(), bench.line.tally().failed), (5, 1));
}

#[test]
fn a_batch_that_has_its_count_begins_nothing() {
    let line = Line::new([BayId(1)], Rules { count: Some(3), ..Rules::default() }, 3);
    assert_eq!((line.is_over(), line.ending()), (true, Some(Ending::Complete)));
}

#[test]
fn too_many_failed_units_end_it_and_pulled_ones_do_not_count() {
    let mut bench = Bench::of(1, Rules { max_fail: Some(2), ..Rules::default() });
    for end in [gone(), End::failed(Kind::Refused, None), bad_cable(), End::failed(Kind::Mismatch, None)] {
        assert!(!bench.line.is_over());
        let ticket = bench.start(1);
        bench.leave(1);
        bench.end(1, ticket, end);
    }
    assert_eq!(bench.line.ending(), Some(Ending::TooManyFailed));
    let tally = bench.line.tally();
    assert_eq!((tally.failed, tally.errors, tally.operator), (2, 1, 1));
}

#[test]
fn ended_by_hand_it_waits_for_its_runs_and_the_second_time_it_does_not() {
    let mut bench = Bench::of(2, Rules::default());
    let ticket = bench.start(1);
    bench.arrive(2);
    assert_eq!(bench.tell(Incident::Stop), [Action::Stop(Haste::Sane)]);
    assert_eq!((bench.wait(SETTLE * 9), bench.line.is_over()), (vec![], false));
    assert_eq!(bench.tell(Incident::Stop), [Action::Stop(Haste::AtOnce)]);
    bench.end(1, ticket, End::failed(Kind::Cancelled, None));
    assert!(bench.line.is_over());
    assert_eq!((bench.line.ending(), bench.line.tally().operator), (Some(Ending::ByHand), 1));
}

#[test]
fn a_station_that_cannot_record_stops_starting() {
    let mut bench = Bench::of(2, Rules::default());
    let ticket = bench.start(1);
    bench.tell(Incident::Broken);
    bench.arrive(2);
    assert_eq!(bench.wait(SETTLE * 9), []);
    bench.pass(1, ticket);
    assert_eq!((bench.line.is_over(), bench.line.ending()), (true, Some(Ending::Broken)));
}

#[test]
fn the_rate_is_of_passes_since_the_first_start() {
    let mut bench = Bench::of(1, Rules::default());
    bench.wait(Duration::from_secs(1000));
    assert_eq!(bench.line.tally().per_hour(bench.now), None);
    let ticket = bench.start(1);
    bench.now += Duration::from_secs(36);
    bench.pass(1, ticket);
    assert_eq!(bench.line.tally().per_hour(bench.now), Some(100.0));
}
