//! A factory archive onto a phone in its bootloader.

use serde_json::{Value, json};

use super::archives::{Packed, archive, deflated, stored};
use super::support::{Bench, Stub};

const BOOT: [u8; 5000] = [0xb0; 5000];
const DTBO: [u8; 3000] = [0xd7; 3000];
static SYSTEM: [u8; 70_000] = [0x55; 70_000];
const OTHER: [u8; 4096] = [0x0e; 4096];

fn files(info: &str) -> Vec<Packed> {
    vec![
        deflated("android-info.txt", info.as_bytes()),
        stored("boot.img", &BOOT),
        deflated("dtbo.img", &DTBO),
        deflated("system.img", &SYSTEM),
        stored("super_empty.img", b"a table"),
        stored("readme.txt", b"nothing that is written"),
    ]
}

const SUITS: &str =
    "require board=kiosk|other\nrequire version-bootloader=kiosk-1.2-*\nrequire partition-exists=dtbo\n";

fn held(bench: &Bench, partition: &str, len: usize) -> Vec<u8> {
    let bytes = std::fs::read(bench.path(&format!("fastboot.state/partitions/{partition}"))).unwrap();
    bytes[..len].to_vec()
}

fn sha256(bytes: &[u8]) -> String {
    hardwire::digest::Digest::sha256(bytes).to_string()
}

fn names(run: &Value) -> Vec<&str> {
    run["steps"].as_array().unwrap().iter().map(|step| step["name"].as_str().unwrap()).collect()
}

#[test]
fn a_factory_archive_is_written_in_the_modes_that_its_partitions_need() {
    let bench = Bench::new();
    bench.write("kiosk.zip", archive(&files(SUITS)));
    let unit = Stub::loader(&bench, &[]);
    let (run, code) = bench.last(&["flash", "kiosk.zip", "--activate", "none", "--wipe", "--yes", "-d", &unit.address]);
    assert_eq!((run["outcome"].as_str(), run["level"].as_str(), code), (Some("pass"), Some("link"), 0), "{run}");
    let wipes = ["flash/wipe-userdata", "flash/wipe-cache", "flash/wipe-metadata"];
    assert_eq!(names(&run), [&wipes[..], &["flash/images", "flash/logical"]].concat());
    assert_eq!(run["mode"], "fastbootd");
    assert_eq!((held(&bench, "boot_a", 5000), held(&bench, "dtbo_a", 3000)), (BOOT.to_vec(), DTBO.to_vec()));
    assert_eq!(held(&bench, "system_a", 70_000), SYSTEM);
    assert_eq!(held(&bench, "boot_b", 10), [0; 10]);
    // What was written is in the record, image by image.
    let (record, _) = bench.last(&["ledger", "show", run["record"].as_str().unwrap()]);
    let steps = &record["statement"]["predicate"]["steps"];
    let digest = |step: usize, item: usize| steps[step]["items"][item]["expected"].as_str().unwrap().to_owned();
    assert_eq!([digest(3, 0), digest(3, 1), digest(4, 0)], [&BOOT[..], &DTBO, &SYSTEM].map(sha256), "{steps}");
}

#[test]
fn a_unit_that_the_archive_is_not_for_is_left_alone() {
    let bench = Bench::new();
    let unit = Stub::loader(&bench, &[]);
    for (info, demand, says) in [
        ("require board=oriole|raven", "product=oriole|raven", "`kiosk`"),
        ("require version-bootloader=kiosk-2", "version-bootloader=kiosk-2", "`kiosk-1.2-0421`"),
        ("require partition-exists=vendor_kernel_boot", "a partition vendor_kernel_boot", "has none"),
        ("require-for-product:kiosk version-baseband=g5123b", "version-baseband=g5123b", "`none`"),
        ("reject hw-revision=EVT*", "hw-revision other than EVT*", "`EVT1.0`"),
    ] {
        bench.write("kiosk.zip", archive(&files(info)));
        let (error, code) = bench.last(&["flash", "kiosk.zip", "--activate", "none", "-d", &unit.address]);
        assert_eq!(
            (error["type"].as_str(), error["kind"].as_str(), code),
            (Some("error"), Some("invalid"), 2),
            "{error}"
        );
        let said = error.to_string();
        assert!(said.contains(demand) && said.contains(says), "{said}");
    }
    bench.write("kiosk.zip", archive(&files("require-for-product:other version-baseband=g5123b")));
    let plan = bench.last(&["flash", "kiosk.zip", "--activate", "none", "-d", &unit.address]);
    assert_eq!(plan.1, 0, "it is for another product: {}", plan.0);
}

