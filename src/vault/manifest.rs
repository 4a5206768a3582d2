//! What a backup holds and what it could not take.

use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::io;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Vault, names};
use crate::digest::{Algorithm, Digest, canonical, sha256_hex};
use crate::durable;
use crate::error::{Error, Kind, Result};

/// The manifest's format.
const FORMAT: u64 = 1;

/// What kind of thing was kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ItemKind {
    /// A file, under its path on the unit.
    File,
    /// A folder, under its path on the unit.
    Folder,
    /// A file of an application, under its package and part.
    App,
    /// What an application keeps for itself, under its package.
    AppData,
    /// A setting, under its key.
    Setting,
    /// What a firmware slot holds, under its name.
    Firmware,
}

impl fmt::Display for ItemKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ItemKind::File => "file",
            ItemKind::Folder => "folder",
            ItemKind::App => "app",
            ItemKind::AppData => "app-data",
            ItemKind::Setting => "setting",
            ItemKind::Firmware => "firmware",
        })
    }
}

/// One thing that was kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// What kind of thing.
    pub kind: ItemKind,
    /// Its path or key on the unit; never a name at the station.
    pub path: String,
    /// Its length in bytes.
    pub bytes: u64,
    /// SHA-256 of its bytes: the object that holds them.
    #[serde(with = "sha256_hex")]
    pub sha256: Digest,
    /// The folder on the unit with which it was taken, whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tree: Option<String>,
    /// Its permission bits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<u32>,
    /// When it was modified, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modified: Option<i64>,
}

impl Item {
    /// Something that is known by its bytes alone.
    #[must_use]
    pub fn new(kind: ItemKind, path: &str, bytes: u64, sha256: Digest) -> Item {
        Item { kind, path: path.to_owned(), bytes, sha256, tree: None, mode: None, modified: None }
    }
}

/// One thing that could not be taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Omission {
    /// What kind of thing.
    pub kind: ItemKind,
    /// Its path or key on the unit.
    pub path: String,
    /// Why not.
    pub why: String,
}

/// A firmware image that the unit reported when the backup was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Firmware {
    /// Its slot.
    pub slot: String,
    /// The version in its header.
    pub version: Option<String>,
    /// The hash by which the unit names it.
    pub hash: Option<String>,
    /// The flags it carried.
    pub state: Vec<String>,
}

/// A backup: of which unit, when, and what is in it. Text in it comes from units and profiles.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The unit's serial number.
    pub serial: Option<String>,
    /// What else tells the unit from its siblings.
    pub hwid: Option<String>,
    /// The unit's model.
    pub model: Option<String>,
    /// The unit's hardware revision.
    pub hardware: Option<String>,
    /// The driver that read it.
    pub driver: String,
    /// The mode the unit was in.
    pub mode: String,
    /// The images that the unit reported.
    pub firmware: Vec<Firmware>,
    /// A name that a person or a profile gave it.
    pub label: Option<String>,
    /// When it was taken.
    pub at: Timestamp,
    /// What is in it, in the order it was taken.
    pub items: Vec<Item>,
    /// What could not be taken.
    pub omitted: Vec<Omission>,
    /// Whether nothing was omitted.
    pub complete: bool,
}

/// A backup in the vault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backup {
    /// SHA-256 of its manifest: its name.
    pub id: Digest,
    /// What it is.
    pub manifest: Manifest,
}

