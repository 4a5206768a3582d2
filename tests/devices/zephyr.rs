//! Zephyr's own SMP server, in the builds that differ most.

use std::time::Duration;

use serde_json::Value;

use crate::support::station::{Said, Station};
use crate::support::zephyr::{Variant, Zephyr};
use crate::support::{Need, sha256, wanted};

/// A profile that puts two files, small enough for every burst and large enough for many messages.
fn profile(station: &Station) -> (String, Vec<u8>) {
    let content: Vec<u8> = (0..3000u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    station.file("large.bin", &content);
    let text = format!(
        "format: 1\nname: bench\nversion: 1.0.0\nmatch: {{ driver: smp, model: native_sim }}\n\
         artifacts:\n  large: {{ file: large.bin, sha256: {} }}\n\
         steps:\n  - name: contents\n    files: {{ put: {{ /lfs1/large.bin: {{ artifact: large }}, /lfs1/id: {{ text: unit-7 }} }} }}\n",
        sha256(&content)
    );
    (station.file("profile.yaml", text), content)
}

fn step(said: &Said) -> &Value {
    &said.line("run")["steps"][0]
}

#[test]
fn every_variant_tells_what_it_is() {
    if !wanted(Need::Zephyr) {
        return;
    }
    for variant in Variant::ALL {
        let (unit, station) = (Zephyr::start(variant), Station::default());
        let said = station.run(&["info", "-d", &unit.address()]).exits(0);
        let info = said.line("info");
        assert_eq!(info["driver"], "smp", "{variant:?}");
        assert_eq!(info["mode"], "application", "{variant:?}");
        assert_eq!(info["model"], "native_sim", "{variant:?}");
        assert_eq!(info["serial"], Value::Null, "{variant:?} has none: {said:#?}");
        let capabilities = info["capabilities"].as_array().expect("capabilities");
        assert_eq!(capabilities.contains(&"files".into()), variant.has_files(), "{variant:?}: {capabilities:?}");
        assert!(!capabilities.contains(&"firmware".into()), "{variant:?}: {capabilities:?}");
        // As many requests as it has buffers kill this server: its answer needs one too.
        let window = if variant == Variant::NoParams { 1 } else { 3 };
        assert_eq!(info["limits"]["window"], window, "{variant:?}: {}", info["limits"]);
        unit.assert_alive();
    }
}

#[test]
fn every_variant_is_diagnosed() {
    if !wanted(Need::Zephyr) {
        return;
    }
    for variant in Variant::ALL {
        let (unit, station) = (Zephyr::start(variant), Station::default());
        let said = station.run(&["diagnose", "-d", &unit.address()]).exits(0);
        let measurements = said.line("diagnostics")["measurements"].as_array().expect("measurements");
        assert!(
            measurements.iter().any(|m| m["name"] == "smp_svr_stats/ticks" && m["value"].is_u64()),
            "{variant:?}: {measurements:#?}"
        );
        assert!(said.line("diagnostics")["record"].is_string(), "{said:#?}");
        unit.assert_alive();
    }
}

#[test]
fn files_are_pushed_once_and_proven_by_the_units_digest() {
    if !wanted(Need::Zephyr) {
        return;
    }
    for variant in [Variant::Plain, Variant::BigRx] {
        let (unit, station) = (Zephyr::start(variant), Station::default());
        let (profile, content) = profile(&station);

        let first = station.run(&["apply", &profile, "-d", &unit.address()]).exits(0);
        assert_eq!(first.line("run")["outcome"], "pass", "{first:#?}");
        assert_eq!(first.line("run")["level"], "digest", "{first:#?}");
        let items = step(&first)["items"].as_array().expect("items");
        let large = items.iter().find(|item| item["path"] == "/lfs1/large.bin").expect("the large file");
        assert_eq!(large["algorithm"], "sha256");
        assert_eq!(large["observed"], sha256(&content));
        assert!(step(&first)["sent"].as_u64() >= Some(content.len() as u64), "{first:#?}");

        let second = station.run(&["apply", &profile, "-d", &unit.address()]).exits(0);
        assert_eq!(step(&second)["outcome"], "already", "{second:#?}");
        assert_eq!(step(&second)["sent"], 0, "{second:#?}");

        let down = station.home().join("down.bin").display().to_string();
        station.run(&["get", "/lfs1/large.bin", &down, "-d", &unit.address()]).exits(0);
        assert!(std::fs::read(&down).expect("fetched") == content, "what came back is what was sent");
        station.run(&["ledger", "verify"]).exits(0);
        unit.assert_alive();
    }
}

#[test]
fn a_backup_comes_back() {
    if !wanted(Need::Zephyr) {
        return;
    }
    for variant in [Variant::Plain, Variant::BigRx] {
        let (unit, station) = (Zephyr::start(variant), Station::default());
        let (profile, content) = profile(&station);
        let address = unit.address();
        station.run(&["apply", &profile, "-d", &address]).exits(0);

        let backup =
            station.run(&["backup", "-d", &address, "--path", "/lfs1/large.bin", "--path", "/lfs1/id"]).exits(0);
        let line = backup.line("backup");
        assert_eq!(line["complete"], true, "{backup:#?}");
        assert_eq!(line["items"].as_array().map(Vec::len), Some(2), "{backup:#?}");
        let digest = line["backup"].as_str().expect("digest").to_owned();

        let other = station.file("other.bin", b"something else");
        station.run(&["put", &other, "/lfs1/large.bin", "-d", &address]).exits(0);
        let restored = station.run(&["restore", &digest, "-d", &address, "--yes"]).exits(0);
        assert_eq!(restored.line("restore")["outcome"], "pass", "{restored:#?}");
        let down = station.home().join("down.bin").display().to_string();
        station.run(&["get", "/lfs1/large.bin", &down, "-d", &address]).exits(0);
        assert!(std::fs::read(&down).expect("fetched") == content, "what came back is what was sent");
        unit.assert_alive();
    }
}

#[test]
fn a_full_disk_is_named() {
    if !wanted(Need::Zephyr) {
        return;
    }
    for variant in [Variant::Plain, Variant::BigRx] {
        let (unit, station) = (Zephyr::start(variant), Station::default());
        // Four blocks of 4 KiB, of which the file system keeps half for itself.
        let big = station.file("big.bin", vec![0x5a; 12_000]);
        let said = station.run(&["put", &big, "/lfs1/big.bin", "-d", &unit.address()]).exits(1);
        let run = said.line("run");
        assert_eq!(run["outcome"], "fail", "{said:#?}");
        assert_eq!(run["error"]["kind"], "refused", "{said:#?}");
        let words = run["error"].to_string().to_lowercase();
        assert!(words.contains("full") || words.contains("space"), "{words}");
        unit.assert_alive();
    }
}

#[test]
fn files_are_refused_at_plan_time_where_the_unit_has_none() {
    if !wanted(Need::Zephyr) {
        return;
    }
    for variant in [Variant::Buf96, Variant::NoParams, Variant::Line512] {
        let (unit, station) = (Zephyr::start(variant), Station::default());
        let (profile, _) = profile(&station);
        let said = station.run(&["apply", &profile, "-d", &unit.address()]).exits(2);
        assert!(
            said.stderr.contains("files") || said.lines.iter().any(|l| l.to_string().contains("files")),
            "{said:#?}"
        );
        unit.assert_alive();
    }
}

#[test]
fn a_reset_unit_is_met_again() {
    if !wanted(Need::Zephyr) {
        return;
    }
    let (unit, station) = (Zephyr::start(Variant::BigRx), Station::default());
    let (profile, _) = profile(&station);
    station.run(&["apply", &profile, "-d", &unit.address()]).exits(0);
    station.run(&["reboot", "-d", &unit.address()]).exits(0);
    assert_eq!(unit.resets(), 1, "one reset");
    let again = station.run(&["apply", &profile, "-d", &unit.address()]).exits(0);
    assert_eq!(step(&again)["outcome"], "already", "its flash kept the files: {again:#?}");
    unit.assert_alive();
}

#[test]
fn a_unit_that_dies_in_a_transfer_is_no_pass_and_the_next_run_finishes_it() {
    if !wanted(Need::Zephyr) {
        return;
    }
    for variant in [Variant::Plain, Variant::BigRx] {
        let (unit, station) = (Zephyr::start(variant), Station::default());
        let (profile, content) = profile(&station);
        let address = unit.address();
        let mut cut = station.start(&["apply", &profile, "-d", &address]);
        cut.wait_for("a first acknowledged piece", Duration::from_secs(60), |printed| {
            printed.contains(r#""event":"progress""#).then_some(())
        });
        unit.cut_power();
        assert_eq!(cut.finish(Duration::from_secs(120)), 7, "{}", cut.printed());
        assert!(cut.printed().contains(r#""outcome":"error""#), "{}", cut.printed());

        let again = station.run(&["apply", &profile, "-d", &address]).exits(0);
        assert_eq!(again.line("run")["outcome"], "pass", "{again:#?}");
        let down = station.home().join("down.bin").display().to_string();
        station.run(&["get", "/lfs1/large.bin", &down, "-d", &address]).exits(0);
        assert!(std::fs::read(&down).expect("fetched") == content, "what came back is what was sent");
        station.run(&["ledger", "verify"]).exits(0);
        unit.assert_alive();
    }
}
