//! A shop floor in virtual time: units that take a while, restart in the middle, and are pulled and pushed at random.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use protocols::time::Moment;

use super::super::*;
use crate::device::BayId;
use crate::error::Kind;

const BAYS: u32 = 8;

/// A small generator, so that a seed is a story (Marsaglia's xorshift64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % below
    }

    fn between(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_millis(from + self.roll(to - from))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    /// The hand pushes a unit into this bay.
    Push(u32),
    /// The hand pulls what is there.
    Pull(u32),
    /// A run tells its unit to restart.
    Restart(u32, Ticket),
    /// The unit has restarted.
    Return(u32, Ticket),
    /// A run gets to its end.
    Finish(u32, Ticket),
    /// A run notices that its unit went away.
    Notice(u32, Ticket),
}

#[derive(Default)]
struct Bay {
    unit: Option<usize>,
    /// The run, and the unit that it began with.
    run: Option<(Ticket, usize)>,
    /// Whether that unit has been there all the time.
    held: bool,
}

struct Shop {
    dice: Dice,
    line: Line,
    now: Moment,
    due: BTreeSet<(Moment, u64, Due)>,
    number: u64,
    bays: BTreeMap<u32, Bay>,
    /// Units that nobody has in hand, in the order they are taken.
    rack: Vec<usize>,
    passed: Vec<usize>,
    interrupted: u64,
    runs: u64,
}

impl Shop {
    fn new(seed: u64, units: usize, rules: Rules) -> Shop {
        let mut shop = Shop {
            dice: Dice(seed * 2_654_435_761 + 1),
            line: Line::new((1..=BAYS).map(BayId), rules, 0),
            now: Moment::START,
            due: BTreeSet::new(),
            number: 0,
            bays: (1..=BAYS).map(|bay| (bay, Bay::default())).collect(),
            rack: (0..units).rev().collect(),
            passed: Vec::new(),
            interrupted: 0,
            runs: 0,
        };
        for bay in 1..=BAYS {
            let after = shop.dice.between(0, 2000);
            shop.after(after, Due::Push(bay));
        }
        shop
    }

    fn after(&mut self, time: Duration, due: Due) {
        self.number += 1;
        self.due.insert((self.now + time, self.number, due));
    }

    fn tell(&mut self, incident: Option<Incident>) {
        for action in self.line.on(self.now, incident) {
            if let Action::Start(BayId(bay), ticket) = action {
                let unit = self.bays[&bay].unit.expect("a started bay has a unit");
                let place = self.bays.get_mut(&bay).unwrap();
                assert!(place.run.replace((ticket, unit)).is_none(), "two runs in bay {bay}");
                place.held = true;
                self.runs += 1;
                let half = self.dice.between(500, 4000);
                self.after(half, Due::Restart(bay, ticket));
                if self.dice.roll(3) == 0 {
                    let soon = self.dice.between(1, 9000);
                    self.after(soon, Due::Pull(bay));
                }
            }
        }
    }

    fn end(&mut self, bay: u32, ticket: Ticket, end: End) {
        self.bays.get_mut(&bay).unwrap().run = None;
        self.tell(Some(Incident::Ended(BayId(bay), ticket, end)));
    }

