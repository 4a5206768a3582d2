//! Partitions of a phone that follows a script.

use super::*;
use crate::device::{ImageFile, Level};
use crate::digest::Digest;

const BLOCK: usize = 4096;

fn file<'a>(content: &'a Vec<u8>, sha256: &'a Digest) -> ImageFile<'a> {
    ImageFile { content, sha256 }
}

/// A phone whose shell is root, and what it answers to a command that begins so.
fn phone(uid: u32, command: &'static str, printed: &str, complaint: &'static str) -> Daemon {
    let survey = format!(
        "head\ndd\nsha256sum\n-hardwire-\n{uid}\n-hardwire-\nboot_a\nmisc\n-hardwire-\n[ro.boot.slot_suffix]: [_a]\n-hardwire-\n"
    );
    let printed = printed.to_owned();
    Daemon::with_banner("device::features=shell_v2,cmd")
        .on("shell,v2,raw:", |_| Reply::shell("", "inaccessible or not found", 127))
        .on("shell,v2,raw:for p in", move |_| Reply::shell(&survey, "", 0))
        .on(command, move |_| Reply::shell(&printed, complaint, 0))
}

/// A sparse image (AOSP `sparse_format.h`): a block of data, a hole of two, a block of data.
fn sparse() -> Vec<u8> {
    let mut file = 0xed26_ff3a_u32.to_le_bytes().to_vec();
    for half in [1_u16, 0, 28, 12] {
        file.extend(half.to_le_bytes());
    }
    for word in [4096_u32, 4, 3, 0] {
        file.extend(word.to_le_bytes());
    }
    let mut chunk = |kind: u16, blocks: u32, data: &[u8]| {
        file.extend(kind.to_le_bytes());
        file.extend([0, 0]);
        file.extend(blocks.to_le_bytes());
        file.extend((12 + data.len() as u32).to_le_bytes());
        file.extend(data);
    };
    chunk(0xcac1, 1, &[1; BLOCK]);
    chunk(0xcac3, 2, &[]);
    chunk(0xcac1, 1, &[2; BLOCK]);
    file
}

#[test]
fn what_a_partition_holds_is_what_the_unit_computes() {
    let data = [vec![1; BLOCK], vec![2; BLOCK]].concat();
    for (image, command, holds) in [
        (
            b"boot image".to_vec(),
            "shell,v2,raw:head -c 10 /dev/block/by-name/boot_a | sha256sum",
            Digest::sha256(b"boot image"),
        ),
        (
            sparse(),
            "shell,v2,raw:sh -c 'dd if=/dev/block/by-name/boot_a bs=4096 skip=0 count=1 2>/dev/null; \
             dd if=/dev/block/by-name/boot_a bs=4096 skip=3 count=1 2>/dev/null' | sha256sum",
            Digest::sha256(&data),
        ),
    ] {
        for flipped in [false, true] {
            let there = if flipped { Digest::sha256(b"another") } else { holds.clone() };
            let (held, _) = with(phone(0, command, &format!("{there}  -\n"), ""), &[], |driver, op| {
                assert!(!driver.unit().writes(Capability::Firmware));
                let firmware = driver.firmware().expect("partitions");
                firmware.held("boot", file(&image, &Digest::sha256(&image)), Level::Digest, op)
            });
            let held = held.unwrap().unwrap().unwrap();
            assert_eq!((held.holds(), held.level), (!flipped, Level::Digest));
            assert_eq!((held.expected, held.observed), (holds.clone(), there));
        }
    }
}

#[test]
fn what_cannot_be_read_is_not_taken_for_empty() {
    let nothing = format!("{}  -\n", Digest::sha256(b""));
    let daemon = phone(0, "shell,v2,raw:head -c ", &nothing, "head: /dev/block/by-name/boot_a: Permission denied");
    let (held, _) = with(daemon, &[], |driver, op| {
        driver.firmware().unwrap().held("boot", file(&b"x".to_vec(), &Digest::sha256(b"x")), Level::Digest, op)
    });
    let error = held.unwrap().unwrap_err();
    assert!(error.kind() == Kind::Refused && error.to_string().contains("Permission denied"), "{error}");
}

