//! What is plugged in where: named, told in time, and with the reason when it cannot be opened.

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use firmware_stubs::usb::hostile::Hostile;
use serde_json::Value;

use crate::support::bench::{in_the_bench, settle_udev};
use crate::support::gadget::{Descriptors, Gadget, Port};
use crate::support::monitor;
use crate::support::person::{TESTER, tester, tester_in};
use crate::support::station::{HARDWIRE, Stub, Watch, detect, json, row};
use crate::support::uevents::Uevents;
use crate::support::wait_for;

const SOON: Duration = Duration::from_secs(10);

/// A Zephyr board with a serial port on USB.
fn zephyr(serial: &str) -> Descriptors {
    Descriptors { vendor: 0x2fe3, product: 0x0100, serial: serial.into(), ..Descriptors::default() }
}

#[test]
fn a_board_is_one_row_with_its_driver_and_nothing_is_sent_to_it() {
    if !in_the_bench!() {
        return;
    }
    let board = Gadget::new("board", &zephyr("TH-0421"), &["acm.a"]);
    board.plug(Port(0));
    let tty = Port(0).tty();
    let sent = || fs::read_to_string(Port(0).plugged().unwrap().join("urbnum")).unwrap();
    let before = sent();
    let found = detect();
    assert_eq!(sent(), before, "looking sends nothing");
    let rows: Vec<&Value> = found.iter().filter(|row| row["usb"]["port"] == Port(0).socket()).collect();
    assert_eq!(rows.len(), 1, "{found:?}");
    let row = rows[0];
    assert_eq!(row["address"], format!("tty:{}", tty.display()));
    let what = ["driver", "mode", "serial", "model", "access"].map(|key| row[key].as_str().unwrap_or_default());
    assert_eq!(what, ["smp", "application", "TH-0421", "Bench gadget", "ok"]);
    assert_eq!(row["usb"]["id"], "2fe3:0100");
    assert!(row["usb"]["path"].as_str().unwrap().contains("dummy_hcd.0"), "{row}");
}

#[test]
fn arrivals_and_departures_are_told_within_a_fifth_of_a_second() {
    if !in_the_bench!() {
        return;
    }
    let board = Gadget::new("board", &zephyr("TH-0001"), &["acm.a"]);
    let mut watch = Watch::start(&[]);
    let (mut arrivals, mut departures) = (Vec::new(), Vec::new());
    for _ in 0..12 {
        let uevents = Uevents::listen();
        board.plug(Port(1));
        let event = uevents.wait("add", "tty");
        let (told, line) = watch.next("arrived");
        assert_eq!((line["serial"].as_str(), line["access"].as_str()), (Some("TH-0001"), Some("ok")), "{line}");
        arrivals.push(told.saturating_duration_since(event));
        let uevents = Uevents::listen();
        board.pull();
        let event = uevents.wait("remove", "tty");
        let (told, line) = watch.next("departed");
        assert!(line["address"].as_str().unwrap().starts_with("tty:/dev/ttyACM"), "{line}");
        departures.push(told.saturating_duration_since(event));
    }
    for (what, mut times) in [("arrived", arrivals), ("departed", departures)] {
        times.sort();
        println!("{what}: {:?} (median), {:?} (worst) after the kernel's own word", times[6], times[11]);
        // A machine that emulates another one and builds meanwhile is late by itself: a quarter says what it takes.
        let (quarter, half) = (times[3], times[6]);
        assert!(quarter < Duration::from_millis(200) && half < Duration::from_millis(400), "{what}: {times:?}");
    }
}

#[test]
fn a_unit_that_leaves_and_comes_back_at_once_departed_and_arrived() {
    if !in_the_bench!() {
        return;
    }
    let board = Gadget::new("board", &zephyr("TH-0002"), &["acm.a"]);
    board.plug(Port(0));
    Port(0).tty();
    let mut watch = Watch::start(&[]);
    for _ in 0..3 {
        board.pull();
        board.plug(Port(0));
        assert_eq!(watch.next("departed").1["address"], "tty:/dev/ttyACM0");
        assert_eq!(watch.next("arrived").1["serial"], "TH-0002");
    }
}