    fn on(&mut self, due: Due) {
        match due {
            Due::Push(bay) if self.bays[&bay].unit.is_none() => {
                let Some(unit) = self.rack.pop() else { return };
                self.bays.get_mut(&bay).unwrap().unit = Some(unit);
                self.tell(Some(Incident::Arrived(BayId(bay), Some(unit.to_string()))));
            }
            Due::Pull(bay) => {
                let place = self.bays.get_mut(&bay).unwrap();
                let Some(unit) = place.unit.take() else { return };
                if let Some((ticket, _)) = place.run
                    && std::mem::replace(&mut place.held, false)
                {
                    let late = self.dice.between(0, 3000);
                    self.after(late, Due::Notice(bay, ticket));
                }
                if !self.passed.contains(&unit) {
                    let at = self.dice.roll(self.rack.len() as u64 + 1) as usize;
                    self.rack.insert(at, unit);
                }
                self.tell(Some(Incident::Left(BayId(bay))));
                let later = self.dice.between(10, 1500);
                self.after(later, Due::Push(bay));
            }
            Due::Restart(bay, ticket) if self.holds(bay, ticket) => {
                self.tell(Some(Incident::Left(BayId(bay))));
                self.tell(Some(Incident::Away(BayId(bay), ticket)));
                let boot = self.dice.between(100, 1500);
                self.after(boot, Due::Return(bay, ticket));
            }
            Due::Return(bay, ticket) if self.holds(bay, ticket) => {
                let unit = self.bays[&bay].unit.map(|unit| unit.to_string());
                self.tell(Some(Incident::Arrived(BayId(bay), unit)));
                self.tell(Some(Incident::Back(BayId(bay), ticket)));
                let rest = self.dice.between(100, 4000);
                self.after(rest, Due::Finish(bay, ticket));
            }
            Due::Finish(bay, ticket) if self.holds(bay, ticket) => {
                let (_, unit) = self.bays[&bay].run.unwrap();
                assert_eq!(self.bays[&bay].unit, Some(unit), "a pass of another unit");
                self.passed.push(unit);
                self.end(bay, ticket, End::pass(Some(unit.to_string())));
                let taken = self.dice.between(200, 3000);
                self.after(taken, Due::Pull(bay));
            }
            Due::Notice(bay, ticket) if self.bays[&bay].run.is_some_and(|(run, _)| run == ticket) => {
                self.interrupted += 1;
                self.end(bay, ticket, End::failed(Kind::Gone, None));
            }
            _ => {}
        }
    }

    /// Whether the run is on, with its unit untouched.
    fn holds(&self, bay: u32, ticket: Ticket) -> bool {
        let place = &self.bays[&bay];
        place.held && place.run.is_some_and(|(run, _)| run == ticket)
    }

    /// Works until the line is over.
    fn work(&mut self) {
        while !self.line.is_over() {
            let next = self.due.first().map(|(at, ..)| *at);
            let until = next.into_iter().chain(self.line.deadline()).min();
            self.now = until.unwrap_or_else(|| panic!("the line is stuck: {:?}", self.line)).max(self.now);
            assert!(self.now.since_start() < Duration::from_secs(100_000), "the line does not end: {:?}", self.line);
            self.tell(None);
            if let Some((_, _, due)) = self.due.first().copied().filter(|(at, ..)| *at <= self.now) {
                self.due.pop_first();
                self.on(due);
            }
        }
    }
}

#[test]
fn twenty_four_units_over_eight_bays_all_pass_whoever_is_pulled() {
    let mut interrupted = 0;
    for seed in 1..=200 {
        let mut shop = Shop::new(seed, 24, Rules { count: Some(24), ..Rules::default() });
        shop.work();
        let units: BTreeSet<usize> = shop.passed.iter().copied().collect();
        assert_eq!((shop.passed.len(), units.len()), (24, 24), "seed {seed}");
        let tally = shop.line.tally();
        assert_eq!((tally.passed, tally.units(), tally.failed), (24, 24, 0), "seed {seed}");
        assert_eq!(tally.operator + tally.errors, shop.interrupted, "seed {seed}");
        assert_eq!(shop.runs, 24 + shop.interrupted, "seed {seed}");
        interrupted += shop.interrupted;
    }
    assert!(interrupted > 500, "the hand was too gentle: {interrupted}");
}

#[test]
fn with_two_places_for_eight_bays_everybody_has_a_turn() {
    for seed in 1..=50 {
        let mut shop = Shop::new(seed, 24, Rules { count: Some(24), at_most: Some(2), ..Rules::default() });
        shop.work();
        assert_eq!(shop.passed.len(), 24, "seed {seed}");
    }
}
