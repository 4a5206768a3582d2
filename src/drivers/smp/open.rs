//! Recognising a unit, and asking what it is and can do. Nothing on it is changed by being asked.

use std::collections::BTreeSet;
use std::time::Duration;

use protocols::smp::Group;
use protocols::smp::message::image::{ImageState, SlotInfo, SlotInfoReply, StateRead, StateWrite};
use protocols::smp::message::os::{BootloaderInfo, BootloaderMode, Echo, OsInfo, Parameters, ParametersReply};
use protocols::smp::message::{Bytes, Refusal, enumeration, fs, settings, shell as shell_group, statistics};
use protocols::smp::session::RetryPolicy;

use super::exchange::{FLASH, QUICK, Wire};
use super::identity::{self, ChipId};
use super::limits::Limits;
use super::options::SmpOptions;
use super::slots::{self, Writable};
use crate::device::{Capability, Level, Mode, Offer, Op, Unit};
use crate::digest::{Algorithm, Digest};
use crate::error::{Error, Kind, Result};
use crate::link::Link;

/// The first question: a unit may still be starting, or swallow what follows half a line.
const GREETING: RetryPolicy = RetryPolicy::new(Duration::from_secs(1), 5);
/// Groups that are asked for one by one at most.
const MAX_GROUPS: u32 = 64;
/// A path and a key that no unit has, to see how it says so.
const NO_PATH: &str = "/hardwire?";
const NO_KEY: &str = "hardwire/none";

/// What a unit was seen to be able to do in its mode.
#[derive(Debug, Default)]
pub(super) struct Survey {
    pub groups: BTreeSet<u16>,
    pub bootloader: Option<String>,
    pub swap: Option<BootloaderMode>,
    pub state_settable: bool,
    pub writable: Vec<Writable>,
    pub algorithms: Vec<Algorithm>,
    /// What was written with these can be read back.
    pub readable: BTreeSet<Capability>,
}

impl Survey {
    pub(super) fn has(&self, group: Group) -> bool {
        self.groups.contains(&group.0)
    }
}

/// Opens the unit at the end of `link`.
pub(super) fn open(link: Link, options: &SmpOptions, op: &mut Op<'_>) -> Result<(Wire, Survey, Unit)> {
    let mut wire = Wire::new(link, options.framing, op);
    let parameters = greet(&mut wire, op)?.ok();
    let platform = wire.ask(&info("i"), QUICK, op)?;
    let told = groups(&mut wire, op)?;
    let images = match &told {
        Some(groups) if !groups.contains(&Group::IMAGE.0) => None,
        _ => wire.ask(&StateRead {}, FLASH, op)?.ok().map(|state| state.images),
    };
    let nameless = platform.as_ref().is_err_and(Refusal::is_unsupported) && told.is_none();
    let mode = match &images {
        Some(images) if nameless && is_recovery(&mut wire, images, op)? => Mode::Recovery,
        _ => Mode::Application,
    };
    wire.limits = Limits::new(options, parameters.as_ref(), mode);

    let mut survey = Survey::default();
    if let Some(images) = &images {
        survey.groups.insert(Group::IMAGE.0);
        firmware(&mut wire, &mut survey, mode, images, op)?;
    }
    let mut chip = None;
    if mode == Mode::Application {
        survey.groups.insert(Group::OS.0);
        match told {
            Some(groups) => survey.groups.extend(groups),
            None => probe(&mut wire, &mut survey, op)?,
        }
        chip = application(&mut wire, &mut survey, op)?;
    }
    let board = platform.ok().and_then(|platform| identity::board(platform.output.raw()));
    let (serial, hwid) = chip.map_or((None, None), |ChipId { serial, hwid }| (Some(serial), Some(hwid)));
    let (model, hardware) = board.map_or((None, None), |board| (Some(board.model), board.revision));
    let unit = Unit {
        driver: super::NAME,
        mode,
        serial,
        hwid,
        model,
        hardware,
        locked: None,
        firmware: slots::states(images.as_deref().unwrap_or_default()),
        offers: offers(mode, &survey),
        ahead: std::collections::BTreeMap::new(),
        limits: wire.limits.named(),
    };
    Ok((wire, survey, unit))
}

