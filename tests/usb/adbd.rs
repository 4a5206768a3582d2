//! The real `adbd` on the bench, and what Google's own client makes of it: the measure for everything of ours.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::devices::google::{Adb, Generation};
use crate::devices::process;
use crate::devices::station::Station;
use crate::devices::{Need, wanted};
use crate::noise::noise;
use crate::support::adbd::Adbd;
use crate::support::bench::in_the_bench;
use crate::support::gadget::Port;

#[test]
fn google_s_adb_pushes_to_and_pulls_from_real_daemons() {
    if !wanted(Need::Android) || !in_the_bench!() {
        return;
    }
    let units = [Adbd::plug(Port(0), "AD-0001"), Adbd::plug(Port(5), "AD-0002")];
    for generation in Generation::BOTH {
        let adb = Adb::start(generation);
        let folder = tempfile::tempdir().unwrap();
        for (seed, unit) in units.iter().enumerate() {
            let serial = unit.serial();
            adb.until_listed(serial, "device");
            let sent = noise(100_000 + seed, seed as u64 + 1);
            let (there, back) = (folder.path().join("sent"), folder.path().join("back"));
            fs::write(&there, &sent).unwrap();
            let there = there.to_str().unwrap();
            adb.good(&["-s", serial, "push", there, "/sdcard/file"]);
            assert!(fs::read(unit.path("/sdcard/file")).unwrap() == sent, "{generation:?} {serial}");
            adb.good(&["-s", serial, "pull", "/sdcard/file", back.to_str().unwrap()]);
            assert!(fs::read(back).unwrap() == sent, "{generation:?} {serial}");
            let ended = adb.run(&["-s", serial, "shell", "echo here; echo there >&2; exit 42"]);
            assert_eq!((ended.code, ended.stdout.as_str(), ended.stderr.as_str()), (42, "here\n", "there\n"));
        }
    }
}

/// The text that names what was left out, sorted.
fn omitted(line: &Value) -> Vec<String> {
    let all = line["omitted"].as_array().expect("a list");
    let mut named: Vec<_> = all
        .iter()
        .map(|it| format!("{}: {}", it["path"].as_str().expect("a path"), it["why"].as_str().expect("why")))
        .collect();
    named.sort();
    named
}

fn mark(path: &Path, mode: u32, modified: u64) {
    let file = fs::File::open(path).expect("the file");
    file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(modified)).expect("its time");
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("its mode");
}

