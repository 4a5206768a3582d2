//! Phones on the bench: the real `adbd`, and ours, which goes through all its modes at one port.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use firmware_stubs::usb::Port as Socket;

use crate::devices::google::{Adb, Generation, fastboot};
use crate::devices::station::Station;
use crate::devices::{Need, sha256, wanted};
use crate::noise::noise;
use crate::support::adbd::Adbd;
use crate::support::bench::in_the_bench;
use crate::support::gadget::Port;
use crate::support::phone::OurPhone;

#[test]
fn google_s_clients_find_our_phone_in_each_of_its_modes() {
    if !wanted(Need::Android) || !in_the_bench!() {
        return;
    }
    let phone = OurPhone::plug("PH-0421", Socket(0), |_| {});
    let folder = tempfile::tempdir().unwrap();
    for generation in Generation::BOTH {
        let adb = Adb::start(generation);
        adb.until_listed("PH-0421", "device");
        let ended = adb.run(&["shell", "getprop ro.serialno; exit 42"]);
        assert_eq!((ended.code, ended.stdout.as_str()), (42, "PH-0421\n"));
        // Around what one transfer holds, and what one packet does.
        for len in [0, 512, 16_384, (1 << 20) + 1] {
            let (there, back) = (folder.path().join("there"), folder.path().join("back"));
            fs::write(&there, noise(len, 3)).unwrap();
            adb.good(&["push", there.to_str().unwrap(), "/sdcard/file"]);
            adb.good(&["pull", "/sdcard/file", back.to_str().unwrap()]);
            assert!(fs::read(&back).unwrap() == noise(len, 3), "{generation:?}, {len} bytes");
        }
        let image = folder.path().join("boot.img");
        let content = noise(100_000, len_of(generation));
        fs::write(&image, &content).unwrap();
        adb.good(&["reboot", "bootloader"]);
        let on_fastboot = |args: &[&str]| {
            let done = fastboot(generation, &[&["-s", "PH-0421"], args].concat());
            assert_eq!(done.code, 0, "{generation:?} fastboot {args:?}: {done:?}");
        };
        on_fastboot(&["flash", "boot_a", image.to_str().unwrap()]);
        on_fastboot(&["erase", "misc"]);
        on_fastboot(&["reboot"]);
        adb.until_listed("PH-0421", "device");
        assert!(phone.partition("boot_a").starts_with(&content), "{generation:?}");
        let digest = adb.good(&["shell", "head -c 100000 /dev/block/by-name/boot_a | sha256sum -b"]);
        assert_eq!(digest.trim(), sha256(&content));
    }
}

fn len_of(generation: Generation) -> u64 {
    if generation == Generation::Old { 29 } else { 34 }
}

/// Sizes around those of transfers, records and packets.
fn sizes() -> Vec<usize> {
    let around = |size: usize| [size - 8, size - 1, size, size + 1, size + 8];
    [16 << 10, 64 << 10, 1 << 20].into_iter().flat_map(around).collect()
}

/// A profile that puts a folder of the station, locked to what is in it now.
fn profile(station: &Station, to: &str) -> String {
    let text = format!(
        "format: 1\nname: media\nversion: 1.0.0\nmatch: {{ driver: adb }}\nverify: digest\nartifacts:\n  \
         media: {{ tree: media }}\nsteps:\n  - files: {{ put: {{ {to}: {{ tree: media, keep: [modes, times] }} }} }}\n"
    );
    let profile = station.file("media.yaml", text);
    station.run(&["profile", "lock", &profile]).exits(0);
    profile
}

