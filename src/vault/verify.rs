//! Whether the vault still holds what it was given.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;

use super::Vault;
use super::incoming::hash;
use crate::digest::{Algorithm, Digest};
use crate::durable;
use crate::error::Result;

/// One thing that is not as it was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Damage {
    /// An object's bytes are not those that were kept; the backups that need it.
    Object {
        /// Its name.
        sha256: Digest,
        /// The backups that need it.
        backups: Vec<Digest>,
    },
    /// A backup names an object that is not there, or has another length.
    Missing {
        /// The object's name.
        sha256: Digest,
        /// The backup.
        backup: Digest,
        /// The item's path or key on the unit.
        path: String,
    },
    /// A manifest is damaged, and why.
    Backup {
        /// Its name.
        id: Digest,
        /// What is wrong with it.
        why: String,
    },
    /// Something lies among the objects that is none, or an object cannot be read.
    Stray {
        /// Where, and what is wrong with it.
        what: String,
    },
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Damage::Object { sha256, backups } => {
                write!(f, "the bytes of the object {sha256} are not those that were kept")?;
                for (index, backup) in backups.iter().enumerate() {
                    write!(f, "{} {backup}", if index == 0 { "; it is part of the backup" } else { "," })?;
                }
                Ok(())
            }
            Damage::Missing { sha256, backup, path } => {
                let path = path.escape_debug();
                write!(f, "the object {sha256} with {path} of the backup {backup} is missing or has another length")
            }
            Damage::Backup { id, why } => write!(f, "the backup {id} is damaged: {why}"),
            Damage::Stray { what } => f.write_str(what),
        }
    }
}

/// What a verification found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verification {
    /// The objects that were read.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The backups that were read.
    pub backups: u64,
    /// What is not as it was kept.
    pub damage: Vec<Damage>,
}

impl Verification {
    /// Whether nothing is damaged or missing.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.damage.is_empty()
    }
}

impl Vault {
    /// Reads every object and every manifest again, and looks for each object that a manifest names.
    ///
    /// # Errors
    /// `storage`: the vault's folders cannot be read. A file in them that cannot be read is damage, not an error.
    pub fn verify(&self) -> Result<Verification> {
        let mut found = Verification::default();
        // Manifests first: a backup that is kept meanwhile is not looked at, its objects are.
        let mut needed: BTreeMap<String, Vec<(Digest, String, u64)>> = BTreeMap::new();
        for id in self.backup_ids()? {
            found.backups += 1;
            match self.read_backup(&id) {
                Ok(backup) => {
                    for item in backup.manifest.items {
                        needed.entry(item.sha256.to_string()).or_default().push((id.clone(), item.path, item.bytes));
                    }
                }
                Err(error) => {
                    let why = error.causes().into_iter().next().unwrap_or_else(|| error.to_string());
                    found.damage.push(Damage::Backup { id, why });
                }
            }
        }
        for (named, path) in self.walk().map_err(|e| durable::storage("the vault cannot be read", e))? {
            let shown = path.strip_prefix(&self.root).unwrap_or(&path).display().to_string();
            let Some(sha256) = named else {
                found.damage.push(Damage::Stray { what: format!("{shown} is no object") });
                continue;
            };
            found.objects += 1;
            let users = needed.remove(&sha256.to_string()).unwrap_or_default();
            match File::open(&path).and_then(|mut file| hash(&mut file)) {
                Err(error) => found.damage.push(Damage::Stray { what: format!("{shown} cannot be read: {error}") }),
                Ok(stored) => {
                    found.bytes += stored.bytes;
                    if stored.sha256 != sha256 {
                        let backups = users.iter().map(|(backup, ..)| backup.clone()).collect();
                        found.damage.push(Damage::Object { sha256, backups });
                        continue;
                    }
                    let wrong = users.into_iter().filter(|(_, _, bytes)| *bytes != stored.bytes);
                    found.damage.extend(wrong.map(|(backup, path, _)| Damage::Missing {
                        sha256: sha256.clone(),
                        backup,
                        path,
                    }));
                }
            }
        }
        for (hex, users) in needed {
            let Some(sha256) = Digest::from_hex(Algorithm::Sha256, &hex) else { continue };
            found.damage.extend(users.into_iter().map(|(backup, path, _)| Damage::Missing {
                sha256: sha256.clone(),
                backup,
                path,
            }));
        }
        Ok(found)
    }
}
