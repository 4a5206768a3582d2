//! Google's `fastboot`, of two generations, against our stand-in on TCP: what it wrote lies in the unit's partitions.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::archives::{archive, deflated, stored};
use crate::support::google::{Generation, fastboot};
use crate::support::process::{Background, Finished};
use crate::support::{Need, wanted};

/// A running `hardwire stub fastboot`.
struct Unit {
    folder: tempfile::TempDir,
    address: String,
    process: Background,
    generation: Generation,
}

impl Unit {
    fn start(generation: Generation, options: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("temporary folder");
        let mut command = Command::new(env!("CARGO_BIN_EXE_hardwire"));
        command
            .args(["stub", "fastboot", "--json", "--tcp", "127.0.0.1:0", "--state"])
            .arg(folder.path().join("unit"))
            .args(options)
            .env("HARDWIRE_HOME", folder.path());
        let mut process = Background::start(&mut command, &folder.path().join("stub.log"));
        let address = process.wait_for("address", Duration::from_secs(20), |printed| {
            let (_, rest) = printed.split_once(r#""address":""#)?;
            Some(rest.split_once('"')?.0.to_owned())
        });
        Self { folder, address, process, generation }
    }

    fn run(&self, args: &[&str]) -> Finished {
        fastboot(self.generation, &[&["-s", &self.address], args].concat())
    }

    /// What it prints, of a command that must succeed.
    #[track_caller]
    fn good(&self, args: &[&str]) -> String {
        let done = self.run(args);
        assert_eq!(done.code, 0, "fastboot {args:?}: {done:#?}");
        done.stderr
    }

    fn variable(&self, name: &str) -> String {
        let said = self.good(&["getvar", name]);
        let found = said.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
        found.unwrap_or_else(|| panic!("no {name} in {said}")).to_owned()
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, bytes).expect("a file");
        path
    }

