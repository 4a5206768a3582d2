//! SMP units behind a serial gadget: `/dev/ttyACM*` comes and goes with the unit.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::devices::image;
use crate::devices::sha256;
use crate::devices::station::{Said, Station};
use crate::devices::zephyr::{Variant, Zephyr};
use crate::support::bays;
use crate::support::bench::in_the_bench;
use crate::support::gadget::Port;
use crate::support::stub::Stub;
use crate::support::wait_for;

fn content(len: u32) -> Vec<u8> {
    (0..len).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

/// A profile that puts a file and runs new firmware.
fn profile(station: &Station) -> (String, Vec<u8>) {
    let (file, firmware) = (content(3000), image::of_len(6000, (2, 4, 0, 0)).bytes);
    station.file("large.bin", &file);
    station.file("app.bin", &firmware);
    let text = format!(
        "format: 1\nname: acm\nversion: 1.0.0\nmatch: {{ driver: smp, model: thermostat }}\nartifacts:\n  \
         large: {{ file: large.bin, sha256: {} }}\n  app: {{ file: app.bin, sha256: {} }}\nsteps:\n  \
         - firmware: {{ artifact: app, slot: secondary, activate: confirm }}\n    verify: booted\n  \
         - files: {{ put: {{ /lfs1/large.bin: {{ artifact: large }} }} }}\n",
        sha256(&file),
        sha256(&firmware)
    );
    (station.file("acm.yaml", text), file)
}

fn steps(said: &Said) -> Vec<&Value> {
    said.line("run")["steps"].as_array().expect("steps").iter().map(|step| &step["outcome"]).collect()
}

/// Numbers the ports of the serial gadgets from 11 on.
fn map(station: &Station) {
    let bay = |n| format!("  - bay: {}\n    ports: [\"platform-dummy_hcd.{n}-usbv2-0:1\"]\n", 11 + n);
    bays(station, &(0..8).map(bay).collect::<String>());
}

#[test]
fn a_unit_is_listed_once_with_bay_access_and_driver_and_keeps_its_bay_through_a_restart() {
    if !in_the_bench!() {
        return;
    }
    let station = Station::default();
    map(&station);
    let unit = Stub::smp(Port(3), "TH-0421", &[]);
    let listed = || {
        let said = station.run(&["detect"]).exits(0);
        let lines: Vec<Value> =
            said.lines.iter().filter(|line| line["type"] == "unit" && line["bay"] == 14).cloned().collect();
        assert_eq!(lines.len(), 1, "{said:#?}");
        lines[0].clone()
    };
    let line = listed();
    assert_eq!((&line["driver"], &line["access"]), (&"smp".into(), &"ok".into()), "{line}");
    assert_eq!(line["address"], unit.address());
    assert_eq!((&line["usb"]["id"], &line["usb"]["serial"]), (&"2fe3:0100".into(), &"TH-0421".into()), "{line}");
    let (profile, _) = profile(&station);
    let said = station.run(&["apply", &profile, "-d", "bay:14"]).exits(0);
    assert_eq!((&said.line("run")["bay"], &said.line("run")["serial"]), (&14.into(), &"TH-0421".into()), "{said:#?}");
    assert_eq!(listed()["bay"], 14);
}

#[test]
fn firmware_and_files_are_proven_across_the_restart_and_written_once() {
    if !in_the_bench!() {
        return;
    }
    let station = Station::default();
    let unit = Stub::smp(Port(0), "TH-1", &[]);
    let (profile, file) = profile(&station);
    let said = station.run(&["apply", &profile, "-d", &unit.address()]).exits(0);
    assert_eq!(said.line("run")["outcome"], "pass", "{said:#?}");
    assert_eq!(steps(&said), ["done", "done"]);
    assert_eq!(said.line("run")["steps"][0]["level"], "booted", "{said:#?}");
    let back = station.home().join("back").display().to_string();
    station.run(&["get", "/lfs1/large.bin", &back, "-d", &unit.address()]).exits(0);
    assert_eq!(std::fs::read(back).unwrap(), file);
    let said = station.run(&["apply", &profile, "-d", &unit.address()]).exits(0);
    assert_eq!(steps(&said), ["already", "already"]);
}

#[test]
fn a_unit_pulled_in_the_middle_is_gone_and_passes_when_run_again() {
    if !in_the_bench!() {
        return;
    }
    let station = Station::default();
    // Some 100 ms for a chunk, so that there is a middle.
    let mut unit = Stub::smp(Port(1), "TH-2", &["--write-time", "300"]);
    let (profile, _) = profile(&station);
    let mut run = station.start(&["apply", &profile, "-d", &unit.address()]);
    run.wait_for("progress", Duration::from_secs(30), |said| said.contains(r#""event":"progress""#).then_some(()));
    unit.pull();
    assert_eq!(run.finish(Duration::from_secs(60)), 7, "{}", run.printed());
    let printed = run.printed();
    let line = printed.lines().find(|line| line.starts_with('{') && line.contains(r#""type":"run""#));
    let line: Value = serde_json::from_str(line.unwrap_or_else(|| panic!("{printed}"))).unwrap();
    assert_eq!((&line["outcome"], &line["error"]["kind"]), (&"error".into(), &"gone".into()), "{line:#}");
    unit.push();
    let said = station.run(&["apply", &profile, "-d", &unit.address()]).exits(0);
    assert_eq!(said.line("run")["outcome"], "pass");
}

#[test]
fn what_a_killed_stand_in_left_hinders_nobody() {
    if !in_the_bench!() {
        return;
    }
    Stub::smp(Port(2), "TH-3", &[]).kill();
    let unit = Stub::smp(Port(2), "TH-4", &[]);
    let station = Station::default();
    let said = station.run(&["info", "-d", &unit.address()]).exits(0);
    assert_eq!(said.line("info")["serial"], "TH-4");
}

#[test]
fn zephyrs_own_server_behind_a_gadget_is_provisioned() {
    if !in_the_bench!() {
        return;
    }
    let zephyr = Zephyr::start(Variant::BigRx);
    let unit = Stub::bridge(Port(4), &zephyr.tty().display().to_string());
    let station = Station::default();
    let file = content(3000);
    station.file("large.bin", &file);
    let text = format!(
        "format: 1\nname: zephyr\nversion: 1.0.0\nmatch: {{ driver: smp, model: native_sim }}\n\
         artifacts:\n  large: {{ file: large.bin, sha256: {} }}\n\
         steps:\n  - files: {{ put: {{ /lfs1/large.bin: {{ artifact: large }}, /lfs1/id: {{ text: unit-7 }} }} }}\n",
        sha256(&file)
    );
    let profile = station.file("zephyr.yaml", text);
    let said = station.run(&["apply", &profile, "-d", &unit.address()]).exits(0);
    assert_eq!((&said.line("run")["outcome"], &said.line("run")["level"]), (&"pass".into(), &"digest".into()));
    let item = &said.line("run")["steps"][0]["items"];
    assert!(item.as_array().unwrap().iter().any(|item| item["observed"] == sha256(&file)), "{item}");
    let said = station.run(&["apply", &profile, "-d", &unit.address()]).exits(0);
    assert_eq!(steps(&said), ["already"]);
    zephyr.assert_alive();
}

#[test]
fn a_terminal_that_another_process_holds_is_named_busy() {
    if !in_the_bench!() {
        return;
    }
    let station = Station::default();
    let unit = Stub::smp(Port(5), "TH-5", &[]);
    let holder = serialport::new(unit.tty().to_string_lossy(), 115_200).open_native().expect("the port opens");
    let said = station.run(&["info", "-d", &unit.address()]).exits(7);
    assert_eq!(said.line("error")["kind"], "busy", "{said:#?}");
    drop(holder);
    wait_for("free port", Duration::from_secs(5), || {
        (station.run(&["info", "-d", &unit.address()]).code == 0).then_some(())
    });
    assert!(Path::new(&unit.tty()).exists());
}