#[test]
fn files_reach_real_daemons_are_proved_changed_taken_and_given_back() {
    if !wanted(Need::Android) || !in_the_bench!(Duration::from_secs(600)) {
        return;
    }
    let units: Vec<Adbd> = (0..4).map(|port| Adbd::plug(Port(port), &format!("AD-{port:04}"))).collect();
    let station = Station::default();
    let media = station.home().join("media");
    fs::create_dir_all(media.join("deep/er")).unwrap();
    for len in sizes() {
        fs::write(media.join(format!("deep/{len}")), noise(len, len as u64)).unwrap();
    }
    fs::write(media.join("deep/er/run"), "#!/bin/sh\n").unwrap();
    fs::set_permissions(media.join("deep/er/run"), fs::Permissions::from_mode(0o755)).unwrap();
    let profile_ = profile(&station, "/sdcard/media");

    // All four at once.
    let addresses: Vec<String> = units.iter().map(Adbd::address).collect();
    let all: Vec<&str> = addresses.iter().flat_map(|address| ["-d", address.as_str()]).collect();
    let apply = [&["apply", profile_.as_str(), "--yes"], all.as_slice()].concat();
    let said = station.run(&apply).exits(0);
    let runs: Vec<_> = said.lines.iter().filter(|line| line["type"] == "run").collect();
    assert_eq!(runs.len(), 4, "{said:#?}");
    for run in runs {
        assert_eq!((&run["outcome"], &run["level"]), (&"pass".into(), &"digest".into()), "{run:#}");
    }
    for unit in &units {
        for len in sizes() {
            let stored = fs::read(unit.path(&format!("/sdcard/media/deep/{len}"))).unwrap();
            assert!(stored == noise(len, len as u64), "{} bytes on {}", len, unit.serial());
        }
        let mode = fs::metadata(unit.path("/sdcard/media/deep/er/run")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o755);
    }
    let said = station.run(&apply).exits(0);
    for run in said.lines.iter().filter(|line| line["type"] == "run") {
        assert_eq!((&run["steps"][0]["outcome"], &run["steps"][0]["sent"]), (&"already".into(), &0.into()), "{run:#}");
    }

    // One changes there, and is the only one that is sent.
    let (unit, address) = (&units[0], addresses[0].as_str());
    let path = unit.path("/sdcard/media/deep/65536");
    let mut changed = fs::read(&path).unwrap();
    changed[40_000] ^= 1;
    fs::write(&path, &changed).unwrap();
    let said = station.run(&["apply", &profile_, "-d", address, "--yes"]).exits(0);
    let step = &said.line("run")["steps"][0];
    assert_eq!((&step["outcome"], &step["sent"]), (&"done".into(), &65_536.into()), "{said:#?}");
    assert!(fs::read(&path).unwrap() == noise(65_536, 65_536));

    // Taken into the vault, lost, given back.
    let file = "/sdcard/media/deep/1048577";
    let said = station.run(&["backup", "-d", address, "--path", file]).exits(0);
    assert_eq!(said.line("backup")["complete"], true, "{said:#?}");
    fs::remove_file(unit.path(file)).unwrap();
    let said = station.run(&["restore", "latest", "-d", address, "--yes"]).exits(0);
    assert_eq!(said.line("restore")["outcome"], "pass", "{said:#?}");
    assert!(fs::read(unit.path(file)).unwrap() == noise(1_048_577, 1_048_577));
}

