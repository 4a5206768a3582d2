//! The station's vault and secret, as a step sees them.

use std::collections::BTreeSet;

use crate::clock::Clock;
use crate::device::{Unit, UnitText};
use crate::digest::{Algorithm, Digest};
use crate::error::{Error, Kind, Result};
use crate::home::Home;
use crate::ledger::Ledger;
use crate::steps::evidence::Omitted;
use crate::steps::{self, Keep, Kept};
use crate::vault::{Firmware, Incoming, Item, ItemKind, Manifest, Omission, Vault};

pub(super) struct Station<'a> {
    pub(super) home: &'a Home,
    pub(super) vault: &'a Vault,
    pub(super) ledger: &'a Ledger,
    pub(super) clock: &'a dyn Clock,
    /// The serial number by which the run knows the unit; not all come from the driver.
    pub(super) serial: Option<UnitText>,
}

impl steps::Incoming for Incoming {
    fn finish(self: Box<Self>) -> Result<String> {
        Ok(Incoming::finish(*self)?.sha256.to_string())
    }
}

impl Keep for Station<'_> {
    fn keyed(&self, bytes: &[u8]) -> Digest {
        self.home.keyed(bytes)
    }

    fn secrets(&self) -> Result<BTreeSet<String>> {
        match &self.serial {
            Some(serial) => self.ledger.secrets(serial.untrusted()),
            None => Ok(BTreeSet::new()),
        }
    }

    fn put(&self, bytes: &[u8]) -> Result<String> {
        Ok(self.vault.put(&mut &*bytes)?.sha256.to_string())
    }

    fn incoming(&self) -> Result<Box<dyn steps::Incoming>> {
        Ok(Box::new(self.vault.incoming()?))
    }

    fn backup(&self, unit: &Unit, label: Option<&str>, items: &[Kept], omitted: &[Omitted]) -> Result<String> {
        let text = |text: &Option<UnitText>| text.as_ref().map(|text| text.untrusted().to_owned());
        let manifest = Manifest {
            serial: text(&self.serial),
            hwid: unit.hwid.clone(),
            model: text(&unit.model),
            hardware: text(&unit.hardware),
            driver: unit.driver.to_owned(),
            mode: unit.mode.to_string(),
            firmware: unit
                .firmware
                .iter()
                .map(|slot| Firmware {
                    slot: slot.slot.clone(),
                    version: text(&slot.version),
                    hash: slot.hash.clone(),
                    state: slot.state.iter().map(|flag| (*flag).to_owned()).collect(),
                })
                .collect(),
            label: label.map(str::to_owned),
            at: self.clock.wall(),
            items: items.iter().map(item).collect::<Result<_>>()?,
            omitted: omitted.iter().map(omission).collect::<Result<_>>()?,
            complete: omitted.is_empty(),
        };
        Ok(self.vault.keep(&manifest)?.id.to_string())
    }
}

fn item(kept: &Kept) -> Result<Item> {
    let sha256 = Digest::from_hex(Algorithm::Sha256, &kept.sha256)
        .ok_or_else(|| Error::new(Kind::Storage, "the vault named an object by no SHA-256"))?;
    Ok(Item {
        tree: kept.tree.clone(),
        mode: kept.marks.mode,
        modified: kept.marks.modified,
        ..Item::new(kind(kept.kind)?, &kept.path, kept.bytes, sha256)
    })
}

fn omission(omitted: &Omitted) -> Result<Omission> {
    Ok(Omission { kind: kind(&omitted.kind)?, path: omitted.path.clone(), why: omitted.why.clone() })
}

fn kind(name: &str) -> Result<ItemKind> {
    match name {
        "file" => Ok(ItemKind::File),
        "folder" => Ok(ItemKind::Folder),
        "app" => Ok(ItemKind::App),
        "app-data" => Ok(ItemKind::AppData),
        "setting" => Ok(ItemKind::Setting),
        "firmware" => Ok(ItemKind::Firmware),
        other => Err(Error::new(Kind::Invalid, format!("a backup cannot hold a {other}"))),
    }
}
