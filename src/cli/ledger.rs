//! `hardwire ledger`.

use std::fs::File;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::context::{Context, new_file};
use super::exit::Exit;
use super::report::{Outcome, Result, columns};
use crate::error::{Error, Kind};
use crate::ledger::{self, Filter, Record, RecordKind, Verification, verify_export};

/// Show, verify and export the records of this station
///
/// Each run, backup, diagnosis and restore leaves one record, chained to the one before it. A record is never changed
/// and never removed.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  hardwire ledger list --serial TH-0421\n  hardwire ledger show latest\n  hardwire ledger verify"
)]
pub(super) struct LedgerCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List records, oldest first
    #[command(after_help = "Example:\n  hardwire ledger list --outcome fail --since 2026-01-31")]
    List(Which),
    /// Show one record whole
    #[command(after_help = "Example:\n  hardwire ledger show latest")]
    Show {
        /// A record's digest or the beginning of it, a run's id, or `latest`
        record: String,
    },
    /// Check every record against its digest and the chain
    ///
    /// Exit code 4 when anything is not as it was written.
    #[command(after_help = "Examples:\n  hardwire ledger verify\n  hardwire ledger verify records.jsonl")]
    Verify {
        /// An export to verify instead of this station's ledger
        file: Option<PathBuf>,
    },
    /// Write records, byte for byte, to a file or stdout
    ///
    /// One in-toto Statement a line. `hardwire ledger verify FILE` checks it anywhere.
    #[command(after_help = "Example:\n  hardwire ledger export records.jsonl")]
    Export {
        /// The file to write; it must not be there yet
        file: Option<PathBuf>,
        #[command(flatten)]
        which: Which,
    },
}

#[derive(Debug, Args)]
struct Which {
    /// Only those of this unit
    #[arg(long, value_name = "NUMBER")]
    serial: Option<String>,
    /// Only run, backup, diagnosis or restore
    #[arg(long, value_name = "KIND")]
    kind: Option<RecordKind>,
    /// Only those that came to pass, fail, error or cancelled
    #[arg(long)]
    outcome: Option<String>,
    /// Only those of this batch
    #[arg(long, value_name = "NAME")]
    batch: Option<String>,
    /// Only those sealed at this time or later: 2026-01-31 (UTC), 2026-01-31T08:00:00Z
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<Timestamp>,
    /// Only those sealed before this time
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<Timestamp>,
    /// Only the newest so many
    #[arg(long, value_name = "N")]
    limit: Option<u32>,
}

impl Which {
    fn filter(self) -> Filter {
        let Which { serial, kind, outcome, batch, since, until, limit } = self;
        Filter { serial, kind, outcome, since, until, run: None, batch, profile: None, limit }
    }
}

fn time(text: &str) -> Result<Timestamp, String> {
    let day = |date: jiff::civil::Date| date.to_zoned(jiff::tz::TimeZone::UTC).map(|day| day.timestamp());
    text.parse::<Timestamp>()
        .or_else(|_| text.parse::<jiff::civil::Date>().and_then(day))
        .map_err(|_| "no time: write 2026-01-31 or 2026-01-31T08:00:00Z".to_owned())
}

#[derive(Serialize)]
struct RecordLine {
    r#type: &'static str,
    record: String,
    seq: u64,
    kind: RecordKind,
    run: String,
    serial: Option<String>,
    outcome: String,
    at: Timestamp,
    statement: Value,
}

#[derive(Serialize)]
struct VerificationLine<'a> {
    r#type: &'static str,
    sound: bool,
    records: u64,
    first: Option<u64>,
    last: Option<u64>,
    head: Option<String>,
    station: Option<String>,
    missing: &'a [(u64, u64)],
    damage: &'a [ledger::Damage],
}

#[derive(Serialize)]
struct ExportLine {
    r#type: &'static str,
    records: u64,
    file: String,
}

impl LedgerCommand {
    pub(super) fn run(self, cx: &Context) -> Outcome {
        match self.action {
            Action::List(which) => list(cx, &which.filter()),
            Action::Show { record } => show(cx, &record),
            Action::Verify { file: None } => report(cx, &ledger::verify(&cx.home()?)?),
            Action::Verify { file: Some(file) } => {
                let from = File::open(&file).map_err(|cause| unopened(&file, cause))?;
                report(cx, &verify_export(from)?)
            }
            Action::Export { file, which } => export(cx, file.as_deref(), &which.filter()),
        }
    }
}