#[test]
fn an_erased_partition_is_one_of_two() {
    for (byte, is_blank) in [(0x00, true), (0xff, true), (0x01, false)] {
        let sum = format!("{}  -\n", Digest::sha256(&[byte; 5000]));
        let daemon = phone(0, "shell,v2,raw:wc -c < /dev/block/by-name/misc", "5000\n", "")
            .on("shell,v2,raw:sha256sum < /dev/block/by-name/misc", move |_| Reply::shell(&sum, "", 0));
        let (held, _) = with(daemon, &[], |driver, op| driver.firmware().unwrap().blank("misc", op));
        assert_eq!(held.unwrap().unwrap().unwrap().holds(), is_blank, "{byte:#x}");
    }
}

#[test]
fn without_root_and_beyond_its_names_nothing_is_looked_at() {
    let shell = phone(2000, "shell,v2,raw:none", "", "");
    assert!(with(shell, &[], |driver, _| driver.firmware().is_none()).0.unwrap());
    let (held, _) = with(phone(0, "shell,v2,raw:none", "", ""), &[], |driver, op| {
        driver.firmware().unwrap().held("boot; reboot", file(&b"x".to_vec(), &Digest::sha256(b"x")), Level::Digest, op)
    });
    assert_eq!(held.unwrap().unwrap_err().kind(), Kind::Unsupported);
}

#[test]
fn what_verified_boot_has_started_needs_no_look_at_the_partition() {
    let vbmeta = include_bytes!("../../../../protocols/src/android/avb/vectors/vbmeta-disabled.img").to_vec();
    let parsed = protocols::android::avb::Vbmeta::parse(&vbmeta).unwrap();
    let started = |digest: &Digest| {
        let survey = format!(
            "head\ndd\nsha256sum\n-hardwire-\n0\n-hardwire-\nvbmeta_a\n-hardwire-\n[ro.boot.slot_suffix]: [_a]\n\
             [ro.boot.vbmeta.digest]: [{digest}]\n-hardwire-\n"
        );
        let there = format!("{}  -\n", Digest::sha256(b"another"));
        let daemon = Daemon::with_banner("device::features=shell_v2,cmd")
            .on("shell,v2,raw:head", move |_| Reply::shell(&there, "", 0))
            .on("shell,v2,raw:for p in", move |_| Reply::shell(&survey, "", 0));
        let (held, _) = with(daemon, &[], |driver, op| {
            driver.firmware().unwrap().held("vbmeta", file(&vbmeta, &Digest::sha256(&vbmeta)), Level::Digest, op)
        });
        held.unwrap().unwrap().unwrap()
    };
    let booted = started(&Digest::sha256(parsed.bytes()));
    assert!(booted.holds() && booted.level == Level::Booted);
    // Something else was started: then what lies in the partition decides.
    let other = started(&Digest::sha256(b"something else"));
    assert!(!other.holds() && other.level == Level::Digest);
}

#[test]
fn recovery_says_whether_it_has_installed_the_package() {
    use protocols::adb::message::Wanted;
    let sideload = |wanted: Wanted| {
        let unit = Daemon::with_banner("sideload::").on("sideload-host:", move |_| Reply(wanted.to_bytes().to_vec()));
        let (done, daemon) = with(unit, &[], |driver, op| {
            assert!(driver.unit().can(Capability::Firmware) && driver.files().is_none());
            let firmware = driver.firmware().expect("a package");
            assert_eq!(firmware.usual().as_deref(), Some("sideload"));
            firmware.upload("sideload", &vec![5_u8; 70_000], op).map(|upload| upload.written.sent)
        });
        assert_eq!(daemon.services(), ["sideload-host:70000:65536"]);
        done.unwrap()
    };
    assert_eq!(sideload(Wanted::Done).unwrap(), 0);
    assert_eq!(sideload(Wanted::Failed).unwrap_err().kind(), Kind::Refused);
    assert_eq!(sideload(Wanted::Block(2)).unwrap_err().kind(), Kind::Garbled, "there is no such block");
    assert_eq!(sideload(Wanted::Block(0)).unwrap_err().kind(), Kind::Refused, "it hung up in the middle");
}
