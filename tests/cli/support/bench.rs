use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A temporary station and the folder that commands run in.
pub struct Bench {
    folder: TempDir,
}

/// What a command came to.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Bench {
    pub fn new() -> Bench {
        Bench { folder: TempDir::new().unwrap() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    /// The command, in a cleared environment: nothing of the machine's settings reaches it.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hardwire"));
        command
            .args(args)
            .env_clear()
            .env("HARDWIRE_HOME", self.path("home"))
            .env("COLUMNS", "100")
            .current_dir(self.folder.path())
            .stdin(Stdio::null());
        command
    }

    pub fn run(&self, args: &[&str]) -> Ran {
        Ran::of(&mut self.command(args), self.folder())
    }

    /// The same with `--json`; its lines, and the code.
    pub fn json(&self, args: &[&str]) -> (Vec<Value>, i32) {
        let ran = self.run(&[&["--json"], args].concat());
        (ran.lines(), ran.code)
    }

    /// The last JSON line that is no event.
    pub fn last(&self, args: &[&str]) -> (Value, i32) {
        let (lines, code) = self.json(args);
        let last = lines.into_iter().rfind(|line| line["type"] != "event");
        (last.unwrap_or_else(|| panic!("{args:?} said nothing")), code)
    }
}

impl Ran {
    pub fn of(command: &mut Command, folder: &Path) -> Ran {
        let output = command.output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().replace(folder.to_str().unwrap(), "[DIR]");
        Ran { code: output.status.code().unwrap_or(-1), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// Every line of stdout, as JSON with a `type`.
    pub fn lines(&self) -> Vec<Value> {
        let parse = |line: &str| -> Value {
            let value: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}\n{}", self.stderr));
            assert!(value["type"].is_string(), "{line}");
            value
        };
        self.stdout.lines().map(parse).collect()
    }

    /// Code, stdout and stderr in one text, for snapshots.
    pub fn golden(&self) -> String {
        format!("exit {}\n--- stdout\n{}--- stderr\n{}", self.code, self.stdout, self.stderr)
    }
}
