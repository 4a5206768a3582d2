//! Real device software and foreign clients, started and stopped for one test.
//!
//! `tests/devices/setup` fetches them into `<target>/devices`. They run only where `HARDWIRE_TEST_DEVICES` names them
//! (`all`, or some of `zephyr,mcuboot,smpmgr,android`); elsewhere a test says that it is left out. Where they are named, one
//! that cannot start fails its test.

#![allow(dead_code, reason = "each test program includes this module and uses a part of it")]
#![allow(clippy::disallowed_methods, reason = "real devices live in real time")]

pub mod debugger;
pub mod google;
pub mod image;
pub mod mcuboot;
pub mod phone;
pub mod process;
pub mod station;
pub mod stub;
pub mod zephyr;

use std::path::PathBuf;

/// What a test needs beyond this repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Zephyr's SMP server as a 32-bit Linux program.
    Zephyr,
    /// Zephyr and MCUboot on an emulated Cortex-M3.
    Mcuboot,
    /// The foreign clients smpmgr and smpclient.
    Smpmgr,
    /// Google's adb and fastboot, and the real adbd.
    Android,
}

impl Need {
    fn name(self) -> &'static str {
        match self {
            Self::Zephyr => "zephyr",
            Self::Mcuboot => "mcuboot",
            Self::Smpmgr => "smpmgr",
            Self::Android => "android",
        }
    }
}

/// Whether this test is to run: says so when it is not.
pub fn wanted(need: Need) -> bool {
    let named = std::env::var("HARDWIRE_TEST_DEVICES").unwrap_or_default();
    let wanted = named.split(',').any(|word| word == "all" || word == need.name());
    if !wanted {
        eprintln!("left out: {} is not in HARDWIRE_TEST_DEVICES (see tests/devices/setup)", need.name());
    }
    wanted
}

/// The folder that `tests/devices/setup` fills.
pub fn home() -> PathBuf {
    let tmp = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    tmp.parent().expect("cargo's tmp lies in the target folder").join("devices")
}

/// A file of the prebuilt devices, named by the end of its name.
pub fn fixture(suffix: &str) -> PathBuf {
    let folder = home().join("fixtures/smp-server");
    let entries =
        std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}; run tests/devices/setup", folder.display()));
    let mut found: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.to_string_lossy().ends_with(suffix))
        .collect();
    assert_eq!(found.len(), 1, "one file ends with {suffix}: {found:?}");
    found.remove(0)
}

/// Python with the foreign clients installed.
pub fn python() -> PathBuf {
    home().join("venv/bin/python")
}

/// SHA-256 in lower-case hex.
pub fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest;
    hex::encode(sha2::Sha256::digest(bytes))
}
