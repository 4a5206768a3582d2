//! `diagnose`: what the unit measures, judged by limits.

use serde_json::Value;

use super::evidence::{Attached, Judged, Verdict};
use super::{Action, Bench, Effect, Observed, Stage, StepKind, lacking};
use crate::device::{Capability, Diagnosis, Driver};
use crate::error::{Error, Kind, Result};
use crate::profile::model::{DiagnoseStep, Limit};

impl StepKind for DiagnoseStep {
    fn describe(&self) -> String {
        "reading diagnostics".to_owned()
    }

    fn needs(&self) -> Option<Capability> {
        Some(Capability::Diagnostics)
    }

    fn action(&self) -> Option<Action> {
        Some(Action::Read)
    }

    fn check(&self, driver: &mut dyn Driver) -> Result<()> {
        let reports = driver.diagnostics().ok_or_else(|| lacking(Capability::Diagnostics))?.reports();
        match self.attach.iter().find(|attach| !reports.contains(&attach.report.as_str())) {
            None => Ok(()),
            Some(attach) => {
                let given = if reports.is_empty() { "none".to_owned() } else { reports.join(", ") };
                let sentence = format!("the unit gives no report called {} (it gives: {given})", attach.report);
                Err(Error::new(Kind::Unsupported, sentence))
            }
        }
    }

    fn execute(&self, driver: &mut dyn Driver, _: Stage, _: &Observed, bench: &mut Bench<'_, '_>) -> Result<Effect> {
        let diagnostics = driver.diagnostics().ok_or_else(|| lacking(Capability::Diagnostics))?;
        let diagnosis = diagnostics.measure(bench.op)?;
        let mut attachments = Vec::new();
        for attach in &self.attach {
            bench.op.check()?;
            let doing = |error: Error| error.while_doing(format!("reading report {}", attach.report));
            let mut incoming = bench.keep.incoming()?;
            let bytes = diagnostics.report(&attach.report, attach.last, &mut incoming, bench.op).map_err(doing)?;
            attachments.push(Attached { name: attach.report.clone(), bytes, sha256: incoming.finish()? });
        }
        let measurements = self.judge(&diagnosis);
        let bad: Vec<String> = measurements
            .iter()
            .filter(|judged| judged.verdict == Some(Verdict::Fail))
            .map(|judged| match &judged.value {
                Value::Null => format!("{} is not measured", judged.name),
                value => format!("{} is {value}, not {}", judged.name, limits(&self.expect[&judged.name])),
            })
            .collect();
        let verdict =
            (!bad.is_empty()).then(|| Error::new(Kind::Refused, format!("out of limits: {}", bad.join("; "))));
        Ok(Effect { measurements, attachments, verdict, ..Effect::default() })
    }
}

impl DiagnoseStep {
    fn judge(&self, diagnosis: &Diagnosis) -> Vec<Judged> {
        let numbers = diagnosis.measurements.iter().map(|m| (m.name.clone(), Value::from(m.value), m.unit));
        let facts = diagnosis.facts.iter().map(|(name, fact)| (name.clone(), Value::from(fact.untrusted()), None));
        let mut judged: Vec<Judged> =
            numbers.chain(facts).map(|(name, value, unit)| judge(name, value, unit, &self.expect)).collect();
        for name in self.expect.keys().filter(|name| !judged.iter().any(|j| j.name == **name)).collect::<Vec<_>>() {
            judged.push(judge(name.clone(), Value::Null, None, &self.expect));
        }
        judged
    }
}

fn judge(
    name: String,
    value: Value,
    unit: Option<&'static str>,
    expect: &std::collections::BTreeMap<String, Limit>,
) -> Judged {
    let limit = expect.get(&name);
    let verdict = limit.map(|limit| {
        let number = value.as_i64();
        let within = limit.min.is_none_or(|min| number.is_some_and(|n| n >= min))
            && limit.max.is_none_or(|max| number.is_some_and(|n| n <= max))
            && limit.is.as_ref().is_none_or(|is| value.as_str() == Some(is))
            && !value.is_null();
        if within { Verdict::Pass } else { Verdict::Fail }
    });
    let (min, max) = (limit.and_then(|limit| limit.min), limit.and_then(|limit| limit.max));
    Judged { name, value, unit, min, max, verdict }
}

fn limits(limit: &Limit) -> String {
    match (limit.min, limit.max, &limit.is) {
        (_, _, Some(is)) => format!("{is:?}"),
        (Some(min), Some(max), None) => format!("{min} to {max}"),
        (Some(min), None, None) => format!("at least {min}"),
        (None, Some(max), None) => format!("at most {max}"),
        (None, None, None) => "anything".to_owned(),
    }
}
