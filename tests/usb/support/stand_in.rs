//! Stand-ins as processes, and the foreign client that proves the DFU ones.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use super::wait_for;

/// How long a stand-in may take to do what it was told.
pub const SOON: Duration = Duration::from_secs(20);

/// A stand-in; killed when dropped.
pub struct Stub {
    child: Child,
    /// Where it said it is, without its `usb:` or `tty:`.
    pub place: PathBuf,
    /// Its state, which outlives the process.
    pub state: TempDir,
}

impl Stub {
    /// Starts a stand-in on a fresh state folder.
    pub fn start(kind: &str, options: &[&str]) -> Self {
        Self::start_on(tempfile::tempdir().unwrap(), kind, options)
    }

    /// Starts a stand-in on a state folder.
    pub fn start_on(state: TempDir, kind: &str, options: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hardwire"));
        command.args(["stub", kind, "--json", "--until-stdin-ends"]).args(options);
        if matches!(kind, "smp" | "dfu") {
            command.arg("--state").arg(state.path());
        }
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready: serde_json::Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{kind} said {line:?}"));
        assert_eq!((&ready["type"], &ready["kind"]), (&"stub".into(), &kind.into()));
        let address = ready["address"].as_str().unwrap_or_else(|| panic!("{ready}"));
        let (_, place) = address.split_once(':').unwrap();
        Self { child, place: place.into(), state }
    }

    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id() as i32), signal).unwrap();
    }

    /// Waits for its end by itself.
    pub fn ended(&mut self) -> ExitStatus {
        wait_for("end of the stand-in", SOON, || self.child.try_wait().unwrap())
    }

    /// Asks it to end; its state remains.
    pub fn end(mut self) -> TempDir {
        self.signal(Signal::SIGTERM);
        assert_eq!(self.ended().code(), Some(0));
        std::mem::replace(&mut self.state, tempfile::tempdir().unwrap())
    }

    /// Kills it; its state remains.
    pub fn kill(mut self) -> TempDir {
        self.signal(Signal::SIGKILL);
        self.ended();
        std::mem::replace(&mut self.state, tempfile::tempdir().unwrap())
    }

    /// What is behind an alternate setting of a DFU unit.
    pub fn memory(&self, alternate: u8) -> Vec<u8> {
        std::fs::read(self.state.path().join(format!("memory-{alternate}"))).unwrap()
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the kernel read from a unit on the bus; `None` when it is not there, or not read yet.
pub fn attribute(place: &Path, name: &str) -> Option<String> {
    let folder = Path::new("/sys/bus/usb/devices").join(place);
    // This one comes last.
    std::fs::read_to_string(folder.join("bConfigurationValue")).ok().filter(|value| !value.trim().is_empty())?;
    Some(std::fs::read_to_string(folder.join(name)).ok()?.trim_end_matches('\n').to_owned())
}

/// Waits until a unit on the bus shows this.
pub fn shows(place: &Path, name: &str, value: &str) {
    wait_for(&format!("{name} {value} at {}", place.display()), SOON, || {
        (attribute(place, name).as_deref() == Some(value)).then_some(())
    });
}

/// Waits until nothing is there.
pub fn gone(place: &Path) {
    let folder = Path::new("/sys/bus/usb/devices").join(place);
    wait_for(&format!("departure from {}", place.display()), SOON, || (!folder.exists()).then_some(()));
}

/// How `dfu-util` ended, and what it said.
pub struct Said {
    pub code: Option<i32>,
    pub text: String,
}

impl Said {
    /// It did what it was asked to.
    pub fn good(self) -> Self {
        assert_eq!(self.code, Some(0), "{}", self.text);
        self
    }

    /// It noticed that something is wrong.
    pub fn bad(self) -> Self {
        assert_ne!(self.code, Some(0), "{}", self.text);
        self
    }
}

/// Debian's `dfu-util`, ended after so many seconds.
pub fn dfu_util_within(seconds: u32, args: &[&str]) -> Said {
    let mut command = Command::new("timeout");
    let ran = command.args(["-k", "1", &seconds.to_string(), "dfu-util"]).args(args).output().unwrap();
    let text = [ran.stdout, ran.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    Said { code: ran.status.code(), text }
}

/// Debian's `dfu-util`.
pub fn dfu_util(args: &[&str]) -> Said {
    dfu_util_within(60, args)
}
