//! Partitions as slots: what the unit lists, and which of them a name means.

use std::collections::{BTreeMap, BTreeSet};

use protocols::fastboot::message::{Variables, partition_size, yes_no};

use super::super::partition::candidates;
use crate::device::SlotState;
use crate::error::{Error, Kind, Result};

/// The most characters of a partition's name (GPT has 36).
const MAX_NAME: usize = 64;
/// Partitions that are kept at most; a phone has some hundred.
const MAX_PARTITIONS: usize = 1024;

/// What a unit says of its partitions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Partitions {
    /// By name; the size where the unit says.
    known: BTreeMap<String, Option<u64>>,
    /// Names that there are once a slot.
    slotted: BTreeSet<String>,
    /// Those within `super`, which can be given another size.
    logical: BTreeSet<String>,
    current: Option<String>,
}

impl Partitions {
    pub(super) fn of(variables: &Variables) -> Partitions {
        let mut known = BTreeMap::new();
        for name in ["partition-size", "partition-type", "is-logical"] {
            for (partition, value) in variables.each(name) {
                if !is_name(partition) || known.len() >= MAX_PARTITIONS {
                    continue;
                }
                let size = known.entry(partition.to_owned()).or_default();
                if name == "partition-size" {
                    *size = partition_size(value);
                }
            }
        }
        let current = variables.get("current-slot").map(|slot| slot.trim_start_matches('_').to_ascii_lowercase());
        let current = current.filter(|slot| slot.len() == 1 && slot.bytes().all(|byte| byte.is_ascii_lowercase()));
        let listed = variables.each("has-slot").filter(|(_, value)| yes_no(value) == Some(true));
        let mut slotted: BTreeSet<String> =
            listed.map(|(name, _)| name.to_owned()).filter(|name| is_name(name)).collect();
        // Not every bootloader lists which are there for each slot.
        if let Some(suffix) = current.as_ref().map(|slot| format!("_{slot}")) {
            let bases = known.keys().filter_map(|name| name.strip_suffix(&suffix));
            slotted.extend(bases.filter(|base| !known.contains_key(*base)).map(str::to_owned));
        }
        let logical = variables.each("is-logical").filter(|(_, value)| yes_no(value) == Some(true));
        let logical = logical.map(|(name, _)| name.to_owned()).filter(|name| known.contains_key(name)).collect();
        Partitions { known, slotted, logical, current }
    }

    /// The partition that `slot` means: itself, or the one of the current slot.
    pub(super) fn resolve(&self, slot: &str) -> Result<String> {
        if let Some((_, name)) = slot.split_once('/').filter(|(_, name)| is_name(name)) {
            return self.resolve_in_slot(slot, name);
        }
        if !is_name(slot) {
            let sentence = format!("`{}` is no name of a partition", slot.escape_debug());
            return Err(Error::new(Kind::Invalid, sentence).next("`hardwire info` lists them"));
        }
        let of_slot = self.current.as_ref().filter(|_| self.slotted.contains(slot));
        let name = of_slot.map_or_else(|| slot.to_owned(), |current| format!("{slot}_{current}"));
        // A bootloader that lists none may have any.
        if self.known.is_empty() || self.known.contains_key(&name) {
            return Ok(name);
        }
        Err(Error::new(Kind::Unsupported, format!("in this mode the unit has no partition {name}"))
            .next("`hardwire info` lists them; logical ones (system, vendor) show in mode fastbootd"))
    }

    fn resolve_in_slot(&self, slot: &str, name: &str) -> Result<String> {
        let candidates = candidates(slot, self.current.as_deref());
        let found = candidates.iter().find(|name| self.known.is_empty() || self.known.contains_key(*name));
        found.cloned().ok_or_else(|| {
            let sentence = format!("in this mode the unit has no partition {name} in the slot of {slot}");
            Error::new(Kind::Unsupported, sentence).next("`hardwire info` lists them; only some units have two slots")
        })
    }

    /// The slot that runs, or is started next.
    pub(super) fn current(&self) -> Option<&str> {
        self.current.as_deref()
    }

    /// Another slot is started next: a partition without a slot is the one of that.
    pub(super) fn select(&mut self, slot: &str) {
        self.current = Some(slot.to_owned());
    }

