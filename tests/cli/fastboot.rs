//! A phone in its bootloader, as a person at the command line meets it.

use serde_json::Value;

use super::support::{Bench, Stub};

fn said(lines: &[Value]) -> Vec<&str> {
    lines.iter().filter(|line| line["event"] == "said").map(|line| line["say"].as_str().unwrap()).collect()
}

#[test]
fn what_a_bootloader_says_is_shown_and_kept_in_the_record() {
    let bench = Bench::new();
    bench.write("boot.img", [7; 5000]);
    bench.write(
        "p.yaml",
        "format: 1\nname: phone\nversion: 1.0.0\nmatch: { driver: fastboot }\nverify: link\nsteps:\n  \
         - erase: { slot: metadata }\n  - console: { run: oem device-info }\n",
    );
    let unit = Stub::loader(&bench, &["--says", "slot a: \u{1b}[2Jwriting", "--says", "checked"]);
    let (lines, code) = bench.json(&["flash", "boot.img", "--slot", "boot", "--activate", "none", "-d", &unit.address]);
    let words = ["slot a: \\u{1b}[2Jwriting", "checked"];
    let run = lines.last().unwrap();
    assert_eq!((said(&lines), code), (words.to_vec(), 0), "{run}");
    assert_eq!(run["steps"][0]["said"], serde_json::json!(words), "{run}");
    let (record, _) = bench.last(&["ledger", "show", run["record"].as_str().unwrap()]);
    assert_eq!(record["statement"]["predicate"]["steps"][0]["said"], serde_json::json!(words), "{record}");

    let (lines, code) = bench.json(&["apply", "p.yaml", "-d", &unit.address, "--yes"]);
    let run = lines.last().unwrap();
    let info = ["Device unlocked: true", "Charger screen enabled: true"];
    assert_eq!((said(&lines), code), ([words, words, info].concat(), 0), "{run}");
    assert_eq!(run["steps"][0]["said"], serde_json::json!(words), "{run}");
    assert!(run["steps"][1]["answer"].as_str().unwrap().contains("Device unlocked: true"), "{run}");

    let shown = bench.run(&["flash", "boot.img", "--slot", "boot", "--activate", "none", "-d", &unit.address]).stderr;
    assert!(shown.contains("flash: the unit says `checked`") && !shown.contains('\u{1b}'), "{shown}");
}

#[test]
fn a_bootloader_that_never_stops_talking_fills_no_record() {
    let bench = Bench::new();
    bench.write("boot.img", [7; 5000]);
    let unit = Stub::loader(&bench, &["--says", "so", "--says", "on", "--chatter", "5000"]);
    let (lines, code) = bench.json(&["flash", "boot.img", "--slot", "boot", "--activate", "none", "-d", &unit.address]);
    let step = &lines.last().unwrap()["steps"][0];
    assert_eq!((step["said"].as_array().unwrap().len(), code), (128, 0), "{step}");
    assert_eq!(step["said_left_out"], 10_000 - 128, "{step}");
    assert!(said(&lines).len() < 1000, "{} events", said(&lines).len());
}

