//! A phone that speaks ADB: applications, settings and its health, as a person at the command line meets them.

use serde_json::Value;

use super::support::{Bench, Stub};

pub const PACKAGE: &[u8] = include_bytes!("../../protocols/src/android/apk/vectors/base.apk");

#[test]
fn an_application_is_installed_once_and_what_is_none_never_reaches_the_phone() {
    let bench = Bench::new();
    bench.write("kiosk.apk", PACKAGE);
    bench.write("none.apk", "no package");
    let phone = Stub::phone(&bench, &[]);
    let (refused, code) = bench.last(&["install", "none.apk", "-d", &phone.address]);
    assert_eq!((refused["kind"].as_str(), code), (Some("invalid"), 2), "{refused}");
    let (run, code) = bench.last(&["install", "kiosk.apk", "-d", &phone.address]);
    assert_eq!((run["outcome"].as_str(), run["level"].as_str(), code), (Some("pass"), Some("digest"), 0), "{run}");
    let step = &run["steps"][0];
    assert_eq!((step["outcome"].as_str(), step["sent"].as_u64()), (Some("done"), Some(PACKAGE.len() as u64)), "{run}");
    let (again, code) = bench.last(&["install", "kiosk.apk", "-d", &phone.address]);
    let step = &again["steps"][0];
    assert_eq!((step["outcome"].as_str(), step["sent"].as_u64(), code), (Some("already"), Some(0), 0), "{again}");
}

#[test]
fn a_profile_sets_what_android_keeps_and_finds_it_there() {
    let bench = Bench::new();
    bench.write("kiosk.apk", PACKAGE);
    bench.write(
        "p.yaml",
        "format: 1\nname: kiosk\nversion: 1.0.0\nmatch: { driver: adb }\nartifacts: { app: { file: kiosk.apk } }\nsteps:\n  \
         - apps: { install: [app] }\n  - settings:\n      set:\n        global/stay_on_while_plugged_in: \"3\"\n        \
         secure/a.b: \"it's $(reboot)\"\n        prop/persist.sys.kiosk: \"on\"\n        \
         perm/org.example.kiosk/android.permission.CAMERA: granted\n        \
         owner/device: org.example.kiosk/.Admin\n    verify: readback\n",
    );
    assert_eq!(bench.run(&["profile", "lock", "p.yaml"]).code, 0);
    let phone = Stub::phone(&bench, &[]);
    let apply = ["apply", "p.yaml", "-d", &phone.address];
    let (run, code) = bench.last(&apply);
    assert_eq!((run["outcome"].as_str(), code), (Some("pass"), 0), "{run}");
    let (again, code) = bench.last(&apply);
    let outcomes: Vec<_> = again["steps"].as_array().unwrap().iter().map(|step| step["outcome"].as_str()).collect();
    assert_eq!((outcomes, code), (vec![Some("already"); 2], 0), "{again}");
}

#[test]
fn an_account_is_in_the_way_of_an_owner() {
    let bench = Bench::new();
    bench.write("kiosk.apk", PACKAGE);
    bench.write(
        "p.yaml",
        "format: 1\nname: kiosk\nversion: 1.0.0\nmatch: { driver: adb }\nsteps:\n  - settings:\n      set:\n        \
         secure/user_setup_complete: \"1\"\n  - settings: { set: { owner/device: org.example.kiosk/.Admin } }\n",
    );
    let phone = Stub::phone(&bench, &["--account", "someone@example.org"]);
    assert_eq!(bench.last(&["install", "kiosk.apk", "-d", &phone.address]).1, 0);
    let (run, code) = bench.last(&["apply", "p.yaml", "-d", &phone.address]);
    assert_eq!((run["outcome"].as_str(), code), (Some("fail"), 1), "{run}");
    let causes = run["error"].to_string();
    assert!(causes.contains("1 accounts are logged in") && causes.contains("Settings, Accounts"), "{run}");
}

