//! What the driver can do with a unit that does what it should.

use std::io::{Seek, SeekFrom, Write};

use firmware_stubs::fastboot::{Fetch, Mode as StubMode, Outcome, PartitionSpec};
use protocols::android::sparse::{BlockSize, ChunkHeader, ChunkKind, FileHeader};

use super::bench::{Bench, FRAMINGS, Framing, pattern};
use crate::device::{Access, Activate, Capability, ImageFile, Level, Mode, Tells};
use crate::digest::Digest;
use crate::error::{Error, Kind};

fn sparse(chunks: &[(ChunkKind, u32, &[u8])]) -> Vec<u8> {
    let blocks = chunks.iter().map(|(_, blocks, _)| blocks).sum();
    let mut file = FileHeader::new(BlockSize::USUAL, blocks, chunks.len() as u32).to_bytes().to_vec();
    for (kind, blocks, content) in chunks {
        let len = (ChunkHeader::LEN + content.len()) as u32;
        file.extend(ChunkHeader { kind: *kind, blocks: *blocks, len }.to_bytes());
        file.extend(*content);
    }
    file
}

#[test]
fn a_unit_says_what_it_is_over_either_link() {
    for framing in FRAMINGS {
        let mut bench = Bench::new(framing, StubMode::Bootloader, |options| options.serial = "FB-7".to_owned());
        let driver = bench.good();
        let unit = driver.unit();
        assert_eq!((unit.driver, unit.mode), ("fastboot", Mode::Bootloader));
        assert_eq!(unit.serial.as_ref().unwrap().untrusted(), "FB-7");
        assert_eq!(unit.model.as_ref().unwrap().untrusted(), "kiosk");
        assert_eq!(unit.hardware.as_ref().unwrap().untrusted(), "EVT1.0");
        assert_eq!(unit.limits["max_download_size"], 16 << 20);
        assert_eq!(unit.levels(Capability::Firmware), [Level::Link]);
        assert!(!unit.can(Capability::Backup) && unit.offers.iter().all(|offer| offer.access == Access::Write));
        assert!(unit.firmware.iter().any(|slot| slot.slot == "boot_a" && slot.is("active")));
        assert!(!unit.firmware.iter().any(|slot| slot.slot.starts_with("system")));
    }
}

#[test]
fn limits_and_partitions_are_those_of_the_mode_it_is_in() {
    let mut bench = Bench::new(Framing::Lengths, StubMode::Fastbootd, |options| {
        options.max_download_userspace = 1 << 20;
    });
    let mut driver = bench.good();
    assert_eq!((driver.unit().mode, driver.unit().limits["max_download_size"]), (Mode::Fastbootd, 1 << 20));
    assert!(driver.unit().can(Capability::Backup));
    let firmware = driver.firmware().unwrap();
    assert_eq!((firmware.tells(), firmware.usual()), (Tells::Nothing, None));
    assert!(
        firmware.takes("system") && firmware.takes("system_b") && firmware.takes("boot") && !firmware.takes("nope")
    );
    assert_eq!((firmware.room("boot"), firmware.room("system")), (Some(8 << 20), None));
    assert_eq!(firmware.activations(), [Activate::None, Activate::Confirm]);
}

#[test]
fn without_a_serial_number_of_its_own_the_descriptors_counts() {
    let mut bench = Bench::bootloader(|options| options.serial = String::new());
    assert_eq!(bench.good().unit().serial.as_ref().unwrap().untrusted(), "USB-1");
}

#[test]
fn an_image_goes_as_it_is_or_in_pieces_to_the_slot_that_is_meant() {
    for framing in FRAMINGS {
        for length in [1, 4095, 4096, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 3 << 20] {
            let mut bench = Bench::new(framing, StubMode::Bootloader, |options| options.max_download = 1 << 20);
            let image = pattern(length);
            let sent = bench.flash("boot", &image).unwrap();
            assert_eq!(bench.held("boot_a")[..length], image, "{framing:?} {length}");
            assert!(bench.held("boot_b").iter().all(|byte| *byte == 0));
            assert!(sent < length as u64 + 4096 + 1000, "{sent} bytes for {length}");
            let last = bench.progress.last().unwrap();
            assert_eq!((last.bytes, last.total), (sent, sent));
        }
    }
}

