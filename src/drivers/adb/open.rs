//! Recognising a unit, and asking what it is and can do. Nothing on it is changed by being asked.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use protocols::adb::message::{SystemKind, feature};
use protocols::adb::session::WINDOW;

use super::options::AdbOptions;
use super::survey::Survey;
use super::wire::Wire;
use super::{AdbDriver, NAME};
use crate::device::{Capability, Level, Mode, Offer, Op, SlotState, Unit, UnitText};
use crate::drivers::Keys;
use crate::error::Result;

/// How long Android may take from its daemon's start to its own.
const BOOTS_WITHIN: Duration = Duration::from_secs(120);
/// Greetings that may have been left unanswered on the link before ours.
const LEFT_OVER: u32 = 3;
/// Between two looks whether it has started.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// Opens the unit at the other end.
pub(super) fn open(mut wire: Wire, keys: &dyn Keys, options: &AdbOptions, op: &mut Op<'_>) -> Result<AdbDriver> {
    let mut survey = survey(&mut wire, keys, options, op)?;
    let mode = match wire.banner().system {
        SystemKind::Sideload => Mode::Sideload,
        SystemKind::Recovery | SystemKind::Rescue => Mode::Recovery,
        _ => Mode::Application,
    };
    // The daemon runs long before what it would be asked for.
    let until = op.clock.now() + BOOTS_WITHIN;
    while mode == Mode::Application && is_starting(&survey) && op.clock.now() < until {
        op.check()?;
        op.clock.sleep(LOOK_AGAIN);
        survey = Survey::of(&mut wire, op)?;
    }
    let serial = survey.property("ro.serialno").or(survey.property("ro.boot.serialno"));
    let serial = serial.or(wire.shown.as_deref());
    let told = &wire.banner().properties;
    let model = told.get("ro.product.model").map(String::as_str).filter(|model| !model.is_empty());
    let model = model.or(survey.property("ro.product.model"));
    let hardware = survey.property("ro.boot.hardware.revision").or(survey.property("ro.revision"));
    let mut limits = BTreeMap::from([("payload", wire.max_payload() as u64)]);
    if wire.features().has(feature::DELAYED_ACK) {
        limits.insert("window", u64::from(WINDOW));
    }
    let unit = Unit {
        driver: NAME,
        mode,
        serial: serial.map(UnitText::new),
        hwid: None,
        model: model.map(UnitText::new),
        hardware: hardware.map(UnitText::new),
        locked: locked(&survey),
        firmware: firmware(&survey),
        offers: offers(&survey, &wire.banner().system),
        ahead: BTreeMap::new(),
        limits,
    };
    Ok(AdbDriver {
        wire,
        survey,
        unit,
        compression: options.compress,
        root: options.root,
        start_wait: options.start_wait,
        sync: None,
        listed: BTreeSet::new(),
    })
}

/// Asks the unit what it has. A greeting that somebody before us did not wait for is answered first, and ours after it:
/// then the conversation begins once more.
fn survey(wire: &mut Wire, keys: &dyn Keys, options: &AdbOptions, op: &mut Op<'_>) -> Result<Survey> {
    for _ in 0..LEFT_OVER {
        match Survey::of(wire, op) {
            Err(_) if wire.has_begun_anew() => wire.greet_again(keys, options, op)?,
            surveyed => return surveyed,
        }
    }
    Survey::of(wire, op)
}

/// Android sets the one long before the other.
fn is_starting(survey: &Survey) -> bool {
    survey.property("ro.build.version.sdk").is_some() && survey.property("sys.boot_completed") != Some("1")
}

/// Whether the bootloader is locked, as it told Android.
pub(super) fn locked(survey: &Survey) -> Option<bool> {
    match (survey.property("ro.boot.flash.locked"), survey.property("ro.boot.vbmeta.device_state")) {
        (Some(locked @ ("0" | "1")), _) => Some(locked == "1"),
        (_, Some("locked")) => Some(true),
        (_, Some("unlocked")) => Some(false),
        _ => None,
    }
}

/// What runs, as far as Android says.
fn firmware(survey: &Survey) -> Vec<SlotState> {
    let suffix = survey.property("ro.boot.slot_suffix").unwrap_or_default();
    let slot = |name: &str, version: Option<&str>, hash: Option<&str>| SlotState {
        slot: UnitText::new(&format!("{name}{suffix}")).to_string(),
        version: version.map(UnitText::new),
        hash: hash.map(str::to_ascii_lowercase).filter(|hash| hash.bytes().all(|byte| byte.is_ascii_hexdigit())),
        state: vec!["active"],
    };
    let mut slots = Vec::new();
    if let Some(fingerprint) = survey.property("ro.build.fingerprint") {
        slots.push(slot("system", Some(fingerprint), None));
    }
    if let Some(digest) = survey.property("ro.boot.vbmeta.digest") {
        slots.push(slot("vbmeta", None, Some(digest)));
    }
    slots
}

fn offers(survey: &Survey, system: &SystemKind) -> Vec<Offer> {
    let mut offers = Vec::new();
    if survey.shell {
        // Whatever has a shell moves files: both are the daemon's own.
        let mut levels = vec![Level::Link];
        levels.extend((survey.tells_exit_codes && survey.has("sha256sum")).then_some(Level::Digest));
        levels.push(Level::Readback);
        offers.push(Offer::new(Capability::Files, &[]).at(levels));
        offers.push(Offer::new(Capability::Backup, &[]));
        if survey.has("dumpsys") {
            offers.push(Offer::new(Capability::Diagnostics, &[]));
        }
        if survey.has("settings") {
            offers.push(Offer::new(Capability::Settings, &[Level::Link, Level::Readback]));
        }
        if survey.has("pm") && survey.property("ro.build.version.sdk").is_some() {
            let mut levels = vec![Level::Link];
            levels.extend(survey.has("sha256sum").then_some(Level::Digest));
            levels.push(Level::Readback);
            offers.push(Offer::new(Capability::Apps, &[]).at(levels));
        }
        if super::firmware::shows(survey) {
            offers.push(Offer::look(Capability::Firmware, &[Level::Digest]));
        }
        offers.push(Offer::new(Capability::Console, &[]));
    }
    if *system == SystemKind::Sideload {
        offers.push(Offer::new(Capability::Firmware, &[Level::Link]));
    }
    offers.push(Offer::new(Capability::Power, &[]));
    offers
}
