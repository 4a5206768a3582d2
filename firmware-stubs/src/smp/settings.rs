//! Settings: values in memory, and entries in flash that are written by a save and read at boot.

use super::body::{Body, Out};
use super::device::Device;
use super::fail::{Fail, rc};
use super::flash;
use crate::Error;
use protocols::smp::Group;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const KEY_TOO_LONG: u8 = 2;
const KEY_NOT_FOUND: u8 = 3;
const ROOT_KEY_NOT_FOUND: u8 = 5;
const UNKNOWN: u8 = 1;

/// Zephyr's default of `MCUMGR_GRP_SETTINGS_NAME_LEN`, the final zero included.
const NAME_LEN: usize = 32;
/// Longest value that settings storage takes (Zephyr's `SETTINGS_MAX_VAL_LEN`), and that reading gives.
const VALUE_LEN: usize = 256;

pub(super) type Values = BTreeMap<String, Vec<u8>>;

/// The entries in flash. Each is replaced whole or not at all.
pub(super) struct Entries {
    path: PathBuf,
    stored: Values,
}

impl Entries {
    pub(super) fn open(folder: &Path) -> Result<Self, Error> {
        let path = folder.join("settings.json");
        let foreign = |why: String| Error::foreign(&path)(why);
        let mut stored = Values::new();
        if let Some(bytes) = flash::read(&path)? {
            let entries: BTreeMap<String, String> =
                serde_json::from_slice(&bytes).map_err(|error| foreign(error.to_string()))?;
            for (name, value) in entries {
                let value = hex::decode(value).map_err(|error| foreign(format!("{name}: {error}")))?;
                stored.insert(name, value);
            }
        }
        Ok(Self { path, stored })
    }

    pub(super) const fn stored(&self) -> &Values {
        &self.stored
    }

    pub(super) fn clear(&mut self) -> Result<(), Error> {
        self.stored.clear();
        self.write()
    }

    fn put(&mut self, name: &str, value: Option<&[u8]>) -> Result<(), Error> {
        match value {
            Some(value) => drop(self.stored.insert(name.to_owned(), value.to_vec())),
            None => drop(self.stored.remove(name)),
        }
        self.write()
    }

    fn write(&self) -> Result<(), Error> {
        let entries: BTreeMap<&str, String> =
            self.stored.iter().map(|(name, value)| (name.as_str(), hex::encode(value))).collect();
        let bytes = serde_json::to_vec_pretty(&entries).map_err(|error| Error::state(&self.path)(error.into()))?;
        flash::replace(&self.path, &bytes)
    }
}

fn fail(code: u8) -> Fail {
    Fail::Group(Group::SETTINGS, code)
}

/// The key that a request names. Every root has a handler here.
fn key<'a>(body: &Body<'a>) -> Result<&'a str, Fail> {
    let name = body.text("name")?.unwrap_or_default();
    if name.is_empty() {
        return Err(Fail::Rc(rc::EINVAL));
    }
    if name.len() >= NAME_LEN {
        return Err(fail(KEY_TOO_LONG));
    }
    if name.split('/').any(str::is_empty) {
        return Err(fail(ROOT_KEY_NOT_FOUND));
    }
    Ok(name)
}

impl Device {
    pub(super) fn settings_read(&mut self, body: &Body<'_>) -> Result<Out, Fail> {
        let name = key(body)?;
        let asked = body.uint("max_size")?.map_or(VALUE_LEN, |size| usize::try_from(size).unwrap_or(usize::MAX));
        let value = self.ram.settings.get(name).ok_or_else(|| fail(KEY_NOT_FOUND))?;
        let mut out = Out::new();
        out.byte_string("val", &value[..value.len().min(asked)]);
        if asked > VALUE_LEN {
            out.uint("max_size", VALUE_LEN as u64);
        }
        Ok(out)
    }

    pub(super) fn settings_write(&mut self, body: &Body<'_>) -> Result<Out, Fail> {
        let name = key(body)?;
        let value = body.bytes("val")?.unwrap_or_default();
        if value.len() > VALUE_LEN {
            return Err(fail(UNKNOWN));
        }
        self.ram.settings.insert(name.to_owned(), value.to_vec());
        Ok(Out::new())
    }

    /// As in Zephyr, deleting removes the entry from flash; the value in memory lasts until the next boot.
    pub(super) fn settings_delete(&mut self, body: &Body<'_>) -> Result<Out, Fail> {
        let name = key(body)?;
        if self.entries.stored.contains_key(name) {
            self.entries.put(name, None)?;
        }
        Ok(Out::new())
    }

    pub(super) fn settings_load(&mut self) -> Out {
        self.ram.settings.extend(self.entries.stored.clone());
        Out::new()
    }

    /// Store what differs from flash: everything, or what lies at or under `name`.
    pub(super) fn settings_save(&mut self, body: &Body<'_>) -> Result<Out, Fail> {
        let only = body.text("name")?;
        let wanted = |name: &str| match only {
            None => true,
            Some(only) => name.strip_prefix(only).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')),
        };
        let changed: Vec<(String, Vec<u8>)> = self
            .ram
            .settings
            .iter()
            .filter(|(name, value)| wanted(name) && self.entries.stored.get(*name) != Some(value))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        for (name, value) in changed {
            let entries = &mut self.entries;
            self.flash.store_whole(value.len(), || entries.put(&name, Some(&value)))?;
        }
        Ok(Out::new())
    }

    /// Zephyr's basic group: erase the storage partition, which holds the settings.
    pub(super) fn storage_erase(&mut self) -> Result<Out, Fail> {
        self.entries.clear()?;
        Ok(Out::new())
    }
}
