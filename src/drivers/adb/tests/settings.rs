//! Settings on a phone that follows a script.

use super::*;
use crate::error::Kind;

/// A phone with what these need.
fn phone() -> Daemon {
    let printed = "settings\npm\ndpm\ngetprop\nsetprop\ndumpsys\n-hardwire-\n2000\n-hardwire-\n-hardwire-\n\
                   [ro.build.version.sdk]: [34]\n[sys.boot_completed]: [1]\n-hardwire-\n";
    Daemon::with_banner("device::features=shell_v2")
        .on("shell,v2,raw:", |_| Reply::shell("", "java.lang.IllegalArgumentException: no\n\tat x", 255))
        .on("shell,v2,raw:for p in", move |_| Reply::shell(printed, "", 0))
}

fn asked(daemon: &Daemon, wanted: &str) -> bool {
    daemon.services().iter().any(|service| service == &format!("shell,v2,raw:{wanted}"))
}

#[test]
fn values_are_read_as_they_are_and_absent_when_they_are_not_set() {
    let daemon = phone()
        .on("shell,v2,raw:settings get global a", |_| Reply::shell("two words\n", "", 0))
        .on("shell,v2,raw:settings get global b", |_| Reply::shell("null\n", "", 0))
        .on("shell,v2,raw:getprop persist.x", |_| Reply::shell("1\n", "", 0))
        .on("shell,v2,raw:getprop persist.y", |_| Reply::shell("\n", "", 0))
        .on("shell,v2,raw:cmd role get-role-holders android.app.role.HOME", |_| Reply::shell("com.example\n", "", 0))
        .on("shell,v2,raw:dumpsys package com.example", |_| {
            let dump = "Packages:\n  Package [com.example] (1):\n    runtime permissions:\n      \
                        android.permission.CAMERA: granted=true, flags=[]\n      android.permission.NFC: granted=false\n";
            Reply::shell(dump, "", 0)
        })
        .on("shell,v2,raw:dpm list-owners", |_| Reply::shell("no owners\n", "", 0));
    let keys = [
        "global/a",
        "global/b",
        "prop/persist.x",
        "prop/persist.y",
        "role/HOME",
        "perm/com.example/android.permission.CAMERA",
        "perm/com.example/android.permission.NFC",
        "perm/com.example/x",
        "owner/device",
    ];
    let (values, _) = with(daemon, &[], |driver, op| {
        let settings = driver.settings().expect("settings");
        keys.map(|key| settings.read(key, op).unwrap().map(|value| String::from_utf8(value).unwrap()))
    });
    let wanted =
        [Some("two words"), None, Some("1"), None, Some("com.example"), Some("granted"), Some("denied"), None, None];
    assert_eq!(values.unwrap().each_ref().map(|value| value.as_deref()), wanted);
}

#[test]
fn a_value_stays_one_word_and_what_is_wrong_reaches_no_unit() {
    let daemon = phone()
        .on("shell,v2,raw:settings put", |_| Reply::shell("", "", 0))
        .on("shell,v2,raw:setprop", |_| Reply::shell("", "", 0))
        .on("shell,v2,raw:pm grant", |_| Reply::shell("", "", 0));
    let (kinds, daemon) = with(daemon, &[], |driver, op| {
        let settings = driver.settings().expect("settings");
        settings.write("secure/a", b"$(reboot); it's", op).unwrap();
        settings.write("prop/persist.a", b"x y", op).unwrap();
        settings.write("perm/a.b/c.D", b"granted", op).unwrap();
        assert_eq!((settings.max_value("prop/a"), settings.max_value("global/a")), (Some(91), None));
        let wrong: [(&str, &[u8]); 7] = [
            ("global/a", b"null"),
            ("global/a", b"\xff"),
            ("global/a", b"a\0b"),
            ("prop/ro.a", b"1"),
            ("perm/a.b/c.D", b"yes"),
            ("role/HOME", b"a;b"),
            ("owner/device", b"com.a/com.a.B"),
        ];
        wrong.map(|(key, value)| settings.write(key, value, op).unwrap_err().kind())
    });
    assert_eq!(kinds.unwrap(), [Kind::Invalid; 7]);
    assert!(asked(&daemon, r"settings put secure a '$(reboot); it'\''s'"), "{:?}", daemon.services());
    assert!(asked(&daemon, "setprop persist.a 'x y'") && asked(&daemon, "pm grant a.b c.D"));
    assert!(!daemon.services().iter().any(|service| service.contains("dpm") && !service.contains("for p in")));
}

#[test]
fn a_refusal_is_told_in_the_units_words() {
    let (error, _) =
        with(phone(), &[], |driver, op| driver.settings().expect("settings").write("global/a", b"1", op).unwrap_err());
    let error = error.unwrap();
    assert_eq!(error.kind(), Kind::Refused);
    assert!(error.to_string().contains("setting global/a: java.lang.IllegalArgumentException: no"));
}

#[test]
fn an_owner_is_made_only_when_nothing_is_in_the_way() {
    let fresh = || {
        phone()
            .on("shell,v2,raw:dpm list-owners", |_| Reply::shell("no owners\n", "", 0))
            .on("shell,v2,raw:pm path com.example", |_| Reply::shell("package:/data/app/x/base.apk\n", "", 0))
            .on("shell,v2,raw:settings get secure user_setup_complete", |_| Reply::shell("1\n", "", 0))
            .on("shell,v2,raw:pm list users", |_| Reply::shell("Users:\n\tUserInfo{0:Owner:c13} running\n", "", 0))
            .on("shell,v2,raw:dumpsys account", |_| Reply::shell("  Accounts: 0\n", "", 0))
            .on("shell,v2,raw:dpm set-device-owner", |_| {
                Reply::shell("Success: Device owner set to package com.example\n", "", 0)
            })
    };
    let own = |daemon: Daemon| {
        with(daemon, &[], |driver, op| {
            driver.settings().expect("settings").write("owner/device", b"com.example/.Admin", op)
        })
    };
    let (done, daemon) = own(fresh());
    assert!(done.unwrap().is_ok() && asked(&daemon, "dpm set-device-owner com.example/.Admin"));
    let accounts = "  Accounts: 1\n    Account {name=a, type=com.google}\n";
    let (done, daemon) = own(fresh().on("shell,v2,raw:dumpsys account", move |_| Reply::shell(accounts, "", 0)));
    let error = done.unwrap().unwrap_err();
    assert_eq!(error.kind(), Kind::Refused);
    assert!(error.to_string().contains("1 accounts") && error.remedy().unwrap().contains("Accounts"));
    assert!(!asked(&daemon, "dpm set-device-owner com.example/.Admin"), "nothing is tried");
}

#[test]
fn what_was_written_is_waited_for() {
    let daemon = phone().on("shell,v2,raw:sync", |_| Reply::shell("", "", 0));
    let (waited, _) = with(daemon, &[], |driver, op| {
        let before = op.clock.now();
        driver.settings().expect("settings").save(op).unwrap();
        op.clock.now().saturating_since(before)
    });
    assert!(waited.unwrap().as_secs() >= 2);
}
