//! Units that lie, stall, run away or are not the one that was meant.
//!
//! Every kind of hostile device is met by the kernel in `stubs::hostile`, and by `detect` in `detect`; a hub that is pulled
//! in a run is in `hub`. In `detect` too are a right taken from a serial port, serial clones, and a hub that is pulled.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use firmware_stubs::dfu::{Factory, Fault, Firmware, Options};
use firmware_stubs::usb::hostile::{Hostile, HostileDevice};
use firmware_stubs::usb::{Port, Unit};
use protocols::dfu::wire::Request;
use protocols::usb::Bcd;
use serde_json::Value;

use crate::devices::process::{self, Background, Finished};
use crate::devices::sha256;
use crate::devices::station::{Said, Station};
use crate::support::bench::{in_the_bench, settle_udev};
use crate::support::unit::{DfuUnit, address};
use crate::support::{person, wait_for};

/// How long anything may take on a device that does not want to.
const DEADLINE: Duration = Duration::from_secs(60);

fn image() -> Vec<u8> {
    Firmware::build(Bcd(0x0205), &[7; 700])
}

fn profile(station: &Station, more: &str) -> String {
    station.file("app.bin", image());
    let text = format!(
        "format: 1\nname: hostile\nversion: 1.0.0\nmatch: {{ driver: dfu }}\nverify: readback\n{more}artifacts:\n  \
         app: {{ file: app.bin, sha256: {} }}\nsteps:\n  - firmware: {{ artifact: app }}\n",
        sha256(&image())
    );
    station.file("hostile.yaml", text)
}

fn options(folder: &Path, serial: &str) -> Options {
    Options { serial: serial.into(), transfer_size: 128, ..Options::new(folder.join(serial)) }
}

fn words(station: &Station, args: &[&str]) -> Finished {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hardwire"));
    command.args(args).env("HARDWIRE_HOME", station.home()).env("NO_COLOR", "1").env_remove("HARDWIRE_DEVICE");
    process::run(&mut command, DEADLINE)
}

/// No terminal is steered by this.
fn assert_tame(what: Hostile, said: &Finished) {
    for text in [&said.stdout, &said.stderr] {
        let wild = text
            .chars()
            .find(|c| (c.is_control() && *c != '\n') || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'));
        assert_eq!(wild, None, "{what}: {text:?}");
    }
}

/// The error of a run, or of what kept one from beginning.
fn error(said: &Said) -> &Value {
    said.lines
        .iter()
        .find_map(|line| match line["type"].as_str() {
            Some("run") => Some(&line["error"]),
            Some("error") => Some(line),
            _ => None,
        })
        .unwrap_or_else(|| panic!("no error in {said:#?}"))
}

#[test]
fn strings_are_shown_escaped() {
    if !in_the_bench!() {
        return;
    }
    let station = Station::default();
    for what in [Hostile::EscapeStrings, Hostile::BrokenStrings] {
        let _hostile = Unit::plug(Box::new(HostileDevice::new(what, "HO-1")), Port(1)).expect("it is plugged in");
        wait_for("device", DEADLINE, || Port(1).is_enumerated().unwrap().then_some(()));
        let at = address(Port(1));
        let json = words(&station, &["detect", "--json"]);
        assert_tame(what, &json);
        assert!(json.stdout.lines().any(|line| line.contains(&at)), "{what} is not listed: {json:?}");
        let plain = words(&station, &["detect"]);
        assert_tame(what, &plain);
        assert!(plain.stdout.contains(&at), "{what} is not listed: {plain:?}");
    }
}

#[test]
fn whoever_means_a_hostile_device_gets_an_answer_in_time_and_no_pass() {
    if !in_the_bench!() {
        return;
    }
    let station = Station::default();
    let profile = profile(&station, "");
    for what in Hostile::all() {
        let _hostile = Unit::plug(Box::new(HostileDevice::new(what, "HO-2")), Port(1)).expect("it is plugged in");
        // Some never get as far as to be a device; the others soon are.
        let until = Instant::now() + Duration::from_secs(2);
        while !Port(1).is_enumerated().expect("the port is there") && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(20));
        }
        let device = format!("dfu@{}", address(Port(1)));
        for args in [&["info", "-d", &device, "--json"][..], &["apply", &profile, "-d", &device, "--json"]] {
            let said = words(&station, args);
            assert_tame(what, &said);
            assert!(!said.stderr.contains("panicked"), "{what}: {said:?}");
            // Descriptors that can be read in spite of themselves are no error yet; none of them takes an image.
            if args[0] == "info" && said.code == 0 {
                continue;
            }
            assert!([1, 2, 3, 7].contains(&said.code), "{what}: {said:?}");
            let last = said.stdout.lines().last().unwrap_or_else(|| panic!("{what}: {said:?}"));
            let last: Value = serde_json::from_str(last).expect("an object a line");
            let error = if last["type"] == "run" { &last["error"] } else { &last };
            assert!(error["kind"].is_string() && error["next"].is_string(), "{what}: {last:#}");
        }
    }
}

