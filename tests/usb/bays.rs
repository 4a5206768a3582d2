//! Bays: learned by plugging, kept through every enumeration, and nothing else touched.

use std::path::Path;
use std::time::Duration;

use firmware_stubs::dfu::{Firmware, Options};
use firmware_stubs::usb::Port;
use hardwire::detect::PortPath;
use protocols::usb::Bcd;
use serde_json::Value;

use crate::devices::sha256;
use crate::devices::station::{Said, Station};
use crate::support::bays;
use crate::support::bench::in_the_bench;
use crate::support::unit::DfuUnit;

const SOON: Duration = Duration::from_secs(20);

fn image() -> Vec<u8> {
    Firmware::build(Bcd(0x0210), &[9; 900])
}

fn profile(station: &Station) -> String {
    station.file("app.bin", image());
    let text = format!(
        "format: 1\nname: bays\nversion: 1.0.0\nmatch: {{ driver: dfu, usb: [\"1209:0001\", \"1209:0002\"] }}\n\
         verify: readback\nartifacts:\n  app: {{ file: app.bin, sha256: {} }}\nsteps:\n  \
         - firmware: {{ artifact: app }}\n",
        sha256(&image())
    );
    station.file("bays.yaml", text)
}

/// A unit in a port of the virtual controller; its files are called by `name`.
fn unit(folder: &Path, name: &str, serial: &str, port: u16) -> DfuUnit {
    let options = Options { serial: serial.into(), transfer_size: 128, ..Options::new(folder.join(name)) };
    DfuUnit::plug(options, Port(port))
}

fn path(port: u16) -> String {
    PortPath::of(&Port(port).bus_id().expect("the controller is there")).expect("the kernel tells").to_string()
}

fn untouched(unit: &DfuUnit) -> bool {
    unit.seen().downloads().is_empty()
}

fn bay_lines(said: &Said) -> Vec<&Value> {
    said.lines.iter().filter(|line| line["type"] == "bay").collect()
}

#[test]
fn sockets_are_learned_one_after_the_other_and_keep_their_numbers() {
    if !in_the_bench!() {
        return;
    }
    let station = Station::default();
    let folder = tempfile::tempdir().unwrap();
    let mut lesson = station.start(&["bay", "learn", "4-5"]);
    let mut asks = |bay: u32| {
        let words = format!("bay {bay}: plug a unit");
        lesson.wait_for("prompt", SOON, |said| said.contains(&words).then_some(()));
    };
    asks(4);
    let mut first = unit(folder.path(), "a", "DF-A", 6);
    asks(5);
    // The same socket again is no new bay.
    first.pull();
    first.push(Port(6));
    first.until_configured();
    let second = unit(folder.path(), "b", "DF-B", 2);
    assert_eq!(lesson.finish(SOON), 0, "{}", lesson.printed());
    let said = station.run(&["bay", "list"]).exits(0);
    let bays = bay_lines(&said);
    let numbers: Vec<u64> = bays.iter().filter_map(|bay| bay["bay"].as_u64()).collect();
    assert_eq!(numbers, [4, 5], "{said:#?}");
    for (bay, port) in bays.iter().zip([6, 2]) {
        let ports: Vec<&str> = bay["ports"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        assert!(ports.contains(&path(port).as_str()), "{bay}");
        // The virtual controller pairs its ports of both speeds.
        assert!(ports.len() == 2 && ports.iter().any(|port| port.contains("usbv3")), "{bay}");
        assert_eq!(bay["units"].as_array().unwrap().len(), 1, "{bay}");
    }
    // It learns nothing over again, and gives other numbers when it is asked to go on.
    station.run(&["bay", "learn", "5"]).exits(2);
    // Through two modes and back a unit keeps its number.
    let profile = profile(&station);
    let said = station.run(&["apply", &profile, "-d", "bay:5"]).exits(0);
    let run = said.line("run");
    assert_eq!((&run["bay"], &run["serial"]), (&5.into(), &"DF-B".into()), "{said:#?}");
    let events: Vec<&Value> = said.lines.iter().filter(|line| line["event"] == "mode-changed").collect();
    assert!(
        events.len() >= 2 && events.iter().all(|event| event["bay"] == 5 && event["proof"] == "serial"),
        "{events:?}"
    );
    assert_eq!(second.memory(0), image());
    assert!(untouched(&first));
    let said = station.run(&["detect"]).exits(0);
    let bay_of = |serial: &str| said.lines.iter().find(|line| line["serial"] == serial).map(|line| line["bay"].clone());
    assert_eq!((bay_of("DF-A"), bay_of("DF-B")), (Some(4.into()), Some(5.into())), "{said:#?}");
}

#[test]
fn what_is_outside_of_the_map_or_disabled_is_left_alone() {
    if !in_the_bench!() {
        return;
    }
    let station = Station::default();
    let folder = tempfile::tempdir().unwrap();
    let inside = unit(folder.path(), "a", "DF-A", 0);
    let outside = unit(folder.path(), "b", "DF-B", 1);
    let disabled = unit(folder.path(), "c", "DF-C", 2);
    let map =
        format!("  - {{ bay: 1, ports: \"{}\" }}\n  - {{ bay: 2, ports: \"{}\", enabled: false }}\n", path(0), path(2));
    bays(&station, &map);
    let profile = profile(&station);
    let said = station.run(&["apply", &profile, "--all"]).exits(0);
    assert_eq!((&said.line("run")["serial"], &said.line("run")["bay"]), (&"DF-A".into(), &1.into()), "{said:#?}");
    assert_eq!(inside.memory(0), image());
    assert!(untouched(&outside) && untouched(&disabled));
    station.run(&["apply", &profile, "-d", "bay:2"]).exits(2);
    assert!(untouched(&disabled));
    // What is named is meant.
    station.run(&["apply", &profile, "-d", &outside.address()]).exits(0);
    assert_eq!(outside.memory(0), image());
    assert!(untouched(&disabled));
}

#[test]
fn two_clones_with_one_serial_number_are_told_apart_by_their_bays() {
    if !in_the_bench!() {
        return;
    }
    let station = Station::default();
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (unit(folder.path(), "a", "0001", 3), unit(folder.path(), "b", "0001", 4));
    bays(&station, &format!("  - {{ bays: 1-8, ports: \"{}\" }}\n", path(3).replace("0:4", "0:{}")));
    let profile = profile(&station);
    station.run(&["apply", &profile, "-d", "serial:0001"]).exits(2);
    let said = station.run(&["apply", &profile, "-d", "bay:5"]).exits(0);
    assert_eq!(said.line("run")["bay"], 5);
    let proofs: Vec<&Value> =
        said.lines.iter().filter(|line| line["event"] == "mode-changed").map(|line| &line["proof"]).collect();
    assert!(
        !proofs.is_empty() && proofs.iter().all(|proof| *proof == "port"),
        "a shared number proves nothing: {proofs:?}"
    );
    assert_eq!(second.memory(0), image());
    assert!(untouched(&first));
}
