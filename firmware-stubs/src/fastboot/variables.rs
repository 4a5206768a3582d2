//! What the unit says of itself.

use super::engine::Mode;
use super::store::Kind;
use super::{Fault, Fetch, Options, Slot, Store};

/// Most bytes that one `fetch` gives.
pub(super) const MAX_FETCH: u32 = 1 << 20;

/// A unit that is asked.
pub(super) struct About<'a> {
    pub(super) options: &'a Options,
    pub(super) store: &'a Store,
    pub(super) mode: Mode,
}

const fn yes(is: bool) -> &'static str {
    if is { "yes" } else { "no" }
}

impl About<'_> {
    /// What a variable holds; `None` when there is no such variable.
    pub(super) fn get(&self, name: &str) -> Option<String> {
        let userspace = self.mode == Mode::Fastbootd;
        let Options { product, hardware, bootloader, baseband, .. } = self.options;
        Some(match name {
            "version" => "0.4".to_owned(),
            "version-bootloader" => bootloader.clone(),
            "version-baseband" => baseband.clone(),
            "product" => product.clone(),
            "hw-revision" => hardware.clone(),
            "variant" => "kiosk eMMC".to_owned(),
            "serialno" => self.serial(),
            "secure" => yes(!self.store.is_unlocked()).to_owned(),
            "unlocked" => yes(self.store.is_unlocked()).to_owned(),
            "max-download-size" => format!("{:#x}", self.max_download()),
            "max-fetch-size" if userspace && self.options.fetch != Fetch::None => format!("{MAX_FETCH:#x}"),
            "battery-voltage" => self.options.battery.to_string(),
            "battery-soc-ok" => yes(self.options.battery >= 3500).to_owned(),
            "is-userspace" => yes(userspace).to_owned(),
            "super-partition-name" if userspace => "super".to_owned(),
            "rollback-index:0" => self.store.rollback_index().to_string(),
            "current-slot" if self.store.has_slots() => self.store.current_slot().to_string(),
            "slot-count" => if self.store.has_slots() { "2" } else { "0" }.to_owned(),
            other => return self.with_argument(other),
        })
    }

    fn with_argument(&self, name: &str) -> Option<String> {
        let (name, argument) = name.split_once(':')?;
        let slot = || Slot::parse(argument).filter(|_| self.store.has_slots()).map(|slot| self.store.slot(slot));
        let partition = || self.store.partition(argument).filter(|it| self.shows(it.kind()));
        Some(match name {
            "slot-successful" => yes(slot()?.successful).to_owned(),
            "slot-unbootable" => yes(slot()?.unbootable).to_owned(),
            "slot-retry-count" => slot()?.retry_count.to_string(),
            "has-slot" => {
                let slotted = self.store.partition(&format!("{argument}_a")).is_some_and(|it| self.shows(it.kind()));
                if !slotted {
                    partition()?;
                }
                yes(slotted).to_owned()
            }
            "partition-size" => format!("{:#x}", partition()?.size()),
            "partition-type" => {
                partition()?;
                if argument == "userdata" { "f2fs" } else { "raw" }.to_owned()
            }
            "is-logical" if self.mode == Mode::Fastbootd => yes(partition()?.kind() == Kind::Logical).to_owned(),
            _ => return None,
        })
    }

    /// All of them, in lines of name and value.
    pub(super) fn all(&self) -> Vec<String> {
        const PLAIN: [&str; 18] = [
            "version",
            "product",
            "serialno",
            "secure",
            "unlocked",
            "variant",
            "hw-revision",
            "version-bootloader",
            "version-baseband",
            "max-download-size",
            "max-fetch-size",
            "battery-voltage",
            "battery-soc-ok",
            "is-userspace",
            "super-partition-name",
            "rollback-index:0",
            "current-slot",
            "slot-count",
        ];
        let mut names: Vec<String> = PLAIN.map(str::to_owned).into();
        for slot in Slot::ALL {
            for name in ["slot-successful", "slot-unbootable", "slot-retry-count"] {
                names.push(format!("{name}:{slot}"));
            }
        }
        let mut bases: Vec<String> = Vec::new();
        for partition in self.store.names() {
            let base = partition.strip_suffix("_a").or_else(|| partition.strip_suffix("_b")).unwrap_or(&partition);
            if !bases.iter().any(|known| known == base) {
                bases.push(base.to_owned());
                names.push(format!("has-slot:{base}"));
            }
            names.extend(["partition-type", "partition-size", "is-logical"].map(|name| format!("{name}:{partition}")));
        }
        names.iter().filter_map(|name| Some(format!("{name}:{}", self.get(name)?))).collect()
    }

    pub(super) fn max_download(&self) -> u32 {
        match self.mode {
            Mode::Bootloader => self.options.max_download,
            Mode::Fastbootd => self.options.max_download_userspace,
        }
    }

    /// Whether partitions of this kind are known in this mode.
    pub(super) fn shows(&self, kind: Kind) -> bool {
        kind == Kind::Physical || self.mode == Mode::Fastbootd
    }

    pub(super) fn serial(&self) -> String {
        if self.options.has(Fault::NoSerial) {
            return String::new();
        }
        let other = self.mode == Mode::Fastbootd && self.options.has(Fault::OtherSerial);
        if other { format!("X{}", self.options.serial) } else { self.options.serial.clone() }
    }
}