#[test]
fn nothing_is_planned_on_a_locked_unit_and_info_says_that_it_is() {
    let bench = Bench::new();
    bench.write("kiosk.zip", archive(&files(SUITS)));
    bench.write("boot.img", BOOT);
    bench.write(
        "p.yaml",
        "format: 1\nname: wipe\nversion: 1.0.0\nmatch: { driver: fastboot }\nverify: link\nsteps:\n  - erase: { slot: metadata }\n",
    );
    let unit = Stub::loader(&bench, &["--locked"]);
    let (info, _) = bench.last(&["info", "-d", &unit.address]);
    assert_eq!(info["locked"], true, "{info}");
    let shown = bench.run(&["info", "-d", &unit.address]).stdout;
    assert!(shown.contains("bootloader               locked"), "{shown}");
    let flash = ["flash", "kiosk.zip", "--activate", "none", "-d", &unit.address];
    let single = ["flash", "boot.img", "--slot", "boot", "--activate", "none", "-d", &unit.address];
    let erase = ["apply", "p.yaml", "--yes", "-d", &unit.address];
    for args in [&flash[..], &single, &erase] {
        let (error, code) = bench.last(args);
        assert_eq!(
            (error["type"].as_str(), error["kind"].as_str(), code),
            (Some("error"), Some("unsupported"), 2),
            "{error}"
        );
        assert!(error.to_string().contains("bootloader is locked"), "{error}");
        assert!(error["next"].as_str().unwrap().contains("flashing unlock"), "{error}");
    }
    let (unlocked, code) = bench.last(&["console", "-d", &unit.address, "--", "flashing", "unlock"]);
    assert_eq!(code, 0, "{unlocked}");
    assert_eq!(bench.last(&["info", "-d", &unit.address]).0["locked"], false);
    assert_eq!(bench.last(&flash).1, 0);
}

#[test]
fn an_archive_that_lies_reaches_no_unit() {
    let bench = Bench::new();
    let unit = Stub::loader(&bench, &[]);
    let usual = files(SUITS);
    let with = |packed: Packed| [usual.as_slice(), &[packed]].concat();
    let zeros = |name: &str| deflated(&format!("{name}.img"), &[0; 100_000]);
    let claims = |len: u32| zeros("vendor").claiming(len);
    let many = ["odm", "odm_dlkm", "product", "vendor", "vendor_dlkm"].map(|name| zeros(name).claiming(u32::MAX - 1));
    for (what, bytes, says) in [
        ("a name that leads out", archive(&with(stored("../boot.img", b"x"))), "not a plain path"),
        ("one name twice", archive(&with(stored("boot.img", b"x"))), "two entries by the name boot.img"),
        ("more than it says", archive(&with(claims(1000))), "vendor.img is broken"),
        ("less than it says", archive(&with(claims(200_000))), "vendor.img is broken"),
        ("a bomb", archive(&[&usual[..], &many].concat()), "unpacks to more than"),
        ("an endless text", archive(&[deflated("android-info.txt", &vec![b'\n'; 300_000])]), "more than the"),
        (
            "no requirement",
            archive(&[stored("android-info.txt", b"\x1b[2J"), stored("boot.img", &BOOT)]),
            "android-info.txt",
        ),
        (
            "an image that is not there",
            archive(&with(stored("fastboot-info.txt", b"version 1\nflash vendor\n"))),
            "has no vendor.img",
        ),
        (
            "an order that goes on after its end",
            archive(&with(stored("fastboot-info.txt", b"version 1\nflash boot\nreboot\nflash dtbo\n"))),
            "comes after the restart",
        ),
    ] {
        bench.write("kiosk.zip", bytes);
        let ran = bench.run(&["--json", "flash", "kiosk.zip", "--activate", "none", "-d", &unit.address]);
        assert_eq!(ran.code, 2, "{what}: {}", ran.stdout);
        assert!(ran.stdout.contains(says) && !ran.stderr.contains('\u{1b}'), "{what}: {}", ran.stdout);
    }
    assert_eq!(held(&bench, "boot_a", 5000), [0; 5000]);
}

