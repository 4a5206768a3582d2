//! Hands at the line: one a bay, each with its own seed.
//!
//! A hand takes a unit from the rack and pushes it in. While it is worked on the hand may pull it, and push it in again,
//! or put it back and take another one. A unit that passed is pulled for good.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use firmware_stubs::dfu::Options;
use firmware_stubs::usb::Port;
use jiff::Timestamp;

use super::batch::Batch;
use crate::support::chance::Chance;
use crate::support::unit::{DfuUnit, memory};

/// How long a run takes while none has passed yet.
const FIRST_GUESS: Duration = Duration::from_secs(4);
/// A unit is in its bay, no run is on, and nothing was said of the bay for so long: the bay is stuck.
const STUCK: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(5);
/// A unit that is put back is taken again before so many others.
const NEXT: u64 = 12;

/// A unit in the rack.
enum Racked {
    /// Never plugged in.
    New(Options),
    Known(DfuUnit),
}

/// What all hands share.
pub struct Floor<'a> {
    pub batch: &'a Batch,
    rack: Mutex<VecDeque<Racked>>,
    /// Units that are not done.
    left: AtomicU64,
    /// Re-plugs that are still to be made.
    replugs: AtomicU64,
    /// Units that were pulled while a run was on.
    pub pulled: AtomicU64,
    /// A hand gave up.
    failed: AtomicBool,
    done: Mutex<Vec<Done>>,
}

/// A unit that passed and was taken out for good.
pub struct Done {
    pub serial: String,
    pub memory: Vec<u8>,
    /// What changed it, when and where.
    pub acts: Vec<(Timestamp, Port)>,
}

impl Done {
    /// Pulls it, and lets go of all that a unit in the hand takes.
    fn of(unit: DfuUnit) -> Done {
        let serial = unit.options().serial.clone();
        let state = unit.options().state.clone();
        let acts = std::mem::take(&mut unit.seen().acts);
        drop(unit);
        Done { serial, memory: memory(&state, 0), acts }
    }
}

impl<'a> Floor<'a> {
    pub fn new(batch: &'a Batch, units: Vec<Options>, replugs: u64) -> Floor<'a> {
        Floor {
            batch,
            left: AtomicU64::new(units.len() as u64),
            rack: Mutex::new(units.into_iter().map(Racked::New).collect()),
            replugs: AtomicU64::new(replugs),
            pulled: AtomicU64::new(0),
            failed: AtomicBool::new(false),
            done: Mutex::new(Vec::new()),
        }
    }

    /// The units that passed and were taken out.
    pub fn done(&self) -> MutexGuard<'_, Vec<Done>> {
        self.done.lock().expect("hands live")
    }

    fn rack(&self) -> MutexGuard<'_, VecDeque<Racked>> {
        self.rack.lock().expect("hands live")
    }

    /// One re-plug of those that are to be made, which are spread over the day.
    fn takes_a_replug(&self, chance: &mut Chance) -> bool {
        let (units, replugs) = (self.left.load(Ordering::SeqCst), self.replugs.load(Ordering::SeqCst));
        // Some come too late, and are made another time.
        let falls = chance.falls(2 * replugs, (units + replugs).max(1));
        falls && self.replugs.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
    }

    fn gives_a_replug_back(&self) {
        self.replugs.fetch_add(1, Ordering::SeqCst);
    }
}

/// Marks the floor when its hand ends in a panic, so that the others do not wait for it.
struct Alarm<'a, 'b>(&'a Floor<'b>);

impl Drop for Alarm<'_, '_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.failed.store(true, Ordering::SeqCst);
        }
    }
}

/// How a unit's stay in the bay ended.
enum Stay {
    /// It passed.
    Passed,
    /// It was pulled while a run was on.
    Pulled,
}

