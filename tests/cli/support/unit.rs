use std::path::{Path, PathBuf};

use super::{Bench, Stub};

/// A stand-in SMP unit; it ends with the test.
pub struct Unit {
    _stub: Stub,
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
        let args = ["smp", "--until-stdin-ends", "--serial", serial, "--state", paths[0], "--link", paths[1]];
        Unit { _stub: Stub::start(bench, "smp", &[&args[..], options].concat()), link: link.to_owned() }
    }

    /// Its address, as `-d` takes it.
    pub fn address(&self) -> String {
        format!("tty:{}", self.link.display())
    }
}
