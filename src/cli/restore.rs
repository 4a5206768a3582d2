//! `hardwire restore`.

use clap::Args;
use serde::Serialize;

use super::bench::{self, RecordArgs, Single};
use super::context::{Context, OneDevice, Secrets};
use super::exit::Exit;
use super::report::{Outcome, Result, columns};
use crate::device::{Level, UnitText};
use crate::error::{Error, Kind};
use crate::ledger::RecordKind;
use crate::profile::model::Resolved;
use crate::run::person::Person;
use crate::run::report::{self, Report, StepOutcome};
use crate::station::{self, Allowed, Met, Office, Onto, Shift};
use crate::ui::AtTerminal;

/// Put a backup back on its unit, and verify each item
///
/// Every byte of the backup is checked before the unit is touched. A backup of another unit or model is refused unless
/// that is said; overwriting what differs asks on a terminal, and needs --yes elsewhere.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  hardwire restore latest -d tty:/dev/ttyACM0\n  hardwire restore 3f9a… -d tty:/dev/ttyACM0 --other-unit --yes"
)]
pub(super) struct Restore {
    /// The backup's digest or the beginning of it; or `latest`, the newest of this unit
    backup: String,
    #[command(flatten)]
    device: OneDevice,
    /// The backup is of another unit, and that is meant
    #[arg(long)]
    other_unit: bool,
    /// The backup is of another model, and that is meant
    #[arg(long)]
    other_model: bool,
    /// Overwriting is meant
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    record: RecordArgs,
}

#[derive(Serialize)]
struct ItemLine<'a> {
    kind: &'static str,
    path: &'a str,
    algorithm: Option<crate::digest::Algorithm>,
    expected: Option<&'a str>,
    observed: Option<&'a str>,
    level: Option<Level>,
    outcome: StepOutcome,
}

#[derive(Serialize)]
struct RestoreLine<'a> {
    r#type: &'static str,
    backup: String,
    address: &'a str,
    serial: Option<&'a UnitText>,
    run: String,
    outcome: report::Outcome,
    items: Vec<ItemLine<'a>>,
    error: Option<&'a report::Failure>,
    record: Option<&'a str>,
}

impl Restore {
    pub(super) fn run(self, cx: &Context) -> Outcome {
        let office = cx.office()?;
        let work = Single {
            device: &self.device,
            record: self.record,
            kind: RecordKind::Restore,
            meant: self.yes,
            accept_omitted: Vec::new(),
            secrets: Secrets::None,
        };
        let onto = Onto { other_unit: Allowed::from(self.other_unit), other_model: Allowed::from(self.other_model) };
        let found = std::sync::OnceLock::new();
        let report = work.run(cx, &office, None, |met, shift, person| {
            let (id, resolved) = ready(&self.backup, onto, &office, met, shift, person)?;
            // One unit, so set once.
            let _ = found.set(id);
            Ok(resolved)
        })?;
        show(cx, &report, found.into_inner().unwrap_or_default());
        Ok(Exit::of_run(&report))
    }
}

/// Finds the backup, and has it confirmed that it may go where it goes.
fn ready(
    name: &str,
    onto: Onto,
    office: &Office,
    met: &mut Met,
    shift: &Shift<'_>,
    person: &AtTerminal,
) -> Result<(String, Resolved), Error> {
    let restoration = station::restoration(name, met, onto, office)?;
    let plan = shift.plan(met, RecordKind::Restore, &restoration.resolved, &|_: &_| {})?;
    let mut consents = restoration.consents;
    consents.extend(station::overwritten(&plan));
    if !person.consent(&met.label(), &consents)? {
        return Err(Error::new(Kind::Cancelled, "it was not meant").next("nothing was written"));
    }
    Ok((restoration.backup.id.to_string(), restoration.resolved))
}

fn show(cx: &Context, report: &Report, backup: String) {
    let items: Vec<ItemLine<'_>> = report
        .steps
        .iter()
        .flat_map(|step| {
            let kind = match step.kind {
                "files" => "file",
                "firmware" => "firmware",
                "apps" => "app",
                _ => "setting",
            };
            step.items.iter().map(move |item| ItemLine {
                kind,
                path: &item.path,
                algorithm: item.algorithm,
                expected: item.expected.as_deref(),
                observed: item.observed.as_deref(),
                level: item.level,
                outcome: item.outcome,
            })
        })
        .collect();
    let mut rows = vec![["KIND", "PATH", "OUTCOME", "LEVEL"].map(String::from)];
    rows.extend(items.iter().map(|item| {
        [
            item.kind.to_owned(),
            item.path.to_owned(),
            item.outcome.to_string(),
            item.level.map_or_else(|| "-".into(), |level| level.to_string()),
        ]
    }));
    cx.voice.object(&RestoreLine {
        r#type: "restore",
        backup,
        address: &report.address,
        serial: report.serial.as_ref(),
        run: report.run.to_string(),
        outcome: report.outcome,
        items,
        error: report.error.as_ref(),
        record: report.record.as_deref(),
    });
    for line in columns(&rows) {
        cx.voice.line(line);
    }
    bench::explain_report(cx, report);
    for line in columns(&crate::ui::summary([report])) {
        cx.voice.line(line);
    }
}