#[test]
fn holes_stay_holes_through_every_piece_and_cost_nothing() {
    let data = pattern(600 * 4096);
    let image = sparse(&[
        (ChunkKind::Raw, 300, &data[..300 * 4096]),
        (ChunkKind::DontCare, 5000, &[]),
        (ChunkKind::Fill, 1000, b"fill"),
        (ChunkKind::Raw, 300, &data[300 * 4096..]),
        (ChunkKind::DontCare, 100, &[]),
    ]);
    let mut bench = Bench::bootloader(|options| options.max_download = 256 << 10);
    bench.flash("userdata", &vec![0xee; 6700 * 4096]).unwrap();
    let sent = bench.flash("userdata", &image).unwrap();
    assert!(sent < data.len() as u64 + 4096, "{sent} bytes for {} of data", data.len());
    let held = bench.held("userdata");
    let block = |number: usize, count: usize| &held[number * 4096..(number + count) * 4096];
    assert_eq!(block(0, 300), &data[..300 * 4096]);
    assert!(block(300, 5000).iter().all(|byte| *byte == 0xee));
    assert_eq!(block(5300, 1000), b"fill".repeat(1024 * 1000));
    assert_eq!(block(6300, 300), &data[300 * 4096..]);
    assert!(block(6600, 100).iter().all(|byte| *byte == 0xee));
}

#[test]
fn a_logical_partition_is_given_the_size_that_its_image_needs() {
    let mut bench = Bench::new(Framing::Transfers, StubMode::Fastbootd, |options| {
        options.partitions.push(PartitionSpec::logical("product", 4096));
    });
    let image = pattern(9_000_000);
    bench.flash("product", &image).unwrap();
    let held = bench.held("product_a");
    assert_eq!((held.len(), &held[..image.len()]), (image.len().next_multiple_of(4096), &image[..]));
    assert_eq!(bench.held("product_b").len(), 4096);
    bench.flash("product", &[5; 100]).unwrap();
    assert_eq!(bench.held("product_a").len(), held.len(), "it is not made smaller");
}

#[test]
fn what_does_not_fit_is_seen_before_anything_is_sent() {
    let mut bench = Bench::bootloader(|options| options.partitions.push(PartitionSpec::single("tiny", 8192)));
    let mut driver = bench.good();
    let before = bench.phone.lock().unwrap().packets;
    let firmware = driver.firmware().unwrap();
    let expected = |slot: &str, image: Vec<u8>| {
        let sha256 = Digest::sha256(&image);
        let expected = firmware.expected(slot, ImageFile { content: &image, sha256: &sha256 });
        let fits = firmware.fits(slot, &image);
        assert_eq!(expected.as_ref().err().map(Error::kind), fits.err().map(|error| error.kind()));
        expected.map_err(|error| error.kind())
    };
    assert_eq!(expected("nope", vec![1]), Err(Kind::Unsupported));
    assert_eq!(expected("system", vec![1]), Err(Kind::Unsupported));
    assert_eq!(expected("tiny", vec![1; 8193]), Err(Kind::Invalid));
    assert_eq!(expected("tiny", Vec::new()), Err(Kind::Invalid));
    assert_eq!(expected("tiny", sparse(&[(ChunkKind::DontCare, 3, &[])])), Err(Kind::Invalid));
    let mut broken = sparse(&[(ChunkKind::Raw, 1, &[7; 4096])]);
    broken.truncate(900);
    assert_eq!(expected("tiny", broken), Err(Kind::Invalid));
    let (plain, wrapped) = (vec![7; 4096], sparse(&[(ChunkKind::Raw, 1, &[7; 4096])]));
    assert_eq!(expected("tiny", plain), expected("tiny", wrapped), "named by what is written");
    assert_eq!(bench.phone.lock().unwrap().packets, before);
}

#[test]
fn metadata_that_are_older_than_the_unit_starts_are_refused() {
    let metadata = include_bytes!("../../../../protocols/src/android/avb/vectors/vbmeta.img").to_vec();
    let index = protocols::android::avb::Vbmeta::parse(&metadata).unwrap().rollback_index;
    for (demanded, kind) in [(index, None), (index + 1, Some(Kind::Invalid))] {
        let mut bench = Bench::bootloader(|options| options.rollback_index = demanded);
        let mut driver = bench.good();
        let found = driver.firmware().unwrap().fits("vbmeta", &metadata).err().map(|error| error.kind());
        assert_eq!(found, kind, "{demanded}");
        assert_eq!(driver.foresee(&metadata).err().map(|error| error.kind()), kind);
    }
}

#[test]
fn erasing_and_the_console_do_what_they_say() {
    let mut bench = Bench::bootloader(|_| {});
    bench.flash("metadata", &pattern(9000)).unwrap();
    let mut driver = bench.good();
    bench.with(|op| driver.firmware().unwrap().erase("metadata", op)).unwrap();
    assert!(bench.held("metadata").iter().all(|byte| *byte == 0));
    let mut run = |command: &str| bench.with(|op| driver.console().unwrap().run(command, op));
    let said = run("oem device-info").unwrap();
    assert_eq!((said.output.untrusted(), said.status), ("Device unlocked: true\nCharger screen enabled: true", 0));
    assert_eq!(run("oem verity-mode").unwrap().output.untrusted(), "Verity mode: true");
    assert_eq!(run("set_active:b").unwrap().status, 0);
    assert_eq!(run("getvar:current-slot").unwrap().output.untrusted(), "b");
    let refused = run("oem nonsense").unwrap();
    assert_eq!((refused.output.untrusted(), refused.status), ("unknown oem command", 1));
    for command in ["reboot", "download:00001000", "flash:boot_a", "boot", "reboot-recovery", "", "oem a\nb"] {
        assert_eq!(run(command).unwrap_err().kind(), Kind::Invalid, "{command:?}");
    }
}

