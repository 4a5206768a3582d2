//! Power cuts and killed stations: after each, running again ends in PASS, and no cut ever yields a false one.
#![allow(clippy::disallowed_methods, reason = "stand-ins live in real time")]

mod bench;
#[path = "../devices/support/mod.rs"]
mod support;

use bench::{Bench, undisturbed};
use serde_json::Value;

/// Tests run side by side, so the cuts are dealt out to several of them.
const SHARES: u32 = 4;

/// Cuts the power at every request of this share, each on a fresh unit, until an apply is not reached by its cut.
fn cut_at_every_request(fault: &str, share: u32) {
    let model = undisturbed();
    let mut cuts = 0;
    for request in (1..).filter(|n| n % SHARES == share) {
        let bench = Bench::new(&model.profile);
        let mut unit = bench.power(&["--fault", &format!("{fault}:{request}")]);
        let first = bench.apply();
        if unit.ended().is_none() {
            assert_eq!(first.code, 0, "{fault}:{request} was not reached: {first:#?}");
            break;
        }
        cuts += 1;
        // What was cut after the last proof had been read is a pass, and a true one.
        let began = first.lines.iter().any(|line| line["type"] == "run");
        if first.code != 0 {
            assert_eq!(first.code, 7, "{fault}:{request}: {first:#?}");
        }
        let _unit = bench.power(&[]);
        let again = bench.apply().exits(0);
        bench.is_as(model, &again, &format!("{fault}:{request}"));
        let mut expected = vec![if first.code == 0 { "pass" } else { "error" }; usize::from(began)];
        expected.push("pass");
        assert_eq!(bench.recorded(), expected, "{fault}:{request}");
    }
    assert!(cuts >= 10, "only {cuts} cuts in share {share}");
}

/// Kills the station at the event numbered so, counted from 1, until a run is not reached by it.
fn kill_at_every_event(share: u32) {
    let model = undisturbed();
    let mut killed = 0;
    for number in (1..).filter(|n| n % SHARES == share) {
        let bench = Bench::new(&model.profile);
        let _unit = bench.power(&[]);
        let Some(event) = bench.apply_until_event(number) else { break };
        killed += 1;
        let again = bench.apply().exits(0);
        bench.is_as(model, &again, &format!("killed at {event}"));
        let recorded = bench.recorded();
        // A station killed between its last event and its end had already sealed the record.
        let whole = event["event"] == "run-finished";
        assert_eq!(recorded, [if whole { "pass" } else { "error" }, "pass"], "killed at {event}");
        if !whole {
            let first = &bench.records()[0]["statement"]["predicate"];
            assert_eq!(first["error"]["kind"], "interrupted", "killed at {event}: {first:#}");
        }
    }
    assert!(killed >= 2, "only {killed} events in share {share}");
}

macro_rules! shares {
    ($($name:ident: $body:expr;)*) => {
        $(#[test] fn $name() { $body })*
    };
}

shares! {
    power_cut_before_storing_0: cut_at_every_request("cut-request", 0);
    power_cut_before_storing_1: cut_at_every_request("cut-request", 1);
    power_cut_before_storing_2: cut_at_every_request("cut-request", 2);
    power_cut_before_storing_3: cut_at_every_request("cut-request", 3);
    power_cut_after_storing_0: cut_at_every_request("cut-answer", 0);
    power_cut_after_storing_1: cut_at_every_request("cut-answer", 1);
    power_cut_after_storing_2: cut_at_every_request("cut-answer", 2);
    power_cut_after_storing_3: cut_at_every_request("cut-answer", 3);
    station_killed_0: kill_at_every_event(0);
    station_killed_1: kill_at_every_event(1);
    station_killed_2: kill_at_every_event(2);
    station_killed_3: kill_at_every_event(3);
}

#[test]
fn power_cut_in_the_middle_of_a_write() {
    let model = undisturbed();
    for byte in [1, 40, 1000, 5000, 16_000, 16_500, 17_500, 18_300] {
        let bench = Bench::new(&model.profile);
        let mut unit = bench.power(&["--fault", &format!("cut-byte:{byte}")]);
        let first = bench.apply();
        if unit.ended().is_none() {
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
