//! What a driver learned of a unit when it opened it.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Access, Capability, Level, Mode, Offer, SlotState, UnitText};

/// A unit as it shows itself in one mode. What a mode cannot show is `None`: unknown, not false.
#[derive(Debug, Clone, Serialize)]
pub struct Unit {
    /// The driver that speaks to it.
    pub driver: &'static str,
    /// What it is at this moment.
    pub mode: Mode,
    /// Its serial number.
    pub serial: Option<UnitText>,
    /// What else tells it from its siblings (a chip's unique id), lower-case hex.
    pub hwid: Option<String>,
    /// Its model or board name.
    pub model: Option<UnitText>,
    /// Its hardware revision.
    pub hardware: Option<UnitText>,
    /// Whether its bootloader is locked, where it says: a locked one lets nothing be written.
    pub locked: Option<bool>,
    /// The images it holds, where it says.
    pub firmware: Vec<SlotState>,
    /// What it can do in this mode, as asked, not as assumed.
    pub offers: Vec<Offer>,
    /// What it showed that it can do in modes that it is not in; what is missing here is for the driver's word.
    #[serde(skip)]
    pub ahead: BTreeMap<Mode, Vec<Offer>>,
    /// Limits it announced, by name (`buf_size`, `buf_count`: bytes, requests).
    pub limits: BTreeMap<&'static str, u64>,
}

impl Unit {
    /// Whether it offers `capability` in this mode.
    #[must_use]
    pub fn can(&self, capability: Capability) -> bool {
        self.offers.iter().any(|offer| offer.capability == capability)
    }

    /// Whether it can be written with `capability` in this mode, and not only be looked at.
    #[must_use]
    pub fn writes(&self, capability: Capability) -> bool {
        self.offers.iter().any(|offer| offer.capability == capability && offer.access == Access::Write)
    }

    /// The levels at which it can prove what it does with `capability` in this mode.
    #[must_use]
    pub fn levels(&self, capability: Capability) -> &[Level] {
        self.offers.iter().find(|offer| offer.capability == capability).map_or(&[], |offer| &offer.levels)
    }
}