    fn held(&self, partition: &str) -> Vec<u8> {
        std::fs::read(self.folder.path().join("unit/partitions").join(partition)).expect("a partition")
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path of ours")
}

fn pattern(length: usize) -> Vec<u8> {
    (0..length as u64).map(|n| (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect()
}

/// Data, a hole and a repeated word, in blocks of 4096 bytes (`sparse_format.h`).
fn sparse(data: &[u8], hole: u32, fill: u32) -> Vec<u8> {
    let blocks = data.len() as u32 / 4096;
    let words = |words: &[u32]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
    let mut file = words(&[0xed26_ff3a, 1, 28 | 12 << 16, 4096, blocks + hole + fill, 3, 0]);
    file.extend(words(&[0xcac1, blocks, 12 + data.len() as u32]));
    file.extend(data);
    file.extend(words(&[0xcac3, hole, 12]));
    file.extend(words(&[0xcac2, fill, 16]));
    file.extend(b"fill");
    file
}

#[test]
fn the_whole_session_of_a_flash_goes_through() {
    if !wanted(Need::Android) {
        return;
    }
    for generation in Generation::BOTH {
        let unit = Unit::start(generation, &["--serial", "FB-0421", "--max-download", "0x100000"]);
        let all = unit.good(&["getvar", "all"]);
        assert!(all.contains("(bootloader) serialno:FB-0421\n"), "{all}");
        assert!(all.contains("(bootloader) partition-size:boot_a:0x800000\n"), "{all}");
        assert_eq!(unit.variable("current-slot"), "a");

        // Raw, and larger than a download: it goes to the slot that is current, in pieces.
        let image = pattern(3 << 20);
        unit.good(&["flash", "boot", text(&unit.file("boot.img", &image))]);
        assert_eq!(unit.held("boot_a")[..image.len()], image);
        assert!(unit.held("boot_b").iter().all(|byte| *byte == 0));

        // Sparse, split again; the hole keeps what was there.
        unit.good(&["flash", "userdata", text(&unit.file("old.img", &vec![0xee; 900 * 4096]))]);
        let data = pattern(2 << 20);
        unit.good(&["flash", "userdata", text(&unit.file("sparse.img", &sparse(&data, 100, 50)))]);
        let held = unit.held("userdata");
        assert_eq!(held[..data.len()], data);
        assert!(held[data.len()..data.len() + 100 * 4096].iter().all(|byte| *byte == 0xee));
        assert_eq!(held[data.len() + 100 * 4096..][..50 * 4096], b"fill".repeat(50 * 1024));

        unit.good(&["erase", "metadata"]);
        unit.good(&["set_active", "b"]);
        assert_eq!(unit.variable("current-slot"), "b");
        let info = unit.good(&["oem", "device-info"]);
        assert!(info.contains("(bootloader) Device unlocked: true"), "{info}");
        let refused = unit.run(&["flash", "nonsense", text(&unit.file("x.img", &[1; 4096]))]);
        assert!(refused.code != 0 && refused.stderr.contains("No such partition"), "{refused:#?}");
    }
}

#[test]
fn fastbootd_is_another_unit_behind_the_same_address() {
    if !wanted(Need::Android) {
        return;
    }
    for generation in Generation::BOTH {
        let unit = Unit::start(generation, &["--max-download-userspace", "0x80000"]);
        assert_eq!(unit.variable("is-userspace"), "no");
        unit.good(&["reboot", "fastboot"]);
        assert_eq!(unit.variable("is-userspace"), "yes");
        assert_eq!(unit.variable("max-download-size"), "0x80000");
        let image = pattern(1 << 20);
        unit.good(&["flash", "system", text(&unit.file("system.img", &image))]);
        assert_eq!(unit.held("system_a")[..image.len()], image);
        if generation == Generation::New {
            let fetched = unit.folder.path().join("fetched.img");
            unit.good(&["fetch", "vendor_boot", text(&fetched)]);
            assert_eq!(std::fs::read(&fetched).expect("a file"), unit.held("vendor_boot_a"));
        }
        unit.good(&["reboot", "bootloader"]);
        assert_eq!(unit.variable("is-userspace"), "no");
    }
}

#[test]
fn what_goes_wrong_is_seen_as_such() {
    if !wanted(Need::Android) {
        return;
    }
    for (fault, shown) in
        [("fail:1", "told to fail"), ("long-fail:1", "!!!!"), ("garbage:1", "unknown status code"), ("stall:1", "")]
    {
        let unit = Unit::start(Generation::New, &["--fault", fault]);
        let done = unit.run(&["getvar", "version"]);
        let said = done.stderr.clone();
        // This client takes a variable that cannot be read for no failure of its own.
        assert!(said.contains(shown) && !said.contains("version: 0.4"), "{fault}: {done:#?}");
    }
    let mut unit = Unit::start(Generation::New, &["--fault", "unplug-byte:5000"]);
    let image = unit.file("boot.img", &pattern(9000));
    let done = unit.run(&["flash", "boot_a", text(&image)]);
    assert!(done.code != 0, "{done:#?}");
    assert_eq!(unit.process.finish(Duration::from_secs(20)), 75);
    let held = unit.held("boot_a");
    assert_eq!(held[..5000], pattern(9000)[..5000]);
    assert!(held[5000..].iter().all(|byte| *byte == 0));
}

#[test]
fn a_command_is_given_a_file_and_leaves_one() {
    if !wanted(Need::Android) {
        return;
    }
    for generation in Generation::BOTH {
        let unit = Unit::start(generation, &[]);
        let file = pattern(70_001);
        unit.good(&["stage", text(&unit.file("staged", &file))]);
        unit.good(&["oem", "give-back"]);
        let taken = unit.folder.path().join("taken");
        unit.good(&["get_staged", text(&taken)]);
        assert!(std::fs::read(&taken).expect("a file") == file);
    }
}

/// What a factory archive holds, in the order in which nobody writes it.
fn factory() -> Vec<u8> {
    let files = [
        stored("system.img", &pattern(200_000)),
        deflated("vendor.img", &[0x7e; 50_000]),
        stored("vbmeta.img", &[0xb0; 4096]),
        deflated("boot.img", &pattern(300_000)),
        stored("system_other.img", &pattern(20_000)),
        stored("android-info.txt", b"require board=kiosk|other\nrequire version-bootloader=kiosk-1.2-0421\n"),
        stored("userdata.img", &[0xdd; 4096]),
    ];
    archive(&files)
}

#[test]
fn a_factory_archive_is_written_as_googles_client_writes_it() {
    if !wanted(Need::Android) {
        return;
    }
    let partitions = ["boot=0x80000,slots", "vbmeta=0x10000,slots", "system=0x80000,slots", "vendor=0x80000,slots"];
    let more = ["userdata=0x10000", "metadata=0x10000"];
    let options: Vec<&str> = partitions.iter().chain(&more).flat_map(|spec| ["--partition", spec]).collect();
    let all: Vec<String> = ["boot", "vbmeta", "system", "vendor"]
        .iter()
        .flat_map(|name| [format!("{name}_a"), format!("{name}_b")])
        .chain(["userdata".to_owned(), "metadata".to_owned()])
        .collect();
    for generation in Generation::BOTH {
        let theirs = Unit::start(generation, &options);
        let file = theirs.file("kiosk.zip", &factory());
        theirs.good(&["--skip-reboot", "update", text(&file)]);
        let ours = Unit::start(generation, &options);
        let mut command = Command::new(env!("CARGO_BIN_EXE_hardwire"));
        command
            .args(["flash", text(&file), "--activate", "none", "-d", &format!("fastboot@{}", ours.address)])
            .env("HARDWIRE_HOME", ours.folder.path().join("home"));
        let done = command.output().expect("hardwire runs");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        for partition in &all {
            assert!(theirs.held(partition) == ours.held(partition), "{partition} after fastboot {generation:?}");
        }
        assert_eq!(ours.held("boot_a")[..300_000], pattern(300_000));
        // What is for another product neither writes.
        let other = Unit::start(generation, &[&options[..], &["--product", "oriole"]].concat());
        assert_ne!(other.run(&["--skip-reboot", "update", text(&file)]).code, 0);
        assert_eq!(other.held("boot_a")[..16], [0; 16]);
    }
}