/// The first question, until it is answered: which sizes bound a message. A refusal is an answer too.
fn greet(wire: &mut Wire, op: &mut Op<'_>) -> Result<std::result::Result<ParametersReply, Refusal>> {
    wire.listen(op)?;
    let error = match wire.ask(&Parameters {}, GREETING, op) {
        Ok(answer) => return Ok(answer),
        Err(error) if matches!(error.kind(), Kind::TimedOut | Kind::Garbled) => error,
        Err(error) => return Err(error),
    };
    op.check()?;
    let sentence = format!("no unit that speaks SMP answers at {}", wire.address());
    Err(Error::new(error.kind(), sentence)
        .because(error)
        .next("see that the unit runs, that this is its SMP port, and that the baud rate is right (`,baud=N`)"))
}

fn info(format: &str) -> OsInfo {
    OsInfo { format: Some(format.to_owned()) }
}

/// The groups that the unit lists; `None` when it has no enumeration.
fn groups(wire: &mut Wire, op: &mut Op<'_>) -> Result<Option<BTreeSet<u16>>> {
    match wire.ask(&enumeration::List {}, QUICK, op)? {
        Ok(list) if !list.groups.is_empty() => return Ok(Some(list.groups.into_iter().collect())),
        Err(refusal) if refusal.is_unsupported() => return Ok(None),
        // The list does not fit the unit's buffer.
        _ => {}
    }
    let mut groups = BTreeSet::new();
    for index in 0..MAX_GROUPS {
        match wire.ask(&enumeration::Single { index: Some(index) }, QUICK, op)? {
            Ok(single) => {
                groups.insert(single.group);
                if single.end == Some(true) {
                    break;
                }
            }
            Err(_) => break,
        }
    }
    Ok((!groups.is_empty()).then_some(groups))
}

/// MCUboot's serial recovery knows neither enumeration nor OS information. Its image state carries no flags; builds
/// whose state does still lack the echo that every application has.
fn is_recovery(wire: &mut Wire, images: &[ImageState], op: &mut Op<'_>) -> Result<bool> {
    if images.iter().all(|image| image.active.is_none() && image.confirmed.is_none()) {
        return Ok(true);
    }
    let echo = wire.ask(&Echo { text: "hardwire".to_owned() }, QUICK, op)?;
    Ok(echo.is_err_and(|refusal| refusal.is_unsupported()))
}

fn firmware(wire: &mut Wire, survey: &mut Survey, mode: Mode, images: &[ImageState], op: &mut Op<'_>) -> Result<()> {
    if let Ok(told) = wire.ask(&BootloaderInfo { query: None }, QUICK, op)? {
        survey.bootloader = told.bootloader.map(|name| name.raw().to_owned());
        if let Ok(told) = wire.ask(&BootloaderInfo { query: Some("mode".to_owned()) }, QUICK, op)? {
            survey.swap = told.mode;
        }
    }
    let info: Option<SlotInfoReply> = wire.ask(&SlotInfo {}, FLASH, op)?.ok();
    survey.writable = slots::writable(mode, info.as_ref(), images, survey.swap);
    // Whether the state can be set shows only when one tries to. The hash is of no image, so nothing is set; a build
    // without the command says so, one with it finds no such image.
    let nobody = Digest::sha256(b"hardwire asks whether image state can be set").as_bytes().to_vec();
    let set = StateWrite { hash: Some(Bytes(nobody)), confirm: Some(false) };
    survey.state_settable = match wire.ask(&set, FLASH, op)? {
        Ok(_) => true,
        Err(refusal) => !refusal.is_unsupported(),
    };
    Ok(())
}