#[test]
fn a_watch_over_many_units_sleeps() {
    if !in_the_bench!() {
        return;
    }
    let mut there = Vec::new();
    for count in [1_usize, 8, 32] {
        while there.len() < count {
            there.push(Stub::start(&["dfu", "--serial", &format!("DF-{:04}", there.len())]));
        }
        let watch = Watch::start(&[]);
        let listed =
            watch.began.iter().filter(|row| row["usb"]["serial"].as_str().is_some_and(|it| it.starts_with("DF-")));
        assert_eq!(listed.count(), count);
        let (before, began) = (watch.ticks(), Instant::now());
        std::thread::sleep(Duration::from_secs(5));
        let used = Duration::from_millis((watch.ticks() - before) * 10);
        let share = used.as_secs_f64() / began.elapsed().as_secs_f64() * 100.0;
        println!("{count} units: {share:.2} % of one processor");
        assert!(share < 1.0, "{count} units: {share:.2} %");
    }
}

#[test]
fn a_user_may_open_units_once_the_rules_are_installed_and_not_before() {
    if !in_the_bench!() {
        return;
    }
    let board = Gadget::new("board", &zephyr("TH-0003"), &["acm.a"]);
    board.plug(Port(0));
    let tty = Port(0).tty();
    let loader = Stub::start(&["dfu", "--serial", "DF-0001"]);
    let node = loader.node();
    let may_open = |mut who: Command, node: &std::path::Path| {
        let script = format!("exec 3<>{}", node.display());
        who.args(["-c", &script]).stderr(Stdio::null()).status().unwrap().success()
    };
    let opens = |who: Command| may_open(who, &tty);
    let sees_loader = |who: Command| {
        let found = json(who, &["detect"]).0;
        found.into_iter().find(|row| row["usb"]["serial"] == "DF-0001").expect("the DFU unit is listed")
    };
    let sees = |who: Command| row(&json(who, &["detect"]).0, &tty);
    let before = sees(tester(HARDWIRE));
    assert_eq!(before["access"], "denied", "{before}");
    assert!(before["hint"].as_str().unwrap().contains("group `dialout`"), "{before}");
    assert!(!opens(tester("sh")) && !may_open(tester("sh"), &node));
    let before = sees_loader(tester(HARDWIRE));
    assert_eq!((before["driver"].as_str(), before["access"].as_str()), (Some("dfu"), Some("denied")), "{before}");
    assert!(before["hint"].as_str().unwrap().contains("hardwire udev install"), "{before}");
    let (findings, code) = json(tester(HARDWIRE), &["udev", "check"]);
    assert_eq!(code, 7);
    let state = |about: &str| findings.iter().find(|it| it["about"] == about).unwrap()["state"].clone();
    assert_eq!(
        [state("udev"), state("rules"), state("group"), state("member")],
        ["ok", "missing", "missing", "missing"]
    );
    let (refused, code) = json(tester(HARDWIRE), &["udev", "install"]);
    assert_eq!((refused[0]["kind"].as_str(), code), (Some("not-permitted"), 7));

    let rules = Installed::new();
    let after = sees(tester(HARDWIRE));
    assert_eq!(after["access"], "denied", "the group's members only: {after}");
    assert!(after["hint"].as_str().unwrap().contains("usermod -aG hardwire tester"), "{after}");
    assert_eq!(sees(tester_in(&["hardwire"], HARDWIRE))["access"], "ok");
    assert!(opens(tester_in(&["hardwire"], "sh")) && !opens(tester("sh")));
    assert_eq!(sees_loader(tester_in(&["hardwire"], HARDWIRE))["access"], "ok");
    assert!(may_open(tester_in(&["hardwire"], "sh"), &node) && !may_open(tester("sh"), &node));
    let (info, code) = json(tester_in(&["hardwire"], HARDWIRE), &["info", "-d", "serial:DF-0001"]);
    assert_eq!((info[0]["driver"].as_str(), code), (Some("dfu"), 0), "{info:?}");
    let (_, code) = json(tester_in(&["hardwire"], HARDWIRE), &["udev", "check"]);
    assert_eq!(code, 0);
    // What is plugged in from now on gets them too, and a watch tells it once it may be opened.
    let mut watch = Watch::of(tester_in(&["hardwire"], HARDWIRE), &[]);
    board.pull();
    watch.next("departed");
    board.plug(Port(0));
    assert_eq!(watch.next("arrived").1["access"], "ok");
    let told = fs::read_to_string(format!("/run/udev/data/{}", Installed::entry(&tty))).unwrap();
    assert!(told.contains("E:ID_MM_PORT_IGNORE=1") && told.contains("G:uaccess"), "{told}");

    fs::write("/etc/udev/rules.d/70-hardwire.rules", "# of another version\n").unwrap();
    let (findings, _) = json(tester_in(&["hardwire"], HARDWIRE), &["udev", "check"]);
    assert!(findings.iter().any(|it| it["about"] == "rules" && it["state"] == "outdated"), "{findings:?}");
    drop(rules);
}

