//! A phone that is pulled anywhere on its way through Android and its bootloader: no false pass, no run that hangs, and the
//! next run passes.
//!
//! `tests/memory` has every packet of that way in memory; these cuts are on a real kernel, with a hand that pushes the
//! phone in again while the run still waits for it, or only when the run has given it up.

use std::fs;
use std::ops::Range;
use std::process::Command;
use std::time::{Duration, Instant};

use firmware_stubs::usb::Port;
use serde_json::Value;

use crate::devices::process;
use crate::phones::{crossing, is_written};
use crate::support::bench::in_the_bench;
use crate::support::chance::Chance;
use crate::support::phone::{Battery, Cut, OurPhone};
use crate::support::wait_for;

/// Phones that are cut at the same time, each in a port of its own: most of the time a run waits for what restarts.
const AT_ONCE: u16 = 8;
const CUTS: u64 = 40;
/// How long a run that is cut waits for its phone.
const PATIENCE: &str = "20s";
/// A run that has not ended by itself after so long hangs.
const HANGS: Duration = Duration::from_secs(150);

/// What a hand does about one phone.
#[derive(Clone, Copy, Debug)]
struct Plan {
    cut: Cut,
    battery: Battery,
    /// After how long it is pushed in again; else when the run has ended.
    back: Option<Duration>,
}

impl Plan {
    /// The plan of this number: `whole` transfers are in an undisturbed run.
    fn of(number: u64, whole: u64) -> Self {
        let mut chance = Chance::of(number);
        let at = 1 + chance.below(whole * 19 / 20);
        let cut = match number % 4 {
            0 | 1 => Cut::Before(at),
            2 => Cut::After(at),
            _ => Cut::Leaving(1 + chance.below(2)),
        };
        let battery = if chance.falls(1, 2) { Battery::Charged } else { Battery::Flat };
        let back = chance.falls(2, 3).then(|| chance.time(Duration::from_secs(2)));
        Self { cut, battery, back }
    }
}

/// How a run ended that was cut, or was not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Passed {
        was_cut: bool,
    },
    Gone,
    /// It was not cut yet, and the machine was too slow for its patience.
    Slow,
}

/// Makes the cuts of these numbers.
fn cut(numbers: Range<u64>) {
    let whole = whole();
    let wanted = numbers.end - numbers.start;
    let ends: Vec<End> = std::thread::scope(|scope| {
        let work = |port: u16| {
            let numbers = (numbers.start + u64::from(port)..numbers.end).step_by(AT_ONCE.into());
            move || numbers.map(|number| cut_at(number, Plan::of(number, whole), Port(port))).collect::<Vec<_>>()
        };
        let workers: Vec<_> = (0..AT_ONCE).map(|port| scope.spawn(work(port))).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("every cut is as it should be")).collect()
    });
    let count = |end: End| ends.iter().filter(|other| **other == end).count();
    let (survived, gone) = (count(End::Passed { was_cut: true }), count(End::Gone));
    eprintln!("{whole} transfers in a run; of {wanted} cuts {survived} were survived, {gone} ended the run");
    assert!((survived + gone) as u64 >= wanted - 2, "only so many cuts came");
    assert!(gone > 0, "no cut ended a run");
}

#[test]
fn a_phone_pulled_at_twenty_seeded_moments_never_passes_falsely_and_passes_when_run_again() {
    if in_the_bench!(Duration::from_secs(600)) {
        cut(0..CUTS / 2);
    }
}

#[test]
fn a_phone_pulled_at_twenty_other_moments_never_passes_falsely_and_passes_when_run_again() {
    if in_the_bench!(Duration::from_secs(600)) {
        cut(CUTS / 2..CUTS);
    }
}

/// How many transfers an undisturbed run has.
fn whole() -> u64 {
    let (station, profile) = crossing(1);
    let phone = OurPhone::plug("PH-0", Port(0), |_| {});
    phone.cut(Cut::Leaving(u64::MAX), Battery::Charged);
    station.run(&["apply", &profile, "-d", &phone.address(), "--yes"]).exits(0);
    is_written(&phone, 1);
    let (transfers, departures) = phone.counted();
    assert_eq!(departures, 2, "to its bootloader and back");
    assert!(transfers > 150, "only {transfers}");
    transfers
}

/// That the unit left, or was waited for in vain: a kernel that cannot finish an enumeration on one port keeps all others
/// of its hub waiting.
fn is_away(error: &Value) -> bool {
    error["kind"] == "gone" || error["kind"] == "timed-out"
}