/// Works in one bay until every unit has passed.
pub fn work(floor: &Floor<'_>, bay: u16, seed: u64) {
    let _alarm = Alarm(floor);
    let mut chance = Chance::of(seed ^ (u64::from(bay) << 32));
    let port = Port(bay - 1);
    while floor.left.load(Ordering::SeqCst) > 0 && !floor.failed.load(Ordering::SeqCst) {
        let Some(racked) = floor.rack().pop_front() else {
            std::thread::sleep(LOOK * 4);
            continue;
        };
        std::thread::sleep(chance.time(Duration::from_millis(800)));
        let mut unit = match racked {
            Racked::New(options) => DfuUnit::push_new(options, port),
            Racked::Known(mut unit) => {
                unit.push(port);
                unit
            }
        };
        loop {
            match stay(floor, bay, &mut unit, &mut chance) {
                Some(Stay::Passed) => {
                    std::thread::sleep(chance.time(Duration::from_millis(600)));
                    let done = Done::of(unit);
                    floor.done().push(done);
                    floor.left.fetch_sub(1, Ordering::SeqCst);
                    break;
                }
                // Another one is taken.
                Some(Stay::Pulled) if chance.falls(1, 3) => {
                    let mut rack = floor.rack();
                    // Not behind all that are new: each unit that was begun takes files and a thread.
                    let place = chance.below(NEXT).min(rack.len() as u64);
                    rack.insert(usize::try_from(place).expect("a short rack"), Racked::Known(unit));
                    break;
                }
                Some(Stay::Pulled) => {
                    let most = [20, 500, 3000][chance.below(3) as usize];
                    std::thread::sleep(chance.time(Duration::from_millis(most)));
                    unit.push(port);
                }
                None => return,
            }
        }
    }
}

/// Leaves a unit in its bay until it passed, or pulls it at some moment of its run. `None` when another hand gave up.
fn stay(floor: &Floor<'_>, bay: u16, unit: &mut DfuUnit, chance: &mut Chance) -> Option<Stay> {
    let id = u64::from(bay);
    let serial = unit.options().serial.clone();
    let pull = floor.takes_a_replug(chance).then(|| chance.below(1000) as f64 / 1200.0);
    let pushed = Instant::now();
    loop {
        if floor.failed.load(Ordering::SeqCst) {
            return None;
        }
        let (passed, running, heard, pace) = {
            let board = floor.batch.board();
            let passed = board.passed.contains(&serial);
            (passed, board.running.get(&id).copied(), board.heard.get(&id).copied(), board.pace)
        };
        if passed {
            if pull.is_some() {
                floor.gives_a_replug_back();
            }
            return Some(Stay::Passed);
        }
        // A run that began before is that of the stay before, which still waits for its unit.
        if let (Some(pull), Some(since)) = (pull, running.filter(|since| *since > pushed))
            && since.elapsed() >= pace.unwrap_or(FIRST_GUESS).mul_f64(pull)
            && !may_have_passed(unit)
        {
            unit.snatch();
            floor.pulled.fetch_add(1, Ordering::SeqCst);
            return Some(Stay::Pulled);
        }
        let quiet = heard.map_or(pushed, |heard| heard.max(pushed)).elapsed();
        if running.is_none() && quiet > STUCK {
            panic!("bay {bay} is stuck with {serial} in it:\n{}", floor.batch.board().story(id));
        }
        std::thread::sleep(LOOK);
    }
}

/// Whether the run may have come to its end, and only its word is not here yet: whoever pulled the unit now would push in
/// one that passed.
fn may_have_passed(unit: &DfuUnit) -> bool {
    let id = unit.port().bus_id().expect("the port is there");
    let shown = |name: &str| std::fs::read_to_string(Path::new("/sys/bus/usb/devices").join(&id).join(name));
    let is_application =
        shown("idProduct").is_ok_and(|product| product.trim() == format!("{:04x}", unit.options().runtime_id.product));
    unit.seen().in_loader > 0 && is_application
}
