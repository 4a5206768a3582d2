//! Asking a unit what it is. Nothing on it is changed by that.

use std::collections::BTreeMap;

use protocols::fastboot::message::{Command, Variables, size, yes_no};
use protocols::fastboot::session::Exchange;

use super::exchange::{Ended, Payload, Wire};
use super::options::FastbootOptions;
use super::partitions::Partitions;
use super::{FastbootDriver, MODES, NAME, refusal};
use crate::device::{Capability, Level, Mode, Op, Unit, UnitText};
use crate::error::Result;

/// What is asked one by one when `getvar all` leaves it out.
const WANTED: &[&str] = &[
    "product",
    "serialno",
    "is-userspace",
    "max-download-size",
    "current-slot",
    "unlocked",
    "secure",
    "hw-revision",
    "version-bootloader",
    "version-baseband",
];
/// Bytes that are read to see whether they can be: a sector.
const PROBE: u64 = 512;
/// What a unit takes that does not say: it judges for itself.
const UNSAID: u64 = 512 << 20;

/// What a unit said of itself.
#[derive(Debug, Clone)]
pub(super) struct Survey {
    pub variables: Variables,
    pub partitions: Partitions,
    /// Most bytes of a download.
    pub download: u64,
    /// Most bytes of one `fetch`, where the unit lets itself be read.
    pub fetch: Option<u64>,
    /// Whether all partitions can be read so, and not only `vendor_boot` as AOSP has it.
    pub reads_all: bool,
}

/// Opens the unit at the end of `wire`; `serial` is what its USB descriptor shows.
pub(super) fn open(
    mut wire: Wire,
    serial: Option<&str>,
    options: &FastbootOptions,
    op: &mut Op<'_>,
) -> Result<FastbootDriver> {
    let variables = variables(&mut wire, op)?;
    let userspace = variables.get("is-userspace").and_then(yes_no) == Some(true);
    let mode = if userspace { Mode::Fastbootd } else { Mode::Bootloader };
    let said = variables.get("max-download-size").and_then(size).filter(|size| *size > 0);
    let download = said.unwrap_or(UNSAID).min(options.download.unwrap_or(u64::MAX)).min(u32::MAX.into());
    let fetch = variables.get("max-fetch-size").and_then(size).filter(|size| *size > 0);
    let partitions = Partitions::of(&variables);
    let reads_all = fetch.is_some() && reads_all(&mut wire, &partitions, op)?;
    let survey = Survey { partitions, variables, download, fetch, reads_all };
    let locked = survey.variables.get("unlocked").and_then(yes_no).map(|unlocked| !unlocked);
    let text = |name: &str| survey.variables.get(name).map(UnitText::new);
    let spec = MODES.iter().find(|spec| spec.mode == mode);
    let mut offers = spec.map_or_else(Vec::new, |spec| spec.offers.to_vec());
    offers.retain(|offer| offer.capability != Capability::Backup || survey.fetch.is_some());
    if survey.reads_all {
        let firmware = offers.iter_mut().filter(|offer| offer.capability == Capability::Firmware);
        firmware.for_each(|offer| offer.levels = vec![Level::Link, Level::Readback].into());
    }
    let unit = Unit {
        driver: NAME,
        mode,
        serial: text("serialno").or_else(|| serial.map(UnitText::new)),
        hwid: None,
        model: text("product"),
        hardware: text("hw-revision"),
        locked,
        firmware: survey.partitions.states(),
        offers,
        ahead: BTreeMap::new(),
        limits: BTreeMap::from([("max_download_size", survey.download)]),
    };
    Ok(FastbootDriver { wire, survey, unit, start_wait: options.start_wait })
}

/// Whether the unit lets a partition be read that AOSP does not.
fn reads_all(wire: &mut Wire, partitions: &Partitions, op: &mut Op<'_>) -> Result<bool> {
    let Some(partition) = partitions.others_than("vendor_boot") else { return Ok(false) };
    let command = Command::Fetch { partition, part: Some((0, PROBE)) };
    let exchange = Exchange::upload(&command, PROBE).map_err(|error| refusal::unsendable(&command, error))?;
    match wire.drive(exchange, &mut Dropped, op) {
        Ok(_) => Ok(true),
        Err(Ended::Failed(failure)) if refusal::is_refusal(&failure) => Ok(false),
        Err(ended) => Err(refusal::error(ended)),
    }
}

/// What is read only to see that it can be.
struct Dropped;

impl Payload for Dropped {
    fn take(&mut self, _: &[u8]) -> Result<()> {
        Ok(())
    }
}

/// All variables that the unit tells.
pub(super) fn variables(wire: &mut Wire, op: &mut Op<'_>) -> Result<Variables> {
    let all = Command::GetVar("all".to_owned());
    let mut variables = match wire.inquire(&all, op) {
        Ok(reply) => reply.lines.iter().map(|line| line.text().text.as_str()).collect(),
        // Some know no `all`.
        Err(Ended::Failed(failure)) if refusal::is_refusal(&failure) => Variables::default(),
        Err(ended) => return Err(refusal::error(ended)),
    };
    for name in WANTED {
        if variables.get(name).is_some() {
            continue;
        }
        match wire.inquire(&Command::GetVar((*name).to_owned()), op) {
            Ok(reply) => variables.set(name, &reply.text.text),
            Err(Ended::Failed(failure)) if refusal::is_refusal(&failure) => {}
            Err(ended) => return Err(refusal::error(ended)),
        }
    }
    Ok(variables)
}
