//! Phones that lie, fall silent or hang up, and files that are not what they say: what a person at the command line meets.
//! No lie ends in a pass, none is waited for without end, and no word of a unit steers the screen.

use std::fs;

use serde_json::Value;

use super::archives::{archive, deflated, stored};
use super::noise::noise;
use super::phone::PACKAGE;
use super::support::{Bench, Stub};

fn kind(line: &Value) -> Option<&str> {
    let error = if line["type"] == "error" { line } else { &line["error"] };
    error["kind"].as_str()
}

/// Puts a file onto a phone with this fault, and gets back what was put onto it in health: kinds of error and exit codes.
fn there_and_back(fault: &str, len: usize) -> [(Option<String>, i32); 2] {
    let bench = Bench::new();
    bench.write("file", noise(len, 1));
    let with = |options: &[&str], args: &[&str]| {
        let phone = Stub::phone(&bench, options);
        let device = format!("{},compress=none", phone.address);
        let (last, code) = bench.last(&[args, &["-d", &device]].concat());
        (kind(&last).map(str::to_owned), code)
    };
    let put = with(&["--fault", fault], &["put", "file", "/sdcard/file"]);
    assert_eq!(with(&[], &["put", "file", "/sdcard/other"]), (None, 0));
    let got = with(&["--fault", fault], &["get", "/sdcard/other", "back"]);
    let is_back = fs::read(bench.path("back")).is_ok_and(|back| back == noise(len, 1));
    assert_eq!(got.1 == 0, is_back, "{fault}: {got:?}");
    [put, got]
}

#[test]
fn every_lie_of_a_daemon_is_told_or_harmless() {
    let good = || (None, 0);
    let ends = |kind: &str, code| (Some(kind.to_owned()), code);
    for (fault, len, expected) in [
        // It says that it takes 4 GiB in a packet; nobody sends them.
        ("huge-payload", 3 << 20, [good(), good()]),
        ("okay-closed", 100_000, [ends("garbled", 7), ends("garbled", 7)]),
        // What comes unasked is taken as fast as it comes; when it is more than was allowed, `protocols::adb` says so.
        ("ignore-window", 40 << 20, [good(), good()]),
        ("long-data", 100_000, [good(), ends("garbled", 7)]),
        ("garbage:9", 100_000, [ends("garbled", 7), ends("garbled", 7)]),
        ("lose-byte", 100_000, [ends("mismatch", 4), good()]),
        ("disk-full", 100_000, [ends("refused", 1), good()]),
    ] {
        assert_eq!(there_and_back(fault, len), expected, "{fault}");
    }
}

#[test]
fn a_digest_that_lies_is_found_by_reading_back() {
    let bench = Bench::new();
    bench.write("file", noise(100_000, 1));
    let phone = Stub::phone(&bench, &["--fault", "lose-byte", "--fault", "lie-hash"]);
    let (run, code) = bench.last(&["put", "file", "/sdcard/file", "-d", &phone.address, "--verify", "readback"]);
    assert_eq!((run["outcome"].as_str(), kind(&run), code), (Some("fail"), Some("mismatch"), 4), "{run}");
}

#[test]
fn a_daemon_that_hangs_is_given_up_when_the_step_says_so() {
    let bench = Bench::new();
    bench.write("p.yaml", PROFILE);
    let phone = Stub::phone(&bench, &["--fault", "hang:12"]);
    let (run, code) = bench.last(&["apply", "p.yaml", "-d", &phone.address]);
    assert_eq!((run["outcome"].as_str(), kind(&run), code), (Some("error"), Some("timed-out"), 7), "{run}");
}

const PROFILE: &str = "format: 1\nname: p\nversion: 1.0.0\nmatch: { driver: adb }\nsteps:\n  \
                       - files: { put: { /sdcard/file: { text: x } } }\n    timeout: 2s\n";

