//! Our stand-in as a process, as its users start it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::process::Background;

/// A running `hardwire stub smp`.
pub struct Stub {
    folder: tempfile::TempDir,
    process: Background,
}

impl Stub {
    /// Starts a stand-in with fresh state and waits until it names its address.
    pub fn start(options: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("temporary folder");
        let mut command = Command::new(env!("CARGO_BIN_EXE_hardwire"));
        command
            .args(["stub", "smp", "--json", "--state"])
            .arg(folder.path().join("state"))
            .arg("--link")
            .arg(folder.path().join("uart"))
            .args(options)
            .env("HARDWIRE_HOME", folder.path());
        let mut process = Background::start(&mut command, &folder.path().join("stub.log"));
        process.wait_for("address", Duration::from_secs(20), |printed| {
            printed.lines().any(|line| line.contains(r#""type":"stub""#)).then_some(())
        });
        Self { folder, process }
    }

    /// The serial port: the same path over resets and restarts.
    pub fn tty(&self) -> PathBuf {
        self.folder.path().join("uart")
    }

    /// As `-d` takes it.
    pub fn address(&self) -> String {
        format!("tty:{}", self.tty().display())
    }

    /// A folder that lives as long as the stand-in.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Fails when the stand-in has ended.
    pub fn assert_alive(&mut self) {
        assert!(self.process.ended().is_none(), "the stand-in ended:\n{}", self.process.printed());
    }
}