#[test]
fn a_profile_follows_the_order_of_the_archive_into_the_slot_that_it_names() {
    let bench = Bench::new();
    let order = "version 1\nflash boot\nflash --apply-vbmeta dtbo\nreboot fastboot\nupdate-super\nflash system\n\
                 flash --slot-other system system_other.img\nif-wipe erase userdata\nreboot\n";
    let texts = [stored("system_other.img", &OTHER), stored("fastboot-info.txt", order.as_bytes())];
    bench.write("kiosk.zip", archive(&[files(SUITS), texts.to_vec()].concat()));
    bench.write(
        "p.yaml",
        "format: 1\nname: restore\nversion: 1.0.0\nmatch: { driver: fastboot }\nverify: link\nartifacts: { all: { file: kiosk.zip } }\n\
         steps:\n  - firmware: { artifact: all, layout: factory, slot: b, wipe: true, activate: none }\n    name: phone\n",
    );
    assert_eq!(bench.run(&["profile", "lock", "p.yaml"]).code, 0);
    let unit = Stub::loader(&bench, &[]);
    let (plan, code) = bench.last(&["plan", "p.yaml", "-d", &unit.address]);
    assert_eq!((names(&plan), code), (vec!["phone/wipe-userdata", "phone/images", "phone/logical"], 0), "{plan}");
    assert_eq!(plan["steps"][0]["destroys"], json!(["partition userdata would be erased"]), "{plan}");
    let image = |slot: &str, bytes: &[u8]| json!({ "slot": slot, "sha256": sha256(bytes) });
    assert_eq!(plan["steps"][1]["images"], json!([image("b/boot", &BOOT), image("b/dtbo", &DTBO)]), "{plan}");
    assert_eq!(plan["steps"][2]["images"], json!([image("b/system", &SYSTEM), image("a/system", &OTHER)]), "{plan}");
    let (not_meant, code) = bench.last(&["apply", "p.yaml", "-d", &unit.address]);
    assert_eq!(code, 2, "{not_meant}");
    assert!(not_meant.to_string().contains("userdata would be erased"), "{not_meant}");
    let (run, code) = bench.last(&["apply", "p.yaml", "--yes", "-d", &unit.address]);
    assert_eq!((run["outcome"].as_str(), code), (Some("pass"), 0), "{run}");
    assert_eq!((held(&bench, "boot_b", 5000), held(&bench, "boot_a", 10)), (BOOT.to_vec(), vec![0; 10]));
    assert_eq!((held(&bench, "system_b", 70_000), held(&bench, "system_a", 4096)), (SYSTEM.to_vec(), OTHER.to_vec()));
}