/// The rules, in place as a person would put them; the machine is as before when dropped.
struct Installed;

impl Installed {
    fn new() -> Installed {
        let (said, code) = json(Command::new(HARDWIRE), &["udev", "install"]);
        assert_eq!(code, 0, "{said:?}");
        assert!(said.iter().all(|it| it["state"] == "done"), "{said:?}");
        Installed
    }

    /// Where udev keeps what it knows of a terminal.
    fn entry(tty: &std::path::Path) -> String {
        use nix::sys::stat::{major, minor};
        let device = std::os::unix::fs::MetadataExt::rdev(&fs::metadata(tty).expect("a node"));
        format!("c{}:{}", major(device), minor(device))
    }
}

impl Drop for Installed {
    fn drop(&mut self) {
        let _ = fs::remove_file("/etc/udev/rules.d/70-hardwire.rules");
        let _ = Command::new("groupdel").arg("hardwire").status();
        let _ = Command::new("udevadm").args(["control", "--reload"]).status();
        let _ = Command::new("udevadm").args(["trigger", "--subsystem-match=tty"]).status();
        let _ = Command::new("udevadm").args(["settle"]).status();
    }
}

#[test]
fn a_port_that_modem_manager_holds_is_busy_and_names_it() {
    if !in_the_bench!() {
        return;
    }
    let board = Gadget::new("board", &zephyr("TH-0004"), &["acm.a"]);
    board.plug(Port(0));
    let tty = Port(0).tty();
    // No modem is needed for what the kernel shows of it: a name, and an open file.
    let name = "/run/ModemManager";
    fs::copy("/bin/sleep", name).unwrap();
    let held = fs::File::options().read(true).write(true).open(&tty).unwrap();
    let mut holder = Command::new(name).arg("60").stdin(held).spawn().unwrap();
    let busy = wait_for("ModemManager", SOON, || {
        let row = row(&detect(), &tty);
        row["hint"].as_str().is_some_and(|hint| hint.contains("(ModemManager)")).then_some(row)
    });
    assert_eq!(busy["access"], "busy", "{busy}");
    assert!(busy["hint"].as_str().unwrap().contains(&holder.id().to_string()), "{busy}");
    holder.kill().unwrap();
    holder.wait().unwrap();
    assert_eq!(row(&detect(), &tty)["access"], "ok");
    // It runs, holds nothing yet, and was not told to keep away.
    let mut idle = Command::new(name).arg("60").spawn().unwrap();
    let warned = wait_for("warning", SOON, || {
        let row = row(&detect(), &tty);
        row["hint"].as_str().is_some_and(|hint| hint.contains("may probe it")).then_some(row)
    });
    assert_eq!(warned["access"], "ok");
    idle.kill().unwrap();
    idle.wait().unwrap();
    fs::remove_file(name).unwrap();
}

#[test]
fn a_permission_taken_away_between_list_and_open_is_an_error_and_no_more() {
    if !in_the_bench!() {
        return;
    }
    let board = Gadget::new("board", &zephyr("TH-0005"), &["acm.a"]);
    board.plug(Port(0));
    let tty = Port(0).tty();
    settle_udev();
    assert!(Command::new("chown").args([TESTER, &tty.to_string_lossy()]).status().unwrap().success());
    assert_eq!(row(&json(tester(HARDWIRE), &["detect"]).0, &tty)["access"], "ok");
    assert!(Command::new("chown").args(["root", &tty.to_string_lossy()]).status().unwrap().success());
    let address = format!("tty:{}", tty.display());
    let (lines, code) = json(tester(HARDWIRE), &["info", "-d", &address]);
    assert_eq!((lines.last().unwrap()["kind"].as_str(), code), (Some("not-permitted"), 7), "{lines:?}");
}

