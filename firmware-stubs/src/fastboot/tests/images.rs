//! Downloads, flash, erase, fetch.

use super::*;
use protocols::android::sparse::{BlockSize, ChunkHeader, ChunkKind, FileHeader};

fn header(kind: ChunkKind, blocks: u32, content: u32) -> [u8; ChunkHeader::LEN] {
    ChunkHeader { kind, blocks, len: ChunkHeader::LEN as u32 + content }.to_bytes()
}

/// Two blocks of data, three of nothing, two of a repeated word.
fn sparse(data: &[u8; 8192]) -> Vec<u8> {
    let mut file = FileHeader::new(BlockSize::USUAL, 7, 3).to_bytes().to_vec();
    file.extend(header(ChunkKind::Raw, 2, 8192));
    file.extend(data);
    file.extend(header(ChunkKind::DontCare, 3, 0));
    file.extend(header(ChunkKind::Fill, 2, 4));
    file.extend(b"fill");
    file
}

#[test]
fn what_is_downloaded_is_what_is_held() {
    let mut bench = Bench::new(|_| {});
    assert_eq!(bench.say("flash:boot_a"), "FAILno image was downloaded");
    let image = pattern(100_001);
    bench.download(&image);
    assert_eq!(bench.say("flash:boot_a"), "OKAY");
    let held = bench.held("boot_a");
    assert_eq!(held[..image.len()], image);
    assert!(held[image.len()..].iter().all(|byte| *byte == 0));
    // The same download may be written twice.
    assert_eq!(bench.say("flash:boot_b"), "OKAY");
    assert_eq!(bench.held("boot_b"), held);
    assert_eq!(bench.say("flash:boot"), "FAILNo such partition: boot");
    assert_eq!(bench.say("flash:system_a"), "FAILNo such partition: system_a");
    assert_eq!(bench.say("flash:../lock"), "FAILNo such partition: ../lock");
    assert_eq!(bench.say("erase:boot_b"), "OKAY");
    assert!(bench.held("boot_b").iter().all(|byte| *byte == 0));
}

#[test]
fn holes_of_a_sparse_image_are_left_as_they_were() {
    let mut bench = Bench::new(|_| {});
    bench.download(&vec![0xee; 7 * 4096]);
    assert_eq!(bench.say("flash:boot_a"), "OKAY");
    let data: [u8; 8192] = pattern(8192).try_into().unwrap();
    bench.download(&sparse(&data));
    assert_eq!(bench.say("flash:boot_a"), "OKAY");
    let held = bench.held("boot_a");
    assert_eq!(held[..8192], data);
    assert!(held[8192..5 * 4096].iter().all(|byte| *byte == 0xee));
    assert_eq!(held[5 * 4096..7 * 4096], b"fill".repeat(2048));
}

#[test]
fn headers_that_lie_are_refused() {
    let mut bench = Bench::new(|_| {});
    let good = sparse(&[1; 8192]);
    for (at, byte) in [(16, 0xff), (20, 9), (8, 1), (28, 1), (32, 3)] {
        let mut bad = good.clone();
        bad[at] ^= byte;
        bench.download(&bad);
        let said = bench.say("flash:boot_a");
        assert!(said.starts_with("FAILI"), "{at}: {said}");
    }
    let mut huge = FileHeader::new(BlockSize::USUAL, u32::MAX, 1).to_bytes().to_vec();
    huge.extend(header(ChunkKind::DontCare, u32::MAX, 0));
    bench.download(&huge);
    assert!(bench.say("flash:boot_a").starts_with("FAILImage too large"));
}

#[test]
fn what_is_too_large_is_refused_and_how_much_is_differs_by_mode() {
    let mut bench = Bench::new(|options| options.max_download_userspace = 1 << 20);
    assert_eq!(bench.say("getvar:max-download-size"), "OKAY0x1000000");
    assert_eq!(bench.say("download:01000001"), "FAILdata too large: at most 0x1000000 bytes");
    bench.download(&vec![1; (64 << 10) + 1]);
    assert!(bench.say("flash:vbmeta_a").starts_with("FAILImage too large: vbmeta_a holds 65536 bytes"));
    let mut bench = Bench::within(Mode::Fastbootd, |options| options.max_download_userspace = 1 << 20);
    assert_eq!(bench.say("getvar:max-download-size"), "OKAY0x100000");
    assert_eq!(bench.say("download:00100001"), "FAILdata too large: at most 0x100000 bytes");
}

#[test]
fn what_can_be_fetched_comes_in_parts() {
    let mut bench = Bench::within(Mode::Fastbootd, |_| {});
    let image = pattern(10_000);
    bench.download(&image);
    assert_eq!(bench.say("flash:vendor_boot_a"), "OKAY");
    assert_eq!(bench.say("getvar:max-fetch-size"), "OKAY0x100000");
    assert_eq!(bench.say("fetch:vendor_boot_a:0x00000400:0x00002000"), "DATA00002000");
    let mut got = Vec::new();
    while got.len() < 0x2000 {
        got.extend(bench.host.read(1, 700).unwrap());
    }
    assert_eq!(got, image[0x400..0x2400]);
    assert_eq!(bench.answers().unwrap().1, "OKAY");
    assert!(bench.say("fetch:boot_a:0x0:0x10").starts_with("FAILFetch is not allowed"));
    assert!(bench.say("fetch:vendor_boot_a:0x3fffff:0x10").starts_with("FAILCannot fetch"));
    assert_eq!(bench.say("upload"), "FAILnothing is staged");
    assert_eq!(bench.say("oem stage-variables"), "OKAY");
    assert!(bench.say("upload").starts_with("DATA"));
    let staged = String::from_utf8(bench.host.read(1, 1 << 20).unwrap()).unwrap();
    assert!(staged.contains("\nproduct:kiosk\n"));
}

#[test]
fn a_write_that_takes_its_time_says_so() {
    let mut bench = Bench::new(|options| options.write_time = std::time::Duration::from_millis(2500));
    bench.download(&[7; 4096]);
    bench.host.write(1, b"flash:boot_a").unwrap();
    assert!(matches!(bench.host.read(1, 256), Err(Trouble::Silence)));
    bench.host.pass(std::time::Duration::from_secs(3)).unwrap();
    let (lines, last) = bench.answers().unwrap();
    assert_eq!((lines.len(), last.as_str()), (2, "OKAY"));
}
