//! Profiles as people write them, right and wrong.

mod errors;
mod hostile;
mod inputs;
mod lock;
mod resolve;
mod schema;
mod ships;
#[cfg(unix)]
mod trees;

use std::path::PathBuf;

use super::{Facts, Inputs, Prepared, Profile, load};
use crate::device::Mode;
use crate::error::{Error, Result};

/// A folder with a profile and its files.
pub struct Bench {
    pub dir: tempfile::TempDir,
}

impl Bench {
    pub fn new(files: &[(&str, &str)]) -> Bench {
        let dir = tempfile::tempdir().unwrap();
        for (name, content) in files {
            std::fs::write(dir.path().join(name), content).unwrap();
        }
        Bench { dir }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn load(&self) -> Result<Profile> {
        load(self.path("p.yaml"))
    }

    pub fn prepare(&self) -> Result<Prepared> {
        self.load()?.prepare()
    }

    /// An error as a person sees it, the folder left out.
    pub fn said(&self, error: &Error) -> String {
        let mut said = error.to_string();
        for cause in error.causes() {
            said.push_str("\n  caused by: ");
            said.push_str(&cause);
        }
        if let Some(next) = error.remedy() {
            said.push_str("\n  next: ");
            said.push_str(next);
        }
        said.replace(&format!("{}/", self.dir.path().display()), "")
    }
}

/// A profile of one settings step, to break.
pub const HEAD: &str = "format: 1\nname: t\nversion: 1.0.0\nmatch: { model: m }\n";

pub fn facts() -> Facts {
    Facts {
        driver: Some("smp".into()),
        mode: Some(Mode::Application),
        model: Some("m".into()),
        serial: Some("S1".into()),
        ..Facts::default()
    }
}

pub fn no_inputs() -> Inputs {
    Inputs::default()
}
