//! `hardwire apply`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;

use super::bench::{self, Devices, Display};
use super::context::Context;
use super::report::{Outcome, Result};
use crate::error::{Error, Kind};
use crate::ledger::RecordKind;
use crate::profile::model::Resolved;
use crate::profile::{self, Given, Prepared};
use crate::station::single::Named;
use crate::station::{self, Backups, Met, Office, PortBay};
use crate::ui::AtTerminal;

/// Where the values come from that differ from unit to unit.
#[derive(Debug, Args)]
pub(super) struct InputArgs {
    /// The value of an input (repeatable); DEV/NAME=VALUE for one unit
    #[arg(long = "input", value_name = "[DEV/]NAME=VALUE")]
    input: Vec<String>,
    /// A CSV file with a row a unit and a column an input; a column `unit`, `bay` or `serial` says whose row it is
    #[arg(long, value_name = "CSV")]
    inputs: Option<PathBuf>,
}

/// What is said of a run, for its record and beforehand.
#[derive(Debug, Args)]
pub(super) struct RunArgs {
    /// A tag for the record (repeatable)
    #[arg(long = "tag", value_name = "KEY=VALUE", value_parser = tag)]
    pub(super) tags: Vec<(String, String)>,
    /// Who is at the bench, for the record
    #[arg(long, value_name = "NAME")]
    pub(super) operator: Option<String>,
    /// Let a backup leave out things of this kind: file, setting, firmware, app or app-data (repeatable)
    #[arg(long, value_name = "KIND", value_parser = ["file", "setting", "firmware", "app", "app-data"])]
    pub(super) accept_omitted: Vec<String>,
    /// Wiping, downgrading and overwriting are meant
    #[arg(long)]
    pub(super) yes: bool,
}

impl InputArgs {
    pub(super) fn given(&self) -> Result<Given, Error> {
        let mut given = Given::default();
        for input in &self.input {
            given.add(input)?;
        }
        if let Some(path) = &self.inputs {
            given.read_csv(path)?;
        }
        Ok(given)
    }
}

/// Bring units to what a profile says, verify, and record
///
/// Each step is observed first: what is already true is not written. What is written is compared with what the unit then
/// holds. Run it again after an unplug, a crash or a power cut: that is how it resumes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hardwire apply thermostat.yaml -d tty:/dev/ttyACM0
  hardwire apply thermostat.yaml -d tty:/dev/ttyACM0 -d tty:/dev/ttyACM1 --operator kim
  hardwire apply thermostat.yaml --all --inputs units.csv --yes --json")]
pub(super) struct Apply {
    /// The profile
    profile: PathBuf,
    #[command(flatten)]
    devices: Devices,
    #[command(flatten)]
    inputs: InputArgs,
    /// First take what the profile names into the vault
    #[arg(long)]
    backup_first: bool,
    #[command(flatten)]
    run: RunArgs,
}

pub(super) fn tag(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("no KEY=VALUE".to_owned()),
    }
}

impl Apply {
    pub(super) fn run(self, cx: &Context) -> Outcome {
        let prepared = profile::load(&self.profile)?.prepare()?;
        let given = self.inputs.given()?;
        let office = cx.office()?;
        let bays = self.devices.bays(cx, &prepared)?;
        let mut display = Display::of(cx);
        let person = display.person(cx, self.run.yes);
        let mut units = prepare(cx, &mut display, bays, &prepared, (&given, &office), &person)?;
        if self.backup_first {
            for (_, resolved) in units.iter_mut().flatten() {
                back_up_first(resolved);
            }
        }
        let shift = station::Shift {
            tags: self.run.tags.into_iter().collect::<BTreeMap<_, _>>(),
            operator: self.run.operator,
            accept_omitted: self.run.accept_omitted,
            ..bench::shift(cx, &office, &person)
        };
        let results = bench::execute_all(cx, &mut display, &shift, RecordKind::Run, units)?;
        Ok(bench::conclude(cx, &results))
    }
}

/// Opens every unit and cuts the profile to it.
pub(super) fn prepare(
    cx: &Context,
    display: &mut Display<'_>,
    bays: Vec<PortBay>,
    prepared: &Prepared,
    (given, office): (&Given, &Office),
    person: &AtTerminal,
) -> Result<Vec<Result<(Met, Resolved)>>> {
    let identity = prepared.profile().identity.setting.as_deref();
    let units = bench::meet_all(cx, display, bays, identity, |met| {
        let label = met.label();
        station::suit(prepared, given, met, &Backups(office), &mut |prompt| bench::ask(person, cx, &label, prompt))
    })?;
    let known = |name: &str| units.iter().flatten().any(|(met, _)| met.names.is(name));
    // A value for a unit that is not here would have been a value for one that is, but for a slip of the pen.
    if let Some(stranger) = given.units().find(|name| units.iter().all(Result::is_ok) && !known(name)) {
        return Err(Error::new(
            Kind::Invalid,
            format!("--input names a unit that is not here: {}", stranger.escape_debug()),
        )
        .next("name it as -d does, or by its serial number")
        .into());
    }
    Ok(units)
}

fn back_up_first(resolved: &mut Resolved) {
    let named = Named::by(resolved);
    if !named.is_empty() {
        resolved.steps.insert(0, named.step("backup-first", true, Some("before-apply".into())));
    }
}
