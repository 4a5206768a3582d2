//! Partitions of a phone that follows a script.

use super::*;
use crate::device::{Content, Level};
use crate::digest::Digest;

const BLOCK: usize = 4096;

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
                firmware.held("boot", &image as &dyn Content, Level::Digest, op)
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
        driver.firmware().unwrap().held("boot", &b"x".to_vec() as &dyn Content, Level::Digest, op)
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
        driver.firmware().unwrap().held("boot; reboot", &b"x".to_vec() as &dyn Content, Level::Digest, op)
    });
    assert_eq!(held.unwrap().unwrap_err().kind(), Kind::Unsupported);
}