    /// The smallest partition of another name than this one, of those that hold a sector.
    pub(super) fn others_than(&self, name: &str) -> Option<String> {
        let sized = self.known.iter().filter_map(|(known, size)| Some((size.filter(|size| *size >= 512)?, known)));
        sized.filter(|(_, known)| !known.starts_with(name)).min().map(|(_, known)| known.clone())
    }

    /// Bytes that a partition holds, where the unit says.
    pub(super) fn room(&self, slot: &str) -> Option<u64> {
        *self.known.get(&self.resolve(slot).ok()?)?
    }

    /// Whether the partition that `slot` means can be given another size.
    pub(super) fn is_logical(&self, slot: &str) -> bool {
        self.resolve(slot).is_ok_and(|name| self.logical.contains(&name))
    }

    /// A partition was given another size.
    pub(super) fn resized(&mut self, partition: &str, size: u64) {
        self.known.insert(partition.to_owned(), Some(size));
    }

    /// All names that can be written, those that mean a partition of the current slot first.
    pub(super) fn names(&self) -> Vec<String> {
        let of_slot = self.slotted.iter().filter(|name| self.resolve(name).is_ok() && !self.known.contains_key(*name));
        of_slot.chain(self.known.keys()).cloned().collect()
    }

    /// As they are listed; those of the current slot are active.
    pub(super) fn states(&self) -> Vec<SlotState> {
        let suffix = self.current.as_ref().map(|slot| format!("_{slot}"));
        let is_active = |name: &str| {
            let base = suffix.as_ref().and_then(|suffix| name.strip_suffix(suffix.as_str()));
            base.is_some_and(|base| self.slotted.contains(base))
        };
        let state = |name: &String| SlotState {
            slot: name.clone(),
            version: None,
            hash: None,
            state: if is_active(name) { vec!["active"] } else { Vec::new() },
        };
        self.known.keys().map(state).collect()
    }
}

fn is_name(name: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    !name.is_empty() && name.len() <= MAX_NAME && name.chars().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(lines: &[&str]) -> Partitions {
        Partitions::of(&lines.iter().copied().collect())
    }

    #[test]
    fn a_name_means_itself_or_the_one_of_the_current_slot() {
        let phone = of(&[
            "current-slot:b",
            "has-slot:boot:yes",
            "has-slot:userdata:no",
            "partition-size:boot_a: 0x800000",
            "partition-size:boot_b: 0x800000",
            "partition-size:dtbo_a:0x1000",
            "partition-size:dtbo_b:0x1000",
            "partition-size:userdata:0x10000000",
            "partition-size:\u{1b}[2J:0x10",
        ]);
        assert_eq!(phone.resolve("boot").unwrap(), "boot_b");
        assert_eq!(phone.resolve("boot_a").unwrap(), "boot_a");
        assert_eq!(phone.resolve("dtbo").unwrap(), "dtbo_b", "also where has-slot is not listed");
        assert_eq!(phone.resolve("userdata").unwrap(), "userdata");
        assert_eq!(phone.room("boot"), Some(0x80_0000));
        assert_eq!(phone.resolve("system").unwrap_err().kind(), Kind::Unsupported);
        assert_eq!(phone.resolve("../lock").unwrap_err().kind(), Kind::Unsupported);
        assert_eq!(phone.resolve("a/../lock").unwrap_err().kind(), Kind::Invalid);
        assert_eq!(phone.resolve("a/boot").unwrap(), "boot_a");
        assert_eq!(phone.resolve("a/userdata").unwrap(), "userdata", "there is one");
        assert_eq!(phone.resolve("other/dtbo").unwrap(), "dtbo_a");
        assert_eq!(phone.resolve("other/userdata").unwrap_err().kind(), Kind::Unsupported);
        assert_eq!(phone.names(), ["boot", "dtbo", "boot_a", "boot_b", "dtbo_a", "dtbo_b", "userdata"]);
        let active: Vec<_> = phone.states().into_iter().filter(|state| state.is("active")).map(|it| it.slot).collect();
        assert_eq!(active, ["boot_b", "dtbo_b"]);
    }

    #[test]
    fn a_bootloader_that_lists_nothing_may_have_any() {
        let old = of(&["version:0.5"]);
        assert_eq!(old.resolve("boot").unwrap(), "boot");
        assert_eq!((old.room("boot"), old.names().len()), (None, 0));
        let single = of(&["partition-size:boot:2000000", "current-slot:"]);
        assert_eq!(single.room("boot"), Some(0x200_0000), "hex without a mark");
    }
}