/// Asks each group something harmless, for units that do not list their groups.
fn probe(wire: &mut Wire, survey: &mut Survey, op: &mut Op<'_>) -> Result<()> {
    let known = |answer: std::result::Result<(), Refusal>| !answer.is_err_and(|refusal| refusal.is_unsupported());
    let path = || NO_PATH.to_owned();
    if known(wire.ask(&statistics::List {}, QUICK, op)?.map(drop)) {
        survey.groups.insert(Group::STATISTICS.0);
    }
    if known(wire.ask(&fs::Status { name: path() }, FLASH, op)?.map(drop)) {
        survey.groups.insert(Group::FS.0);
    }
    let read = settings::ReadSetting { name: NO_KEY.to_owned(), max_size: None };
    if known(wire.ask(&read, FLASH, op)?.map(drop)) {
        survey.groups.insert(Group::SETTINGS.0);
    }
    let execute = shell_group::Execute { argv: Vec::new() };
    if known(wire.ask(&execute, QUICK, op)?.map(drop)) {
        survey.groups.insert(Group::SHELL.0);
    }
    Ok(())
}

/// What an application's groups can do in detail, and who the unit is.
fn application(wire: &mut Wire, survey: &mut Survey, op: &mut Op<'_>) -> Result<Option<ChipId>> {
    if survey.has(Group::SETTINGS) {
        let read = settings::ReadSetting { name: NO_KEY.to_owned(), max_size: None };
        let answer = wire.ask(&read, FLASH, op)?;
        if !answer.is_err_and(|refusal| refusal.is_unsupported()) {
            survey.readable.insert(Capability::Settings);
        }
    }
    if survey.has(Group::FS) {
        files(wire, survey, op)?;
    }
    if !survey.has(Group::SHELL) {
        return Ok(None);
    }
    let devid = shell_group::Execute { argv: vec!["hwinfo".to_owned(), "devid".to_owned()] };
    match wire.ask(&devid, FLASH, op)? {
        Ok(reply) => Ok((reply.ret == 0).then(|| identity::chip_id(reply.output.raw())).flatten()),
        Err(refusal) => {
            if refusal.is_unsupported() {
                survey.groups.remove(&Group::SHELL.0);
            }
            Ok(None)
        }
    }
}

/// Which checksums the unit computes: asked for a file that is not there, it complains of the kind of checksum first.
fn files(wire: &mut Wire, survey: &mut Survey, op: &mut Op<'_>) -> Result<()> {
    for (algorithm, kind) in [(Algorithm::Sha256, "sha256"), (Algorithm::Crc32, "crc32")] {
        let hash = fs::Hash { name: NO_PATH.to_owned(), kind: Some(kind.to_owned()), off: None, len: None };
        match wire.ask(&hash, FLASH, op)? {
            Err(refusal) if super::refusal::kind(&refusal) == Kind::Unsupported => {}
            _ => survey.algorithms.push(algorithm),
        }
    }
    let download = fs::Download { off: 0, name: NO_PATH.to_owned() };
    let answer = wire.ask(&download, FLASH, op)?;
    if !answer.is_err_and(|refusal| refusal.is_unsupported()) {
        survey.readable.insert(Capability::Files);
    }
    Ok(())
}

fn offers(mode: Mode, survey: &Survey) -> Vec<Offer> {
    let mut offers = Vec::new();
    let mut offer = |capability, levels: Vec<Level>| offers.push(Offer::new(capability, &[]).at(levels));
    if survey.has(Group::SETTINGS) {
        let mut levels = vec![Level::Link];
        levels.extend(survey.readable.contains(&Capability::Settings).then_some(Level::Readback));
        offer(Capability::Settings, levels);
    }
    if survey.has(Group::FS) {
        let mut levels = vec![Level::Link];
        levels.extend((!survey.algorithms.is_empty()).then_some(Level::Digest));
        levels.extend(survey.readable.contains(&Capability::Files).then_some(Level::Readback));
        offer(Capability::Files, levels);
    }
    if survey.has(Group::IMAGE) {
        // In recovery the upload is what boots next; in an application it must be marked for that.
        let mut levels = vec![Level::Link];
        levels.extend((survey.state_settable || mode == Mode::Recovery).then_some(Level::Booted));
        offer(Capability::Firmware, levels);
    }
    if mode == Mode::Application {
        offer(Capability::Diagnostics, Vec::new());
        if !survey.readable.is_empty() {
            offer(Capability::Backup, Vec::new());
        }
        if survey.has(Group::SHELL) {
            offer(Capability::Console, Vec::new());
        }
    }
    offer(Capability::Power, Vec::new());
    offers
}
