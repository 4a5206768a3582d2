//! Applications on a phone that follows a script.

use super::*;
use crate::device::{AppFile, Content, InstallOptions};
use crate::error::Kind;

const BASE: &[u8] = include_bytes!("../../../../protocols/src/android/apk/vectors/base.apk");
const SPLIT: &[u8] = include_bytes!("../../../../protocols/src/android/apk/vectors/split.apk");
const CERTIFICATE: &str = "4ca1b9c090a56b0c8d8425bedbf184106c576ad57723493637870bb86f19293f";
const PATH: &str = "/data/app/~~q==/org.example.kiosk-x==/base.apk";

/// A phone with what `pm` and `dumpsys` of Android 14 need, and these properties.
fn phone(properties: &str) -> Daemon {
    let printed = format!(
        "pm\ndumpsys\nsha256sum\nhead\nstat\n-hardwire-\n2000\n-hardwire-\n-hardwire-\n[ro.build.version.sdk]: [34]\n\
         [sys.boot_completed]: [1]\n{properties}\n-hardwire-\n"
    );
    Daemon::with_banner("device::features=shell_v2,cmd")
        .on("shell,v2,raw:", |_| Reply::shell("", "inaccessible or not found", 127))
        .on("shell,v2,raw:for p in", move |_| Reply::shell(&printed, "", 0))
}

fn installed(properties: &str) -> Daemon {
    let digest = crate::digest::Digest::sha256(BASE);
    let sum = format!("{digest}  {PATH}\n");
    let size = format!("{}\n", BASE.len());
    phone(properties)
        .on("shell,v2,raw:pm path org.example.kiosk", |_| Reply::shell(&format!("package:{PATH}\n"), "", 0))
        .on("shell,v2,raw:sha256sum ", move |_| Reply::shell(&sum, "", 0))
        .on("shell,v2,raw:stat ", move |_| Reply::shell(&size, "", 0))
        .on("shell,v2,raw:dumpsys package org.example.kiosk", |_| {
            let dump = "Packages:\n  Package [org.example.kiosk] (1):\n    versionCode=1203 minSdk=21\n    versionName=1.2.3\n";
            Reply::shell(dump, "", 0)
        })
        .on("shell,v2,raw:tail -c +", |service| {
            let command = String::from_utf8_lossy(service).into_owned();
            let numbers: Vec<usize> =
                command.split([' ', '+', '\0']).filter_map(|word| word.parse().ok()).collect();
            let [from, len] = numbers.as_slice() else { panic!("{command}") };
            Reply::shell_bytes(&BASE[from - 1..from - 1 + len])
        })
}

