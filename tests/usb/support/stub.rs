//! Stand-ins as processes of their own, as their users start them.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::gadget::Port;
use super::wait_for;
use crate::devices::process::Background;

const SETTLE: Duration = Duration::from_secs(20);

/// A running `hardwire stub` on a gadget; it takes its gadget apart when dropped.
pub struct Stub {
    process: Background,
    port: Port,
    _folder: tempfile::TempDir,
}

impl Stub {
    /// The SMP unit in a port.
    pub fn smp(port: Port, serial: &str, options: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("temporary folder");
        let state = folder.path().join("state").display().to_string();
        let start = ["smp", "--state", &state, "--serial", serial];
        Self::start(folder, port, &[&start, options].concat())
    }

    /// Another unit's terminal behind a gadget in a port.
    pub fn bridge(port: Port, terminal: &str) -> Self {
        let folder = tempfile::tempdir().expect("temporary folder");
        Self::start(folder, port, &["bridge", "--to", terminal])
    }

    fn start(folder: tempfile::TempDir, port: Port, args: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hardwire"));
        command.arg("stub").args(args).args(["--gadget", &port.controller(), "--json"]);
        command.env("HARDWIRE_HOME", folder.path());
        let mut process = Background::start(&mut command, &folder.path().join("stub.log"));
        process.wait_for("stand-in", SETTLE, |printed| printed.contains(r#""type":"stub""#).then_some(()));
        port.tty();
        Self { process, port, _folder: folder }
    }

    /// Where its host finds it.
    pub fn tty(&self) -> PathBuf {
        self.port.tty()
    }

    /// As `-d` takes it.
    pub fn address(&self) -> String {
        format!("tty:{}", self.tty().display())
    }

    /// Pulls it, and waits until it is gone.
    pub fn pull(&mut self) {
        self.signal(Signal::SIGUSR1);
        wait_for("pull", SETTLE, || self.port.plugged().is_none().then_some(()));
    }

    /// Pushes it in again, and waits until it is there.
    pub fn push(&mut self) {
        self.signal(Signal::SIGUSR2);
        self.port.tty();
    }

    /// Kills it, as the end of its computer would: nothing is taken apart.
    pub fn kill(mut self) {
        self.process.kill();
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.process.id() as i32), signal).expect("the stand-in lives");
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        if self.process.ended().is_none() {
            self.signal(Signal::SIGTERM);
            let until = std::time::Instant::now() + SETTLE;
            while self.process.ended().is_none() && std::time::Instant::now() < until {
                std::thread::sleep(Duration::from_millis(10));
            }
        }
    }
}
