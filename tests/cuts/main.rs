//! Power cuts and killed stations: after each, running again ends in PASS, and no cut ever yields a false one.
#![allow(clippy::disallowed_methods, reason = "stand-ins live in real time")]

mod bench;
#[path = "../devices/support/mod.rs"]
mod support;

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use bench::{Bench, undisturbed};
use serde_json::Value;
use support::process::Background;
use support::station::Said;

/// Units that are cut at once: most of the time they, or the station, wait.
const BENCHES: usize = 6;

/// Calls `cut` with 1, 2, 3… on several benches at once, until one says that it came too late; how many did not.
fn at_every(cut: impl Fn(u32) -> bool + Sync) -> u32 {
    let (next, late) = (AtomicU32::new(1), AtomicBool::new(false));
    let done = AtomicU32::new(0);
    std::thread::scope(|scope| {
        for _ in 0..BENCHES {
            scope.spawn(|| {
                while !late.load(Ordering::SeqCst) {
                    if cut(next.fetch_add(1, Ordering::SeqCst)) {
                        done.fetch_add(1, Ordering::SeqCst);
                    } else {
                        late.store(true, Ordering::SeqCst);
                    }
                }
            });
        }
    });
    done.into_inner()
}

/// Whether the cut was reached. The unit's end may be seen a moment later than that of its line.
fn lost_power(unit: &mut Background, said: &Said) -> bool {
    let until = Instant::now() + Duration::from_secs(if said.code == 0 { 0 } else { 5 });
    while unit.ended().is_none() && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(10));
    }
    unit.ended().is_some()
}

/// Whether a run found everything as it should be: what the run before it called a pass was one.
fn wrote_nothing(said: &Said) -> bool {
    let steps = said.line("run")["steps"].as_array().expect("steps");
    steps.iter().all(|step| step["outcome"] == "already" && step["sent"] == 0)
}

/// Cuts the power at every request, each on a fresh unit, until an apply is not reached by its cut.
fn cut_at_every_request(fault: &str) {
    let model = undisturbed();
    let cuts = at_every(|request| {
        let cut = format!("{fault}:{request}");
        let bench = Bench::new(&model.profile);
        let mut unit = bench.power(&["--fault", &cut]);
        let first = bench.apply();
        if !lost_power(&mut unit, &first) {
            assert_eq!(first.code, 0, "{cut} was not reached: {first:#?}");
            return false;
        }
        // What was cut after the last proof had been read is a pass, and a true one.
        assert!(matches!(first.code, 0 | 7), "{cut}: {first:#?}");
        let _unit = bench.power(&[]);
        let again = bench.apply().exits(0);
        bench.is_as(model, &again, &cut);
        assert!(first.code != 0 || wrote_nothing(&again), "{cut}: a false PASS, {again:#?}");
        let began = first.lines.iter().any(|line| line["type"] == "run");
        let mut expected = vec![if first.code == 0 { "pass" } else { "error" }; usize::from(began)];
        expected.push("pass");
        assert_eq!(bench.recorded(), expected, "{cut}");
        true
    });
    println!("{fault}: {cuts} cuts");
    assert!(cuts >= 50, "only {cuts} cuts");
}

#[test]
fn power_cut_before_every_request_is_stored() {
    cut_at_every_request("cut-request");
}

#[test]
fn power_cut_before_every_request_is_answered() {
    cut_at_every_request("cut-answer");
}

#[test]
fn station_killed_at_every_event() {
    let model = undisturbed();
    let interrupted = AtomicU32::new(0);
    at_every(|number| {
        let bench = Bench::new(&model.profile);
        let _unit = bench.power(&[]);
        let Some(event) = bench.apply_until_event(number) else { return false };
        let again = bench.apply().exits(0);
        bench.is_as(model, &again, &format!("killed at {event}"));
        // A station runs on until the signal reaches it: it may have ended by then, and sealed a true pass.
        let recorded = bench.recorded();
        if recorded == ["pass", "pass"] {
            assert!(wrote_nothing(&again), "killed at {event}: a false PASS, {again:#?}");
            return true;
        }
        assert_eq!(recorded, ["error", "pass"], "killed at {event}");
        let first = &bench.records()[0]["statement"]["predicate"];
        assert_eq!(first["error"]["kind"], "interrupted", "killed at {event}: {first:#}");
        interrupted.fetch_add(1, Ordering::SeqCst);
        true
    });
    let interrupted = interrupted.into_inner();
    assert!(interrupted >= 8, "only {interrupted} runs were interrupted");
}

#[test]
fn power_cut_in_the_middle_of_a_write() {
    let model = undisturbed();
    for byte in [1, 40, 1000, 5000, 16_000, 16_500, 17_500, 18_300] {
        let bench = Bench::new(&model.profile);
        let mut unit = bench.power(&["--fault", &format!("cut-byte:{byte}")]);
        let first = bench.apply();
        if !lost_power(&mut unit, &first) {
            assert!(byte > 16_000, "cut-byte:{byte} was not reached: {first:#?}");
            continue;
        }
        assert_eq!(first.code, 7, "cut-byte:{byte}: {first:#?}");
        assert_eq!(first.line("run")["outcome"], "error");
        let _unit = bench.power(&[]);
        let again = bench.apply().exits(0);
        bench.is_as(model, &again, &format!("cut-byte:{byte}"));
    }
}

#[test]
fn a_unit_whose_flash_loses_a_byte_is_never_passed() {
    let model = undisturbed();
    let bench = Bench::new(&model.profile);
    let _unit = bench.power(&["--fault", "lose-byte"]);
    let old = bench.firmware();
    for _ in 0..2 {
        let said = bench.apply().exits(4);
        let run = said.line("run");
        assert_eq!(run["outcome"], "fail");
        assert_eq!(run["error"]["kind"], "mismatch");
        let item = &run["steps"][0]["items"][0];
        assert!(item["expected"].is_string() && item["observed"].is_string(), "{item:#}");
        assert_eq!(item["observed"], active(&old)["hash"], "the old image runs and is named");
        assert_eq!(active(&bench.firmware())["hash"], active(&old)["hash"]);
    }
}

#[test]
fn a_lost_byte_in_a_file_shows_both_digests() {
    let bench = Bench::new(&bench::files_only("digest"));
    let _unit = bench.power(&["--fault", "lose-byte"]);
    let said = bench.apply().exits(4);
    let item = &said.line("run")["steps"][0]["items"][0];
    assert!(item["observed"].is_string() && item["observed"] != item["expected"], "{item:#}");
}

#[test]
fn a_lying_hash_is_caught_by_reading_back_and_claims_no_more_than_digest_below() {
    for (demand, code) in [("digest", 0), ("readback", 4)] {
        let bench = Bench::new(&bench::files_only(demand));
        let _unit = bench.power(&["--fault", "lie-hash", "--fault", "lose-byte"]);
        let said = bench.apply().exits(code);
        let run = said.line("run");
        if code == 0 {
            assert_eq!(run["level"], "digest");
            assert_eq!(bench.records()[0]["statement"]["predicate"]["level"], "digest");
        } else {
            assert_eq!(run["error"]["kind"], "mismatch");
        }
    }
}

fn active(firmware: &[Value]) -> &Value {
    firmware
        .iter()
        .find(|slot| slot["state"].as_array().is_some_and(|s| s.contains(&"active".into())))
        .expect("one runs")
}