#[test]
fn two_units_with_one_serial_number_are_remarked_and_named_by_their_ports() {
    if !in_the_bench!() {
        return;
    }
    let clones = ["left", "right"].map(|name| Gadget::new(name, &zephyr("0001"), &["acm.a"]));
    for (clone, port) in clones.iter().zip(Port::ALL) {
        clone.plug(port);
        port.tty();
    }
    let found = detect();
    for port in [Port(0), Port(1)] {
        let row = row(&found, &port.tty());
        assert!(row["hint"].as_str().unwrap().contains("2 devices show serial number 0001"), "{row}");
    }
    let (lines, code) = json(Command::new(HARDWIRE), &["info", "-d", "serial:0001"]);
    assert_eq!((lines.last().unwrap()["kind"].as_str(), code), (Some("invalid"), 2), "{lines:?}");
}

#[test]
fn a_hub_that_is_pulled_takes_its_units_with_it() {
    if !in_the_bench!() {
        return;
    }
    let mut watch = Watch::start(&[]);
    let hub = monitor::hub("hub", "1");
    let (unit, _wire) = monitor::ftdi("uart", "1.1");
    let mut told = vec![watch.next("arrived").1, watch.next("arrived").1];
    told.sort_by_key(|line| line["address"].to_string());
    assert_eq!(told[0]["name"], "FTDI FT232R serial adapter", "{told:?}");
    assert_eq!((told[1]["name"].as_str(), told[1]["driver"].is_null()), (Some("USB hub"), true), "{told:?}");
    let addresses: Vec<Value> = told.iter().map(|line| line["address"].clone()).collect();
    drop(hub);
    let mut gone = vec![watch.next("departed").1["address"].clone(), watch.next("departed").1["address"].clone()];
    gone.sort_by_key(ToString::to_string);
    assert_eq!(gone, addresses);
    drop(unit);
}

#[test]
fn hostile_devices_are_listed_or_left_out_but_never_in_the_way() {
    if !in_the_bench!() {
        return;
    }
    let board = Gadget::new("board", &zephyr("TH-0006"), &["acm.a"]);
    board.plug(Port(0));
    let tty = Port(0).tty();
    let mut watch = Watch::start(&[]);
    for hostile in Hostile::all() {
        let stub = Stub::hostile(&["usb", "--what", &hostile.to_string(), "--serial", "HO-0001"]);
        // Some never get as far as to be a device; the others soon are.
        let until = Instant::now() + Duration::from_secs(1);
        let mut most = Duration::ZERO;
        loop {
            let began = Instant::now();
            let out = Command::new(HARDWIRE).args(["detect", "--json"]).output().unwrap();
            most = most.max(began.elapsed());
            assert_eq!(out.status.code(), Some(0), "{hostile}: {}", String::from_utf8_lossy(&out.stderr));
            let text = String::from_utf8(out.stdout).unwrap();
            assert!(!text.contains(['\x1b', '\u{202e}', '\u{9b}']), "{hostile}: {text}");
            let rows: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            assert_eq!(row(&rows, &tty)["serial"], "TH-0006", "{hostile}");
            let plain = Command::new(HARDWIRE).arg("detect").output().unwrap();
            let plain = String::from_utf8(plain.stdout).unwrap();
            assert!(!plain.contains(['\x1b', '\u{202e}', '\u{9b}']), "{hostile}: {plain}");
            if Instant::now() > until {
                break;
            }
        }
        // The kernel waits five seconds and more for a device: nobody else may.
        println!("{hostile}: the slowest of all listings took {most:?}");
        assert!(most < Duration::from_secs(5), "{hostile}: {most:?}");
        drop(stub);
    }
    // The watch has lived through all of it, and still hears.
    board.pull();
    while watch.next("departed").1["address"] != format!("tty:{}", tty.display()) {}
}
