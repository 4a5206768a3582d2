//! Google's `adb`, of two generations, against our phone on TCP.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::time::{Duration, SystemTime};

use crate::support::google::{Adb, Generation, fastboot};
use crate::support::phone::Phone;
use crate::support::station::Station;
use crate::support::{Need, sha256, wanted};

pub fn pattern(length: usize) -> Vec<u8> {
    (0..length as u64).map(|n| (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect()
}

/// Google's client with a phone that it sees in this state.
pub fn met(generation: Generation, phone: &Phone, state: &str) -> Adb {
    let adb = Adb::start(generation);
    meet(&adb, phone, state);
    adb
}

/// As often as it takes: a unit that restarts is not there at first, and the server gives up on it for seconds.
fn meet(adb: &Adb, phone: &Phone, state: &str) {
    let mut said = String::new();
    for _ in 0..20 {
        adb.run(&["disconnect", &phone.adb]);
        said = adb.run(&["connect", &phone.adb]).stdout;
        if adb.is_listed(&phone.adb, state) {
            return;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("{} is not {state}: {said}", phone.adb);
}

#[test]
fn shells_tell_output_errors_and_codes_apart() {
    if !wanted(Need::Android) {
        return;
    }
    let phone = Phone::start(&["--serial", "PH-0421", "--property", "ro.kiosk=yes; or no"]);
    for generation in Generation::BOTH {
        let adb = met(generation, &phone, "device");
        let ended = adb.run(&["shell", "echo here; echo there >&2; exit 42"]);
        assert_eq!((ended.code, ended.stdout.as_str(), ended.stderr.as_str()), (42, "here\n", "there\n"));
        assert_eq!(adb.good(&["shell", "getprop ro.serialno"]), "PH-0421\n");
        assert_eq!(adb.good(&["shell", "getprop", "ro.kiosk"]), "yes; or no\n");
        assert_eq!(adb.good(&["exec-out", "printf 'a\\0b'"]), "a\0b");
        assert_eq!(adb.run(&["shell", "nonsense"]).code, 127);
        adb.good(&["shell", "settings put global stay_on '3 4'"]);
        assert_eq!(adb.good(&["shell", "settings get global stay_on"]), "3 4\n");
        adb.good(&["shell", "settings", "delete", "global", "stay_on"]);
        assert_eq!(adb.good(&["shell", "settings get global stay_on"]), "null\n");
        let listed = adb.good(&["devices", "-l"]);
        assert!(listed.contains("product:kiosk model:Kiosk_One device:kiosk"), "{listed}");
    }
}

#[test]
fn trees_go_there_and_back_with_modes_and_times() {
    if !wanted(Need::Android) {
        return;
    }
    let phone = Phone::start(&[]);
    for (generation, compressions) in
        [(Generation::Old, &["any"][..]), (Generation::New, &["none", "brotli", "lz4", "zstd"])]
    {
        let adb = met(generation, &phone, "device");
        let folder = tempfile::tempdir().unwrap();
        let tree = folder.path().join("tree");
        fs::create_dir_all(tree.join("deep/er")).unwrap();
        let files = [("a", 0), ("deep/b", 65_536), ("deep/er/c", 300_001), ("d", 64)];
        let then = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        for (name, len) in files {
            fs::write(tree.join(name), pattern(len)).unwrap();
            fs::set_permissions(tree.join(name), fs::Permissions::from_mode(0o640)).unwrap();
            fs::File::options().write(true).open(tree.join(name)).unwrap().set_modified(then).unwrap();
        }
        symlink("deep/b", tree.join("link")).unwrap();
        for compression in compressions {
            let flags: &[&str] = if *compression == "any" { &[] } else { &["-z", compression] };
            let there = format!("/data/local/tmp/{compression}");
            let back = folder.path().join(compression);
            let (tree, back_text) = (tree.to_str().unwrap(), back.to_str().unwrap());
            adb.good(&[&["push"], flags, &[tree, &there]].concat());
            for (name, len) in files {
                let stored = phone.file(&format!("{there}/{name}"));
                assert!(fs::read(&stored).unwrap() == pattern(len), "{generation:?} {compression} {name}");
                let metadata = fs::metadata(&stored).unwrap();
                assert_eq!(metadata.permissions().mode() & 0o777, 0o640, "{name}");
                assert_eq!(metadata.modified().unwrap(), then, "{name}");
            }
            adb.good(&[&["pull", "-a"], flags, &[&there, back_text]].concat());
            for (name, len) in files {
                assert!(fs::read(back.join(name)).unwrap() == pattern(len), "{generation:?} {compression} {name}");
                assert_eq!(fs::metadata(back.join(name)).unwrap().modified().unwrap(), then, "{name}");
            }
            let digest = sha256(&pattern(300_001));
            let path = format!("{there}/deep/er/c");
            assert_eq!(adb.good(&["shell", "sha256sum", &path]), format!("{digest}  {path}\n"));
            let looked = adb.good(&["shell", "stat", "-c", "%a:%s:%Y:%n", &path]);
            assert_eq!(looked, format!("640:300001:1700000000:{path}\n"));
        }
        let refused = adb.run(&["pull", "/data/local/tmp/none-such", folder.path().to_str().unwrap()]);
        assert_ne!(refused.code, 0, "{refused:?}");
        adb.good(&["shell", "rm -rf /data/local/tmp/*any /data/local/tmp/none"]);
    }
}

#[test]
fn it_is_believed_who_has_a_key_that_was_installed_or_accepted() {
    if !wanted(Need::Android) {
        return;
    }
    for generation in Generation::BOTH {
        // Nobody is there to accept it, or somebody who does not.
        for answer in ["ignore", "refuse"] {
            let phone = Phone::start(&["--authorise", answer]);
            let adb = met(generation, &phone, "unauthorized");
            let refused = adb.run(&["-s", &phone.adb, "shell", "id"]);
            assert!(refused.code != 0 && refused.stderr.contains("unauthorized"), "{refused:?}");
            assert!(!phone.folder().join("unit/adb_keys").exists());
        }
        // Accepted, and known from then on.
        let phone = Phone::start(&["--authorise", "accept"]);
        let adb = met(generation, &phone, "device");
        adb.good(&["shell", "true"]);
        let keys = fs::read(phone.folder().join("unit/adb_keys")).unwrap();
        let key = fs::read(adb.home().join(".android/adbkey.pub")).unwrap();
        assert!(keys.starts_with(key.trim_ascii_end()), "{generation:?}");
        drop(phone);
        // Installed beforehand, with nobody there.
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("unit")).unwrap();
        fs::write(folder.path().join("unit/adb_keys"), [b"nonsense\n".as_slice(), &key, b"\n"].concat()).unwrap();
        let phone = Phone::start_in(folder, &["--authorise", "ignore"]);
        meet(&adb, &phone, "device");
        assert_eq!(adb.good(&["-s", &phone.adb, "shell", "whoami"]), "root\n");
        // Another's key is not that one.
        let phone_of_another = met(generation, &phone, "unauthorized");
        drop(phone_of_another);
    }
}

#[test]
fn a_phone_goes_through_its_modes() {
    if !wanted(Need::Android) {
        return;
    }
    let phone = Phone::start(&[]);
    let adb = met(Generation::New, &phone, "device");
    let image = phone.folder().join("boot.img");
    fs::write(&image, pattern(100_000)).unwrap();
    let on_fastboot = |args: &[&str]| {
        let done = fastboot(Generation::New, &[&["-s", &format!("tcp:{}", phone.fastboot)], args].concat());
        assert_eq!(done.code, 0, "fastboot {args:?}: {done:?}");
        done.stderr
    };
    adb.good(&["reboot", "bootloader"]);
    let said = on_fastboot(&["getvar", "is-userspace"]);
    assert!(said.contains("is-userspace: no"), "{said}");
    on_fastboot(&["flash", "boot_a", image.to_str().unwrap()]);
    on_fastboot(&["erase", "misc"]);
    on_fastboot(&["reboot", "fastboot"]);
    let said = on_fastboot(&["getvar", "is-userspace"]);
    assert!(said.contains("is-userspace: yes"), "{said}");
    on_fastboot(&["set_active", "b"]);
    on_fastboot(&["reboot"]);
    meet(&adb, &phone, "device");
    let read = adb.good(&["shell", "head -c 100000 /dev/block/by-name/boot_a | sha256sum"]);
    assert_eq!(read, format!("{}  -\n", sha256(&pattern(100_000))));
    assert_eq!(adb.good(&["shell", "getprop ro.boot.slot_suffix"]), "_b\n");
    adb.good(&["reboot", "recovery"]);
    meet(&adb, &phone, "recovery");
    assert_eq!(adb.run(&["shell", "settings list global"]).code, 127, "recovery has nothing of Android");
    adb.good(&["reboot", "sideload"]);
    meet(&adb, &phone, "sideload");
    let package = phone.folder().join("update.zip");
    fs::write(&package, [b"PK\x03\x04".as_slice(), &pattern(200_000)].concat()).unwrap();
    adb.good(&["sideload", package.to_str().unwrap()]);
    assert!(fs::read(phone.file("/cache/package.zip")).unwrap() == fs::read(&package).unwrap());
}

#[test]
fn a_daemon_of_long_ago_is_understood() {
    if !wanted(Need::Android) {
        return;
    }
    let phone = Phone::start(&["--old"]);
    for generation in Generation::BOTH {
        let adb = met(generation, &phone, "device");
        let ended = adb.run(&["shell", "echo here; echo there >&2; exit 42"]);
        assert_eq!((ended.code, ended.stdout.as_str()), (0, "here\nthere\n"), "no code comes from it");
        let file = phone.folder().join("file");
        fs::write(&file, pattern(70_000)).unwrap();
        let back = phone.folder().join("back");
        adb.good(&["push", file.to_str().unwrap(), "/sdcard/file"]);
        adb.good(&["pull", "/sdcard/file", back.to_str().unwrap()]);
        assert!(fs::read(back).unwrap() == pattern(70_000), "{generation:?}");
    }
}

#[test]
fn root_is_had_where_the_build_lets_one() {
    if !wanted(Need::Android) {
        return;
    }
    let phone = Phone::start(&["--build", "userdebug"]);
    let adb = met(Generation::New, &phone, "device");
    assert_eq!(adb.good(&["shell", "whoami; su 0 whoami"]), "shell\nroot\n");
    assert_ne!(adb.run(&["shell", "cat /dev/block/by-name/boot_a"]).code, 0);
    // The client waits for a unit that its server has given up on.
    let said = adb.command(&["root"]).output().unwrap().stdout;
    assert_eq!(String::from_utf8_lossy(&said), "restarting adbd as root\n");
    meet(&adb, &phone, "device");
    assert_eq!(adb.good(&["shell", "whoami"]), "root\n");
    assert_eq!(adb.good(&["root"]), "adbd is already running as root\n");
    assert!(adb.good(&["remount"]).contains("Remount succeeded"));
    let said = adb.command(&["unroot"]).output().unwrap().stdout;
    assert_eq!(String::from_utf8_lossy(&said), "restarting adbd as non root\n");
    meet(&adb, &phone, "device");
    assert_eq!(adb.good(&["shell", "whoami"]), "shell\n");
    assert_eq!(adb.good(&["unroot"]), "adbd not running as root\n");
    let refused = adb.run(&["remount"]);
    assert!(refused.code != 0 && refused.stderr.contains("adb root"), "{refused:?}");
    // Hardwire asks for it through the server, which meets the daemon again.
    let rooted = format!("adb@server:{}@127.0.0.1:{},root=yes", phone.adb, adb.port());
    let unit = Station::default().run(&["info", "-d", &rooted]).exits(0);
    assert_eq!(unit.line("info")["driver"], "adb");
    assert_eq!(adb.good(&["shell", "whoami"]), "root\n");
    let phone = Phone::start(&["--build", "user"]);
    let adb = met(Generation::New, &phone, "device");
    assert!(adb.good(&["root"]).contains("cannot run as root in production builds"));
    assert_eq!(adb.run(&["shell", "su 0 whoami"]).code, 127);
}