#[test]
fn each_mode_is_left_for_every_other() {
    for (mode, outcome) in [
        (Mode::Application, Outcome::System),
        (Mode::Bootloader, Outcome::Bootloader),
        (Mode::Fastbootd, Outcome::Fastbootd),
        (Mode::Recovery, Outcome::Recovery),
    ] {
        let mut bench = Bench::bootloader(|_| {});
        let mut driver = bench.good();
        assert!(driver.power().unwrap().reaches().contains(&mode));
        let departure = bench.with(|op| driver.power().unwrap().restart(mode, op)).unwrap();
        assert_eq!(departure.to, [mode]);
        bench.clock.advance(departure.settle);
        let error = bench.with(|op| driver.console().unwrap().run("getvar:version", op)).unwrap_err();
        assert_eq!(error.kind(), Kind::Gone);
        assert_eq!(bench.phone.lock().unwrap().left, Some(outcome));
    }
}

#[test]
fn diagnostics_are_measurements_and_facts() {
    let mut bench = Bench::bootloader(|options| options.unlocked = false);
    let mut driver = bench.good();
    let found = bench.with(|op| driver.diagnostics().unwrap().measure(op)).unwrap();
    let value = |name: &str| found.measurements.iter().find(|it| it.name == name).map(|it| (it.value, it.unit));
    assert_eq!(value("battery/voltage"), Some((4120, Some("mV"))));
    assert_eq!(value("slot/a/retries"), Some((7, None)));
    assert_eq!(value("partition/boot_a/size"), Some((8 << 20, Some("bytes"))));
    assert_eq!(found.facts["fastboot/unlocked"].untrusted(), "no");
    assert!(!found.facts.keys().any(|name| name.contains("partition-size")));
}

#[test]
fn what_lets_itself_be_read_is_read() {
    let mut bench = Bench::new(Framing::Lengths, StubMode::Fastbootd, |options| options.fetch = Fetch::All);
    let image = pattern(3_000_000);
    bench.flash("vendor_boot", &image).unwrap();
    let mut driver = bench.good();
    let mut read = Vec::new();
    let length = bench.with(|op| driver.firmware().unwrap().read("vendor_boot", &mut read, op)).unwrap();
    assert_eq!((length, &read), (Some(4 << 20), &bench.held("vendor_boot_a")));
    let mut bench = Bench::bootloader(|_| {});
    let mut driver = bench.good();
    assert_eq!(bench.with(|op| driver.firmware().unwrap().read("boot", &mut Vec::new(), op)).unwrap(), None);
}

#[test]
fn what_lets_itself_be_read_is_compared_and_holes_are_not_looked_at() {
    let data = pattern(20 * 4096);
    let image = sparse(&[
        (ChunkKind::Raw, 10, &data[..10 * 4096]),
        (ChunkKind::DontCare, 300, &[]),
        (ChunkKind::Fill, 2, b"fill"),
        (ChunkKind::Raw, 10, &data[10 * 4096..]),
    ]);
    let mut bench = Bench::new(Framing::Lengths, StubMode::Fastbootd, |options| options.fetch = Fetch::All);
    bench.flash("userdata", &vec![0xee; 400 * 4096]).unwrap();
    bench.flash("userdata", &image).unwrap();
    let mut driver = bench.good();
    let sha256 = Digest::sha256(&image);
    let mut held = |bench: &mut Bench| {
        let file = ImageFile { content: &image, sha256: &sha256 };
        let firmware = driver.firmware().unwrap();
        bench.with(|op| firmware.held("userdata", file, Level::Readback, op)).unwrap().unwrap()
    };
    assert!(held(&mut bench).holds() && held(&mut bench).level == Level::Readback);
    let path = bench.phone.lock().unwrap().engine.store().partition("userdata").unwrap().path().to_owned();
    let change = |block: u64| {
        let mut file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
        file.seek(SeekFrom::Start(block * 4096)).unwrap();
        file.write_all(b"something else").unwrap();
    };
    change(200);
    assert!(held(&mut bench).holds(), "that is in the hole");
    change(311);
    assert!(!held(&mut bench).holds(), "that is not");
}

#[test]
fn a_unit_that_writes_for_minutes_is_waited_for() {
    let mut bench = Bench::bootloader(|options| options.write_time = std::time::Duration::from_secs(240));
    bench.flash("boot", &pattern(2 << 20)).unwrap();
    let took = crate::clock::Clock::now(&*bench.clock).since_start();
    assert!(took >= std::time::Duration::from_secs(480) && took < std::time::Duration::from_secs(490), "{took:?}");
}