impl Manifest {
    fn to_bytes(&self) -> Result<Vec<u8>> {
        let refused = || Error::new(Kind::Invalid, "this backup cannot be kept");
        let mut value = serde_json::to_value(self).map_err(|e| refused().because(e))?;
        value["format"] = FORMAT.into();
        canonical::to_bytes(&value).map_err(|e| refused().because(e))
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> std::result::Result<Manifest, String> {
        let value: serde_json::Value = serde_json::from_slice(bytes).map_err(|e| e.to_string())?;
        match value.get("format").and_then(serde_json::Value::as_u64) {
            Some(FORMAT) => serde_json::from_value(value).map_err(|e| e.to_string()),
            Some(newer) => Err(format!("its format is {newer}, this Hardwire reads {FORMAT}")),
            None => Err("it has no format".into()),
        }
    }
}

impl Vault {
    /// Keeps `manifest` as a backup, once all its objects are in the vault. It is durable when this returns.
    ///
    /// # Errors
    /// `invalid`: an item's object is not in the vault or has another length, or the manifest calls itself complete and
    /// is not. `storage`: the vault cannot be written; the objects stay.
    pub fn keep(&self, manifest: &Manifest) -> Result<Backup> {
        if manifest.complete != manifest.omitted.is_empty() {
            return Err(Error::new(Kind::Invalid, "a backup is complete when nothing was omitted, and only then"));
        }
        for item in &manifest.items {
            let held = self.holds(&item.sha256)? && self.get(&item.sha256)?.len() == item.bytes;
            if !held {
                let named = item.path.escape_debug();
                return Err(Error::new(Kind::Invalid, format!("the bytes of {named} are not in the vault")));
            }
        }
        let bytes = manifest.to_bytes()?;
        let id = Digest::sha256(&bytes);
        let failed = |e| durable::storage(format!("the backup {id} cannot be kept in the vault"), e);
        durable::publish(&self.backups(), &format!("{id}.json"), &bytes).map_err(failed)?;
        // Whether it was there before or is new: what lies there now must be it.
        let back = fs::read(self.backups().join(format!("{id}.json"))).map_err(failed)?;
        if back != bytes {
            return Err(Error::new(Kind::Storage, format!("the vault gave back another manifest for the backup {id}"))
                .next("the station's disk or memory is failing: use another one"));
        }
        Ok(Backup { id, manifest: manifest.clone() })
    }

    /// The backups, oldest first. A damaged manifest is left out here and reported by [`Vault::verify`].
    ///
    /// # Errors
    /// `storage`: the vault cannot be read.
    pub fn list(&self) -> Result<Vec<Backup>> {
        let mut backups = Vec::new();
        for id in self.backup_ids()? {
            match self.read_backup(&id) {
                Ok(backup) => backups.push(backup),
                Err(error) if error.kind() == Kind::Mismatch => tracing::warn!(causes = ?error.causes(), "{error}"),
                Err(error) => return Err(error),
            }
        }
        backups.sort_by(|a, b| (a.manifest.at, a.id.as_bytes()).cmp(&(b.manifest.at, b.id.as_bytes())));
        Ok(backups)
    }

    /// The backup that `name` names: its id, or a prefix of it that no other has.
    ///
    /// # Errors
    /// `invalid`: none or more than one has this name. `mismatch`: its manifest is damaged. `storage`: the vault cannot
    /// be read.
    pub fn find(&self, name: &str) -> Result<Backup> {
        let unknown = |sentence| {
            Error::new(Kind::Invalid, sentence)
                .next("say `latest`, or the digest as `hardwire backup` printed it; `hardwire ledger show` of its record has it too")
        };
        let shown = name.escape_debug();
        let prefix = name.to_ascii_lowercase();
        if prefix.is_empty() || !prefix.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(unknown(format!("`{shown}` is no digest of a backup")));
        }
        let mut ids = self.backup_ids()?;
        ids.retain(|id| id.to_string().starts_with(&prefix));
        match &ids[..] {
            [id] => self.read_backup(id),
            [] => Err(unknown(format!("no backup begins with {shown}"))),
            _ => Err(unknown(format!("more than one backup begins with {shown}")).next("give more of its digest")),
        }
    }

    /// The ids that names in `backups/` spell; whatever else lies there is not ours.
    pub(super) fn backup_ids(&self) -> Result<Vec<Digest>> {
        let paths = names(&self.backups()).map_err(|e| durable::storage("the vault cannot be read", e))?;
        let id = |path: &std::path::PathBuf| {
            let stem = path.file_name().and_then(OsStr::to_str)?.strip_suffix(".json")?;
            Digest::from_hex(Algorithm::Sha256, stem)
        };
        Ok(paths.iter().filter_map(id).collect())
    }

    pub(super) fn read_backup(&self, id: &Digest) -> Result<Backup> {
        let damaged = |why: String| {
            Error::new(Kind::Mismatch, format!("the backup {id} is damaged"))
                .because(why)
                .next("put the vault back from a copy, or use another backup")
        };
        let bytes = match fs::read(self.backups().join(format!("{id}.json"))) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(damaged("its manifest is gone".into()));
            }
            read => read.map_err(|e| durable::storage(format!("the backup {id} cannot be read"), e))?,
        };
        if Digest::sha256(&bytes) != *id {
            return Err(damaged("its manifest is not the one that was kept".into()));
        }
        let manifest = Manifest::from_bytes(&bytes).map_err(damaged)?;
        Ok(Backup { id: id.clone(), manifest })
    }
}
