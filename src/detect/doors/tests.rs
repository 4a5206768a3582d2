use super::*;
use crate::device::{Mode, Pattern};

const SIGNATURES: &[Signature] = &[
    Signature {
        name: "Zephyr USB CDC ACM",
        speaks: Some(Speaks { driver: "smp", mode: Mode::Application, via: Via::Serial }),
        pattern: Pattern::device(0x2fe3, 0x0100),
    },
    Signature {
        name: "DFU unit, running",
        speaks: Some(Speaks { driver: "dfu", mode: Mode::Application, via: Via::Usb }),
        pattern: Pattern::interface(0xfe, 0x01, 0x01),
    },
];

const ACM: [u8; 3] = [2, 2, 1];
const DFU: [u8; 3] = [0xfe, 1, 1];

fn device(port: &str, (vendor, product): (u16, u16), interfaces: &[[u8; 3]]) -> Device {
    Device {
        port: port.into(),
        number: Some(7),
        vendor,
        product,
        classes: [&[[0, 0, 0]], interfaces].concat(),
        serial: Some(UnitText::new(&format!("SN-{port}"))),
        model: Some(UnitText::new("Board")),
        is_authorized: true,
        ..Device::default()
    }
}

fn tty(name: &str, port: &str) -> Port {
    Port { address: format!("tty:/dev/{name}"), place: Some(port.into()), usb: None }
}

fn listed(ports: Vec<Port>, devices: &[Device]) -> Vec<(String, Option<&'static str>)> {
    rows(SIGNATURES, ports, devices).into_iter().map(|found| (found.address, found.driver)).collect()
}

#[test]
fn a_port_and_its_device_are_one_row() {
    let devices = [device("1-2", (0x2fe3, 0x0100), &[ACM, [0x0a, 0, 0]])];
    let found = rows(SIGNATURES, vec![tty("ttyACM0", "1-2")], &devices);
    assert_eq!(found.len(), 1);
    let row = &found[0];
    assert_eq!(
        (row.address.as_str(), row.driver, row.mode),
        ("tty:/dev/ttyACM0", Some("smp"), Some(Mode::Application))
    );
    assert_eq!(row.serial, Some(UnitText::new("SN-1-2")));
    assert_eq!((row.name, row.hint.as_deref()), (Some("Zephyr USB CDC ACM"), None));
    assert_eq!(row.usb.as_ref().unwrap().number, Some(7));
}

#[test]
fn each_driver_of_a_composite_device_has_its_door() {
    let tty0 = || vec![tty("ttyACM0", "1-2")];
    let both = [device("1-2", (0x2fe3, 0x0100), &[ACM, DFU])];
    assert_eq!(listed(tty0(), &both), [("tty:/dev/ttyACM0".into(), Some("smp")), ("usb:1-2".into(), Some("dfu"))]);
    let usb_only = [device("1-2", (0x1209, 1), &[ACM, DFU])];
    let found = rows(SIGNATURES, tty0(), &usb_only);
    assert_eq!((found.len(), found[0].address.as_str(), found[0].driver), (1, "usb:1-2", Some("dfu")));
    assert!(found[0].hint.as_ref().unwrap().contains("tty:/dev/ttyACM0"));
    let neither = [device("1-2", (0x1209, 1), &[ACM])];
    assert_eq!(listed(tty0(), &neither), [("tty:/dev/ttyACM0".into(), None)]);
    assert_eq!(listed(vec![], &neither), [("usb:1-2".into(), None)]);
    assert_eq!(rows(SIGNATURES, vec![], &neither)[0].awaits, Some(Awaits::Port));
    assert_eq!(listed(tty0(), &[]), [], "its device has left or is not there yet");
}

