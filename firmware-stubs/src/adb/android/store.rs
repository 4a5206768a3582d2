//! What the unit keeps besides files: settings, packages, its owner. One file, which is whole or the one before.

use crate::Error;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// An application.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Package {
    /// Where its packages are: the base first, then its splits.
    pub(crate) paths: Vec<String>,
    pub(crate) version_code: u64,
    pub(crate) version_name: String,
    /// Permissions that were granted.
    pub(crate) granted: BTreeSet<String>,
    /// What it is signed with.
    pub(crate) certificates: Vec<String>,
}

/// What is kept.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Kept {
    /// `namespace/name`.
    pub(crate) settings: BTreeMap<String, String>,
    /// Properties that outlive a restart.
    pub(crate) properties: BTreeMap<String, String>,
    pub(crate) packages: BTreeMap<String, Package>,
    /// The component that owns the device.
    pub(crate) owner: Option<String>,
    /// Packages by role.
    pub(crate) roles: BTreeMap<String, String>,
    /// The last installation session.
    pub(crate) session: u32,
    /// Whether there is a file system of its own making for what a person keeps.
    #[serde(default)]
    pub(crate) started: bool,
}

/// What is kept, and where.
#[derive(Debug)]
pub(crate) struct Store {
    path: PathBuf,
    pub(crate) kept: Kept,
    /// Properties that a restart forgets.
    pub(crate) passing: BTreeMap<String, String>,
}

const FACTORY: [(&str, &str); 6] = [
    ("global/adb_enabled", "1"),
    ("global/device_provisioned", "1"),
    ("secure/user_setup_complete", "1"),
    ("secure/android_id", "7f3a1c9e5b2d4680"),
    ("system/screen_brightness", "102"),
    ("system/screen_off_timeout", "60000"),
];

impl Store {
    pub(super) fn open(state: &Path) -> Result<Self, Error> {
        let path = state.join("android.json");
        let kept = match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(Error::foreign(&path))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Kept {
                settings: FACTORY.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
                ..Kept::default()
            },
            Err(source) => return Err(Error::state(&path)(source)),
        };
        Ok(Self { path, kept, passing: BTreeMap::new() })
    }

    /// As it left the factory, with nobody having set it up.
    pub(super) fn reset(&mut self) {
        let settings = FACTORY.map(|(name, value)| {
            let by_a_person = matches!(name, "global/device_provisioned" | "secure/user_setup_complete");
            (name.to_owned(), if by_a_person { "0" } else { value }.to_owned())
        });
        self.kept = Kept { settings: settings.into(), ..Kept::default() };
    }

    /// Keeps what was changed.
    pub(crate) fn save(&self) -> io::Result<()> {
        let bytes = serde_json::to_vec_pretty(&self.kept)?;
        let part = self.path.with_extension("part");
        fs::write(&part, bytes)?;
        fs::rename(part, &self.path)
    }
}