fn list(cx: &Context, filter: &Filter) -> Outcome {
    let ledger = cx.office()?.ledger()?;
    if cx.voice.is_json() {
        ledger.each(filter, |record| {
            cx.voice.object(&line(&record)?);
            Ok(())
        })?;
        return Ok(Exit::PASSED);
    }
    let mut rows = vec![["SEQ", "AT", "KIND", "UNIT", "OUTCOME", "RECORD"].map(String::from)];
    ledger.each(filter, |record| {
        rows.push([
            record.seq.to_string(),
            format!("{:.0}", record.at),
            record.kind.to_string(),
            record.serial.unwrap_or_else(|| "-".into()),
            record.outcome,
            record.digest.to_string(),
        ]);
        Ok(())
    })?;
    if rows.len() == 1 {
        cx.voice.say("no records");
        return Ok(Exit::PASSED);
    }
    for row in columns(&rows) {
        cx.voice.line(row);
    }
    Ok(Exit::PASSED)
}

fn line(record: &Record) -> Result<RecordLine, Error> {
    Ok(RecordLine {
        r#type: "record",
        record: record.digest.to_string(),
        seq: record.seq,
        kind: record.kind,
        run: record.run.to_string(),
        serial: record.serial.clone(),
        outcome: record.outcome.clone(),
        at: record.at,
        statement: record.value()?,
    })
}

fn show(cx: &Context, name: &str) -> Outcome {
    let record = cx.office()?.ledger()?.get(name)?;
    let line = line(&record)?;
    cx.voice.object(&line);
    cx.voice.line(format_args!("record {} ({}, number {})", line.record, line.kind, line.seq));
    cx.voice.line(serde_json::to_string_pretty(&line.statement).unwrap_or_default());
    Ok(Exit::PASSED)
}

fn report(cx: &Context, found: &Verification) -> Outcome {
    cx.voice.object(&VerificationLine {
        r#type: "verification",
        sound: found.is_sound(),
        records: found.records,
        first: found.first,
        last: found.last,
        head: found.head.as_ref().map(ToString::to_string),
        station: found.station.map(|station| station.to_string()),
        missing: &found.missing,
        damage: &found.damage,
    });
    for damage in &found.damage {
        let seq = damage.seq.map(|seq| format!("record {seq}: ")).unwrap_or_default();
        cx.voice.line(format_args!("DAMAGED  {seq}{}", damage.what));
    }
    for (from, to) in &found.missing {
        cx.voice.line(format_args!("left out: records {from} to {to}"));
    }
    let head = found.head.as_ref().map_or_else(|| "none".into(), ToString::to_string);
    if found.is_sound() {
        cx.voice.line(format_args!("sound: {} records, head {head}", found.records));
        return Ok(Exit::PASSED);
    }
    cx.voice.say("error: the records are not as they were written\n  next: keep the file as it is, and compare it with an export or a copy");
    Ok(Exit::MISMATCH)
}

fn export(cx: &Context, file: Option<&Path>, filter: &Filter) -> Outcome {
    let ledger = cx.office()?.ledger()?;
    let Some(path) = file else {
        if cx.voice.is_json() {
            return Err(Error::new(Kind::Invalid, "with --json, stdout is for what was done")
                .next("name the file that takes the records")
                .into());
        }
        ledger.export(&mut cx.voice.raw(), filter)?;
        return Ok(Exit::PASSED);
    };
    let mut into = new_file(path)?;
    let records = ledger.export(&mut into, filter)?;
    into.sync_all().map_err(|cause| Error::new(Kind::Storage, "the export cannot be kept").because(cause))?;
    cx.voice.object(&ExportLine { r#type: "export", records, file: path.display().to_string() });
    cx.voice.line(format_args!("{records} records in {}", path.display()));
    Ok(Exit::PASSED)
}

fn unopened(path: &Path, cause: std::io::Error) -> Error {
    Error::new(Kind::Invalid, format!("{} cannot be read", path.display())).because(cause)
}
