//! What a DFU unit is told to be.

use super::{Fault, Firmware};
use protocols::dfu::wire::{Layout, PollTimeout};
use protocols::usb::{Bcd, UsbId};
use std::path::PathBuf;
use std::time::Duration;

/// What a unit is, how it takes firmware and what it does wrong.
#[derive(Clone, Debug)]
pub struct Options {
    /// Folder that holds everything the unit does not forget. Made when it is not there.
    pub state: PathBuf,
    /// Serial number, the same in both modes. Empty for none.
    pub serial: String,
    /// Product string.
    pub model: String,
    /// Vendor and product number while the application runs.
    pub runtime_id: UsbId,
    /// Vendor and product number in DFU mode.
    pub dfu_id: UsbId,
    /// What is behind the alternate settings.
    pub memory: Memory,
    /// Most bytes of a block.
    pub transfer_size: u16,
    /// Whether memory can be read.
    pub upload: Upload,
    /// How the unit leaves its application.
    pub detach: Detach,
    /// Milliseconds that the unit waits for a reset after it was told to detach.
    pub detach_timeout: u16,
    /// What happens once the new firmware is in place.
    pub manifestation: Manifestation,
    /// How long the unit says that it wants to be left alone after a block.
    pub poll_timeout: PollTimeout,
    /// How long it takes for a block, and for putting firmware in place; [`Options::poll_timeout`] when absent.
    pub write_time: Option<Duration>,
    /// How long it is away from the bus when it changes its mode.
    pub boot_time: Duration,
    /// What is in a memory that was never written.
    pub factory: Factory,
    /// What goes wrong.
    pub faults: Vec<Fault>,
}

/// What is behind the alternate settings: all of one kind.
#[derive(Clone, Debug)]
pub enum Memory {
    /// Plain DFU: a slot each, which is written from its start.
    Slots(Vec<Slot>),
    /// DfuSe: memory with addresses.
    Addressed(Vec<Layout>),
}

/// A slot of plain DFU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Name of the alternate setting.
    pub name: String,
    /// Bytes that it holds.
    pub size: u32,
}

/// Whether memory can be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Upload {
    /// It can.
    #[default]
    Possible,
    /// It cannot.
    Refused,
}

/// How the unit leaves its application when it is told to detach.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Detach {
    /// It leaves the bus and comes back (`bitWillDetach`).
    #[default]
    ByItself,
    /// It waits for a bus reset.
    AtReset,
}

/// What happens once the new firmware is in place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Manifestation {
    /// The unit stays in DFU mode and answers (`bitManifestationTolerant`). A bus reset starts the firmware.
    Tolerant,
    /// The unit only tells its state and waits for a bus reset, which starts the firmware.
    AwaitsReset,
    /// The unit leaves the bus and starts the firmware.
    #[default]
    Leaves,
}

/// What is in a memory that was never written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Factory {
    /// Firmware of this version in the first alternate setting.
    Firmware(Bcd),
    /// Nothing: the unit starts in DFU mode.
    Blank,
}

/// What the firmware of a new unit does.
const FACTORY_BODY: &[u8] = b"leaves the factory";
/// Most bytes of memory behind an alternate setting: a stand-in keeps it in the computer's.
pub(super) const MAX_MEMORY: u64 = 64 * 1024 * 1024;
/// Most alternate settings.
const MAX_ALTERNATES: usize = 16;

impl Options {
    /// A healthy plain DFU unit with one slot and its state in `state`, which waits for nothing.
    #[must_use]
    pub fn new(state: PathBuf) -> Self {
        Self {
            state,
            serial: "DF-0001".to_owned(),
            model: "thermostat".to_owned(),
            runtime_id: UsbId::new(0x1209, 0x0001),
            dfu_id: UsbId::new(0x1209, 0x0002),
            memory: Memory::Slots(vec![Slot { name: "firmware".to_owned(), size: 1024 * 1024 }]),
            transfer_size: 1024,
            upload: Upload::Possible,
            detach: Detach::ByItself,
            detach_timeout: 1000,
            manifestation: Manifestation::Leaves,
            poll_timeout: PollTimeout::ZERO,
            write_time: None,
            boot_time: Duration::from_millis(100),
            factory: Factory::Firmware(Bcd(0x0100)),
            faults: Vec::new(),
        }
    }

    /// How long a block takes.
    pub(super) fn block_time(&self) -> Duration {
        self.write_time.unwrap_or(self.poll_timeout.duration())
    }

    /// What a new unit holds at the start of its memory.
    pub(super) fn factory_image(&self) -> Option<Vec<u8>> {
        match self.factory {
            Factory::Firmware(version) => Some(Firmware::build(version, FACTORY_BODY)),
            Factory::Blank => None,
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
        let sizes: Vec<u64> = match &self.memory {
            Memory::Slots(slots) => slots.iter().map(|slot| u64::from(slot.size)).collect(),
            Memory::Addressed(layouts) => layouts.iter().map(Layout::bytes).collect(),
        };
        if sizes.is_empty() || sizes.len() > MAX_ALTERNATES {
            return Err(format!("{} alternate settings: one to {MAX_ALTERNATES}", sizes.len()));
        }
        if let Some(size) = sizes.iter().find(|size| **size == 0 || **size > MAX_MEMORY) {
            return Err(format!("{size} bytes behind an alternate setting: 1 to {MAX_MEMORY}"));
        }
        if self.transfer_size == 0 {
            return Err("blocks of 0 bytes carry nothing".to_owned());
        }
        if let Memory::Addressed(layouts) = &self.memory {
            let odd = |layout: &&Layout| layout.cut.is_some() || layout.regions.is_empty();
            if let Some(layout) = layouts.iter().find(odd) {
                return Err(format!("the layout {:?} cannot be read to its end", layout.to_string()));
            }
            let unordered =
                |layout: &&Layout| layout.regions.windows(2).any(|pair| pair[0].end() > u64::from(pair[1].start()));
            if let Some(layout) = layouts.iter().find(unordered) {
                return Err(format!("the areas of {:?} overlap, or go down in address", layout.to_string()));
            }
            if self.transfer_size < 5 {
                return Err("blocks of less than 5 bytes carry no address".to_owned());
            }
        }
        Ok(())
    }
}
