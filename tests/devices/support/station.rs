//! The compiled `hardwire`, with a home of its own.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use super::process::{self, Background};

/// A station in a temporary folder.
pub struct Station {
    home: tempfile::TempDir,
}

/// What one `hardwire --json` said.
#[derive(Debug)]
pub struct Said {
    pub code: i32,
    /// One object a line.
    pub lines: Vec<Value>,
    pub stderr: String,
}

impl Said {
    /// The one line of a type.
    pub fn line(&self, kind: &str) -> &Value {
        let mut found = self.lines.iter().filter(|line| line["type"] == kind);
        let line = found.next().unwrap_or_else(|| panic!("no {kind} line in {self:#?}"));
        assert!(found.next().is_none(), "one {kind} line in {self:#?}");
        line
    }

    /// Checks the exit code, showing everything when it is another.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:#?}");
        self
    }
}

impl Default for Station {
    fn default() -> Self {
        Self { home: tempfile::tempdir().expect("temporary folder") }
    }
}

impl Station {
    /// The folder that holds ledger and vault.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Writes a file into the station's folder and returns its path.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.home.path().join(name);
        std::fs::write(&path, content).expect("file is written");
        path.display().to_string()
    }

    /// Runs `hardwire --json`; it may take five minutes.
    pub fn run(&self, args: &[&str]) -> Said {
        let done = process::run(self.command().args(args).arg("--json"), Duration::from_secs(300));
        let lines = done
            .stdout
            .lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{line}: {e}\n{}", done.stderr)))
            .collect();
        Said { code: done.code, lines, stderr: done.stderr }
    }

    /// Starts `hardwire --json` in the background; what it says is in [`Background::printed`].
    pub fn start(&self, args: &[&str]) -> Background {
        Background::start(self.command().args(args).arg("--json"), &self.home.path().join("background.log"))
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hardwire"));
        command.env("HARDWIRE_HOME", self.home.path()).env_remove("HARDWIRE_DEVICE").env("NO_COLOR", "1");
        command
    }
}