#[test]
fn loaders_are_written_first_when_that_is_meant_and_judged_when_they_run() {
    let bench = Bench::new();
    let inner = archive(&files("require board=kiosk\nrequire version-bootloader=kiosk-2\n"));
    let outer = [
        stored("kiosk-1/bootloader-kiosk-2.img", &[0xbb; 2000]),
        stored("kiosk-1/radio-kiosk-9.img", &[0xaa; 1000]),
        deflated("kiosk-1/image-kiosk-1.zip", &inner),
        stored("kiosk-1/flash-all.sh", b"#!/bin/sh\n"),
    ];
    bench.write("kiosk.zip", archive(&outer));
    let more =
        ["bootloader=65536", "radio=65536", "boot=65536,slots", "dtbo=65536,slots", "system=131072,slots,logical"];
    let options: Vec<&str> = more.iter().flat_map(|spec| ["--partition", spec]).collect();
    let unit = Stub::loader(&bench, &options);
    let flash = ["flash", "kiosk.zip", "--activate", "none", "-d", &unit.address];
    let (error, code) = bench.last(&flash);
    assert_eq!(code, 2, "{error}");
    assert!(error["next"].as_str().unwrap().contains("loaders: true"), "{error}");
    // The bootloader is written, runs, and is not what the archive promised.
    let (run, code) = bench.last(&[&flash[..], &["--loaders"]].concat());
    let outcomes: Vec<_> =
        run["steps"].as_array().unwrap().iter().map(|step| step["outcome"].as_str().unwrap()).collect();
    assert_eq!((outcomes, code), (vec!["done", "done", "failed", "skipped"], 1), "{run}");
    assert!(run["error"].to_string().contains("version-bootloader=kiosk-2"), "{run}");
    assert_eq!((held(&bench, "bootloader", 2000), held(&bench, "radio", 1000)), (vec![0xbb; 2000], vec![0xaa; 1000]));
    assert_eq!(held(&bench, "boot_a", 10), [0; 10]);
}

#[test]
fn images_that_are_older_than_the_unit_starts_are_refused_before_anything_is_written() {
    let bench = Bench::new();
    let top = include_bytes!("../../protocols/src/android/avb/vectors/vbmeta.img");
    bench.write("kiosk.zip", archive(&[&files(SUITS)[..], &[stored("vbmeta.img", top)]].concat()));
    let unit = Stub::loader(&bench, &["--rollback-index", "1700000001"]);
    let (error, code) = bench.last(&["flash", "kiosk.zip", "--activate", "none", "-d", &unit.address]);
    assert_eq!((error["kind"].as_str(), code), (Some("invalid"), 2), "{error}");
    let said = error.to_string();
    assert!(said.contains("rollback index 1700000000") && said.contains("none below 1700000001"), "{said}");
    assert_eq!(held(&bench, "boot_a", 10), [0; 10]);
}

#[test]
fn what_an_archive_is_to_prove_is_proven_by_its_start() {
    let bench = Bench::new();
    bench.write("kiosk.zip", archive(&files(SUITS)));
    bench.write("misc.img", [1; 100]);
    let profile = |activate: &str| {
        format!(
            "format: 1\nname: restore\nversion: 1.0.0\nmatch: {{ driver: fastboot }}\n\
             artifacts: {{ all: {{ file: kiosk.zip }}, misc: {{ file: misc.img }} }}\nsteps:\n  \
             - {{ name: misc, firmware: {{ artifact: misc, slot: misc, activate: none }}, in: bootloader, proved_by: phone }}\n  \
             - {{ name: phone, firmware: {{ artifact: all, layout: factory, activate: {activate} }} }}\n"
        )
    };
    let unit = Stub::loader(&bench, &[]);
    bench.write("p.yaml", profile("confirm"));
    assert_eq!(bench.run(&["profile", "lock", "p.yaml"]).code, 0);
    let (plan, code) = bench.last(&["plan", "p.yaml", "-d", &unit.address]);
    assert_eq!((names(&plan), code), (vec!["misc", "phone/images", "phone/logical", "phone/start"], 0), "{plan}");
    // Without a start nothing is ever proven by more than the unit's word.
    bench.write("p.yaml", profile("none"));
    assert_eq!(bench.run(&["profile", "lock", "p.yaml"]).code, 0);
    let (error, code) = bench.last(&["plan", "p.yaml", "-d", &unit.address]);
    assert_eq!((error["kind"].as_str(), code), (Some("unsupported"), 2), "{error}");
}
