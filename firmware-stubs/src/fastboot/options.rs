//! What a unit is told to be.

use super::{Fault, Kind};
use protocols::usb::UsbId;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

/// What a unit is, what it holds and what it does wrong.
#[derive(Clone, Debug)]
pub struct Options {
    /// Folder that holds everything the unit does not forget. Made when it is not there.
    pub state: PathBuf,
    /// Serial number, the same in all modes.
    pub serial: String,
    /// `product`: the name by which factory archives know it.
    pub product: String,
    /// `hw-revision`.
    pub hardware: String,
    /// `version-bootloader`.
    pub bootloader: String,
    /// `version-baseband`.
    pub baseband: String,
    /// Vendor and product number on USB.
    pub usb_id: UsbId,
    /// What is in it when it is new. A slotted one is made twice, as `NAME_a` and `NAME_b`.
    pub partitions: Vec<PartitionSpec>,
    /// `max-download-size` of the bootloader.
    pub max_download: u32,
    /// `max-download-size` of fastbootd.
    pub max_download_userspace: u32,
    /// Whether a new unit's bootloader takes images.
    pub unlocked: bool,
    /// `battery-voltage` in millivolts.
    pub battery: u32,
    /// The index below which no vbmeta image starts.
    pub rollback_index: u64,
    /// Which partitions can be read in fastbootd.
    pub fetch: Fetch,
    /// What the unit says whenever it writes, erases or carries out an `oem` command, line by line.
    pub says: Vec<String>,
    /// How often it says that.
    pub chatter: u32,
    /// How long the unit writes at a mebibyte, with a line each second.
    pub write_time: Duration,
    /// How long it is away when it changes its mode.
    pub boot_time: Duration,
    /// What goes wrong.
    pub faults: Vec<Fault>,
}

/// A partition of a new unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionSpec {
    /// Its name, without a slot.
    pub name: String,
    /// Bytes that it holds.
    pub size: u64,
    /// Whether it lies in the table or in `super`.
    pub kind: Kind,
    /// Whether there is one for each slot.
    pub slotted: bool,
    /// What it holds at its start; zeros follow.
    pub content: Vec<u8>,
}

impl PartitionSpec {
    /// A physical partition, one for each slot, which holds nothing.
    #[must_use]
    pub fn slotted(name: &str, size: u64) -> Self {
        Self { name: name.to_owned(), size, kind: Kind::Physical, slotted: true, content: Vec::new() }
    }

    /// A physical partition that there is once.
    #[must_use]
    pub fn single(name: &str, size: u64) -> Self {
        Self { slotted: false, ..Self::slotted(name, size) }
    }

    /// A logical partition, one for each slot.
    #[must_use]
    pub fn logical(name: &str, size: u64) -> Self {
        Self { kind: Kind::Logical, ..Self::slotted(name, size) }
    }

    /// The same, holding this at its start.
    #[must_use]
    pub fn holding(self, content: Vec<u8>) -> Self {
        Self { content, ..self }
    }

    /// The names under which it is found.
    pub(super) fn names(&self) -> Vec<String> {
        match self.slotted {
            true => vec![format!("{}_a", self.name), format!("{}_b", self.name)],
            false => vec![self.name.clone()],
        }
    }
}

/// Which partitions can be read (`fetch`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fetch {
    /// None.
    None,
    /// `vendor_boot` only, as AOSP has it.
    #[default]
    VendorBoot,
    /// All.
    All,
}

/// Most bytes of a partition: a stand-in keeps it in a file.
const MAX_SIZE: u64 = 16 << 30;
const MIB: u64 = 1 << 20;

impl Options {
    /// A healthy, unlocked unit with two slots and its state in `state`, which waits for nothing.
    #[must_use]
    pub fn new(state: PathBuf) -> Self {
        Self {
            state,
            serial: "FB-0001".to_owned(),
            product: "kiosk".to_owned(),
            hardware: "EVT1.0".to_owned(),
            bootloader: "kiosk-1.2-0421".to_owned(),
            baseband: "none".to_owned(),
            usb_id: UsbId::new(0x18d1, 0x4ee0),
            partitions: vec![
                PartitionSpec::slotted("boot", 8 * MIB),
                PartitionSpec::slotted("vendor_boot", 4 * MIB),
                PartitionSpec::slotted("dtbo", MIB),
                PartitionSpec::slotted("vbmeta", 64 << 10),
                PartitionSpec::single("misc", 256 << 10),
                PartitionSpec::single("super", 256 * MIB),
                PartitionSpec::single("userdata", 64 * MIB),
                PartitionSpec::single("metadata", MIB),
                PartitionSpec::logical("system", 64 * MIB),
                PartitionSpec::logical("vendor", 16 * MIB),
            ],
            max_download: 16 << 20,
            max_download_userspace: 8 << 20,
            unlocked: true,
            battery: 4120,
            rollback_index: 3,
            fetch: Fetch::VendorBoot,
            says: Vec::new(),
            chatter: 1,
            write_time: Duration::ZERO,
            boot_time: Duration::from_millis(100),
            faults: Vec::new(),
        }
    }

    pub(super) fn has(&self, fault: Fault) -> bool {
        self.faults.contains(&fault)
    }

    /// What makes these options impossible, if anything.
    ///
    /// # Errors
    /// A sentence that names the option.
    pub fn check(&self) -> Result<(), String> {
        let mut seen = BTreeSet::new();
        for spec in &self.partitions {
            let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
            if spec.name.is_empty() || !spec.name.chars().all(is_plain) {
                return Err(format!("{:?} is no name of a partition", spec.name));
            }
            if spec.size == 0 || spec.size > MAX_SIZE || spec.content.len() as u64 > spec.size {
                return Err(format!("partition {} of {} bytes: 1 to {MAX_SIZE}", spec.name, spec.size));
            }
            if let Some(twice) = spec.names().into_iter().find(|name| !seen.insert(name.clone())) {
                return Err(format!("there are two partitions {twice}"));
            }
        }
        if self.max_download < 64 << 10 || self.max_download_userspace < 64 << 10 {
            return Err("a download of less than 65536 bytes carries no image".to_owned());
        }
        Ok(())
    }
}
