//! Every fault of the DFU unit, as a foreign client meets it.

use firmware_stubs::dfu::{Factory, Firmware, Manifestation};
use firmware_stubs::usb::Place;
use protocols::usb::Bcd;

use super::{Plugged, noise};
use crate::support::bench::in_the_bench;
use crate::support::stand_in::{SOON, Said, Stub, attribute, dfu_util, dfu_util_within, gone};
use crate::support::wait_for;

fn image() -> Vec<u8> {
    Firmware::build(Bcd(0x0203), &noise(5000))
}

fn unit(faults: &[&str]) -> Plugged {
    Plugged::new(|options| {
        options.faults = faults.iter().map(|fault| fault.parse().unwrap()).collect();
        options.factory = Factory::Blank;
        options.manifestation = Manifestation::Tolerant;
    })
}

fn download(unit: &Plugged) -> Said {
    dfu_util_within(15, &["-D", &unit.file("image", &image())])
}

#[test]
fn transfers_that_fail_are_noticed_and_the_unit_recovers() {
    if !in_the_bench!() {
        return;
    }
    for fault in ["stall:8", "hang:8", "short:8", "garbage-status:5"] {
        let unit = unit(&[fault]);
        let first = download(&unit);
        assert!(first.code != Some(0) || unit.memory() != image(), "{fault}: {}", first.text);
        assert_eq!(attribute(&unit.place(), "idProduct").as_deref(), Some("0002"), "{fault}: it stays");
        download(&unit).good();
        assert!(unit.memory() == image(), "{fault}");
    }
}

#[test]
fn a_unit_that_is_unplugged_goes_on_from_its_memory() {
    if !in_the_bench!() {
        return;
    }
    for (fault, stored) in [("unplug-byte:2500", Some(2500)), ("unplug-control:9", None), ("unplug-answer:9", None)] {
        let mut unit = unit(&[fault]);
        download(&unit).bad();
        wait_for("news", SOON, || unit.unit.news().unwrap().filter(|news| *news == Place::Unplugged));
        gone(&unit.place());
        let left = unit.memory();
        assert!(image().starts_with(&left) && left.len() < image().len(), "{fault}: {}", left.len());
        assert!(stored.is_none_or(|stored| left.len() == stored), "{fault}: {}", left.len());
        unit.unit.push().unwrap();
        unit.shows("idProduct", "0002");
        download(&unit).good();
        assert!(unit.memory() == image(), "{fault}");
    }
}

#[test]
fn a_process_whose_unit_is_unplugged_ends_with_75() {
    if !in_the_bench!() {
        return;
    }
    let mut stub = Stub::start("dfu", &["--fault", "unplug-control:1"]);
    let _ = dfu_util(&["-e"]);
    assert_eq!(stub.ended().code(), Some(75));
    gone(&stub.place);
}

#[test]
fn lies_are_seen_in_the_memory_and_in_an_honest_upload() {
    if !in_the_bench!() {
        return;
    }
    let image = image();
    let lying = unit(&["lie-length"]);
    download(&lying).good();
    assert_eq!(lying.memory()[..1024], image[..1024]);
    assert_eq!(lying.memory()[1024..2048], image[2048..3072], "the second half of a block is lost");
    assert!(lying.upload(&[]) == lying.memory());
    drop(lying);
    let worn = unit(&["lose-byte:100"]);
    download(&worn).good();
    let stored = worn.memory();
    let differ: Vec<_> = (0..image.len()).filter(|at| stored[*at] != image[*at]).collect();
    assert_eq!(differ, [99]);
    assert!(worn.upload(&[]) == stored);
    drop(worn);
    let both = unit(&["lose-byte:100", "lie-upload"]);
    download(&both).good();
    assert!(both.upload(&[]) == image && both.memory() != image);
}

#[test]
fn serial_numbers_change_or_are_missing() {
    if !in_the_bench!() {
        return;
    }
    let unit = Plugged::new(|options| options.faults = vec!["other-serial".parse().unwrap()]);
    unit.shows("serial", "DF-0001");
    dfu_util(&["-e"]).good();
    unit.shows("serial", "XDF-0001");
    drop(unit);
    let unit = Plugged::new(|options| options.faults = vec!["no-serial".parse().unwrap()]);
    unit.shows("product", "thermostat");
    assert_eq!(attribute(&unit.place(), "serial"), None);
}

#[test]
fn a_block_that_never_gets_ready_holds_a_client_for_ever() {
    if !in_the_bench!() {
        return;
    }
    let unit = unit(&["stay:2"]);
    let said = dfu_util_within(5, &["-D", &unit.file("image", &image())]);
    assert_eq!(said.code, Some(124), "ended by its limit");
    assert_eq!(unit.memory().len(), 2048, "the second block is the last");
}
