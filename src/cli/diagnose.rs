//! `hardwire diagnose`.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::bench::{self, RecordArgs, Single};
use super::context::{Context, OneDevice};
use super::exit::Exit;
use super::report::{Outcome, columns};
use crate::device::UnitText;
use crate::ledger::RecordKind;
use crate::run::report::{self, Attached, Judged, Report, Verdict};
use crate::station::single;

/// Read what a unit measures; judge it by a profile's limits
///
/// Exit code 1 when a measurement is out of its limits.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  hardwire diagnose -d tty:/dev/ttyACM0\n  hardwire diagnose -d tty:/dev/ttyACM0 thermostat.yaml"
)]
pub(super) struct Diagnose {
    /// A profile whose `diagnose` steps give the limits
    profile: Option<PathBuf>,
    #[command(flatten)]
    device: OneDevice,
    #[command(flatten)]
    record: RecordArgs,
}

#[derive(Serialize)]
struct DiagnosticsLine<'a> {
    r#type: &'static str,
    address: &'a str,
    serial: Option<&'a UnitText>,
    run: String,
    outcome: report::Outcome,
    measurements: &'a [Judged],
    attachments: &'a [Attached],
    error: Option<&'a report::Failure>,
    record: Option<&'a str>,
}

impl Diagnose {
    pub(super) fn run(self, cx: &Context) -> Outcome {
        let prepared = bench::load(self.profile.as_deref())?;
        let office = cx.office()?;
        let identity = prepared.as_ref().and_then(|prepared| prepared.profile().identity.setting.as_deref());
        let work = Single {
            device: &self.device,
            record: self.record,
            kind: RecordKind::Diagnosis,
            meant: false,
            accept_omitted: Vec::new(),
            secrets: bench::secrets_of(prepared.as_ref()),
        };
        let report = work.run(cx, &office, identity, |met, _, person| {
            let resolved = prepared.as_ref().map(|prepared| bench::cut(prepared, met, person, cx)).transpose()?;
            single::diagnose(resolved.as_ref())
        })?;
        show(cx, &report);
        Ok(Exit::of_run(&report))
    }
}

fn show(cx: &Context, report: &Report) {
    let measurements = report.steps.first().map_or(&[][..], |step| &step.measurements);
    let attachments = report.steps.first().map_or(&[][..], |step| &step.attachments);
    cx.voice.object(&DiagnosticsLine {
        r#type: "diagnostics",
        address: &report.address,
        serial: report.serial.as_ref(),
        run: report.run.to_string(),
        outcome: report.outcome,
        measurements,
        attachments,
        error: report.error.as_ref(),
        record: report.record.as_deref(),
    });
    let mut rows = vec![["NAME", "VALUE", "UNIT", "LIMITS", "VERDICT"].map(String::from)];
    rows.extend(measurements.iter().map(row));
    for line in columns(&rows) {
        cx.voice.line(line);
    }
    for Attached { name, bytes, sha256 } in attachments {
        cx.voice.line(format_args!("kept {name}, {}, as {sha256}", crate::ui::bytes(*bytes)));
    }
    bench::explain_report(cx, report);
    if let Some(record) = &report.record {
        cx.voice.line(format_args!("record {record}"));
    }
}

fn row(judged: &Judged) -> [String; 5] {
    let limits = match (judged.min, judged.max) {
        (Some(min), Some(max)) => format!("{min} to {max}"),
        (Some(min), None) => format!("at least {min}"),
        (None, Some(max)) => format!("at most {max}"),
        (None, None) => "-".into(),
    };
    let value = match &judged.value {
        serde_json::Value::String(text) => UnitText::new(text).to_string(),
        serde_json::Value::Null => "not measured".into(),
        value => value.to_string(),
    };
    let verdict = match judged.verdict {
        Some(Verdict::Pass) => "pass",
        Some(Verdict::Fail) => "FAIL",
        None => "-",
    };
    [judged.name.clone(), value, judged.unit.unwrap_or("-").into(), limits, verdict.into()]
}
