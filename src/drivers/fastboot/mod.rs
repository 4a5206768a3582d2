//! Fastboot: a phone in its bootloader, or in userspace fastboot ("fastbootd"), over USB and TCP.
//!
//! Partitions are slots by name: `boot_a`, or `boot` for the one of the current slot. There is no digest and no reading
//! back in the protocol, so what is written is known by the unit's word alone (`link`); Android, which [its kin] speaks to,
//! shows it by digest. What is larger than the unit's download buffer goes as Android sparse images, made at the size
//! that the unit names in the mode that it is in. The protocol itself is [`protocols::fastboot`].
//!
//! [its kin]: super::Protocol::kin

use std::time::Duration;

use super::partition::Artifact;
use super::{Opening, Over, Protocol, unspoken};
use crate::device::{
    Capability, Console, Content, Demands, Diagnostics, Driver, Firmware, Level, Mode, ModeSpec, Offer, Op, Pattern,
    Power, Signature, Speaks, Unit, Via,
};
use crate::error::Result;
use crate::link::Opened;

mod console;
mod diagnostics;
mod exchange;
mod firmware;
mod open;
mod options;
mod partitions;
mod power;
mod refusal;
mod rollback;
mod send;
mod suits;
#[cfg(test)]
mod tests;

use exchange::Wire;
use open::Survey;

/// The name of the driver.
const NAME: &str = "fastboot";

/// The protocol fastboot.
#[derive(Debug, Clone, Copy)]
pub struct Fastboot;

const ALL: &[Mode] = &[Mode::Application, Mode::Bootloader, Mode::Fastbootd, Mode::Recovery];

const MODES: &[ModeSpec] = &[
    ModeSpec {
        mode: Mode::Bootloader,
        driver: NAME,
        offers: &[
            Offer::new(Capability::Firmware, &[Level::Link]),
            Offer::new(Capability::Diagnostics, &[]),
            Offer::new(Capability::Console, &[]),
            Offer::new(Capability::Power, &[]),
        ],
        reaches: ALL,
    },
    ModeSpec {
        mode: Mode::Fastbootd,
        driver: NAME,
        offers: &[
            Offer::new(Capability::Firmware, &[Level::Link]),
            Offer::new(Capability::Diagnostics, &[]),
            Offer::new(Capability::Backup, &[]),
            Offer::new(Capability::Console, &[]),
            Offer::new(Capability::Power, &[]),
        ],
        reaches: ALL,
    },
];

/// A bootloader and fastbootd look alike; which it is, the unit says when it is asked.
const SIGNATURES: &[Signature] = &[Signature {
    name: "Android fastboot",
    speaks: Some(Speaks { driver: NAME, mode: Mode::Bootloader, via: Via::Usb }),
    pattern: Pattern::interface(0xff, 0x42, 0x03),
}];

impl Protocol for Fastboot {
    fn name(&self) -> &'static str {
        NAME
    }

    fn modes(&self) -> &'static [ModeSpec] {
        MODES
    }

    fn kin(&self) -> &'static [&'static str] {
        &["adb"]
    }

    fn options(&self) -> &'static [&'static str] {
        options::OPTIONS
    }

    fn signatures(&self) -> &'static [Signature] {
        SIGNATURES
    }

    fn over(&self) -> &'static [Over] {
        &[Over::Stream, Over::Usb]
    }

    fn open(&self, end: Opened, with: Opening<'_>, op: &mut Op<'_>) -> Result<Box<dyn Driver>> {
        let options = options::FastbootOptions::parse(with.options)?;
        let (wire, serial) = match end {
            Opened::Stream(link) => (Wire::over_tcp(link, op)?, None),
            Opened::Usb(device) => {
                let serial = device.about().serial.clone();
                (Wire::over_usb(device)?, serial)
            }
            Opened::Behind(_) => return Err(unspoken(NAME, &end)),
        };
        Ok(Box::new(open::open(wire, serial.as_deref(), &options, op)?))
    }
}

/// A unit that speaks fastboot, in its bootloader or in userspace.
struct FastbootDriver {
    wire: Wire,
    survey: Survey,
    unit: Unit,
    /// How long Android may take to start.
    start_wait: Duration,
}

impl Driver for FastbootDriver {
    fn unit(&self) -> &Unit {
        &self.unit
    }

    fn foresee(&self, image: &dyn Content) -> Result<()> {
        suits::unlocked(&self.survey)?;
        rollback::check(&Artifact::read(image)?, None, image, &self.survey.variables)
    }

    fn suits(&self, demands: &Demands) -> Result<()> {
        suits::check(&self.survey, self.unit.mode, demands)
    }

    fn firmware(&mut self) -> Option<&mut dyn Firmware> {
        Some(self)
    }

    fn diagnostics(&mut self) -> Option<&mut dyn Diagnostics> {
        Some(self)
    }

    fn console(&mut self) -> Option<&mut dyn Console> {
        Some(self)
    }

    fn power(&mut self) -> Option<&mut dyn Power> {
        Some(self)
    }
}
