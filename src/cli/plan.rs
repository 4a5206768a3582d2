//! `hardwire plan`.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::apply::{InputArgs, prepare, tag};
use super::bench::{self, Devices, Display};
use super::context::Context;
use super::exit::Exit;
use super::report::{Failure, Outcome, columns};
use crate::device::UnitText;
use crate::ledger::RecordKind;
use crate::plan::Plan;
use crate::profile;
use crate::station;
use crate::ui;

/// Show what a profile would change on a unit; write nothing
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  hardwire plan thermostat.yaml -d tty:/dev/ttyACM0")]
pub(super) struct PlanCommand {
    /// The profile
    profile: PathBuf,
    #[command(flatten)]
    devices: Devices,
    #[command(flatten)]
    inputs: InputArgs,
    /// A tag of the run to come (repeatable): what is done once a tag depends on it
    #[arg(long = "tag", value_name = "KEY=VALUE", value_parser = tag)]
    tags: Vec<(String, String)>,
}

#[derive(Serialize)]
struct PlanLine<'a> {
    r#type: &'static str,
    address: &'a str,
    serial: Option<&'a str>,
    #[serde(flatten)]
    plan: &'a Plan,
}

struct Planned {
    address: String,
    serial: Option<String>,
    plan: Plan,
}

impl PlanCommand {
    pub(super) fn run(&self, cx: &Context) -> Outcome {
        let prepared = profile::load(&self.profile)?.prepare()?;
        let given = self.inputs.given()?;
        let office = cx.office()?;
        let bays = self.devices.bays(cx, &prepared)?;
        let mut display = Display::of(cx);
        let person = display.person(cx, false);
        let units = prepare(cx, &mut display, bays, &prepared, (&given, &office), &person)?;
        let tags = self.tags.iter().cloned().collect();
        let shift = station::Shift { tags, ..bench::shift(cx, &office, &person) };
        let plans = bench::each(cx, &mut display, units, |unit, listener| {
            let (mut met, resolved) = unit?;
            let plan = shift.plan(&mut met, RecordKind::Run, &resolved, listener);
            let plan = plan.map_err(|error| Failure::from(error).at(met.label()))?;
            let address = crate::device::Bay::address(&met.bay).to_owned();
            Ok(Planned { address, serial: met.facts.serial, plan })
        })?;
        Ok(Exit::combine(plans.iter().map(|plan| match plan {
            Ok(planned) => {
                show(cx, planned);
                Exit::PASSED
            }
            Err(failure) => {
                cx.voice.failure(failure);
                failure.exit
            }
        })))
    }
}

fn show(cx: &Context, planned: &Planned) {
    let Planned { address, serial, plan } = planned;
    cx.voice.object(&PlanLine { r#type: "plan", address, serial: serial.as_deref(), plan });
    let unit = serial.as_deref().map_or_else(|| address.clone(), |serial| UnitText::new(serial).to_string());
    let variant = plan.variant.as_ref().map(|variant| format!(", variant {variant}")).unwrap_or_default();
    cx.voice.line(format_args!("{unit}: {} {}{variant}", plan.profile.name, plan.profile.version));
    let mut rows = vec![["  STEP", "KIND", "ACTION", "BYTES", "LEVEL", "WHY"].map(String::from)];
    rows.extend(plan.steps.iter().map(|step| {
        [
            format!("  {}", step.name),
            step.kind.to_owned(),
            step.action.to_string(),
            if step.bytes > 0 { ui::bytes(step.bytes) } else { "-".into() },
            step.level.map_or_else(|| "-".into(), |level| level.to_string()),
            step.why.clone(),
        ]
    }));
    for row in columns(&rows) {
        cx.voice.line(row);
    }
    for destroyed in plan.steps.iter().flat_map(|step| &step.destroys) {
        cx.voice.line(format_args!("  destroys: {destroyed}"));
    }
}