fn files<'a>(contents: &'a [(&'a str, Vec<u8>)]) -> Vec<AppFile<'a>> {
    contents.iter().map(|(name, content)| AppFile { name, content: content as &dyn Content }).collect()
}

#[test]
fn what_is_installed_is_told_with_digest_version_and_certificate() {
    let (found, _) = with(installed(""), &[], |driver, op| {
        let apps = driver.apps().expect("applications");
        let other = apps.installed("org.example.other", op).unwrap();
        (apps.installed("org.example.kiosk", op).unwrap().unwrap(), other)
    });
    let (found, other) = found.unwrap();
    assert_eq!(other, None);
    assert_eq!((found.version_code, found.version_name.unwrap().untrusted()), (Some(1203), "1.2.3"));
    assert_eq!(found.certificate.as_deref(), Some(CERTIFICATE));
    assert_eq!(found.files.len(), 1);
    assert_eq!((found.files[0].part.as_str(), found.files[0].path.as_str()), ("base", PATH));
    assert_eq!(found.files[0].sha256, Some(crate::digest::Digest::sha256(BASE)));
}

#[test]
fn no_name_that_is_none_reaches_the_unit() {
    let (asked, daemon) = with(installed(""), &[], |driver, op| {
        let apps = driver.apps().expect("applications");
        ["a;reboot", "$(id)", "", "a b", "../x"]
            .map(|name| (apps.installed(name, op).unwrap_err().kind(), apps.remove(name, op).unwrap_err().kind()))
    });
    assert!(asked.unwrap().iter().all(|kinds| *kinds == (Kind::Invalid, Kind::Invalid)));
    assert!(!daemon.services().iter().any(|service| service.contains("pm path")));
}

#[test]
fn a_list_says_what_belongs_to_the_system() {
    let daemon = phone("")
        .on("shell,v2,raw:pm list packages --show-versioncode", |_| {
            Reply::shell("package:android versionCode:34\npackage:org.example.kiosk versionCode:1203\n", "", 0)
        })
        .on("shell,v2,raw:pm list packages -s", |_| Reply::shell("package:android\n", "", 0));
    let listed = with(daemon, &[], |driver, op| driver.apps().expect("applications").list(op)).0.unwrap().unwrap();
    let listed: Vec<_> = listed.iter().map(|app| (app.package.as_str(), app.version_code, app.system)).collect();
    assert_eq!(listed, [("android", Some(34), true), ("org.example.kiosk", Some(1203), false)]);
}

#[test]
fn files_are_held_against_each_other_and_the_unit() {
    let identify = |properties: &str, contents: &[(&str, Vec<u8>)]| {
        with(phone(properties), &[], |driver, _| driver.apps().expect("applications").identify(&files(contents)))
            .0
            .unwrap()
    };
    let identity = identify("", &[("app", BASE.to_vec())]).unwrap();
    assert_eq!((identity.package.as_str(), identity.version_code), ("org.example.kiosk", 1203));
    assert_eq!((identity.parts, identity.abis), (vec!["base".to_owned()], vec!["arm64-v8a".into(), "x86_64".into()]));
    let why = |properties: &str, contents: &[(&str, Vec<u8>)]| {
        let error = identify(properties, contents).unwrap_err();
        assert_eq!(error.kind(), Kind::Invalid);
        error.to_string()
    };
    assert_eq!(why("", &[]), "there is no file to install");
    assert!(why("", &[("part", SPLIT.to_vec())]).contains("its base is missing"));
    // The part is of another version: its upper half differs.
    assert!(
        why("", &[("app", BASE.to_vec()), ("part", SPLIT.to_vec())])
            .contains("part is org.example.kiosk version 8589935795")
    );
    assert!(
        why("", &[("app", BASE.to_vec()), ("again", BASE.to_vec())])
            .contains("the part `base`, which is there already")
    );
    assert!(why("", &[("app", b"\x7fELF".to_vec())]).contains("is no package"));
    assert!(
        why("[ro.product.cpu.abilist]: [armeabi-v7a,armeabi]", &[("app", BASE.to_vec())])
            .contains("code for arm64-v8a")
    );
    assert!(identify("[ro.product.cpu.abilist]: [arm64-v8a,armeabi]", &[("app", BASE.to_vec())]).is_ok());
    assert!(why("[ro.build.version.sdk]: [19]", &[("app", BASE.to_vec())]).contains("API level 21"));
}

#[test]
fn an_installation_is_a_session_and_a_failed_one_is_abandoned() {
    let daemon = || {
        phone("")
            .on("shell,v2,raw:pm install-create", |_| Reply::shell("Success: created install session [77]\n", "", 0))
            .on("exec:pm install-write", |_| Reply::raw("Success: streamed 8418 bytes\n"))
            .on("shell,v2,raw:pm install-abandon", |_| Reply::shell("Success\n", "", 0))
    };
    let options = InstallOptions { downgrade: true, grant: true };
    let install = |daemon: Daemon| {
        with(daemon, &[], |driver, op| {
            driver.apps().expect("applications").install(&files(&[("app", BASE.to_vec())]), options, op)
        })
    };
    let (done, good) = install(daemon().on("shell,v2,raw:pm install-commit 77", |_| Reply::shell("Success\n", "", 0)));
    assert_eq!(done.unwrap().unwrap().sent, BASE.len() as u64);
    let asked = |daemon: &Daemon, wanted: &str| daemon.services().iter().any(|service| service == wanted);
    assert!(asked(&good, "shell,v2,raw:pm install-create -r -d -g -t -S 8418"), "{:?}", good.services());
    assert!(asked(&good, "exec:pm install-write -S 8418 77 base -"));
    assert!(!asked(&good, "shell,v2,raw:pm install-abandon 77"));

    let refusal = "Failure [INSTALL_FAILED_UPDATE_INCOMPATIBLE: signatures do not match]\n";
    let (done, bad) = install(daemon().on("shell,v2,raw:pm install-commit 77", move |_| Reply::shell(refusal, "", 1)));
    let error = done.unwrap().unwrap_err();
    assert_eq!(error.kind(), Kind::Refused);
    assert!(
        error.to_string().contains("INSTALL_FAILED_UPDATE_INCOMPATIBLE") && error.remedy().unwrap().contains("key")
    );
    assert!(asked(&bad, "shell,v2,raw:pm install-abandon 77"));
}

#[test]
fn removing_what_is_not_there_succeeds_and_a_refusal_is_told() {
    let remove = |daemon: Daemon| {
        let (done, daemon) =
            with(daemon, &[], |driver, op| driver.apps().expect("applications").remove("org.example.kiosk", op));
        (done.unwrap(), daemon)
    };
    let (done, daemon) = remove(phone(""));
    assert!(done.is_ok() && !daemon.services().iter().any(|service| service.contains("uninstall")));
    let gone = installed("").on("shell,v2,raw:pm uninstall org.example.kiosk", |_| Reply::shell("Success\n", "", 0));
    assert!(remove(gone).0.is_ok());
    let kept = installed("")
        .on("shell,v2,raw:pm uninstall", |_| Reply::shell("Failure [DELETE_FAILED_DEVICE_POLICY_MANAGER]\n", "", 1));
    let error = remove(kept).0.unwrap_err();
    assert!(error.to_string().contains("DELETE_FAILED_DEVICE_POLICY_MANAGER"));
}

#[test]
fn a_file_is_read_back_as_it_is() {
    let daemon = installed("")
        .on("shell,v2,raw:test -f", |_| Reply::shell("there\n", "", 0))
        .on("exec:cat ", |_| Reply::bytes(BASE));
    let (read, _) = with(daemon, &[], |driver, op| {
        let apps = driver.apps().expect("applications");
        let file = apps.installed("org.example.kiosk", op).unwrap().unwrap().files.remove(0);
        let mut bytes = Vec::new();
        (apps.read(&file, &mut bytes, op).unwrap(), bytes)
    });
    assert_eq!(read.unwrap(), (Some(BASE.len() as u64), BASE.to_vec()));
}

#[test]
fn a_bare_daemon_has_no_applications() {
    assert!(with(Daemon::bare(), &[], |driver, _| driver.apps().is_none()).0.unwrap());
}
