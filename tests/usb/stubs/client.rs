//! Debian's `dfu-util` on the DFU unit.

use std::fs;

use firmware_stubs::dfu::{Detach, Factory, Firmware, Manifestation, Memory};
use protocols::dfu::wire::{Layout, PollTimeout};
use protocols::usb::Bcd;

use super::{Plugged, noise};
use crate::support::bench::in_the_bench;
use crate::support::stand_in::{SOON, Stub, dfu_util, gone, shows};
use crate::support::wait_for;

const LAYOUT: &str = "@Internal Flash/0x08000000/04*016Kg,01*064Kg/0x1FFF0000/01*002Ka";

#[test]
fn dfu_util_lists_units_in_both_modes() {
    if !in_the_bench!() {
        return;
    }
    let slots = ["--slot", "firmware=65536", "--slot", "settings=512"];
    let _runtime = Stub::start("dfu", &["--serial", "DF-1"]);
    let _plain = Stub::start("dfu", &[&slots[..], &["--blank", "--serial", "DF-2"]].concat());
    let options = ["--blank", "--serial", "DF-3", "--dfuse", LAYOUT, "--dfu-usb-id", "0483:df11"];
    let _addressed = Stub::start("dfu", &options);
    let listed = dfu_util(&["-l"]).good().text;
    let found = |parts: &[&str]| {
        let line = listed.lines().find(|line| parts.iter().all(|part| line.contains(part)));
        assert!(line.is_some(), "{parts:?} in {listed}");
    };
    found(&["Found Runtime: [1209:0001]", "ver=0100", "Firmware 1.00 sha256:", "serial=\"DF-1\""]);
    found(&["Found DFU: [1209:0002]", "alt=0", "name=\"firmware\"", "serial=\"DF-2\""]);
    found(&["Found DFU: [1209:0002]", "alt=1", "name=\"settings\"", "serial=\"DF-2\""]);
    found(&["Found DFU: [0483:df11]", LAYOUT, "serial=\"DF-3\""]);
}

#[test]
fn dfu_util_detaches_downloads_and_uploads_byte_for_byte() {
    if !in_the_bench!() {
        return;
    }
    let image = Firmware::build(Bcd(0x0203), &noise(20_000));
    for detach in [Detach::ByItself, Detach::AtReset] {
        let unit = Plugged::new(|options| {
            options.detach = detach;
            options.manifestation = Manifestation::Tolerant;
            options.poll_timeout = PollTimeout::from_millis(2);
        });
        unit.shows("idProduct", "0001");
        let path = unit.file("firmware.bin", &image);
        // The reset takes the unit from it, which it calls a failure.
        let said = dfu_util(&["-d", "1209:0001,1209:0002", "-a", "firmware", "-R", "-D", &path]).text;
        assert!(said.contains("Done!"), "{said}");
        assert!(unit.memory() == image, "{detach:?}");
        unit.shows("bcdDevice", "0203");
        unit.shows("idProduct", "0001");
        dfu_util(&["-d", "1209:0001", "-e"]).good();
        unit.shows("idProduct", "0002");
        assert!(unit.upload(&["-d", ",1209:0002"]) == image, "{detach:?}");
    }
}

#[test]
fn a_unit_that_leaves_or_awaits_a_reset_comes_back_with_its_firmware() {
    if !in_the_bench!() {
        return;
    }
    for manifestation in [Manifestation::Leaves, Manifestation::AwaitsReset] {
        let unit = Plugged::new(|options| {
            options.factory = Factory::Blank;
            options.manifestation = manifestation;
        });
        let path = unit.file("firmware.bin", &Firmware::build(Bcd(0x0301), &noise(3000)));
        // How dfu-util ends says nothing here: it asks a unit that is gone for its status.
        let said = dfu_util(&["-R", "-D", &path]).text;
        assert!(said.contains("Download done."), "{said}");
        unit.shows("bcdDevice", "0301");
        unit.shows("idProduct", "0001");
    }
}

#[test]
fn dfu_util_writes_and_reads_addresses() {
    if !in_the_bench!() {
        return;
    }
    let unit = Plugged::new(|options| {
        options.factory = Factory::Blank;
        options.memory = Memory::Addressed(vec![Layout::parse(LAYOUT).unwrap()]);
        options.transfer_size = 2048;
    });
    let data = noise(20_001);
    let path = unit.file("data.bin", &data);
    dfu_util(&["-s", "0x08004000", "-D", &path]).good();
    let memory = unit.memory();
    assert_eq!(memory.len(), 4 * 16_384 + 65_536 + 2048);
    assert!(memory[0x4000..0x4000 + data.len()] == data);
    let rest = memory[..0x4000].iter().chain(&memory[0x4000 + data.len()..]);
    assert_eq!(rest.filter(|byte| **byte != 0xff).count(), 0);

    // Over what is there: pages are erased before.
    let other = noise(40_000)[20_000..].to_vec();
    dfu_util(&["-s", "0x08004000", "-D", &unit.file("other.bin", &other)]).good();
    assert!(unit.upload(&["-s", &format!("0x08004000:{}", other.len())]) == other);
    dfu_util(&["-s", "0x1FFF0000", "-D", &path]).bad();
    dfu_util(&["-s", "0x09000000", "-D", &path]).bad();

    let image = unit.file("firmware.bin", &Firmware::build(Bcd(0x0410), &noise(5000)));
    let said = dfu_util(&["-s", "0x08000000:leave", "-D", &image]).text;
    assert!(said.contains("File downloaded successfully"), "{said}");
    unit.shows("bcdDevice", "0410");
}

#[test]
fn a_unit_killed_in_the_middle_is_found_as_its_memory_was_left() {
    if !in_the_bench!() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let image = Firmware::build(Bcd(0x0500), &noise(30_000));
    let path = folder.path().join("firmware.bin").to_str().unwrap().to_owned();
    fs::write(&path, &image).unwrap();
    let stub = Stub::start("dfu", &["--blank", "--poll-timeout", "50"]);
    let sending = std::thread::spawn(move || dfu_util(&["-D", &path]));
    wait_for("the first blocks", SOON, || (stub.memory(0).len() > 3000).then_some(()));
    let place = stub.place.clone();
    let state = stub.kill();
    sending.join().unwrap().bad();
    gone(&place);
    let stored = fs::read(state.path().join("memory-0")).unwrap();
    assert!(stored.len() < image.len() && image.starts_with(&stored), "{} bytes", stored.len());
    let stub = Stub::start_on(state, "dfu", &[]);
    shows(&stub.place, "idProduct", "0002");
}