#[test]
fn a_large_file_and_each_compression_reach_a_real_daemon() {
    if !wanted(Need::Android) || !in_the_bench!(Duration::from_secs(600)) {
        return;
    }
    let unit = Adbd::plug(Port(2), "AD-0421");
    let station = Station::default();
    let media = station.home().join("media");
    fs::create_dir_all(&media).unwrap();
    let text: Vec<u8> = (0..60_000_u32).flat_map(|n| format!("line {} of a log\n", n / 3).into_bytes()).collect();
    for name in ["a", "b"] {
        fs::write(media.join(name), &text).unwrap();
    }
    for compression in ["none", "brotli", "lz4", "zstd"] {
        let profile = profile(&station, &format!("/sdcard/{compression}"));
        let device = format!("adb@{},compress={compression}", unit.address());
        let said = station.run(&["apply", &profile, "-d", &device, "--yes"]).exits(0);
        assert_eq!(said.line("run")["level"], "digest", "{said:#?}");
        for name in ["a", "b"] {
            assert!(fs::read(unit.path(&format!("/sdcard/{compression}/{name}"))).unwrap() == text, "{compression}");
        }
    }
    fs::remove_dir_all(&media).unwrap();
    fs::create_dir_all(&media).unwrap();
    let large = noise(64 << 20, 64);
    fs::write(media.join("large"), &large).unwrap();
    let profile = profile(&station, "/sdcard/large");
    let said = station.run(&["apply", &profile, "-d", &unit.address(), "--yes"]).exits(0);
    assert_eq!(said.line("run")["outcome"], "pass", "{said:#?}");
    assert!(fs::read(unit.path("/sdcard/large/large")).unwrap() == large);
    let said = station.run(&["apply", &profile, "-d", &unit.address(), "--yes"]).exits(0);
    assert_eq!(said.line("run")["steps"][0]["outcome"], "already", "{said:#?}");
}

/// A station with a profile that starts in Android, writes two partitions in the bootloader, erases a third, and comes
/// back, where all three are looked at. The images are those of `seed`.
pub fn crossing(seed: u64) -> (Station, String) {
    let station = Station::default();
    let (boot, dtbo) = (noise(300_000, seed), noise(70_001, seed + 1));
    station.file("boot.img", &boot);
    station.file("dtbo.img", &dtbo);
    let there = "activate: none }\n    in: bootloader\n    proved_by: back\n";
    let profile = format!(
        "format: 1\nname: kiosk\nversion: 1.0.0\nmatch: {{ modes: {{ application: {{ driver: adb, usb: \"18d1:4ee7\" }}, \
         bootloader: {{ driver: fastboot, usb: \"18d1:4ee0\" }} }} }}\nverify: digest\nartifacts:\n  \
         boot: {{ file: boot.img, sha256: {} }}\n  dtbo: {{ file: dtbo.img, sha256: {} }}\nsteps:\n  \
         - firmware: {{ artifact: boot, slot: boot_a, {there}    name: boot\n  \
         - firmware: {{ artifact: dtbo, slot: dtbo_a, {there}    name: dtbo\n  \
         - erase: {{ slot: misc }}\n    in: bootloader\n    proved_by: back\n    name: wipe\n  \
         - files: {{ put: {{ /sdcard/done: {{ text: done }} }} }}\n    in: application\n    name: back\n",
        sha256(&boot),
        sha256(&dtbo)
    );
    let profile = station.file("kiosk.yaml", profile);
    (station, profile)
}

/// Holds what a phone stores against the images of `seed`.
pub fn is_written(phone: &OurPhone, seed: u64) {
    assert!(phone.partition("boot_a").starts_with(&noise(300_000, seed)));
    assert!(phone.partition("dtbo_a").starts_with(&noise(70_001, seed + 1)));
    assert!(phone.partition("misc").iter().all(|byte| *byte == 0));
}

#[test]
fn what_fastboot_wrote_is_proved_in_android_and_a_flipped_byte_is_found() {
    if !in_the_bench!() {
        return;
    }
    let (station, profile) = crossing(5);
    let phone = OurPhone::plug("PH-0421", Socket(1), |options| {
        options.fastboot.faults = vec![firmware_stubs::fastboot::Fault::FlipByte(200_000)];
    });
    let apply = ["apply", &profile, "-d", &phone.address(), "--yes"];
    let said = station.run(&apply).exits(4);
    let run = said.line("run");
    assert_eq!(run["outcome"], "fail", "{said:#?}");
    let item = &run["steps"][0]["items"][0];
    assert_eq!(item["expected"], sha256(&noise(300_000, 5)));
    let text = run["error"].to_string();
    assert!(text.contains("boot_a") && text.contains(item["observed"].as_str().unwrap()), "{run:#}");
    phone.until_there();

    let said = station.run(&apply).exits(0);
    let run = said.line("run");
    assert_eq!(
        (&run["outcome"], &run["level"], &run["mode"]),
        (&"pass".into(), &"digest".into(), &"application".into())
    );
    assert_eq!(run["serial"], "PH-0421");
    is_written(&phone, 5);
    phone.until_there();
    let said = station.run(&apply).exits(0);
    let steps = said.line("run")["steps"].as_array().unwrap();
    assert!(steps.iter().all(|step| step["outcome"] == "already"), "{said:#?}");
}

