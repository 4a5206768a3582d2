//! Zephyr and MCUboot on an emulated Cortex-M3: firmware through serial recovery, proven by what runs afterwards.

use serde_json::Value;

use crate::support::image::{self, Image};
use crate::support::mcuboot::{Build, Mcuboot};
use crate::support::station::{Said, Station};
use crate::support::{Need, sha256, wanted};

fn profile(station: &Station, image: &Image, step: &str) -> String {
    station.file("app.signed.bin", &image.bytes);
    let text = format!(
        "format: 1\nname: an385\nversion: 1.0.0\n\
         match: {{ driver: smp, modes: {{ application: {{ model: mps2 }}, recovery: {{ driver: smp }} }} }}\n\
         artifacts:\n  app: {{ file: app.signed.bin, sha256: {} }}\n\
         steps:\n  - name: app\n{step}",
        sha256(&image.bytes)
    );
    station.file("profile.yaml", text)
}

const THROUGH_RECOVERY: &str = "    firmware: { artifact: app, slot: primary, activate: confirm }\n    \
                                in: recovery\n    verify: booted\n";
const IN_APPLICATION: &str = "    firmware: { artifact: app, slot: secondary, activate: confirm }\n    \
                              verify: booted\n";

fn step(said: &Said) -> &Value {
    &said.line("run")["steps"][0]
}

/// The one image that runs, as `info` tells it.
fn running(station: &Station, unit: &Mcuboot) -> (String, String) {
    let said = station.run(&["info", "-d", &unit.address()]).exits(0);
    let info = said.line("info");
    assert_eq!(info["mode"], "application", "{said:#?}");
    let firmware = info["firmware"].as_array().expect("firmware");
    let active = firmware
        .iter()
        .find(|slot| slot["state"].as_array().is_some_and(|state| state.contains(&"active".into())))
        .unwrap_or_else(|| panic!("an active slot in {said:#?}"));
    let text = |key: &str| active[key].as_str().unwrap_or_default().to_owned();
    (text("version"), text("hash"))
}

#[test]
fn a_signed_image_goes_through_recovery_and_is_proven_by_running() {
    if !wanted(Need::Mcuboot) {
        return;
    }
    for build in [Build::Current, Build::Buf512] {
        let (old, new) = (build.image((1, 0, 0, 0)), build.image((2, 3, 4, 5)));
        let (mut unit, station) = (Mcuboot::start(build, Some(&old)), Station::default());
        let profile = profile(&station, &new, THROUGH_RECOVERY);
        assert_eq!(running(&station, &unit), ("1.0.0".to_owned(), hex::encode(old.hash)));

        let said = station.run(&["apply", &profile, "-d", &unit.address()]).exits(0);
        let run = said.line("run");
        assert_eq!(run["outcome"], "pass", "{said:#?}");
        assert_eq!(run["level"], "booted", "{said:#?}");
        assert_eq!(step(&said)["items"][0]["observed"], hex::encode(new.hash), "{said:#?}");
        assert_eq!(running(&station, &unit), ("2.3.4.5".to_owned(), hex::encode(new.hash)));
        assert!(unit.slot0(new.bytes.len()) == new.bytes, "read past the device software");

        let again = station.run(&["apply", &profile, "-d", &unit.address()]).exits(0);
        assert_eq!(step(&again)["outcome"], "already", "{again:#?}");
        assert_eq!(step(&again)["sent"], 0, "{again:#?}");
        unit.assert_alive();
    }
}

#[test]
fn an_empty_unit_found_in_recovery_is_filled_and_starts() {
    if !wanted(Need::Mcuboot) {
        return;
    }
    let image = Build::Current.image((1, 0, 7, 0));
    let (unit, station) = (Mcuboot::start(Build::Current, None), Station::default());
    let info = station.run(&["info", "-d", &unit.address()]).exits(0);
    assert_eq!(info.line("info")["mode"], "recovery", "{info:#?}");

    let profile = profile(&station, &image, THROUGH_RECOVERY);
    let said = station.run(&["apply", &profile, "-d", &unit.address()]).exits(0);
    assert_eq!(said.line("run")["level"], "booted", "{said:#?}");
    assert_eq!(running(&station, &unit), ("1.0.7".to_owned(), hex::encode(image.hash)));
}

#[test]
fn an_image_that_the_bootloader_refuses_never_passes() {
    if !wanted(Need::Mcuboot) {
        return;
    }
    let (old, new) = (Build::Current.image((1, 0, 0, 0)), Build::Current.image((2, 0, 0, 0)));
    let bad = image::with_load_address(&new, 0);
    let (unit, station) = (Mcuboot::start(Build::Current, Some(&old)), Station::default());
    let profile = profile(&station, &bad, THROUGH_RECOVERY);
    let said = station.run(&["apply", &profile, "-d", &unit.address()]).exits(4);
    let run = said.line("run");
    assert_eq!(run["outcome"], "fail", "{said:#?}");
    assert_eq!(run["error"]["kind"], "mismatch", "{said:#?}");
    let info = station.run(&["info", "-d", &unit.address()]).exits(0);
    assert_eq!(info.line("info")["mode"], "recovery", "{info:#?}");
}

#[test]
fn a_damaged_image_file_is_refused_before_the_unit_is_touched() {
    if !wanted(Need::Mcuboot) {
        return;
    }
    let (old, mut bad) = (Build::Current.image((1, 0, 0, 0)), Build::Current.image((2, 0, 0, 0)));
    bad.bytes[70_000] ^= 0x10;
    let (unit, station) = (Mcuboot::start(Build::Current, Some(&old)), Station::default());
    let profile = profile(&station, &bad, THROUGH_RECOVERY);
    let said = station.run(&["apply", &profile, "-d", &unit.address()]).exits(2);
    assert!(said.line("error").to_string().contains("hash"), "{said:#?}");
    assert!(unit.slot0(old.bytes.len()) == old.bytes, "nothing was written");
    assert_eq!(running(&station, &unit).0, "1.0.0");
}

#[test]
fn setting_image_state_is_refused_at_plan_time() {
    if !wanted(Need::Mcuboot) {
        return;
    }
    let (old, new) = (Build::Current.image((1, 0, 0, 0)), Build::Current.image((2, 0, 0, 0)));
    let (unit, station) = (Mcuboot::start(Build::Current, Some(&old)), Station::default());
    let profile = profile(&station, &new, IN_APPLICATION);
    for command in ["plan", "apply"] {
        let said = station.run(&[command, &profile, "-d", &unit.address()]).exits(2);
        let error = said.line("error");
        assert_eq!(error["kind"], "unsupported", "{said:#?}");
        assert!(error.to_string().contains("image state"), "{said:#?}");
    }
    assert!(unit.slot0(old.bytes.len()) == old.bytes, "nothing was written");
    assert_eq!(running(&station, &unit).0, "1.0.0");
}

#[test]
fn the_application_is_told_and_diagnosed() {
    if !wanted(Need::Mcuboot) {
        return;
    }
    let old = Build::Current.image((1, 0, 0, 0));
    let (unit, station) = (Mcuboot::start(Build::Current, Some(&old)), Station::default());
    let said = station.run(&["info", "-d", &unit.address()]).exits(0);
    assert_eq!(said.line("info")["model"], "mps2", "{said:#?}");
    let said = station.run(&["diagnose", "-d", &unit.address()]).exits(0);
    assert!(!said.line("diagnostics")["measurements"].as_array().expect("measurements").is_empty());
}
