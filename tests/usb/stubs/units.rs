//! Units in this very process, pulled and pushed by their handles, and by signals.

use std::path::PathBuf;

use firmware_stubs::dfu;
use firmware_stubs::usb::{Place, Port, PortError, Unit};
use nix::sys::signal::Signal;

use crate::support::bench::in_the_bench;
use crate::support::stand_in::{SOON, Stub, attribute, gone, shows};
use crate::support::wait_for;

fn options(folder: &tempfile::TempDir, serial: &str) -> dfu::Options {
    dfu::Options { serial: serial.to_owned(), ..dfu::Options::new(folder.path().join(serial)) }
}

fn plug(options: dfu::Options, port: Port) -> Unit {
    Unit::plug(Box::new(dfu::Unit::open(options).unwrap()), port).unwrap()
}

fn place(port: Port) -> PathBuf {
    port.bus_id().unwrap().into()
}

#[test]
fn eight_units_come_and_go_each_in_its_port() {
    if !in_the_bench!() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let serial = |port: u16| format!("DF-{port}");
    let mut units: Vec<_> = (0..8).map(|port| plug(options(&folder, &serial(port)), Port(port))).collect();
    for port in 0..8 {
        shows(&place(Port(port)), "serial", &serial(port));
    }
    let taken = Unit::plug(Box::new(dfu::Unit::open(options(&folder, "other")).unwrap()), Port(3));
    assert!(matches!(taken, Err(firmware_stubs::usb::Error::Port(PortError::Taken(Port(3))))));
    units[3].pull().unwrap();
    units[3].pull().unwrap();
    gone(&place(Port(3)));
    units[5].pull().unwrap();
    units[3].push_into(Port(5)).unwrap();
    shows(&place(Port(5)), "serial", "DF-3");
    units[5].push_into(Port(3)).unwrap();
    shows(&place(Port(3)), "serial", "DF-5");
    assert_eq!(attribute(&place(Port(4)), "serial").as_deref(), Some("DF-4"), "the others stay");
    for unit in units {
        unit.end().unwrap();
    }
    (0..8).for_each(|port| gone(&place(Port(port))));
}

#[test]
fn a_handle_tells_that_a_fault_unplugged_its_unit_and_pushes_it_again() {
    if !in_the_bench!() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let faults = vec![dfu::Fault::UnplugControl(1)];
    let mut unit = plug(dfu::Options { faults, ..options(&folder, "DF-1") }, Port(0));
    shows(&place(Port(0)), "serial", "DF-1");
    assert_eq!(unit.news().unwrap(), None);
    crate::support::stand_in::dfu_util(&["-e"]);
    wait_for("news", SOON, || unit.news().unwrap().filter(|news| *news == Place::Unplugged));
    gone(&place(Port(0)));
    unit.push().unwrap();
    shows(&place(Port(0)), "serial", "DF-1");
}

#[test]
fn signals_pull_and_push_a_process() {
    if !in_the_bench!() {
        return;
    }
    let stub = Stub::start("dfu", &["--port", "2", "--serial", "DF-1"]);
    assert_eq!(stub.place, place(Port(2)));
    for _ in 0..3 {
        stub.signal(Signal::SIGUSR1);
        gone(&stub.place);
        stub.signal(Signal::SIGUSR2);
        shows(&stub.place, "serial", "DF-1");
    }
    let place = stub.place.clone();
    stub.end();
    gone(&place);
}