#[test]
fn another_serial_number_in_dfu_mode_is_another_unit_and_is_not_written() {
    if !in_the_bench!() {
        return;
    }
    let station = Station::default();
    let profile = profile(&station, "");
    let folder = tempfile::tempdir().unwrap();
    let options = Options { faults: vec![Fault::OtherSerial], ..options(folder.path(), "CH-1") };
    let unit = DfuUnit::plug(options, Port(0));
    let said = station.run(&["apply", &profile, "-d", &unit.address()]);
    assert_eq!((&error(&said)["kind"], said.code), (&"gone".into(), 7), "{said:#?}");
    assert_eq!(unit.seen().downloads(), Vec::<Vec<u8>>::new(), "nothing was written");
}

#[test]
fn two_units_with_one_serial_number_are_told_apart_by_where_they_are() {
    if !in_the_bench!() {
        return;
    }
    let station = Station::default();
    let profile = profile(&station, "");
    let folder = tempfile::tempdir().unwrap();
    let twin = |name: &str, port| {
        let mut options = options(folder.path(), "0001");
        options.state = folder.path().join(name);
        DfuUnit::plug(options, port)
    };
    let (first, second) = (twin("first", Port(0)), twin("second", Port(1)));
    let said = station.run(&["detect"]).exits(0);
    let twins: Vec<&Value> = said.lines.iter().filter(|line| line["serial"] == "0001").collect();
    assert_eq!(twins.len(), 2, "{said:#?}");
    assert!(twins.iter().all(|line| line["hint"].as_str().is_some_and(|hint| hint.contains("serial"))), "{twins:#?}");
    let said = station.run(&["apply", &profile, "-d", "serial:0001"]).exits(2);
    assert!(error(&said)["causes"].to_string().contains("usb:") || said.stderr.contains("usb:"), "{said:#?}");
    station.run(&["apply", &profile, "-d", &second.address()]).exits(0);
    assert_eq!(second.memory(0), image());
    assert_eq!(first.seen().downloads(), Vec::<Vec<u8>>::new(), "the twin is as it was");
}

/// The device file of what is in a port.
fn node(port: Port) -> std::path::PathBuf {
    let device = Path::new("/sys/bus/usb/devices").join(port.bus_id().expect("the port is there"));
    let number = |name: &str| -> u32 {
        let text = std::fs::read_to_string(device.join(name)).expect("the kernel tells");
        text.trim().parse().expect("a number")
    };
    format!("/dev/bus/usb/{:03}/{:03}", number("busnum"), number("devnum")).into()
}

fn as_tester(args: &[&str]) -> Finished {
    let mut command = person::tester(env!("CARGO_BIN_EXE_hardwire"));
    command.args(args).env("HARDWIRE_HOME", "/run/home/tester/station").env("NO_COLOR", "1");
    process::run(&mut command, DEADLINE)
}

/// Lets the tester open a device file, or nobody but root.
fn allow(port: Port, mode: &str) {
    settle_udev();
    let done = process::run(Command::new("chmod").arg(mode).arg(node(port)), DEADLINE);
    assert_eq!(done.code, 0, "{done:?}");
}

