//! Hardwire through Google's adb server, of two generations, to our phone on TCP.

use std::fs;

use crate::adb::{met, pattern};
use crate::support::google::{Adb, Generation};
use crate::support::phone::Phone;
use crate::support::station::Station;
use crate::support::{Need, wanted};

/// As `-d` takes it.
fn through(adb: &Adb, phone: &Phone) -> String {
    format!("server:{}@127.0.0.1:{}", phone.adb, adb.port())
}

#[test]
fn a_phone_that_the_server_holds_is_provisioned_and_proved_through_it() {
    if !wanted(Need::Android) {
        return;
    }
    for generation in Generation::BOTH {
        let phone = Phone::start(&["--serial", "PH-0421"]);
        let adb = met(generation, &phone, "device");
        let (station, address) = (Station::default(), through(&adb, &phone));
        let unit = station.run(&["info", "-d", &address]).exits(0);
        let unit = unit.line("info");
        assert_eq!(
            (&unit["driver"], &unit["serial"], &unit["model"]),
            (&"adb".into(), &"PH-0421".into(), &"Kiosk One".into())
        );
        assert_eq!(unit["address"], address);

        let media = station.home().join("media");
        fs::create_dir_all(media.join("deep")).unwrap();
        let sizes = [0, 1, 65_535, 65_536, 65_537, (1 << 20) + 1];
        for len in sizes {
            fs::write(media.join(format!("deep/{len}")), pattern(len)).unwrap();
        }
        for n in 0..200 {
            fs::write(media.join(format!("small-{n}")), pattern(n)).unwrap();
        }
        let profile = station.file(
            "kiosk.yaml",
            "format: 1\nname: kiosk\nversion: 1.0.0\nmatch: { driver: adb }\nverify: digest\nartifacts:\n  \
             media: { tree: media }\nsteps:\n  - files: { put: { /sdcard/media: { tree: media } } }\n  \
             - settings: { set: { global/stay_on_while_plugged_in: \"3\" } }\n    verify: readback\n  \
             - reboot: { to: application }\n    once: unit\n  \
             - diagnose: { expect: { \"battery/level\": { min: 1 } } }\n",
        );
        station.run(&["profile", "lock", &profile]).exits(0);
        let apply = ["apply", &profile, "-d", &address, "--yes"];
        let said = station.run(&apply).exits(0);
        let run = said.line("run");
        assert_eq!(
            (&run["outcome"], &run["level"], &run["serial"]),
            (&"pass".into(), &"digest".into(), &"PH-0421".into())
        );
        assert_eq!(run["returns"][0]["proof"], "serial", "it restarted, and the server met it again: {run:#}");
        for len in sizes {
            let stored = fs::read(phone.file(&format!("/data/media/0/media/deep/{len}"))).unwrap();
            assert!(stored == pattern(len), "{generation:?} {len}");
        }
        let again = station.run(&apply).exits(0);
        let steps = again.line("run")["steps"].as_array().unwrap();
        assert!(steps[..2].iter().all(|step| step["outcome"] == "already" && step["sent"] == 0), "{steps:#?}");

        let back = station.home().join("back");
        station.run(&["get", "-d", &address, "/sdcard/media/deep/1048577", back.to_str().unwrap()]).exits(0);
        assert!(fs::read(back).unwrap() == pattern((1 << 20) + 1), "{generation:?}");
    }
}

#[test]
fn what_the_server_cannot_do_is_said_before_anything_is_done() {
    if !wanted(Need::Android) {
        return;
    }
    let phone = Phone::start(&["--serial", "PH-0421"]);
    let adb = met(Generation::New, &phone, "device");
    let (station, address) = (Station::default(), through(&adb, &phone));
    // It holds a phone in ADB only, and this one hangs on no USB port where its bootloader would be met.
    let refused = station.run(&["reboot", "-d", &address, "bootloader"]).exits(2);
    assert_eq!(refused.line("error")["kind"], "unsupported", "{refused:#?}");
    assert!(adb.is_listed(&phone.adb, "device"), "it was told nothing");
    let unknown = station.run(&["info", "-d", &format!("server:NONE@127.0.0.1:{}", adb.port())]).exits(3);
    assert!(unknown.line("error")["next"].as_str().unwrap().contains("adb devices"), "{unknown:#?}");
    drop(adb);
    let dead = station.run(&["info", "-d", &address]).exits(3);
    assert!(dead.line("error")["next"].as_str().unwrap().contains("adb start-server"), "{dead:#?}");
    // The server's key counts, not ours.
    let phone = Phone::start(&["--authorise", "ignore"]);
    let adb = met(Generation::New, &phone, "unauthorized");
    let asks = format!("adb@{},auth-wait=0s", through(&adb, &phone));
    let refused = station.run(&["info", "-d", &asks]).exits(7);
    assert_eq!(refused.line("error")["kind"], "unauthorized", "{refused:#?}");
}
