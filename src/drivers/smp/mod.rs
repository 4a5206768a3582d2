//! SMP (MCUmgr): Zephyr's and Mynewt's applications, and MCUboot's serial recovery.
//!
//! One file a capability, and around them: `open` recognises a unit and asks what it can do, `exchange` carries a
//! question to the unit and its answer back, `refusal` turns a unit's "no" into an error with a remedy. The protocol
//! itself is [`protocols::smp`].

use std::collections::BTreeSet;

use protocols::smp::Group;

use super::{Opening, Over, Protocol, unspoken};
use crate::device::{
    Capability, Console, Diagnostics, Driver, Files, Firmware, Level, Mode, ModeSpec, Offer, Op, Pattern, Power, Proof,
    Settings, Signature, Speaks, Unit, Via,
};
use crate::error::Result;
use crate::link::Opened;

mod console;
mod diagnostics;
mod exchange;
mod files;
mod firmware;
mod fit;
mod identity;
mod limits;
mod open;
mod options;
mod path;
mod power;
mod refusal;
mod settings;
mod slots;
#[cfg(test)]
mod tests;
mod text;
mod transfer;

use exchange::Wire;
use open::Survey;
use options::SmpOptions;

/// The name of the driver.
const NAME: &str = "smp";

/// The protocol SMP.
#[derive(Debug, Clone, Copy)]
pub struct Smp;

const MODES: &[ModeSpec] = &[
    ModeSpec {
        mode: Mode::Application,
        driver: NAME,
        offers: &[
            Offer::new(Capability::Settings, &[Level::Link, Level::Readback]),
            Offer::new(Capability::Files, &[Level::Link, Level::Digest, Level::Readback]),
            Offer::new(Capability::Firmware, &[Level::Link, Level::Digest, Level::Booted]),
            Offer::new(Capability::Diagnostics, &[]),
            Offer::new(Capability::Backup, &[]),
            Offer::new(Capability::Console, &[]),
            Offer::new(Capability::Power, &[]),
        ],
        reaches: &[Mode::Application, Mode::Recovery],
    },
    ModeSpec {
        mode: Mode::Recovery,
        driver: NAME,
        offers: &[Offer::new(Capability::Firmware, &[Level::Link, Level::Booted]), Offer::new(Capability::Power, &[])],
        reaches: &[Mode::Application, Mode::Recovery],
    },
];

/// Zephyr's vendor id with the product ids of its CDC ACM samples. A product of its own has its own, and its profile
/// says which.
const SIGNATURES: &[Signature] = &[zephyr(0x0100), zephyr(0x0004)];

const fn zephyr(product: u16) -> Signature {
    Signature {
        name: "Zephyr USB CDC ACM",
        speaks: Some(Speaks { driver: NAME, mode: Mode::Application, via: Via::Serial }),
        pattern: Pattern::device(0x2fe3, product),
    }
}

impl Protocol for Smp {
    fn name(&self) -> &'static str {
        NAME
    }

    fn modes(&self) -> &'static [ModeSpec] {
        MODES
    }

    fn proof(&self) -> Proof {
        Proof::Hwid
    }

    fn signatures(&self) -> &'static [Signature] {
        SIGNATURES
    }

    fn over(&self) -> &'static [Over] {
        &[Over::Serial, Over::Stream]
    }

    fn open(&self, end: Opened, with: Opening<'_>, op: &mut Op<'_>) -> Result<Box<dyn Driver>> {
        let Opened::Stream(link) = end else { return Err(unspoken(NAME, &end)) };
        let options = SmpOptions::parse(with.options)?;
        let (wire, survey, unit) = open::open(link, &options, op)?;
        Ok(Box::new(SmpDriver { wire, survey, unit, uploaded: None, deleted: BTreeSet::new() }))
    }
}

/// A unit that speaks SMP, in one of its modes.
struct SmpDriver {
    wire: Wire,
    survey: Survey,
    unit: Unit,
    /// Bytes of the image that was uploaded last.
    uploaded: Option<u64>,
    /// Settings that were deleted since the unit was opened.
    deleted: BTreeSet<String>,
}

impl SmpDriver {
    fn can(&self, group: Group) -> bool {
        self.survey.has(group)
    }
}

impl Driver for SmpDriver {
    fn unit(&self) -> &Unit {
        &self.unit
    }

    fn settings(&mut self) -> Option<&mut dyn Settings> {
        if self.can(Group::SETTINGS) { Some(self) } else { None }
    }

    fn files(&mut self) -> Option<&mut dyn Files> {
        if self.can(Group::FS) { Some(self) } else { None }
    }

    fn firmware(&mut self) -> Option<&mut dyn Firmware> {
        if self.can(Group::IMAGE) { Some(self) } else { None }
    }

    fn diagnostics(&mut self) -> Option<&mut dyn Diagnostics> {
        if self.unit.mode == Mode::Application { Some(self) } else { None }
    }

    fn console(&mut self) -> Option<&mut dyn Console> {
        if self.can(Group::SHELL) { Some(self) } else { None }
    }

    fn power(&mut self) -> Option<&mut dyn Power> {
        Some(self)
    }
}
