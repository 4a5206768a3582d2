//! Serial units on USB: Hardwire at the other end of the cable.

use std::path::{Path, PathBuf};
use std::process::Command;

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::support::bench::in_the_bench;
use crate::support::gadget::Port;
use crate::support::stand_in::{SOON, Stub, shows};
use crate::support::wait_for;

const GADGETS: &str = "/sys/kernel/config/usb_gadget";

fn hardwire(home: &Path, args: &[&str]) -> Value {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hardwire"));
    let ran = command.args(args).arg("--json").env("HARDWIRE_HOME", home).output().unwrap();
    let text = String::from_utf8_lossy(&ran.stdout);
    let last = text.lines().last().unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(&ran.stderr)));
    serde_json::from_str(last).unwrap()
}

/// What a stand-in on this controller has in configfs.
fn left(controller: &str) -> bool {
    Path::new(GADGETS).join(format!("hardwire-{controller}")).exists()
}

fn is_answered(home: &Path, tty: &Path, serial: &str) {
    let info = hardwire(home, &["info", "-d", &format!("tty:{}", tty.display())]);
    assert_eq!((&info["type"], &info["serial"]), (&"info".into(), &serial.into()), "{info}");
}

#[test]
fn an_smp_unit_answers_on_its_usb_terminal_and_returns_from_a_reset() {
    if !in_the_bench!() {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let options = ["--gadget", "dummy_udc.0", "--serial", "TH-7", "--boot-time", "300", "--usb-id", "2fe3:0101"];
    let stub = Stub::start("smp", &options);
    assert_eq!(stub.place, Port(0).tty());
    let socket = PathBuf::from(Port(0).socket());
    for (name, value) in [("idVendor", "2fe3"), ("idProduct", "0101"), ("serial", "TH-7"), ("product", "thermostat")] {
        shows(&socket, name, value);
    }
    is_answered(home.path(), &stub.place, "TH-7");
    let number = || std::fs::read_to_string(Path::new("/sys/bus/usb/devices").join(&socket).join("devnum")).ok();
    let before = number().unwrap();
    let rebooted = hardwire(home.path(), &["reboot", "-d", &format!("tty:{}", stub.place.display())]);
    assert_eq!(rebooted["outcome"], "pass", "{rebooted}");
    assert_ne!(number().unwrap(), before, "it left the bus and came back");
    is_answered(home.path(), &stub.place, "TH-7");

    stub.signal(Signal::SIGUSR1);
    wait_for("departure", SOON, || Port(0).plugged().is_none().then_some(()));
    stub.signal(Signal::SIGUSR2);
    let tty = Port(0).tty();
    is_answered(home.path(), &tty, "TH-7");
    stub.end();
    assert!(!left("dummy_udc.0") && Port(0).plugged().is_none());
}

#[test]
fn what_a_killed_one_left_does_not_hinder_the_next() {
    if !in_the_bench!() {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let options = ["--gadget", "dummy_udc.3", "--serial", "TH-8"];
    let stub = Stub::start("smp", &options);
    let mut second = Command::new(env!("CARGO_BIN_EXE_hardwire"));
    let second = second.args(["stub", "smp", "--gadget", "dummy_udc.3", "--json"]).output().unwrap();
    assert_eq!(second.status.code(), Some(7), "a live one keeps its place");
    let state = stub.kill();
    assert!(left("dummy_udc.3"));
    let stub = Stub::start_on(state, "smp", &options);
    is_answered(home.path(), &stub.place, "TH-8");
    stub.end();
    assert!(!left("dummy_udc.3"));
}

#[test]
fn another_units_terminal_answers_behind_a_bridge() {
    if !in_the_bench!() {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let unit = Stub::start("smp", &["--serial", "TH-9"]);
    let pty = unit.place.to_str().unwrap().to_owned();
    let mut bridge = Stub::start("bridge", &["--gadget", "dummy_udc.5", "--to", &pty, "--serial", "BR-9"]);
    assert_eq!(bridge.place, Port(5).tty());
    shows(Path::new(&Port(5).socket()), "serial", "BR-9");
    is_answered(home.path(), &bridge.place, "TH-9");
    bridge.signal(Signal::SIGUSR1);
    wait_for("departure", SOON, || Port(5).plugged().is_none().then_some(()));
    bridge.signal(Signal::SIGUSR2);
    is_answered(home.path(), &Port(5).tty(), "TH-9");
    drop(unit);
    assert_eq!(bridge.ended().code(), Some(75));
    assert!(!left("dummy_udc.5"));
}