#[test]
fn what_is_only_known_is_named_and_what_is_nobodys_business_is_left_out() {
    let name = |id, interfaces: &[[u8; 3]]| {
        let found = rows(SIGNATURES, vec![], &[device("1-1", id, interfaces)]);
        found.first().map(|found| (found.name, found.driver))
    };
    assert_eq!(name((0x2e8a, 0x0003), &[[8, 6, 80]]), Some((Some("RP2040 in BOOTSEL mode"), None)));
    assert_eq!(name((0x18d1, 0x4ee7), &[[0xff, 0x42, 1]]), Some((Some("Android device (adb)"), None)));
    assert_eq!(name((0x05c6, 0x9008), &[[0xff, 0xff, 0xff]]), Some((Some("Qualcomm emergency download (EDL)"), None)));
    assert_eq!(name((0x2207, 0x330c), &[[0xff, 6, 5]]), Some((Some("Rockchip mask ROM or loader"), None)));
    assert_eq!(name((0x0781, 0x5567), &[[8, 6, 80]]), Some((Some("mass storage"), None)));
    assert_eq!(name((0x1234, 0x5678), &[[0xff, 0, 0]]), Some((None, None)), "vendor specific: may be a unit");
    assert_eq!(name((0x1234, 0x5678), &[]), Some((None, None)), "no interface: broken, and a person wants to know");
    assert_eq!(name((0x046d, 0xc31c), &[[3, 1, 1]]), None, "a keyboard");
    let mut hub = device("1-1", (0x0409, 0x0055), &[[9, 0, 0]]);
    hub.classes[0] = [9, 0, 1];
    assert_eq!(rows(SIGNATURES, vec![], &[hub])[0].name, Some("USB hub"));
    let mut probe = device("1-1", (0x0d28, 0x0204), &[[8, 6, 80], [0xff, 0, 0]]);
    probe.texts = vec![UnitText::new("DAPLink CMSIS-DAP")];
    assert_eq!(rows(SIGNATURES, vec![], &[probe])[0].name, Some("CMSIS-DAP probe"));
}

#[test]
fn an_adapters_number_is_not_the_units() {
    let found =
        rows(SIGNATURES, vec![tty("ttyUSB0", "1-3")], &[device("1-3", (0x0403, 0x6001), &[[0xff, 0xff, 0xff]])]);
    let row = &found[0];
    assert_eq!((row.serial.as_ref(), row.model.as_ref(), row.hint.as_deref()), (None, None, Some("Board")));
    assert_eq!(row.name, Some("FTDI FT232R serial adapter"));
    assert!(row.usb.as_ref().unwrap().serial.is_some());
}

#[test]
fn one_number_on_two_devices_is_remarked_on_both() {
    let mut devices = ["1-1", "1-2", "1-3"].map(|port| device(port, (0x2fe3, 0x0100), &[ACM]));
    devices[0].serial = Some(UnitText::new("0001"));
    devices[2].serial = Some(UnitText::new("0001"));
    let ports = || vec![tty("ttyACM0", "1-1"), tty("ttyACM3", "1-1"), tty("ttyACM1", "1-2"), tty("ttyACM2", "1-3")];
    let hints: Vec<_> = rows(SIGNATURES, ports(), &devices).into_iter().map(|found| found.hint).collect();
    let remark = Some("2 devices show serial number 0001: name each by its port".to_owned());
    assert_eq!(hints, [remark.clone(), None, remark.clone(), remark]);
}

#[test]
fn what_the_guard_holds_back_says_so() {
    let mut held = device("1-1", (0x2fe3, 0x0100), &[]);
    held.is_authorized = false;
    let found = rows(SIGNATURES, vec![], &[held]);
    assert_eq!((found.len(), found[0].access), (1, super::super::Access::Unauthorized));
}

#[test]
fn rows_sort_by_number() {
    let mut all = ["usb:1-2.10", "usb:1-2.9", "tty:/dev/ttyS10", "tty:/dev/ttyS9", "tty:/dev/ttyACM1"];
    all.sort_by_key(|address| natural(address));
    assert_eq!(all, ["tty:/dev/ttyACM1", "tty:/dev/ttyS9", "tty:/dev/ttyS10", "usb:1-2.9", "usb:1-2.10"]);
}

#[test]
fn a_device_that_keeps_its_strings_to_itself_is_listed_without() {
    let silent = Device { is_silent: true, serial: None, model: None, ..device("1-1", (0x2fe3, 0x0100), &[ACM]) };
    let found = rows(SIGNATURES, vec![tty("ttyACM0", "1-1")], &[silent]);
    assert_eq!((found[0].awaits, found[0].driver), (Some(Awaits::Texts), Some("smp")));
    assert!(found[0].hint.as_ref().unwrap().contains("strings"));
}