#[test]
fn a_tree_is_pulled_with_its_modes_and_times_and_what_is_no_file_is_named() {
    if !wanted(Need::Android) || !in_the_bench!() {
        return;
    }
    let unit = Adbd::plug(Port(4), "AD-0421");
    let (station, address) = (Station::default(), unit.address());
    let there = |path: &str| unit.path(&format!("/sdcard/t/{path}"));
    let into = station.home().join("into");
    fs::create_dir_all(there("deep/er")).unwrap();
    fs::create_dir_all(there("empty")).unwrap();
    let names = ["it's a \"file\" $(reboot)", "deep/Größe", "deep/er/-rf", " ", "nothing"];
    for (seed, name) in names.into_iter().enumerate() {
        let len = if name == "nothing" { 0 } else { 70_000 + seed };
        fs::write(there(name), noise(len, seed as u64)).unwrap();
        mark(&there(name), 0o600 + seed as u32, 1_000_000_000 + seed as u64);
    }
    fs::set_permissions(there("deep/er"), fs::Permissions::from_mode(0o711)).unwrap();
    // What is no file, or may not be shown.
    symlink("..", there("deep/loop")).unwrap();
    symlink("it-self", there("it-self")).unwrap();
    for (node, kind) in [("pipe", &["p"][..]), ("null", &["c", "1", "3"])] {
        let made = process::run(Command::new("mknod").arg(there(node)).args(kind), Duration::from_secs(10));
        assert_eq!(made.code, 0, "{made:?}");
    }
    assert!(fs::metadata(there("pipe")).unwrap().file_type().is_fifo());
    fs::write(there("deep").join(OsStr::from_bytes(b"\xff\xfe")), "x").unwrap();
    fs::write(there("a\u{1b}[2J"), "x").unwrap();

    let into_ = into.to_str().unwrap();
    let get = ["get", "/sdcard/t", into_, "-d", &address, "--accept-omitted", "file"];
    let said = station.run(&get[..5]).exits(1);
    let left_out = [
        "/sdcard/t/a\\u{1b}[2J: its name holds characters that steer a screen",
        "/sdcard/t/deep/\\xff\\xfe: its name is not UTF-8",
        "/sdcard/t/deep/loop: it is a symbolic link",
        "/sdcard/t/it-self: it is a symbolic link",
        "/sdcard/t/null: it is a device file",
        "/sdcard/t/pipe: it is a device file",
    ];
    assert_eq!(omitted(said.line("folder")), left_out, "{said:#?}");
    let holds = |seeds: [u64; 5]| {
        let said = station.run(&get).exits(0);
        let line = said.line("folder");
        assert_eq!(
            (&line["files"], &line["folders"], &line["outcome"]),
            (&5.into(), &3.into(), &"pass".into()),
            "{said:#?}"
        );
        for ((at, name), seed) in names.into_iter().enumerate().zip(seeds) {
            let (path, original) = (into.join(name), fs::read(there(name)).unwrap());
            assert!(fs::read(&path).unwrap() == original, "{name}");
            assert!(name == "nothing" || original == noise(70_000 + at, seed), "{name}");
            let about = fs::metadata(&path).unwrap();
            assert_eq!(about.permissions().mode() & 0o7777, 0o600 + at as u32, "{name}");
            let modified = about.modified().unwrap().duration_since(SystemTime::UNIX_EPOCH).unwrap();
            assert_eq!(modified.as_secs(), 1_000_000_000 + seed, "{name}");
        }
        assert_eq!(fs::metadata(into.join("deep/er")).unwrap().permissions().mode() & 0o7777, 0o711);
        assert_eq!(fs::read_dir(into.join("empty")).unwrap().count(), 0);
        let all = ["deep", "empty", "it's a \"file\" $(reboot)", " ", "nothing"];
        assert_eq!(fs::read_dir(&into).unwrap().count(), all.len(), "nothing else is there");
    };
    holds([0, 1, 2, 3, 4]);
    // Two change there.
    for (at, seed) in [(0, 7), (2, 9)] {
        fs::write(there(names[at]), noise(70_000 + at, seed)).unwrap();
        mark(&there(names[at]), 0o600 + at as u32, 1_000_000_000 + seed);
    }
    holds([7, 1, 9, 3, 4]);

    // One file; and what is none.
    let file = station.home().join("file");
    let one = |path: &str| station.run(&["get", path, file.to_str().unwrap(), "-d", &address]);
    one("/sdcard/t/deep/Größe").exits(0);
    assert!(fs::read(&file).unwrap() == noise(70_001, 1));
    for (path, why) in [
        ("/sdcard/t/pipe", "neither a file nor a folder"),
        ("/sdcard/t/it-self", "neither a file nor a folder"),
        ("/sdcard/t/none", "no such file"),
    ] {
        let error = one(path).exits(1).line("run")["error"].to_string();
        assert!(error.contains(why), "{path}: {error}");
    }
    assert!(fs::read(&file).unwrap() == noise(70_001, 1), "what was there stays");
}

/// Debian's daemon does not put its end of the cable together again once it was pulled: it is another one each time.
#[test]
fn a_real_daemon_that_is_pulled_while_a_file_moves_is_gone() {
    if !wanted(Need::Android) || !in_the_bench!() {
        return;
    }
    let content = noise(12 << 20, 5);
    for (port, moves) in [(0, r#""event":"progress""#), (1, r#""event":"step-started""#)] {
        let (unit, station) = (Adbd::plug(Port(port), "AD-0777"), Station::default());
        let (file, back) = (station.file("file", &content), station.home().join("back"));
        fs::write(unit.path("/sdcard/there"), &content).unwrap();
        let address = unit.address();
        let mut run = match port {
            0 => station.start(&["put", &file, "/sdcard/file", "-d", &address]),
            _ => station.start(&["get", "/sdcard/there", back.to_str().unwrap(), "-d", &address]),
        };
        run.wait_for("transfer", Duration::from_secs(60), |printed| printed.contains(moves).then_some(()));
        unit.pull();
        let code = run.finish(Duration::from_secs(60));
        let printed = run.printed();
        let mut lines = printed.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let ended = lines.find(|line| line["type"] == "run").unwrap_or_else(|| panic!("{printed}"));
        assert_eq!(
            (&ended["outcome"], &ended["error"]["kind"], code),
            (&"error".into(), &"gone".into(), 7),
            "{printed}"
        );
        // Neither of them has what was not whole at its place.
        assert!(!unit.path("/sdcard/file").exists() && !back.exists());
        station.run(&["ledger", "verify"]).exits(0);
    }
}
