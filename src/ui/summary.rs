//! What stays on the screen: a row a unit, and each digest that did not hold.

use super::lines::{bytes, verdict};
use super::safe;
use crate::run::report::{Report, StepOutcome};

/// The columns of [`summary`].
const HEADING: [&str; 7] = ["UNIT", "OUTCOME", "LEVEL", "STEPS", "SENT", "TIME", "RECORD"];

/// One row a unit, under the heading.
#[must_use]
pub fn summary<'a>(reports: impl IntoIterator<Item = &'a Report>) -> Vec<[String; 7]> {
    let mut rows = vec![HEADING.map(String::from)];
    rows.extend(reports.into_iter().map(row));
    rows
}

fn row(report: &Report) -> [String; 7] {
    let sent = report.steps.iter().map(|step| step.sent).sum();
    let took = report.finished.duration_since(report.started);
    [
        report.serial.as_ref().map_or_else(|| safe(&report.address), ToString::to_string),
        verdict(report.outcome).to_owned(),
        report.level.map_or_else(|| "-".into(), |level| level.to_string()),
        steps(report),
        bytes(sent),
        format!("{}.{} s", took.as_secs(), took.subsec_millis() / 100),
        report.record.as_deref().unwrap_or("-").to_owned(),
    ]
}

fn steps(report: &Report) -> String {
    let count = |outcome| report.steps.iter().filter(|step| step.outcome == outcome).count();
    let kinds = [
        (StepOutcome::Done, "done"),
        (StepOutcome::Already, "already"),
        (StepOutcome::Failed, "failed"),
        (StepOutcome::Skipped, "skipped"),
    ];
    let parts: Vec<String> = kinds
        .into_iter()
        .filter_map(|(outcome, word)| Some(count(outcome)).filter(|n| *n > 0).map(|n| format!("{n} {word}")))
        .collect();
    if parts.is_empty() { "none".into() } else { parts.join(", ") }
}

/// What was compared and did not hold, a line each: expected and observed digest.
#[must_use]
pub fn items(report: &Report) -> Vec<String> {
    let failed = report.steps.iter().flat_map(|step| step.items.iter().map(move |item| (step, item)));
    failed
        .filter(|(_, item)| item.outcome == StepOutcome::Failed)
        .map(|(step, item)| {
            let shown = |digest: &Option<String>| digest.clone().unwrap_or_else(|| "nothing".into());
            format!(
                "{}: {}: expected {}, observed {}",
                safe(&step.name),
                safe(&item.path),
                shown(&item.expected),
                shown(&item.observed)
            )
        })
        .collect()
}
