use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use super::Bench;

/// A stand-in SMP unit; it ends with the test.
pub struct Unit {
    child: Child,
    link: PathBuf,
}

impl Unit {
    /// Starts a unit named `serial`, with more options of `stub smp`. Its state survives: started again under the
    /// same name it is the same unit.
    pub fn start(bench: &Bench, serial: &str, options: &[&str]) -> Unit {
        Unit::start_at(bench, serial, &bench.path(&format!("{serial}.tty")), options)
    }

    /// The same behind a port of this name.
    pub fn start_at(bench: &Bench, serial: &str, link: &Path, options: &[&str]) -> Unit {
        let state = bench.path(&format!("{serial}.state"));
        let paths = [state.to_str().unwrap(), link.to_str().unwrap()];
        let args = [
            "stub",
            "smp",
            "--json",
            "--until-stdin-ends",
            "--serial",
            serial,
            "--state",
            paths[0],
            "--link",
            paths[1],
        ];
        let mut child = bench
            .command(&[&args[..], options].concat())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut ready = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut ready).unwrap();
        assert!(ready.contains("\"type\":\"stub\""), "the stand-in did not start: {ready}");
        Unit { child, link: link.to_owned() }
    }

    /// Its address, as `-d` takes it.
    pub fn address(&self) -> String {
        format!("tty:{}", self.link.display())
    }
}

impl Drop for Unit {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
