//! USB DFU 1.1 and DfuSe: a unit whose application can be left for a loader, and the loader.
//!
//! The loader tells nothing of what it holds, so what was written is read back where the loader lets itself be read, and
//! before it is told to start the application: that moves DfuSe's address pointer. Whether a write was a success is not
//! decided by the last status, which often fails because the unit has left, but by what comes back on the same port.
//!
//! `booted` is not offered. What an application shows of itself in a descriptor is a version at most, and no digest of
//! what runs. Addresses come from the file (Intel HEX, DfuSe); a raw binary goes to the start of its slot, or to the
//! address that is named behind the slot: `internal-flash/0x08004000`. The protocol itself is [`protocols::dfu`].

use protocols::usb::UsbId;

use super::{Opening, Over, Protocol, unspoken};
use crate::device::{
    Capability, Content, Driver, Firmware, Level, Mode, ModeSpec, Offer, Op, Pattern, Power, Signature, Speaks, Unit,
    Via,
};
use crate::error::Result;
use crate::link::Opened;

mod exchange;
mod firmware;
mod image;
mod open;
mod options;
mod power;
mod refusal;
mod slots;

use exchange::Wire;
use open::Survey;

/// The name of the driver.
const NAME: &str = "dfu";

/// The protocol DFU.
#[derive(Debug, Clone, Copy)]
pub struct Dfu;

const MODES: &[ModeSpec] = &[
    ModeSpec {
        mode: Mode::Application,
        driver: NAME,
        offers: &[Offer::new(Capability::Power, &[])],
        reaches: &[Mode::Dfu],
    },
    ModeSpec {
        mode: Mode::Dfu,
        driver: NAME,
        offers: &[
            Offer::new(Capability::Firmware, &[Level::Link, Level::Readback]),
            Offer::new(Capability::Backup, &[]),
            Offer::new(Capability::Power, &[]),
        ],
        reaches: &[Mode::Application],
    },
];

/// The class itself, and loaders in ROM, which belong to the chip and not to the product.
const SIGNATURES: &[Signature] = &[
    interface("USB DFU (application)", Mode::Application, 0x01),
    interface("USB DFU", Mode::Dfu, 0x02),
    rom("STM32 bootloader (DFU)", 0x0483, 0xdf11),
    rom("GD32 bootloader (DFU)", 0x28e9, 0x0189),
    rom("AT32 bootloader (DFU)", 0x2e3c, 0xdf11),
];

const fn interface(name: &'static str, mode: Mode, protocol: u8) -> Signature {
    let speaks = Speaks { driver: NAME, mode, via: Via::Usb };
    Signature { name, speaks: Some(speaks), pattern: Pattern::interface(0xfe, 0x01, protocol) }
}

const fn rom(name: &'static str, vendor: u16, product: u16) -> Signature {
    let class = interface(name, Mode::Dfu, 0x02);
    let pattern = Pattern { vendor: Some(vendor), product: Some(product), ..class.pattern };
    Signature { pattern, ..class }
}

impl Protocol for Dfu {
    fn name(&self) -> &'static str {
        NAME
    }

    fn modes(&self) -> &'static [ModeSpec] {
        MODES
    }

    fn signatures(&self) -> &'static [Signature] {
        SIGNATURES
    }

    fn over(&self) -> &'static [Over] {
        &[Over::Usb]
    }

    fn open(&self, end: Opened, with: Opening<'_>, _: &mut Op<'_>) -> Result<Box<dyn Driver>> {
        let Opened::Usb(device) = end else { return Err(unspoken(NAME, &end)) };
        let options = options::DfuOptions::parse(with.options)?;
        Ok(Box::new(open::open(device, &options)?))
    }
}

/// A unit that speaks DFU, in its application or in its loader.
struct DfuDriver {
    wire: Wire,
    survey: Survey,
    unit: Unit,
    /// The ids by which files may name it: those that it shows, and those that it is known to show elsewhere.
    ids: Vec<UsbId>,
    /// Where what was written or looked at last begins: from there it is started.
    start: Option<u32>,
}

impl Driver for DfuDriver {
    fn unit(&self) -> &Unit {
        &self.unit
    }

    fn met_as(&mut self, usb: &str) {
        self.ids.extend(options::usb_id(usb));
    }

    fn foresee(&self, image: &dyn Content) -> Result<()> {
        let file = image::read(image)?;
        image::check_unit(&file, &self.ids, self.unit.mode)
    }

    fn firmware(&mut self) -> Option<&mut dyn Firmware> {
        if self.unit.can(Capability::Firmware) || self.unit.can(Capability::Backup) { Some(self) } else { None }
    }

    fn power(&mut self) -> Option<&mut dyn Power> {
        Some(self)
    }
}