#[test]
fn what_a_secret_command_makes_a_bootloader_say_is_neither_shown_nor_kept() {
    let bench = Bench::new();
    bench.write(
        "p.yaml",
        "format: 1\nname: phone\nversion: 1.0.0\nmatch: { driver: fastboot }\ninputs:\n  \
         what: { from: literal, value: device-info, secret: true }\nsteps:\n  - console: { run: \"oem {{ what }}\" }\n",
    );
    let unit = Stub::loader(&bench, &["--says", "s3cret"]);
    let ran = bench.run(&["--json", "apply", "p.yaml", "-d", &unit.address]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(!ran.stdout.contains("s3cret") && !ran.stderr.contains("s3cret"), "{}", ran.stdout);
}

#[test]
fn a_command_is_given_a_file_and_leaves_one() {
    let bench = Bench::new();
    let file: Vec<u8> = (0..70_000_u32).map(|n| (n % 251) as u8).collect();
    bench.write("key.bin", &file);
    bench.write(
        "p.yaml",
        "format: 1\nname: phone\nversion: 1.0.0\nmatch: { driver: fastboot }\nartifacts: { key: { file: key.bin } }\nsteps:\n  \
         - console: { run: oem give-back, stage: key, take: given }\n",
    );
    assert_eq!(bench.run(&["profile", "lock", "p.yaml"]).code, 0);
    let unit = Stub::loader(&bench, &[]);
    let console = ["console", "-d", &unit.address, "--take", "out.bin"];
    let (_, code) = bench.last(&[&console[..], &["--stage", "key.bin", "--", "oem", "give-back"]].concat());
    assert_eq!((code, std::fs::read(bench.path("out.bin")).unwrap() == file), (0, true));
    // Nothing is left: the unit says so, and the file stays as it was.
    let (refused, code) = bench.last(&[&console[..], &["--", "oem", "device-info"]].concat());
    assert_eq!((refused["kind"].as_str(), code), (Some("refused"), 1), "{refused}");
    assert!(std::fs::read(bench.path("out.bin")).unwrap() == file);

    let (run, code) = bench.last(&["apply", "p.yaml", "-d", &unit.address]);
    let digest = hardwire::digest::Digest::sha256(&file).to_string();
    let given = serde_json::json!([{ "name": "given", "bytes": 70_000, "sha256": digest }]);
    assert_eq!((&run["steps"][0]["attachments"], run["steps"][0]["sent"].as_u64(), code), (&given, Some(70_000), 0));
}

#[test]
fn where_partitions_can_be_read_they_are_read_back_and_backed_up() {
    let bench = Bench::new();
    let image: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 253) as u8).collect();
    bench.write("boot.img", &image);
    let options = ["--mode", "fastbootd", "--fetch", "all", "--fault", "flip-byte:3000001"];
    let unit = Stub::loader(&bench, &options);
    let flash = ["flash", "boot.img", "--slot", "boot_b", "--activate", "none", "-d", &unit.address];
    let (run, code) = bench.last(&flash);
    assert_eq!((run["outcome"].as_str(), run["level"].as_str(), code), (Some("pass"), Some("readback"), 0), "{run}");
    let (again, _) = bench.last(&flash);
    assert_eq!((again["steps"][0]["outcome"].as_str(), again["steps"][0]["sent"].as_u64()), (Some("already"), Some(0)));
    let (backup, code) = bench.last(&["backup", "--firmware", "boot_b", "-d", &unit.address]);
    assert_eq!(
        (backup["complete"].as_bool(), backup["items"][0]["bytes"].as_u64(), code),
        (Some(true), Some(8 << 20), 0)
    );
    // The next byte that it stores is another one.
    let (bad, code) = bench.last(&["flash", "boot.img", "--slot", "boot_a", "--activate", "none", "-d", &unit.address]);
    assert_eq!(
        (bad["outcome"].as_str(), bad["error"]["kind"].as_str(), code),
        (Some("fail"), Some("mismatch"), 4),
        "{bad}"
    );
}

#[test]
fn of_a_unit_that_shows_one_partition_only_nothing_more_is_expected() {
    let bench = Bench::new();
    bench.write("boot.img", [7; 5000]);
    let unit = Stub::loader(&bench, &["--mode", "fastbootd"]);
    let (run, code) = bench.last(&["flash", "boot.img", "--slot", "boot", "--activate", "none", "-d", &unit.address]);
    assert_eq!((run["level"].as_str(), code), (Some("link"), 0), "{run}");
    let (backup, code) =
        bench.last(&["backup", "--firmware", "vendor_boot", "--firmware", "boot", "-d", &unit.address]);
    let items: Vec<_> = backup["items"].as_array().unwrap().iter().map(|item| item["path"].as_str().unwrap()).collect();
    assert_eq!(
        (items, backup["omitted"][0]["path"].as_str(), code),
        (vec!["vendor_boot"], Some("boot"), 1),
        "{backup}"
    );
}

#[test]
fn a_phone_is_restarted_into_the_slot_that_is_named() {
    let bench = Bench::new();
    let unit = Stub::loader(&bench, &[]);
    let reboot = ["reboot", "bootloader", "--slot", "b", "-d", &unit.address];
    let (run, code) = bench.last(&reboot);
    assert_eq!((run["outcome"].as_str(), code), (Some("pass"), 0), "{run}");
    let (info, _) = bench.last(&["info", "-d", &unit.address]);
    let state = |name: &str| {
        info["firmware"].as_array().unwrap().iter().find(|it| it["slot"] == name).unwrap()["state"].clone()
    };
    assert_eq!((state("boot_a"), state("boot_b")), (serde_json::json!([]), serde_json::json!(["active"])), "{info}");

    let bench = Bench::new();
    let single = Stub::loader(&bench, &["--partition", "boot=65536"]);
    let (error, code) = bench.last(&["reboot", "bootloader", "--slot", "b", "-d", &single.address]);
    assert_eq!((error["kind"].as_str(), code), (Some("unsupported"), 2), "{error}");
}
