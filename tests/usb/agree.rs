//! Hardwire and Debian's `dfu-util` say the same of one unit: what one of them downloads, the other uploads.

use firmware_stubs::dfu::{Factory, Firmware, Manifestation, Memory, Options};
use firmware_stubs::usb::Port;
use protocols::dfu::wire::Layout;
use protocols::usb::Bcd;

use crate::devices::sha256;
use crate::devices::station::Station;
use crate::support::bench::in_the_bench;
use crate::support::stand_in::dfu_util;
use crate::support::unit::DfuUnit;

/// Bytes without a pattern, the same for each seed.
fn noise(len: u32, seed: u32) -> Vec<u8> {
    (0..len).map(|n| ((n ^ seed).wrapping_mul(2_654_435_761) >> 11) as u8).collect()
}

/// What `dfu-util` reads of the unit.
fn uploaded(station: &Station, more: &[&str]) -> Vec<u8> {
    let folder = tempfile::tempdir_in(station.home()).expect("temporary folder");
    let file = folder.path().join("upload.bin");
    let file = file.to_str().expect("a plain name");
    dfu_util(&[more, &["-d", ",1209:0002", "-U", file]].concat()).good();
    std::fs::read(file).expect("what was uploaded")
}

/// The digest of what Hardwire reads of a slot.
fn backed_up(station: &Station, unit: &DfuUnit, slot: &str) -> String {
    let said = station.run(&["backup", "-d", &unit.address(), "--firmware", slot]).exits(0);
    let backup = said.line("backup");
    assert_eq!(backup["complete"], true, "{said:#?}");
    backup["items"][0]["sha256"].as_str().unwrap_or_else(|| panic!("{said:#?}")).to_owned()
}

#[test]
fn what_one_downloads_the_other_uploads() {
    if !in_the_bench!() {
        return;
    }
    let (folder, station) = (tempfile::tempdir().unwrap(), Station::default());
    let options = Options {
        factory: Factory::Blank,
        manifestation: Manifestation::Tolerant,
        transfer_size: 512,
        ..Options::new(folder.path().join("unit"))
    };
    let unit = DfuUnit::plug(options, Port(3));
    for seed in [1, 2] {
        let ours = Firmware::build(Bcd(0x0100 + seed as u16), &noise(10_000 + seed, seed));
        let file = station.file("ours.bin", &ours);
        let flash = ["flash", "-d", &unit.address(), &file, "--activate", "none", "--verify", "readback"];
        assert_eq!(station.run(&flash).exits(0).line("run")["level"], "readback");
        assert!(uploaded(&station, &["-a", "firmware"]) == ours, "seed {seed}");

        let theirs = Firmware::build(Bcd(0x0200 + seed as u16), &noise(8_191 + seed, seed + 7));
        let file = station.file("theirs.bin", &theirs);
        let said = dfu_util(&["-d", ",1209:0002", "-a", "firmware", "-D", &file]).text;
        assert!(said.contains("Done!"), "{said}");
        assert_eq!(backed_up(&station, &unit, "firmware"), sha256(&theirs), "seed {seed}");
    }
}

#[test]
fn what_one_downloads_to_an_address_the_other_uploads_from_it() {
    if !in_the_bench!() {
        return;
    }
    let (folder, station) = (tempfile::tempdir().unwrap(), Station::default());
    let layout = Layout::parse("@Internal Flash /0x08000000/32*001Kg").unwrap();
    let options = Options {
        factory: Factory::Blank,
        memory: Memory::Addressed(vec![layout]),
        transfer_size: 512,
        ..Options::new(folder.path().join("unit"))
    };
    let unit = DfuUnit::plug(options, Port(3));
    let ours = noise(5_001, 3);
    let file = station.file("ours.bin", &ours);
    let slot = ["--slot", "internal-flash/0x08001400"];
    let flash = [&["flash", "-d", &unit.address(), &file, "--activate", "none", "--verify", "readback"], &slot[..]];
    assert_eq!(station.run(&flash.concat()).exits(0).line("run")["level"], "readback");
    assert!(uploaded(&station, &["-s", &format!("0x08001400:{}", ours.len())]) == ours);

    let theirs = noise(7_777, 4);
    let file = station.file("theirs.bin", &theirs);
    dfu_util(&["-d", ",1209:0002", "-s", "0x08004000", "-D", &file]).good();
    let mut expected = vec![0xff; 32 * 1024];
    expected[0x1400..0x1400 + ours.len()].copy_from_slice(&ours);
    expected[0x4000..0x4000 + theirs.len()].copy_from_slice(&theirs);
    assert!(unit.memory(0) == expected, "nothing but the two is written");
    assert_eq!(backed_up(&station, &unit, "internal-flash"), sha256(&expected));
}
