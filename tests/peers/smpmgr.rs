//! smpmgr, command by command, and smpclient for what smpmgr has no command for.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::support::image::{self, Image};
use crate::support::process::{self, Finished};
use crate::support::stub::Stub;
use crate::support::{Need, python, wanted};

const PATIENCE: Duration = Duration::from_secs(120);

fn smpmgr(stub: &Stub, args: &[&str]) -> Finished {
    let mut command = Command::new(python());
    command.args(["-m", "smpmgr", "--port"]).arg(stub.tty()).args(args).env("COLUMNS", "200").env("NO_COLOR", "1");
    process::run(&mut command, PATIENCE)
}

/// What smpmgr prints, of a command that must succeed.
#[track_caller]
fn said(stub: &Stub, args: &[&str]) -> String {
    let done = smpmgr(stub, args);
    assert_eq!(done.code, 0, "smpmgr {args:?}: {done:#?}");
    // smpmgr prints an error that the unit gave and ends with 0 all the same.
    assert!(!done.stdout.contains("ErrorV"), "smpmgr {args:?}: {}", done.stdout);
    done.stdout
}

/// One entry of `image state-read`.
#[derive(Debug)]
struct Entry(String);

impl Entry {
    fn is(&self, flag: &str) -> bool {
        self.0.contains(&format!("{flag}=True"))
    }
}

/// The images by version: `ImageState(slot=0, version='1.0.0', …)` over one line or several.
fn states(stub: &Stub) -> Vec<Entry> {
    said(stub, &["image", "state-read"]).split("ImageState(").skip(1).map(|entry| Entry(entry.to_owned())).collect()
}

#[track_caller]
fn version<'a>(entries: &'a [Entry], version: &str) -> &'a Entry {
    let mut found = entries.iter().filter(|entry| entry.0.contains(&format!("version='{version}'")));
    found.next().unwrap_or_else(|| panic!("no image {version} in {entries:#?}"))
}

/// Presses reset from afar and waits until the unit echoes again.
fn reset(stub: &Stub) {
    said(stub, &["os", "reset"]);
    let until = Instant::now() + Duration::from_secs(30);
    loop {
        std::thread::sleep(Duration::from_millis(500));
        let done = smpmgr(stub, &["os", "echo", "back"]);
        if done.code == 0 && done.stdout.contains("r='back'") {
            return;
        }
        assert!(Instant::now() < until, "the stand-in does not come back: {done:#?}");
    }
}

fn upload(stub: &Stub, image: &Image) {
    let file = stub.folder().join("image.bin");
    std::fs::write(&file, &image.bytes).expect("image is written");
    said(stub, &["image", "upload", &file.display().to_string()]);
}

#[test]
fn smpmgr_echoes_and_asks() {
    if !wanted(Need::Smpmgr) {
        return;
    }
    let mut stub = Stub::start(&[]);
    assert!(said(&stub, &["os", "echo", "good morning"]).contains("r='good morning'"));
    assert!(said(&stub, &["enum", "get-supported-groups"]).contains('8'));
    said(&stub, &["statistics", "list"]);
    assert!(!said(&stub, &["shell", "kernel version"]).is_empty());
    stub.assert_alive();
}

#[test]
fn smpmgr_moves_files() {
    if !wanted(Need::Smpmgr) {
        return;
    }
    let stub = Stub::start(&[]);
    let content: Vec<u8> = (0..5000u32).map(|at| ((at * 31) >> 3) as u8).collect();
    let (up, down) = (stub.folder().join("up.bin"), stub.folder().join("down.bin"));
    std::fs::write(&up, &content).expect("file is written");
    said(&stub, &["file", "upload", &up.display().to_string(), "/lfs1/up.bin"]);
    assert!(said(&stub, &["file", "read-size", "/lfs1/up.bin"]).contains("5000"));
    let checksum = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC).checksum(&content);
    assert!(said(&stub, &["file", "get-hash", "/lfs1/up.bin"]).contains(&format!("output={checksum}")));
    said(&stub, &["file", "download", "/lfs1/up.bin", &down.display().to_string()]);
    assert!(std::fs::read(&down).expect("downloaded") == content, "what came back is what was sent");
}

#[test]
fn smpmgr_tests_and_confirms_an_image() {
    if !wanted(Need::Smpmgr) {
        return;
    }
    let stub = Stub::start(&[]);
    let image = image::of_len(9000, (7, 1, 2, 0));
    upload(&stub, &image);
    let uploaded = states(&stub);
    assert!(!version(&uploaded, "7.1.2").is("active"), "{uploaded:#?}");

    said(&stub, &["image", "state-write", &hex::encode(image.hash)]);
    assert!(version(&states(&stub), "7.1.2").is("pending"));
    reset(&stub);
    let trial = states(&stub);
    assert!(version(&trial, "7.1.2").is("active"), "{trial:#?}");
    assert!(!version(&trial, "7.1.2").is("confirmed"), "{trial:#?}");

    said(&stub, &["image", "state-write", "--confirm"]);
    reset(&stub);
    let settled = states(&stub);
    assert!(version(&settled, "7.1.2").is("active") && version(&settled, "7.1.2").is("confirmed"), "{settled:#?}");
}

#[test]
fn an_image_that_smpmgr_only_tests_is_reverted() {
    if !wanted(Need::Smpmgr) {
        return;
    }
    let stub = Stub::start(&[]);
    let image = image::of_len(9000, (7, 1, 2, 0));
    upload(&stub, &image);
    said(&stub, &["image", "state-write", &hex::encode(image.hash)]);
    reset(&stub);
    assert!(version(&states(&stub), "7.1.2").is("active"));
    reset(&stub);
    assert!(!version(&states(&stub), "7.1.2").is("active"), "unconfirmed, it is swapped back");
}

#[test]
fn smpclient_tours_every_group() {
    if !wanted(Need::Smpmgr) {
        return;
    }
    for (size, count) in [("384", "4"), ("2048", "4"), ("512", "1")] {
        let stub = Stub::start(&["--buf-size", size, "--buf-count", count]);
        let tour = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/tour.py");
        let done = process::run(Command::new(python()).arg(tour).arg(stub.tty()).args([size, count]), PATIENCE);
        assert_eq!(done.code, 0, "buffer {size}x{count}: {done:#?}");
        assert!(done.stdout.contains("tour complete"), "{done:#?}");
    }
}
