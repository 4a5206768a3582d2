//! What the kernel makes of hostile devices, and that none of them stays behind.

use std::path::PathBuf;
use std::time::Duration;

use firmware_stubs::usb::hostile::{Hostile, HostileDevice};
use firmware_stubs::usb::{Port, Unit};

use crate::support::bench::in_the_bench;
use crate::support::kernel::KernelLog;
use crate::support::stand_in::{SOON, Stub, attribute, gone, shows};
use crate::support::wait_for;

#[test]
fn each_hostile_device_does_to_the_kernel_what_it_is_called_for() {
    if !in_the_bench!() {
        return;
    }
    for what in Hostile::all() {
        let mut log = KernelLog::from_now();
        let unit = Unit::plug(Box::new(HostileDevice::new(what, "HO-1")), Port(1)).unwrap();
        let place = PathBuf::from(Port(1).bus_id().unwrap());
        match what {
            // The kernel does not get through its enumeration, and says so.
            Hostile::Stall | Hostile::Flap => {
                wait_for("an attempt", SOON, || log.new_lines().iter().any(|line| line.contains("usb ")).then_some(()));
                assert_eq!(attribute(&place, "idVendor"), None, "{what}");
            }
            // It leaves when somebody speaks to it, which the kernel does for its strings and more.
            Hostile::Reset => {
                wait_for("two arrivals", SOON, || {
                    let lines = log.new_lines();
                    lines
                        .iter()
                        .any(|line| line.contains("USB disconnect") || line.contains("new high-speed"))
                        .then_some(())
                });
            }
            Hostile::NoStrings => {
                shows(&place, "idProduct", "000e");
                assert_eq!(attribute(&place, "serial"), None);
            }
            _ => shows(&place, "idProduct", "000e"),
        }
        let interfaces = attribute(&place, "bNumInterfaces");
        if what == Hostile::NoInterface {
            assert_eq!(interfaces.as_deref().map(str::trim), Some("0"));
        }
        unit.end().unwrap();
        gone(&place);
        assert!(Port(1).is_free().unwrap(), "{what}");
    }
}

#[test]
fn a_hostile_process_says_where_it_is_within_its_limit() {
    if !in_the_bench!() {
        return;
    }
    for what in ["stall", "escape-strings"] {
        let started = std::time::Instant::now();
        let stub = Stub::start("usb", &["--what", what, "--port", "4"]);
        assert!(started.elapsed() < Duration::from_secs(15), "{what}");
        assert_eq!(stub.place, PathBuf::from(Port(4).bus_id().unwrap()));
        if what != "stall" {
            shows(&stub.place, "idProduct", "000e");
        }
        let place = stub.place.clone();
        stub.end();
        gone(&place);
    }
}
