//! A DFU unit, from the list to the record: found, taken through its modes, written, read back, let run.

use firmware_stubs::dfu::{Detach, Firmware, Manifestation, Memory, Options};
use firmware_stubs::usb::Port;
use protocols::dfu::wire::{Layout, PollTimeout};
use protocols::usb::Bcd;
use serde_json::Value;

use crate::devices::sha256;
use crate::devices::station::Station;
use crate::support::bench::in_the_bench;
use crate::support::unit::DfuUnit;

/// Blocks of this many bytes, so that a small image is some forty blocks.
const BLOCK: u16 = 128;

pub fn image(len: usize) -> Vec<u8> {
    let body: Vec<u8> = (0..len as u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    Firmware::build(Bcd(0x0204), &body)
}

/// A station with a profile for the stand-in, and the profile's path.
pub fn station(image: &[u8], verify: &str) -> (Station, String) {
    let station = Station::default();
    station.file("app.bin", image);
    let profile = format!(
        "format: 1\nname: thermostat-usb\nversion: 2.4.0\nmatch: {{ model: thermostat, driver: dfu }}\n\
         verify: {verify}\nartifacts:\n  app: {{ file: app.bin, sha256: {} }}\nsteps:\n  - firmware: {{ artifact: app }}\n",
        sha256(image)
    );
    let profile = station.file("thermostat.yaml", profile);
    (station, profile)
}

pub fn options(folder: &tempfile::TempDir) -> Options {
    Options { transfer_size: BLOCK, serial: "DF-0421".into(), ..Options::new(folder.path().join("unit")) }
}

/// The release that the unit in a port shows, as the kernel read it.
fn release(port: Port) -> String {
    let id = port.bus_id().expect("the port is there");
    std::fs::read_to_string(format!("/sys/bus/usb/devices/{id}/bcdDevice")).unwrap_or_default().trim().to_owned()
}

fn steps(run: &Value) -> Vec<String> {
    let steps = run["steps"].as_array().expect("steps");
    let text = |value: &'_ Value| value.as_str().expect("text").to_owned();
    steps.iter().map(|step| text(&step["outcome"])).collect()
}

#[test]
fn a_unit_is_listed_with_access_and_driver_in_either_mode() {
    if !in_the_bench!() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (station, _) = station(&image(100), "readback");
    let unit = DfuUnit::plug(options(&folder), Port(2));
    let said = station.run(&["detect"]).exits(0);
    let listed = said.lines.iter().find(|line| line["address"] == unit.address()).unwrap_or_else(|| panic!("{said:?}"));
    assert_eq!(listed["type"], "unit");
    assert_eq!((&listed["driver"], &listed["mode"]), (&"dfu".into(), &"application".into()), "{listed}");
    assert_eq!((&listed["serial"], &listed["access"]), (&"DF-0421".into(), &"ok".into()), "{listed}");
    assert_eq!(listed["usb"]["id"], "1209:0001");
    drop(unit);

    let blank = Options { factory: firmware_stubs::dfu::Factory::Blank, ..options(&tempfile::tempdir().unwrap()) };
    let unit = DfuUnit::plug(blank, Port(2));
    let said = station.run(&["detect"]).exits(0);
    let listed = said.lines.iter().find(|line| line["address"] == unit.address()).unwrap_or_else(|| panic!("{said:?}"));
    assert_eq!((&listed["driver"], &listed["mode"]), (&"dfu".into(), &"dfu".into()), "{listed}");
}

#[test]
fn apply_crosses_the_modes_on_its_own_and_writes_nothing_the_second_time() {
    if !in_the_bench!() {
        return;
    }
    let ways = [
        (Detach::ByItself, Manifestation::Leaves),
        (Detach::AtReset, Manifestation::AwaitsReset),
        (Detach::ByItself, Manifestation::Tolerant),
    ];
    for (detach, manifestation) in ways {
        let folder = tempfile::tempdir().unwrap();
        let image = image(5000);
        let (station, profile) = station(&image, "readback");
        let unit = DfuUnit::plug(Options { detach, manifestation, ..options(&folder) }, Port(0));
        let said = station.run(&["apply", &profile, "-d", &unit.address()]).exits(0);
        let run = said.line("run");
        assert_eq!((&run["outcome"], &run["level"]), (&"pass".into(), &"readback".into()), "{said:#?}");
        assert_eq!((&run["serial"], &run["mode"]), (&"DF-0421".into(), &"application".into()), "{said:#?}");
        assert_eq!(unit.memory(0), image);
        assert_eq!(unit.seen().downloads(), std::slice::from_ref(&image), "{manifestation:?}");
        unit.until_configured();
        assert_eq!(release(unit.port()), "0204", "the new firmware runs");
        let record = station.run(&["ledger", "verify"]).exits(0);
        assert!(!record.lines.is_empty());

        unit.forget();
        let said = station.run(&["apply", &profile, "-d", &unit.address()]).exits(0);
        assert_eq!(said.line("run")["outcome"], "pass");
        assert_eq!(steps(said.line("run")), ["already"], "{said:#?}");
        assert_eq!(unit.seen().downloads(), Vec::<Vec<u8>>::new());
    }
}

#[test]
fn apply_writes_addresses_of_a_dfuse_unit() {
    if !in_the_bench!() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let image = image(5000);
    let (station, profile) = station(&image, "readback");
    let layout = Layout::parse("@Internal Flash /0x08000000/16*001Kg").unwrap();
    let unit = DfuUnit::plug(Options { memory: Memory::Addressed(vec![layout]), ..options(&folder) }, Port(1));
    let said = station.run(&["apply", &profile, "-d", &unit.address()]).exits(0);
    assert_eq!(said.line("run")["level"], "readback", "{said:#?}");
    assert!(unit.memory(0).starts_with(&image));
    unit.until_configured();
    assert_eq!(release(unit.port()), "0204");
}

#[test]
fn a_unit_that_wants_to_be_left_alone_is_left_alone() {
    if !in_the_bench!() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let image = image(1000);
    let (station, profile) = station(&image, "readback");
    // The stand-in refuses whoever asks sooner.
    let unit = DfuUnit::plug(Options { poll_timeout: PollTimeout::from_millis(20), ..options(&folder) }, Port(0));
    station.run(&["apply", &profile, "-d", &unit.address()]).exits(0);
    assert_eq!(unit.memory(0), image);
}