#[test]
fn a_phone_tells_its_health() {
    let bench = Bench::new();
    let phone = Stub::phone(&bench, &[]);
    let (line, code) = bench.last(&["diagnose", "-d", &phone.address]);
    assert_eq!(code, 0, "{line}");
    let value = |name: &str| {
        let all = line["measurements"].as_array().unwrap();
        all.iter().find(|it| it["name"] == name).map(|it| (it["value"].clone(), it["unit"].clone()))
    };
    let wanted = (Value::from(8_u64 << 30), Value::from("bytes"));
    assert_eq!(value("trade-in/storage/capacity-bytes"), Some(wanted), "{line}");
    assert_eq!(value("thermal/skin"), Some((Value::from(33_400), Value::from("m°C"))), "{line}");
    assert!(value("battery/level").is_some_and(|(level, unit)| level.is_u64() && unit == "%"), "{line}");
}

#[test]
fn a_phone_is_given_root_where_its_build_lets_it_and_is_refused_where_not() {
    let bench = Bench::new();
    let phone = Stub::phone(&bench, &["--build", "userdebug", "--serial", "PH-0421"]);
    let rooted = format!("{},root=yes", phone.address);
    let whoami = |device: &str| bench.run(&["console", "-d", device, "--", "whoami"]).stdout;
    assert_eq!(whoami(&phone.address), "shell\n");
    assert_eq!(whoami(&rooted), "root\n");
    assert_eq!(whoami(&phone.address), "root\n", "it stays so until it restarts");
    assert_eq!(whoami(&format!("{},root=no", phone.address)), "shell\n");
    // A profile asks for it, and what only root sees is seen: after each restart too.
    bench.write(
        "boot.yaml",
        "format: 1\nname: boot\nversion: 1.0.0\nmatch: { driver: adb }\nlink: { root: yes }\nsteps:\n  \
         - reboot: { to: application }\n  - console: { run: \"test $(id -u) = 0\" }\n",
    );
    let (run, code) = bench.last(&["apply", "boot.yaml", "-d", &phone.address, "--yes"]);
    assert_eq!((run["outcome"].as_str(), code), (Some("pass"), 0), "{run}");
    let shop = Bench::new();
    let sold = Stub::phone(&shop, &["--build", "user", "--serial", "PH-0422"]);
    let (error, code) = bench.last(&["plan", "boot.yaml", "-d", &sold.address]);
    assert_eq!((error["kind"].as_str(), code), (Some("unsupported"), 2), "{error}");
    assert!(error["doing"].as_str().unwrap().contains("production builds"), "{error}");
}

#[test]
fn a_number_that_is_not_written_out_reaches_no_setting_of_android() {
    let bench = Bench::new();
    let phone = Stub::phone(&bench, &[]);
    let profile = |value: &str| {
        format!(
            "format: 1\nname: wake\nversion: 1.0.0\nmatch: {{ driver: adb }}\nverify: readback\nsteps:\n  \
             - settings: {{ set: {{ global/stay_on_while_plugged_in: {value} }} }}\n"
        )
    };
    // The byte of `3`: Android would take it for text, and show another number than was meant.
    bench.write("wake.yaml", profile("{ u8: 51 }"));
    let (error, code) = bench.last(&["apply", "wake.yaml", "-d", &phone.address, "--yes"]);
    assert_eq!((error["kind"].as_str(), code), (Some("invalid"), 2), "{error}");
    let said = error["causes"].to_string();
    assert!(said.contains("holds text") && said.contains("u8"), "{error}");
    bench.write("wake.yaml", profile("\"51\""));
    assert_eq!(bench.last(&["apply", "wake.yaml", "-d", &phone.address, "--yes"]).1, 0);
}

#[test]
fn an_application_is_given_a_part_and_one_that_is_not_there_is_refused() {
    let bench = Bench::new();
    bench.write("kiosk.apk", PACKAGE);
    let phone = Stub::phone(&bench, &[]);
    bench.write(
        "home.yaml",
        "format: 1\nname: home\nversion: 1.0.0\nmatch: { driver: adb }\nverify: readback\nsteps:\n  \
         - settings: { set: { role/HOME: org.example.kiosk } }\n",
    );
    let apply = ["apply", "home.yaml", "-d", &phone.address, "--yes"];
    let (run, code) = bench.last(&apply);
    assert_eq!((run["error"]["kind"].as_str(), code), (Some("refused"), 1), "{run}");
    assert_eq!(bench.last(&["install", "kiosk.apk", "-d", &phone.address]).1, 0);
    for outcome in ["done", "already"] {
        let (run, code) = bench.last(&apply);
        assert_eq!((run["steps"][0]["outcome"].as_str(), code), (Some(outcome), 0), "{run}");
    }
}
