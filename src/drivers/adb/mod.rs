//! ADB: Android, its recovery and its sideload, over USB, over TCP, and through a running adb server when asked to.
//!
//! One file a capability, and around them: `open` recognises a unit and asks what it can do, `wire` carries streams,
//! `shell` runs commands, `sync` moves files. The protocol itself is [`protocols::adb`].
//!
//! A unit need not be Android: a bare daemon has neither `getprop` nor `pm`. What it lacks is a capability less.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{Opening, Over, Protocol};
use crate::device::{
    Apps, Capability, Console, Demands, Departure, Diagnostics, Driver, Files, Firmware, Level, Mode, ModeSpec, Offer,
    Op, Pattern, Power, Settings, Signature, Speaks, Unit, Via,
};
use crate::error::{Error, Kind, Result};
use crate::link::Opened;

mod apps;
mod auth;
mod compress;
mod console;
mod diagnostics;
mod failure;
mod files;
mod firmware;
mod health;
mod open;
mod options;
mod owner;
mod package;
mod path;
mod power;
mod push;
mod root;
mod settings;
mod shell;
mod sideload;
mod stage;
mod survey;
mod sync;
#[cfg(test)]
mod tests;
mod trees;
mod wire;

use options::AdbOptions;
use survey::Survey;
use wire::Wire;

/// The name of the driver.
const NAME: &str = "adb";

/// The protocol ADB.
#[derive(Debug, Clone, Copy)]
pub struct Adb;

/// The modes that are reached by command.
const ALL: &[Mode] = &[Mode::Application, Mode::Bootloader, Mode::Fastbootd, Mode::Recovery, Mode::Sideload];

const MODES: &[ModeSpec] = &[
    ModeSpec {
        mode: Mode::Application,
        driver: NAME,
        offers: &[
            Offer::new(Capability::Files, &[Level::Link, Level::Digest, Level::Readback]),
            Offer::new(Capability::Backup, &[]),
            Offer::new(Capability::Settings, &[Level::Link, Level::Readback]),
            Offer::new(Capability::Apps, &[Level::Link, Level::Digest, Level::Readback]),
            Offer::look(Capability::Firmware, &[Level::Digest]),
            Offer::new(Capability::Diagnostics, &[]),
            Offer::new(Capability::Console, &[]),
            Offer::new(Capability::Power, &[]),
        ],
        reaches: ALL,
    },
    ModeSpec {
        mode: Mode::Recovery,
        driver: NAME,
        offers: &[
            Offer::new(Capability::Files, &[Level::Link, Level::Digest, Level::Readback]),
            Offer::new(Capability::Backup, &[]),
            Offer::new(Capability::Console, &[]),
            Offer::new(Capability::Power, &[]),
        ],
        reaches: ALL,
    },
    ModeSpec {
        mode: Mode::Sideload,
        driver: NAME,
        offers: &[Offer::new(Capability::Firmware, &[Level::Link]), Offer::new(Capability::Power, &[])],
        reaches: ALL,
    },
];

/// The interface itself. Recovery shows the same one: which of the two it is, the unit says.
const SIGNATURES: &[Signature] = &[Signature {
    name: "Android (ADB)",
    speaks: Some(Speaks { driver: NAME, mode: Mode::Application, via: Via::Usb }),
    pattern: Pattern::interface(0xff, 0x42, 0x01),
}];

impl Protocol for Adb {
    fn name(&self) -> &'static str {
        NAME
    }

    fn modes(&self) -> &'static [ModeSpec] {
        MODES
    }

    fn kin(&self) -> &'static [&'static str] {
        &["fastboot"]
    }

    fn options(&self) -> &'static [&'static str] {
        options::OPTIONS
    }

    fn signatures(&self) -> &'static [Signature] {
        SIGNATURES
    }

    fn over(&self) -> &'static [Over] {
        &[Over::Stream, Over::Usb, Over::Server]
    }

    fn open(&self, end: Opened, with: Opening<'_>, op: &mut Op<'_>) -> Result<Box<dyn Driver>> {
        let options = AdbOptions::parse(with.options)?;
        let wire = match end {
            Opened::Stream(link) => Wire::over_stream(link, with.keys, &options, op)?,
            Opened::Usb(device) => Wire::over_usb(device, with.keys, &options, op)?,
            Opened::Behind(behind) => Wire::over_server(behind, &options, op)?,
        };
        Ok(Box::new(open::open(wire, with.keys, &options, op)?))
    }
}

/// A unit that speaks ADB, in one of its modes.
struct AdbDriver {
    wire: Wire,
    survey: Survey,
    unit: Unit,
    compression: compress::Choice,
    /// Who the daemon is to run as.
    root: root::Root,
    /// How long Android may take to start.
    start_wait: Duration,
    /// The stream that moves files, while it is of use.
    sync: Option<sync::Sync>,
    /// Files that were just listed, until something is done with them.
    listed: BTreeSet<String>,
}

impl Driver for AdbDriver {
    fn unit(&self) -> &Unit {
        &self.unit
    }

    fn prepare(&mut self, op: &mut Op<'_>) -> Result<Option<Departure>> {
        self.take_root(op)
    }

    fn suits(&self, _: &Demands) -> Result<()> {
        // What its bootloader would say of itself shows there only.
        if self.unit.locked != Some(true) {
            return Ok(());
        }
        Err(Error::new(Kind::Unsupported, "the unit's bootloader is locked: it lets nothing be written or erased").next(
            "allow unlocking in Android (Settings, Developer options), then `hardwire reboot -d DEV bootloader` and \
             `hardwire console -d DEV -- flashing unlock`: that erases what it holds",
        ))
    }

    fn verified(&self) -> Option<String> {
        let is_known = matches!(self.survey.property("ro.boot.vbmeta.hash_alg"), None | Some("sha256"));
        self.survey.property("ro.boot.vbmeta.digest").filter(|_| is_known).map(str::to_ascii_lowercase)
    }

    fn files(&mut self) -> Option<&mut dyn Files> {
        if self.unit.can(Capability::Files) { Some(self) } else { None }
    }

    fn settings(&mut self) -> Option<&mut dyn Settings> {
        if self.unit.can(Capability::Settings) { Some(self) } else { None }
    }

    fn apps(&mut self) -> Option<&mut dyn Apps> {
        if self.unit.can(Capability::Apps) { Some(self) } else { None }
    }

    fn firmware(&mut self) -> Option<&mut dyn Firmware> {
        if self.unit.can(Capability::Firmware) { Some(self) } else { None }
    }

    fn diagnostics(&mut self) -> Option<&mut dyn Diagnostics> {
        if self.unit.can(Capability::Diagnostics) { Some(self) } else { None }
    }

    fn console(&mut self) -> Option<&mut dyn Console> {
        if self.unit.can(Capability::Console) { Some(self) } else { None }
    }

    fn power(&mut self) -> Option<&mut dyn Power> {
        if self.unit.can(Capability::Power) { Some(self) } else { None }
    }
}
