//! `hardwire profile`.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde::Serialize;

use super::apply::InputArgs;
use super::context::{Context, OneDevice, Secrets, new_file};
use super::exit::Exit;
use super::report::Outcome;
use crate::device::{Bay, UnitText};
use crate::error::{Error, Kind};
use crate::profile::{self, Facts};

/// Check, show and write profiles
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  hardwire profile new -d tty:/dev/ttyACM0 board.yaml\n  hardwire profile check board.yaml"
)]
pub(super) struct ProfileCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Check a profile and its artifacts without any unit
    #[command(after_help = "Example:\n  hardwire profile check thermostat.yaml")]
    Check {
        /// The profile
        profile: PathBuf,
    },
    /// Show a profile as it is for a unit: `extends`, variant and templates put in place
    #[command(
        after_help = "Examples:\n  hardwire profile show thermostat.yaml\n  hardwire profile show thermostat.yaml -d tty:/dev/ttyACM0"
    )]
    Show {
        /// The profile
        profile: PathBuf,
        /// A unit to show it for; without, what only a unit knows stays open
        #[arg(short, long, value_name = "DEV")]
        device: Option<String>,
        #[command(flatten)]
        inputs: InputArgs,
    },
    /// Print the JSON Schema of profiles, for editors
    #[command(after_help = "Example:\n  hardwire profile schema > profile.schema.json")]
    Schema,
    /// Write a first, commented profile for the unit that is plugged in
    #[command(after_help = "Example:\n  hardwire profile new -d tty:/dev/ttyACM0 board.yaml")]
    New {
        #[command(flatten)]
        device: OneDevice,
        /// The file to write; it must not be there yet [default: stdout]
        file: Option<PathBuf>,
    },
    /// Fill in the digests of a profile's artifacts
    #[command(after_help = "Example:\n  hardwire profile lock thermostat.yaml")]
    Lock {
        /// The profile; it is rewritten in place, comments and layout kept
        profile: PathBuf,
    },
}

#[derive(Serialize)]
struct ShownLine<'a> {
    r#type: &'static str,
    name: &'a str,
    version: &'a str,
    digest: &'a str,
    steps: usize,
    profile: serde_json::Value,
}

#[derive(Serialize)]
struct SchemaLine {
    r#type: &'static str,
    schema: serde_json::Value,
}

#[derive(Serialize)]
struct DraftLine<'a> {
    r#type: &'static str,
    address: &'a str,
    serial: Option<&'a UnitText>,
    file: Option<String>,
    profile: &'a str,
}

#[derive(Serialize)]
struct LockedLine<'a> {
    r#type: &'static str,
    artifact: &'a str,
    variant: Option<&'a str>,
    file: &'a str,
    before: Option<&'a str>,
    sha256: &'a str,
}

#[derive(Serialize)]
struct ProfileLine<'a> {
    r#type: &'static str,
    name: &'a str,
    version: &'a str,
    digest: &'a str,
    steps: usize,
}

impl ProfileCommand {
    pub(super) fn run(self, cx: &Context) -> Outcome {
        match self.action {
            Action::Check { profile } => check(cx, &profile),
            Action::Show { profile, device, inputs } => show(cx, &profile, device, &inputs),
            Action::Schema => schema(cx),
            Action::New { device, file } => draft(cx, &device, file.as_deref()),
            Action::Lock { profile } => lock(cx, &profile),
        }
    }
}

fn check(cx: &Context, path: &Path) -> Outcome {
    let prepared = profile::load(path)?.prepare()?;
    let reference = prepared.reference();
    let steps = prepared.profile().len();
    cx.voice.object(&ProfileLine {
        r#type: "profile",
        name: &reference.name,
        version: &reference.version,
        digest: &reference.digest,
        steps,
    });
    cx.voice.line(format_args!(
        "{} {}: {steps} steps, all artifacts as pinned, digest {}",
        reference.name, reference.version, reference.digest
    ));
    Ok(Exit::PASSED)
}

fn show(cx: &Context, path: &Path, device: Option<String>, inputs: &InputArgs) -> Outcome {
    let prepared = profile::load(path)?.prepare()?;
    let given = inputs.given()?;
    let facts = match device {
        None => Facts::default(),
        Some(device) => {
            let bay = cx.bay(&OneDevice::named(device), Secrets::None)?;
            let usb = bay.usb_id().map(str::to_owned);
            cx.with_unit(bay, |driver, _| Ok(Facts::of(driver.unit(), usb.as_deref())))?
        }
    };
    let shown = prepared.profile().show(&facts, &given)?;
    let reference = prepared.reference();
    cx.voice.object(&ShownLine {
        r#type: "profile",
        name: &reference.name,
        version: &reference.version,
        digest: &reference.digest,
        steps: prepared.profile().len(),
        profile: shown.json()?,
    });
    cx.voice.line(shown.yaml()?.trim_end());
    Ok(Exit::PASSED)
}

fn schema(cx: &Context) -> Outcome {
    let schema = profile::schema();
    cx.voice.line(serde_json::to_string_pretty(&schema).unwrap_or_default());
    cx.voice.object(&SchemaLine { r#type: "schema", schema });
    Ok(Exit::PASSED)
}

fn draft(cx: &Context, device: &OneDevice, file: Option<&Path>) -> Outcome {
    let bay = cx.bay(device, Secrets::None)?;
    let (address, usb) = (bay.address().to_owned(), bay.usb_id().map(str::to_owned));
    let unit = cx.with_unit(bay, |driver, _| Ok(driver.unit().clone()))?;
    let text = profile::draft(&unit, &address, usb.as_deref());
    if let Some(file) = file {
        new_file(file)?.write_all(text.as_bytes()).map_err(|cause| {
            Error::new(Kind::Storage, format!("{} cannot be written", file.display())).because(cause)
        })?;
        cx.voice.say(format_args!("{0}: see `hardwire plan {0} -d {address}`", file.display()));
    } else {
        cx.voice.line(text.trim_end());
    }
    let file = file.map(|file| file.display().to_string());
    let serial = unit.serial.as_ref();
    cx.voice.object(&DraftLine { r#type: "draft", address: &address, serial, file, profile: &text });
    Ok(Exit::PASSED)
}

fn lock(cx: &Context, path: &Path) -> Outcome {
    for locked in profile::lock(path)? {
        let changed = locked.before.as_deref() != Some(locked.after.as_str());
        cx.voice.object(&LockedLine {
            r#type: "locked",
            artifact: &locked.artifact,
            variant: locked.variant.as_deref(),
            file: &locked.file,
            before: locked.before.as_deref(),
            sha256: &locked.after,
        });
        let what = if changed { "pinned" } else { "unchanged" };
        cx.voice.line(format_args!("{}  {} ({}) {what}", locked.after, locked.artifact, locked.file));
    }
    Ok(Exit::PASSED)
}