#[test]
fn what_a_folder_lists_that_is_not_in_it_is_named_and_left_out() {
    let bench = Bench::new();
    let files = bench.path("phone.state/files/sdcard/t");
    fs::create_dir_all(&files).unwrap();
    fs::write(files.join("good"), "good").unwrap();
    let phone = Stub::phone(&bench, &["--fault", "list-escape"]);
    let ran = bench.run(&["--json", "get", "/sdcard/t", "into", "-d", &phone.address]);
    assert_eq!(ran.code, 1, "{ran:?}");
    let lines = ran.lines();
    let line = lines.iter().find(|line| line["type"] == "folder").unwrap();
    let omitted: Vec<_> = line["omitted"].as_array().unwrap().iter().map(|it| it["path"].as_str().unwrap()).collect();
    assert_eq!(
        omitted,
        [
            "/sdcard/t/../escaped",
            "/sdcard/t//etc/passwd",
            "/sdcard/t/zero",
            "/sdcard/t/red\\u{1b}[31m\\u{7}",
            "/sdcard/t/broken\\xff\\xfe"
        ]
    );
    assert!(!ran.stderr.contains('\u{1b}') && !ran.stdout.contains('\u{1b}'), "{ran:?}");
    let names: Vec<_> = fs::read_dir(bench.path("into")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!((names, bench.path("escaped").exists()), (vec!["good".into()], false));
}

#[test]
fn a_phone_that_asks_is_waited_for_as_long_as_told_and_the_key_is_named() {
    let bench = Bench::new();
    bench.write("file", "x");
    let phone = Stub::phone(&bench, &["--authorise", "ignore"]);
    let device = format!("{},auth-wait=1s", phone.address);
    let put = ["put", "file", "/sdcard/file", "-d", &device];
    let ran = bench.run(&[&["--json"], &put[..]].concat());
    let (lines, key) = (ran.lines(), bench.last(&["key", "show"]).0);
    let key = key["fingerprint"].as_str().unwrap();
    let [waiting, error] = lines.as_slice() else { panic!("{ran:?}") };
    assert_eq!((kind(error), ran.code), (Some("unauthorized"), 7), "{error}");
    let text = error.to_string();
    assert!(text.contains("within 1 s") && text.contains(key), "{text}");
    // It was told while there was time.
    let say = format!("unlock the unit and accept the key with the fingerprint {key} there, within 1 s");
    assert_eq!((&waiting["event"], &waiting["say"]), (&"waiting".into(), &say.as_str().into()));
    assert!(ran.stderr.contains(&say), "{}", ran.stderr);
    drop(phone);
    let phone = Stub::phone(&bench, &["--authorise", "accept"]);
    let device = format!("{},auth-wait=10s", phone.address);
    assert_eq!(bench.last(&["put", "file", "/sdcard/file", "-d", &device]).1, 0);
    // It knows the key from now on, and asks nobody.
    drop(phone);
    let phone = Stub::phone(&bench, &["--authorise", "refuse"]);
    assert_eq!(bench.last(&["put", "file", "/sdcard/file", "-d", &phone.address]).1, 0);
}

/// A profile that writes a partition and gives every question two seconds.
const FLASH: &str = "format: 1\nname: p\nversion: 1.0.0\nmatch: { driver: fastboot }\nverify: link\nartifacts:\n  \
                     boot: { file: boot.img }\nsteps:\n  - firmware: { artifact: boot, slot: boot_a, activate: none }\n    \
                     timeout: 2s\n";

#[test]
fn every_lie_of_a_bootloader_ends_the_run_and_the_next_one_passes() {
    // `getvar all` is the first command, `download` the second, `flash` the third.
    for (fault, expected, code) in [
        ("fail:2", "refused", 1),
        ("long-fail:3", "refused", 1),
        ("garbage:3", "garbled", 7),
        ("early-okay:2", "garbled", 7),
        ("data-length:1", "garbled", 7),
        ("silence:2", "timed-out", 7),
        ("silence:3", "timed-out", 7),
        ("drop:3", "timed-out", 7),
    ] {
        let bench = Bench::new();
        bench.write("boot.img", noise(9000, 1));
        bench.write("p.yaml", FLASH);
        assert_eq!(bench.run(&["profile", "lock", "p.yaml"]).code, 0);
        let unit = Stub::loader(&bench, &["--fault", fault]);
        let apply = ["apply", "p.yaml", "-d", &unit.address];
        let (run, ended) = bench.last(&apply);
        assert_eq!((kind(&run), ended), (Some(expected), code), "{fault}: {run}");
        assert_eq!(run["outcome"], if code == 1 { "fail" } else { "error" }, "{fault}: {run}");
        let text = run["error"].to_string();
        assert!(text.len() < 2500 && text.contains("boot_a"), "{fault}: {text}");
        assert_eq!(bench.last(&apply).1, 0, "{fault}");
        let held = fs::read(bench.path("fastboot.state/partitions/boot_a")).unwrap();
        assert!(held.starts_with(&noise(9000, 1)), "{fault}");
    }
}

#[test]
fn a_bootloader_whose_cable_is_pulled_is_gone() {
    for fault in ["unplug-command:1", "unplug-command:3", "unplug-answer:2", "unplug-byte:5000"] {
        let bench = Bench::new();
        bench.write("boot.img", noise(9000, 1));
        let unit = Stub::loader(&bench, &["--fault", fault]);
        let (run, code) =
            bench.last(&["flash", "boot.img", "--slot", "boot", "--activate", "none", "-d", &unit.address]);
        assert_eq!((kind(&run), code), (Some("gone"), 7), "{fault}: {run}");
    }
}

/// An Android sparse image of one raw block, with its header's and its chunk's numbers as they are given.
fn sparse(blocks: u32, chunks: u32, chunk_blocks: u32, chunk_len: u32) -> Vec<u8> {
    let mut file = 0xed26_ff3a_u32.to_le_bytes().to_vec();
    for half in [1_u16, 0, 28, 12] {
        file.extend(half.to_le_bytes());
    }
    for word in [4096, blocks, chunks, 0] {
        file.extend(word.to_le_bytes());
    }
    file.extend([0xc1, 0xca, 0, 0]);
    for word in [chunk_blocks, chunk_len] {
        file.extend(word.to_le_bytes());
    }
    file.extend([7; 4096]);
    file
}

#[test]
fn a_sparse_image_that_lies_about_its_size_reaches_no_unit() {
    let bench = Bench::new();
    let unit = Stub::loader(&bench, &[]);
    let flash = |image: Vec<u8>| {
        bench.write("boot.img", image);
        bench.last(&["flash", "boot.img", "--slot", "boot", "--activate", "none", "-d", &unit.address])
    };
    for (blocks, chunks, chunk_blocks, chunk_len) in [
        (1, 2, 1, 4108),
        (1, u32::MAX, 1, 4108),
        (u32::MAX, 1, 1, 4108),
        (2, 1, 1, 4108),
        (1, 1, u32::MAX, 4108),
        (1, 1, 1, 4107),
        (1, 1, 1, u32::MAX),
        (1, 1, 1, 0),
        (1, 0, 1, 4108),
    ] {
        let (error, code) = flash(sparse(blocks, chunks, chunk_blocks, chunk_len));
        let said = format!("{blocks} {chunks} {chunk_blocks} {chunk_len}: {error}");
        assert_eq!((kind(&error), code), (Some("invalid"), 2), "{said}");
    }
    let held = || fs::read(bench.path("fastboot.state/partitions/boot_a")).unwrap();
    assert!(held().iter().all(|byte| *byte == 0), "nothing was written");
    let (run, code) = flash(sparse(1, 1, 1, 4108));
    assert_eq!((run["outcome"].as_str(), code), (Some("pass"), 0), "{run}");
    assert!(held()[..4096].iter().all(|byte| *byte == 7));
}

#[test]
fn packages_that_are_bombs_or_lead_out_of_themselves_reach_no_phone() {
    let bench = Bench::new();
    let phone = Stub::phone(&bench, &[]);
    let zeros = vec![0; 64 << 20];
    let bomb = deflated("AndroidManifest.xml", &zeros);
    let escapes = |name: &str| archive(&[stored("AndroidManifest.xml", b"x"), stored(name, b"x")]);
    for (name, package) in [
        ("a manifest of 64 MiB", archive(&[bomb])),
        ("one that is longer than it says", archive(&[deflated("AndroidManifest.xml", &zeros).claiming(10)])),
        ("..", escapes("../../escaped")),
        ("/", escapes("/etc/passwd")),
        ("cut", PACKAGE[..PACKAGE.len() - 30].to_vec()),
        ("none", b"PK\x03\x04 and nothing else".to_vec()),
    ] {
        bench.write("app.apk", package);
        let (error, code) = bench.last(&["install", "app.apk", "-d", &phone.address]);
        assert_eq!((kind(&error), code), (Some("invalid"), 2), "{name}: {error}");
        assert_eq!(error["type"], "error", "{name}: no run has begun");
    }
    assert!(!bench.path("escaped").exists());
}

#[test]
fn a_factory_archive_that_leads_out_of_itself_or_is_a_bomb_reaches_no_phone() {
    let bench = Bench::new();
    let unit = Stub::loader(&bench, &[]);
    let info = || deflated("android-info.txt", b"require board=kiosk\n");
    let zeros = vec![0; 4 << 20];
    for (name, files) in [
        ("escape", vec![info(), stored("../boot.img", b"boot")]),
        ("absolute", vec![info(), stored("/boot.img", b"boot")]),
        ("bomb", vec![info(), deflated("boot.img", &zeros).claiming(100)]),
        ("endless text", vec![deflated("android-info.txt", &zeros), stored("boot.img", b"boot")]),
    ] {
        bench.write("kiosk.zip", archive(&files));
        let (error, code) = bench.last(&["flash", "kiosk.zip", "--activate", "none", "--yes", "-d", &unit.address]);
        assert_eq!((kind(&error), code), (Some("invalid"), 2), "{name}: {error}");
    }
    let held = fs::read(bench.path("fastboot.state/partitions/boot_a")).unwrap();
    assert!(held.iter().all(|byte| *byte == 0), "nothing was written");
}

/// A profile with a file, a tree, an application and settings: what ADB brings to a phone.
const KIOSK: &str = "format: 1\nname: kiosk\nversion: 1.0.0\nmatch: { driver: adb }\nartifacts:\n  \
                     app: { file: app.apk }\n  media: { tree: media }\nsteps:\n  \
                     - files: { put: { /sdcard/file: { text: x }, /sdcard/m: { tree: media } } }\n  \
                     - apps: { install: [app] }\n  \
                     - settings: { set: { global/stay_on_while_plugged_in: \"3\" } }\n    verify: readback\n";

/// Unplugs a phone at every seventh packet of a run, and runs the same again. At every one it takes minutes.
fn unplugged(fault: &str, first: usize) {
    let mut cuts = 0;
    for n in (first..).step_by(7) {
        let bench = Bench::new();
        bench.write("app.apk", PACKAGE);
        bench.write("p.yaml", KIOSK);
        fs::create_dir(bench.path("media")).unwrap();
        bench.write("media/a", noise(100_000, 1));
        bench.write("media/b", noise(10, 1));
        assert_eq!(bench.run(&["profile", "lock", "p.yaml"]).code, 0);
        let phone = Stub::phone(&bench, &["--fault", &format!("{fault}:{n}")]);
        let (run, code) = bench.last(&["apply", "p.yaml", "-d", &phone.address, "--yes"]);
        drop(phone);
        if code != 0 {
            cuts += 1;
            assert_eq!((kind(&run), code), (Some("gone"), 7), "{fault}:{n}: {run}");
            assert_ne!(run["outcome"], "pass", "{fault}:{n}: {run}");
        }
        let phone = Stub::phone(&bench, &[]);
        let (again, ended) = bench.last(&["apply", "p.yaml", "-d", &phone.address, "--yes"]);
        assert_eq!((again["outcome"].as_str(), ended), (Some("pass"), 0), "{fault}:{n}: {again}");
        if code == 0 {
            let steps = again["steps"].as_array().unwrap();
            assert!(steps.iter().all(|step| step["outcome"] == "already"), "{fault}:{n}: {again}");
            break;
        }
    }
    assert!(cuts > 5, "only {cuts} cuts");
}

#[test]
fn a_phone_unplugged_at_a_packet_is_gone_and_the_next_run_passes() {
    unplugged("unplug-packet", 1);
}

#[test]
fn a_phone_unplugged_before_it_answers_is_gone_and_the_next_run_passes() {
    unplugged("unplug-answer", 6);
}
