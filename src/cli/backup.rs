//! `hardwire backup`.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::bench::{self, RecordArgs, Single};
use super::context::{Context, OneDevice};
use super::exit::Exit;
use super::report::{Outcome, Result, columns};
use crate::device::UnitText;
use crate::error::{Error, Kind};
use crate::ledger::RecordKind;
use crate::profile::model::KeptSlot;
use crate::run::report::{self, Omitted, Report};
use crate::station::{Office, single};
use crate::ui;
use crate::vault::{Backup, Item};

/// Read what is named from a unit into the vault
///
/// Everything is compared with the unit's own digest where it has one, and read again from the vault before it counts.
/// What could not be taken is said, and the exit code is then 1 unless it was accepted.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hardwire backup -d tty:/dev/ttyACM0 --path /lfs1/ca.pem --setting net/host
  hardwire backup -d tty:/dev/ttyACM0 thermostat.yaml --accept-omitted setting
  hardwire backup -d usb:1-2 --firmware internal-flash")]
pub(super) struct BackupCommand {
    /// A profile: what it names is taken
    profile: Option<PathBuf>,
    #[command(flatten)]
    device: OneDevice,
    /// A file on the unit, or a folder with all that is in it (repeatable)
    #[arg(long = "path", value_name = "PATH")]
    paths: Vec<String>,
    /// An application by its package, or `*` for every one that does not belong to the system (repeatable)
    #[arg(long = "app", value_name = "PACKAGE")]
    apps: Vec<String>,
    /// A settings key (repeatable)
    #[arg(long = "setting", value_name = "KEY")]
    settings: Vec<String>,
    /// A firmware slot, of a unit that lets it be read (repeatable)
    #[arg(long = "firmware", value_name = "SLOT")]
    firmware: Vec<String>,
    /// A name for it
    #[arg(long)]
    label: Option<String>,
    /// Let it leave out things of this kind: file, setting, firmware, app or app-data (repeatable)
    #[arg(long, value_name = "KIND", value_parser = ["file", "setting", "firmware", "app", "app-data"])]
    accept_omitted: Vec<String>,
    #[command(flatten)]
    record: RecordArgs,
}

#[derive(Serialize)]
struct BackupLine<'a> {
    r#type: &'static str,
    backup: Option<&'a str>,
    address: &'a str,
    serial: Option<&'a UnitText>,
    run: String,
    outcome: report::Outcome,
    complete: bool,
    items: &'a [Item],
    omitted: &'a [Omitted],
    error: Option<&'a report::Failure>,
    record: Option<&'a str>,
}

impl BackupCommand {
    pub(super) fn run(self, cx: &Context) -> Outcome {
        let names_nothing =
            [&self.paths, &self.apps, &self.settings, &self.firmware].iter().all(|names| names.is_empty());
        if self.profile.is_none() && names_nothing {
            return Err(Error::new(Kind::Invalid, "nothing is named, and most units list neither files nor settings")
                .next("name a profile, --path, --app, --setting or --firmware")
                .into());
        }
        for path in &self.paths {
            single::check_path(path)?;
        }
        let prepared = bench::load(self.profile.as_deref())?;
        let office = cx.office()?;
        let identity = prepared.as_ref().and_then(|prepared| prepared.profile().identity.setting.as_deref());
        let work = Single {
            device: &self.device,
            record: self.record,
            kind: RecordKind::Backup,
            meant: false,
            accept_omitted: self.accept_omitted,
            secrets: bench::secrets_of(prepared.as_ref()),
        };
        let report = work.run(cx, &office, identity, |met, _, person| {
            let resolved = prepared.as_ref().map(|prepared| bench::cut(prepared, met, person, cx)).transpose()?;
            let mut named = resolved.as_ref().map(single::Named::by).unwrap_or_default();
            named
                .files
                .extend(self.paths.iter().filter(|path| !named.files.contains(path)).cloned().collect::<Vec<_>>());
            let more = self.apps.iter().filter(|app| !named.apps.contains(app)).cloned().collect::<Vec<_>>();
            named.apps.extend(more);
            let more = self.settings.iter().filter(|key| !named.settings.contains(key)).cloned().collect::<Vec<_>>();
            named.settings.extend(more);
            let slots = self.firmware.iter().cloned().map(KeptSlot::Named);
            let more = slots.filter(|slot| !named.firmware.contains(slot)).collect::<Vec<_>>();
            named.firmware.extend(more);
            Ok(single::backup("backup", named, self.label.clone()))
        })?;
        show(cx, &report, kept(&office, &report)?.as_ref());
        Ok(Exit::of_run(&report))
    }
}

/// The backup that a run left in the vault.
pub(super) fn kept(office: &Office, report: &Report) -> Result<Option<Backup>, Error> {
    let Some(id) = report.steps.iter().find_map(|step| step.backup.as_deref()) else { return Ok(None) };
    office.vault()?.find(id).map(Some)
}

fn show(cx: &Context, report: &Report, backup: Option<&Backup>) {
    let id = backup.map(|backup| backup.id.to_string());
    let items = backup.map_or(&[][..], |backup| &backup.manifest.items);
    let omitted: Vec<Omitted> = report.steps.iter().flat_map(|step| step.omitted.clone()).collect();
    cx.voice.object(&BackupLine {
        r#type: "backup",
        backup: id.as_deref(),
        address: &report.address,
        serial: report.serial.as_ref(),
        run: report.run.to_string(),
        outcome: report.outcome,
        complete: backup.is_some_and(|backup| backup.manifest.complete),
        items,
        omitted: &omitted,
        error: report.error.as_ref(),
        record: report.record.as_deref(),
    });
    let mut rows = vec![["KIND", "PATH", "BYTES", "SHA-256"].map(String::from)];
    rows.extend(
        items
            .iter()
            .map(|item| [item.kind.to_string(), item.path.clone(), ui::bytes(item.bytes), item.sha256.to_string()]),
    );
    for line in columns(&rows) {
        cx.voice.line(line);
    }
    for omitted in &omitted {
        cx.voice.line(format_args!("omitted: {} {}: {}", omitted.kind, omitted.path, omitted.why));
    }
    bench::explain_report(cx, report);
    if let Some(id) = id {
        cx.voice.line(format_args!("backup {id}\nrecord {}", report.record.as_deref().unwrap_or("-")));
    }
}
