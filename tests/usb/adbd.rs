//! The real `adbd` on the bench, and what Google's own client makes of it: the measure for everything of ours.

use std::fs;

use crate::devices::google::{Adb, Generation};
use crate::devices::{Need, wanted};
use crate::support::adbd::Adbd;
use crate::support::bench::in_the_bench;
use crate::support::gadget::Port;

/// Bytes without a pattern, the same for each seed.
fn noise(len: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend(state.to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}

#[test]
fn google_s_adb_pushes_to_and_pulls_from_real_daemons() {
    if !wanted(Need::Android) || !in_the_bench!() {
        return;
    }
    let units = [Adbd::plug(Port(0), "AD-0001"), Adbd::plug(Port(5), "AD-0002")];
    for generation in Generation::BOTH {
        let adb = Adb::start(generation);
        let folder = tempfile::tempdir().unwrap();
        for (seed, unit) in units.iter().enumerate() {
            let serial = unit.serial();
            adb.until_listed(serial, "device");
            let sent = noise(100_000 + seed, seed as u64 + 1);
            let (there, back) = (folder.path().join("sent"), folder.path().join("back"));
            fs::write(&there, &sent).unwrap();
            let there = there.to_str().unwrap();
            adb.good(&["-s", serial, "push", there, "/sdcard/file"]);
            assert!(fs::read(unit.path("/sdcard/file")).unwrap() == sent, "{generation:?} {serial}");
            adb.good(&["-s", serial, "pull", "/sdcard/file", back.to_str().unwrap()]);
            assert!(fs::read(back).unwrap() == sent, "{generation:?} {serial}");
            let ended = adb.run(&["-s", serial, "shell", "echo here; echo there >&2; exit 42"]);
            assert_eq!((ended.code, ended.stdout.as_str(), ended.stderr.as_str()), (42, "here\n", "there\n"));
        }
    }
}
