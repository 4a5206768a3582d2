//! Our phone as a process on TCP, as its users start it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::process::Background;

/// A running `hardwire stub adb`.
pub struct Phone {
    folder: tempfile::TempDir,
    /// `HOST:PORT` while it speaks ADB: what Google's adb calls its serial number.
    pub adb: String,
    /// `HOST:PORT` while it speaks fastboot.
    pub fastboot: String,
    process: Background,
}

impl Phone {
    /// A phone that is new.
    pub fn start(options: &[&str]) -> Self {
        Self::start_in(tempfile::tempdir().expect("temporary folder"), options)
    }

    /// A phone with its state in `unit` of a folder.
    pub fn start_in(folder: tempfile::TempDir, options: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hardwire"));
        command
            .args(["stub", "adb", "--json", "--tcp", "127.0.0.1:0", "--state"])
            .arg(folder.path().join("unit"))
            .args(options)
            .env("HARDWIRE_HOME", folder.path());
        let mut process = Background::start(&mut command, &folder.path().join("stub.log"));
        let word = |printed: &str, name: &str| {
            let (_, rest) = printed.split_once(&format!(r#""{name}":"tcp:"#))?;
            Some(rest.split_once('"')?.0.to_owned())
        };
        let (adb, fastboot) = process.wait_for("address", Duration::from_secs(20), |printed| {
            Some((word(printed, "address")?, word(printed, "fastboot")?))
        });
        Self { folder, adb, fastboot, process }
    }

    /// The folder around its state.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where a file of the unit is here.
    pub fn file(&self, of_the_unit: &str) -> PathBuf {
        self.folder.path().join("unit/files").join(of_the_unit.trim_start_matches('/'))
    }

    /// What a partition holds.
    pub fn partition(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.folder.path().join("unit/partitions").join(name)).expect("a partition")
    }

    /// Its process.
    pub fn process(&mut self) -> &mut Background {
        &mut self.process
    }
}