#[test]
fn a_right_that_is_taken_away_between_the_list_and_the_opening_is_named() {
    if !in_the_bench!() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let unit = DfuUnit::plug(options(folder.path(), "PE-1"), Port(0));
    allow(Port(0), "666");
    let said = as_tester(&["detect", "--json"]);
    let listed = said.stdout.lines().find(|line| line.contains("PE-1")).unwrap_or_else(|| panic!("{said:?}"));
    assert!(listed.contains(r#""access":"ok""#), "{listed}");
    allow(Port(0), "600");
    let said = as_tester(&["info", "-d", &unit.address(), "--json"]);
    assert_eq!(said.code, 7, "{said:?}");
    assert!(said.stdout.contains("not-permitted"), "{said:?}");
    let said = as_tester(&["detect", "--json"]);
    let listed = said.stdout.lines().find(|line| line.contains("PE-1")).unwrap_or_else(|| panic!("{said:?}"));
    assert!(listed.contains(r#""access":"denied""#), "{listed}");
}

#[test]
fn a_second_mode_that_may_not_be_opened_is_named_with_what_opens_it() {
    if !in_the_bench!() {
        return;
    }
    let station = Station::default();
    let profile = profile(&station, "");
    // The tester reads it, and keeps records elsewhere.
    let open = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(station.home(), open).expect("the station's folder is opened");
    let folder = tempfile::tempdir().unwrap();
    let unit = DfuUnit::plug(options(folder.path(), "PE-2"), Port(0));
    allow(Port(0), "666");
    let said = as_tester(&["apply", &profile, "-d", &unit.address(), "--json"]);
    assert_eq!(said.code, 7, "{said:?}");
    let run = said.stdout.lines().map(|line| serde_json::from_str::<Value>(line).expect("an object a line"));
    let run = run.into_iter().find(|line| line["type"] == "run").unwrap_or_else(|| panic!("{said:?}"));
    assert_eq!((&run["outcome"], &run["error"]["kind"]), (&"error".into(), &"not-permitted".into()), "{run:#}");
    assert!(run["error"]["next"].as_str().is_some_and(|next| next.contains("hardwire udev install")), "{run:#}");
    assert_eq!(unit.seen().downloads(), Vec::<Vec<u8>>::new());
    // Root goes on from there.
    station.run(&["apply", &profile, "-d", &unit.address()]).exits(0);
    assert_eq!(unit.memory(0), image());
}

/// `first` is told to go to DFU mode; while it is away it is pulled, and `second` pushed in its place.
fn swap(first: Options, second: Options, more: &str) -> (Said, DfuUnit, DfuUnit) {
    let station = Station::default();
    let profile = profile(&station, more);
    // Time enough for whoever swaps them, on a busy machine too.
    let away = Duration::from_secs(5);
    let mut first = DfuUnit::plug(Options { boot_time: away, ..first }, Port(0));
    let told = first.listen();
    let log = station.home().join("background.log");
    let mut run: Background = station.start(&["apply", &profile, "-d", &first.address()]);
    wait_for("detach", DEADLINE, || {
        let setup = told.try_recv().ok()?;
        matches!(Request::parse(setup), Ok((Request::Detach { .. }, _))).then_some(())
    });
    let there = Path::new("/sys/bus/usb/devices").join(Port(0).bus_id().expect("the port is there"));
    wait_for("departure", DEADLINE, || (!there.exists()).then_some(()));
    first.snatch();
    let second = DfuUnit::plug(second, Port(0));
    let code = run.finish(DEADLINE);
    let printed = std::fs::read_to_string(log).expect("its log");
    let (lines, rest): (Vec<&str>, Vec<&str>) = printed.lines().partition(|line| line.starts_with('{'));
    let lines = lines.iter().map(|line| serde_json::from_str(line).expect("an object a line")).collect();
    (Said { code, lines, stderr: rest.join("\n") }, first, second)
}

#[test]
fn another_unit_pushed_in_while_a_mode_change_is_awaited_is_not_written() {
    if !in_the_bench!() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let first = options(folder.path(), "SW-1");
    // One that looks like what is awaited: in DFU mode, of the same make.
    let waiting = Options { factory: Factory::Blank, ..options(folder.path(), "SW-2") };
    let running = options(folder.path(), "SW-3");
    for second in [waiting, running] {
        let name = second.serial.clone();
        let (said, first, second) = swap(first.clone(), second, "");
        assert_eq!((&error(&said)["kind"], said.code), (&"gone".into(), 7), "{name}: {said:#?}");
        assert_eq!(said.line("run")["outcome"], "error", "{name}: {said:#?}");
        for unit in [&first, &second] {
            assert_eq!(unit.seen().downloads(), Vec::<Vec<u8>>::new(), "{name}: nothing was written");
        }
    }
}

#[test]
fn without_serial_numbers_the_other_unit_is_known_by_the_cable() {
    if !in_the_bench!() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let nameless = |name: &str, factory| Options {
        faults: vec![Fault::NoSerial],
        factory,
        state: folder.path().join(name),
        ..options(folder.path(), "x")
    };
    let first = nameless("first", Factory::Firmware(Bcd(0x0100)));
    let (said, first, second) = swap(first.clone(), nameless("second", first.factory), "");
    assert_ne!(said.code, 0, "{said:#?}");
    for unit in [&first, &second] {
        assert_eq!(unit.seen().downloads(), Vec::<Vec<u8>>::new(), "nothing was written: {said:#?}");
    }
    drop(second);
    // Where more than the port is demanded, such a unit is not written even when nobody touches it.
    let station = Station::default();
    let profile = profile(&station, "identity: { proof: serial }\n");
    let unit = DfuUnit::plug(nameless("third", Factory::Firmware(Bcd(0x0100))), Port(0));
    let said = station.run(&["apply", &profile, "-d", &unit.address()]);
    assert_ne!(said.code, 0, "{said:#?}");
    assert_eq!(unit.seen().downloads(), Vec::<Vec<u8>>::new());
}