#[test]
fn a_phone_that_google_s_server_holds_is_busy_and_is_led_through_its_modes_by_way_of_it() {
    if !wanted(Need::Android) || !in_the_bench!(Duration::from_secs(300)) {
        return;
    }
    let (station, profile) = crossing(9);
    let phone = OurPhone::plug("PH-0421", Socket(0), |_| {});
    let adb = Adb::start(Generation::New);
    adb.until_listed("PH-0421", "device");
    let busy = station.run(&["info", "-d", &phone.address()]).exits(7);
    let error = busy.line("error");
    assert_eq!(error["kind"], "busy", "{busy:#?}");
    let next = error["next"].as_str().unwrap();
    assert!(next.contains("adb kill-server") && next.contains("`-d server:PH-0421`"), "{next}");

    // The server holds it in Android; in its bootloader nobody does, and it is met at its port.
    let address = format!("server:PH-0421@127.0.0.1:{}", adb.port());
    let said = station.run(&["apply", &profile, "-d", &address, "--yes"]).exits(0);
    let run = said.line("run");
    assert_eq!((&run["outcome"], &run["level"], &run["serial"]), (&"pass".into(), &"digest".into(), &"PH-0421".into()));
    assert_eq!(run["returns"].as_array().map(Vec::len), Some(2), "there and back: {run:#}");
    is_written(&phone, 9);
    adb.until_listed("PH-0421", "device");
    let said = station.run(&["apply", &profile, "-d", &address, "--yes"]).exits(0);
    let steps = said.line("run")["steps"].as_array().unwrap();
    assert!(steps.iter().all(|step| step["outcome"] == "already"), "{said:#?}");
    drop(phone);
    let gone = station.run(&["info", "-d", &address]).exits(3);
    assert_eq!(gone.line("error")["kind"], "gone", "{gone:#?}");
}

#[test]
fn a_real_daemon_is_reached_through_google_s_server() {
    if !wanted(Need::Android) || !in_the_bench!(Duration::from_secs(300)) {
        return;
    }
    let unit = Adbd::plug(Port(3), "AD-0421");
    for generation in Generation::BOTH {
        let adb = Adb::start(generation);
        adb.until_listed("AD-0421", "device");
        let station = Station::default();
        let media = station.home().join("media");
        fs::create_dir_all(&media).unwrap();
        for len in [0, 65_536, (1 << 20) + 1] {
            fs::write(media.join(format!("{len}")), noise(len, len as u64)).unwrap();
        }
        let profile = profile(&station, &format!("/sdcard/{generation:?}"));
        // By the port at which the server sees it.
        let address = format!("server:{}@127.0.0.1:{}", unit.address(), adb.port());
        let said = station.run(&["apply", &profile, "-d", &address, "--yes"]).exits(0);
        assert_eq!(said.line("run")["level"], "digest", "{said:#?}");
        for len in [0, 65_536, (1 << 20) + 1] {
            let stored = fs::read(unit.path(&format!("/sdcard/{generation:?}/{len}"))).unwrap();
            assert!(stored == noise(len, len as u64), "{generation:?} {len}");
        }
        let said = station.run(&["apply", &profile, "-d", &address, "--yes"]).exits(0);
        assert_eq!(said.line("run")["steps"][0]["outcome"], "already", "{said:#?}");
    }
}
