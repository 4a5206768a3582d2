//! Whatever happens in whatever order: never two runs in a bay, no bay stuck, and the counts are right.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::prelude::*;
use protocols::time::Moment;

use super::super::bay::SETTLE;
use super::super::*;
use crate::device::BayId;
use crate::error::Kind;
use crate::run::report::Outcome;

const BAYS: u32 = 4;

#[derive(Debug, Clone)]
enum Stroke {
    Arrive(u32, u8),
    Leave(u32),
    Away(u32),
    Back(u32),
    End(u32, Option<Kind>),
    /// Of a run that ended long ago.
    Stale(u32),
    Call(u32),
    Wait(u64),
}

fn stroke() -> impl Strategy<Value = Stroke> {
    let kinds = [Kind::Gone, Kind::TimedOut, Kind::Mismatch, Kind::Refused, Kind::Cancelled, Kind::Invalid];
    let bay = || 1..=BAYS;
    prop_oneof![
        4 => (bay(), 0..3_u8).prop_map(|(bay, who)| Stroke::Arrive(bay, who)),
        3 => bay().prop_map(Stroke::Leave),
        1 => bay().prop_map(Stroke::Away),
        1 => bay().prop_map(Stroke::Back),
        3 => (bay(), prop::option::of(prop::sample::select(kinds.to_vec()))).prop_map(|(b, k)| Stroke::End(b, k)),
        1 => bay().prop_map(Stroke::Stale),
        1 => bay().prop_map(Stroke::Call),
        4 => (0..400_u64).prop_map(Stroke::Wait),
    ]
}

fn rules() -> impl Strategy<Value = Rules> {
    let count = prop::option::of(1..12_u64);
    (count, prop::option::of(1..5_u64), prop::option::of(1..4_usize), prop::option::of(1..4_u32))
        .prop_map(|(count, max_fail, at_most, quarantine_after)| Rules { count, max_fail, at_most, quarantine_after })
}

/// What is true at the bench, beside what the line believes.
#[derive(Default)]
struct Truth {
    running: BTreeMap<BayId, Ticket>,
    issued: BTreeSet<Ticket>,
    here: BTreeSet<BayId>,
    ends: u64,
    passes: u64,
}

impl Truth {
    fn hold(&mut self, line: &Line, rules: &Rules, actions: &[Action]) -> Result<(), TestCaseError> {
        for action in actions {
            if let Action::Start(bay, ticket) = action {
                prop_assert!(self.here.contains(bay), "started an empty bay");
                prop_assert!(self.issued.insert(*ticket), "a ticket twice");
                prop_assert!(self.running.insert(*bay, *ticket).is_none(), "two runs in a bay");
            }
        }
        prop_assert_eq!(line.running(), self.running.len());
        prop_assert!(rules.at_most.is_none_or(|most| self.running.len() <= most));
        let tally = line.tally();
        prop_assert_eq!(tally.passed, self.passes);
        prop_assert_eq!(tally.passed + tally.failed + tally.errors + tally.operator, self.ends);
        prop_assert!(rules.count.is_none_or(|count| tally.passes() <= count), "more passes than asked for");
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn hold_in_any_order_of_events(rules in rules(), strokes in prop::collection::vec(stroke(), 1..200)) {
        let mut line = Line::new((1..=BAYS).map(BayId), rules.clone(), 0);
        let mut truth = Truth::default();
        let mut now = Moment::START;
        for stroke in strokes {
            let incident = match stroke {
                Stroke::Arrive(bay, who) => {
                    truth.here.insert(BayId(bay));
                    Some(Incident::Arrived(BayId(bay), (who > 0).then(|| who.to_string())))
                }
                Stroke::Leave(bay) => {
                    truth.here.remove(&BayId(bay));
                    Some(Incident::Left(BayId(bay)))
                }
                Stroke::Away(bay) => truth.running.get(&BayId(bay)).map(|t| Incident::Away(BayId(bay), *t)),
                Stroke::Back(bay) => truth.running.get(&BayId(bay)).map(|t| {
                    truth.here.insert(BayId(bay));
                    Incident::Back(BayId(bay), *t)
                }),
                Stroke::End(bay, kind) => truth.running.remove(&BayId(bay)).map(|ticket| {
                    let end = kind.map_or_else(|| End::pass(None), |kind| End::failed(kind, None));
                    truth.ends += 1;
                    truth.passes += u64::from(end.outcome == Outcome::Pass);
                    Incident::Ended(BayId(bay), ticket, end)
                }),
                Stroke::Stale(bay) => Some(Incident::Ended(BayId(bay), Ticket(0), End::pass(None))),
                Stroke::Call(bay) => Some(Incident::Called(BayId(bay))),
                Stroke::Wait(milliseconds) => {
                    now += Duration::from_millis(milliseconds);
                    None
                }
            };
            let actions = line.on(now, incident);
            truth.hold(&line, &rules, &actions)?;
        }
        // Whatever it has come to, a bay that is on goes on: let every run end, pull everything, push a unit in.
        for bay in (1..=BAYS).map(BayId) {
            if line.ending().is_some() {
                return Ok(());
            }
            for id in (1..=BAYS).map(BayId) {
                if let Some(ticket) = truth.running.remove(&id) {
                    truth.ends += 1;
                    let actions = line.on(now, Some(Incident::Ended(id, ticket, End::failed(Kind::Cancelled, None))));
                    truth.hold(&line, &rules, &actions)?;
                }
                truth.here.remove(&id);
                let actions = line.on(now, Some(Incident::Left(id)));
                truth.hold(&line, &rules, &actions)?;
            }
            now += SETTLE;
            let actions = line.on(now, None);
            truth.hold(&line, &rules, &actions)?;
            let is_out = line.shown().any(|(id, shown)| id == bay && matches!(shown, Shown::Out(_)));
            truth.here.insert(bay);
            line.on(now, Some(Incident::Arrived(bay, None)));
            if is_out {
                line.on(now, Some(Incident::Called(bay)));
            }
            now += SETTLE;
            let starts = line.on(now, None);
            let is_running = line.shown().any(|(id, shown)| id == bay && matches!(shown, Shown::Running(_)));
            prop_assert!(is_running, "bay {} is stuck: {:?}, {:?}", bay, line, starts);
            for (id, shown) in line.shown() {
                if let Shown::Running(ticket) = shown {
                    truth.running.insert(id, ticket);
                }
            }
        }
    }

    #[test]
    fn a_line_that_was_stopped_starts_nothing_more(strokes in prop::collection::vec(stroke(), 1..100)) {
        let mut line = Line::new((1..=BAYS).map(BayId), Rules::default(), 0);
        let mut now = Moment::START;
        line.on(now, Some(Incident::Stop));
        for stroke in strokes {
            let incident = match stroke {
                Stroke::Arrive(bay, _) => Incident::Arrived(BayId(bay), None),
                Stroke::Leave(bay) => Incident::Left(BayId(bay)),
                Stroke::Call(bay) => Incident::Called(BayId(bay)),
                _ => { now += SETTLE; continue }
            };
            prop_assert!(line.on(now, Some(incident)).is_empty());
        }
        prop_assert!(line.is_over());
    }
}