/// Cuts one run, judges how it ended, and runs it again.
fn cut_at(number: u64, plan: Plan, port: Port) -> End {
    let (station, profile) = crossing(number);
    let text = fs::read_to_string(&profile).expect("the profile");
    let hasty = text.replace("    name: ", &format!("    timeout: {PATIENCE}\n    name: "));
    let hasty = station.file("hasty.yaml", hasty);
    let mut phone = OurPhone::plug(&format!("PH-{port}"), port, |_| {});
    phone.cut(plan.cut, plan.battery);
    let address = phone.address();
    let began = Instant::now();
    let mut run = station.start(&["apply", &hasty, "-d", &address, "--yes"]);
    let (mut cut_at, mut is_out) = (None, false);
    let code = loop {
        if phone.was_cut() {
            (cut_at, is_out) = (Some(Instant::now()), true);
        }
        if let (true, Some(at), Some(after)) = (is_out, cut_at, plan.back)
            && at.elapsed() >= after
        {
            phone.push();
            is_out = false;
        }
        if let Some(status) = run.ended() {
            break status.code().unwrap_or(-1);
        }
        assert!(began.elapsed() < HANGS, "{number}, {plan:?}: hangs\n{}", run.printed());
        std::thread::sleep(Duration::from_millis(5));
    };
    let printed = run.printed();
    let of_type = |kind: &str| {
        let lines = printed.lines().filter(|line| line.starts_with('{'));
        lines
            .map(|line| serde_json::from_str::<Value>(line).expect("an object a line"))
            .find(|line| line["type"] == kind)
    };
    let end = match of_type("run") {
        Some(run) if run["outcome"] == "pass" => {
            assert_eq!(code, 0, "{number}, {plan:?}: {printed}");
            is_written(&phone, number);
            End::Passed { was_cut: cut_at.is_some() }
        }
        Some(run) if cut_at.is_none() && is_away(&run["error"]) => End::Slow,
        Some(run) => {
            assert!(cut_at.is_some(), "{number}, {plan:?}: {printed}");
            assert_eq!((&run["outcome"], code), (&"error".into(), 7), "{number}, {plan:?}: {printed}");
            assert!(is_away(&run["error"]), "{number}, {plan:?}: {printed}");
            End::Gone
        }
        None => {
            let error = of_type("error").expect("an error");
            assert!(cut_at.is_some() && [3, 7].contains(&code), "{number}, {plan:?}: {printed}");
            assert!(is_away(&error), "{number}, {plan:?}: {printed}");
            End::Gone
        }
    };
    eprintln!("{number:2} {plan:?}: {end:?} after {:?}", began.elapsed());
    if is_out || phone.was_cut() {
        phone.push();
    }
    phone.until_there();
    let said = station.run(&["apply", &profile, "-d", &address, "--yes"]);
    assert_eq!(said.code, 0, "{number}, {plan:?}, again: {said:#?}\nfirst: {printed}");
    assert_eq!(said.line("run")["outcome"], "pass", "{number}, {plan:?}: {said:#?}");
    is_written(&phone, number);
    if number.is_multiple_of(5) {
        station.run(&["ledger", "verify"]).exits(0);
    }
    end
}

#[test]
fn whoever_waits_for_a_phone_is_told_for_what_and_may_end_it() {
    if !in_the_bench!() {
        return;
    }
    let (station, profile) = crossing(7);
    let mut phone = OurPhone::plug("PH-0421", Port(3), |_| {});
    phone.cut(Cut::Leaving(2), Battery::Charged);
    let address = phone.address();
    let mut run = station.start(&["apply", &profile, "-d", &address, "--yes"]);
    let told = run.wait_for("word of Android that is awaited", HANGS, |printed| {
        let lines = printed.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.into_iter().find(|line| line["event"] == "away" && line["mode"] == "application")
    });
    assert_eq!(told["within"], 300);
    assert_eq!(told["say"], "waits for the unit to start Android, up to 300 s (it was in mode bootloader)");
    wait_for("phone that is pulled", HANGS, || phone.was_cut().then_some(()));
    assert_eq!(process::run(Command::new("kill").args(["-INT", &run.id().to_string()]), HANGS).code, 0);
    let code = run.finish(HANGS);
    let printed = run.printed();
    assert_eq!(code, 5, "{printed}");
    assert!(printed.lines().any(|line| line.contains(r#""type":"run""#) && line.contains(r#""outcome":"cancelled""#)));
    phone.push();
    phone.until_there();
    station.run(&["apply", &profile, "-d", &address, "--yes"]).exits(0);
    is_written(&phone, 7);
}
