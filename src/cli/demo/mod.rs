//! `hardwire demo`.

mod stage;

use clap::Args;
use serde_json::Value;

use super::context::Context;
use super::exit::Exit;
use super::report::{Outcome, Result};
use crate::error::{Error, Kind};
use crate::station::fleet;
use stage::Stage;

/// Provision a bench of stand-in devices before your eyes
///
/// Four stand-in devices are plugged into pseudo-terminals, one of them with flash that loses a byte. They are
/// provisioned all at once, for real: the very commands are shown and run, in a temporary station that is removed at the
/// end. Needs no hardware and no root.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  hardwire demo")]
pub(super) struct Demo {}

/// Which of the units has bad flash, from 0.
const FAULTY: usize = 2;

impl Demo {
    pub(super) fn run(&self, cx: &Context) -> Outcome {
        // On a thread of its own, so that Ctrl-C ends the play and not the clearing away.
        let mut played = fleet::run(vec![()], &cx.cancel, |(), _| play(cx), |_| {})?;
        played.pop().unwrap_or_else(|| Err(Error::new(Kind::Interrupted, "the demo did not begin")))??;
        cx.voice.say("\nAll of it happened as told. `hardwire --help` shows what else there is.");
        Ok(Exit::PASSED)
    }
}

fn play(cx: &Context) -> Result<()> {
    let mut stage = Stage::set_up()?;
    let say = |text: &str| cx.voice.say(format_args!("\n# {text}"));

    say(
        "Four thermostats are plugged in. They are stand-ins that speak SMP over MCUboot; number 3 has flash that loses a byte.",
    );
    for unit in 0..4 {
        stage.plug_in(if unit == FAULTY { &["--fault", "lose-byte"] } else { &[] })?;
    }
    let devices: Vec<String> = stage.units.iter().flat_map(|unit| ["-d".to_owned(), unit.address.clone()]).collect();
    let devices: Vec<&str> = devices.iter().map(String::as_str).collect();
    let first = &devices[..2];
    let good: Vec<&str> = devices
        .chunks(2)
        .enumerate()
        .filter(|(unit, _)| *unit != FAULTY)
        .flat_map(|(_, device)| device.to_vec())
        .collect();
    let shown = Shown { cx, stage: &stage };
    shown.run(&["detect", "--probe"], &devices, Exit::PASSED)?;

    say("A profile says what must be true of them. What would change on the first one?");
    shown.run(&["plan", "thermostat.yaml"], first, Exit::PASSED)?;

    say(
        "Now all four at once. Every step is proven by a digest that the unit computed, the firmware by the unit running it.",
    );
    say("Number 3 must fail: exit code 4, with the digest that was expected and the one that was found.");
    shown.run(&["apply", "thermostat.yaml", "--operator", "demo"], &devices, Exit::MISMATCH)?;

    say("The good ones again: what is already true is not written.");
    shown.run(&["apply", "thermostat.yaml", "--operator", "demo"], &good, Exit::PASSED)?;
    shown.wrote_nothing(good.len() / 2)?;

    say("What does the first one measure, and is that within the profile's limits?");
    shown.run(&["diagnose", "thermostat.yaml"], first, Exit::PASSED)?;

    say("A backup of it; then somebody spoils a file; then the backup is put back and compared.");
    shown.run(&["backup", "thermostat.yaml"], first, Exit::PASSED)?;
    stage.write("wrong.txt", b"not this unit\n")?;
    shown.run(&["put", "wrong.txt", "/lfs1/id"], first, Exit::PASSED)?;
    shown.run(&["restore", "latest", "--yes"], first, Exit::PASSED)?;
    shown.run(&["get", "/lfs1/id", "restored.txt"], first, Exit::PASSED)?;
    shown.restored("restored.txt", b"DEMO-0001\n")?;

    say("Each of these left a record, chained to the one before it. Is the chain whole?");
    shown.run(&["ledger", "list"], &[], Exit::PASSED)?;
    shown.run(&["ledger", "verify"], &[], Exit::PASSED)
}

/// Runs commands where they are seen.
struct Shown<'a> {
    cx: &'a Context,
    stage: &'a Stage,
}

impl Shown<'_> {
    /// Shows a command, runs it, and holds it to the exit code that was told.
    fn run(&self, command: &[&str], devices: &[&str], told: Exit) -> Result<()> {
        let args = [command, devices].concat();
        self.cx.voice.say(format_args!("\n$ hardwire {}", args.join(" ")));
        let mut child = self.stage.command(&args);
        if self.cx.voice.is_json() {
            child.arg("--json");
        }
        let status =
            child.status().map_err(|cause| Error::new(Kind::Storage, "hardwire cannot be run").because(cause))?;
        if self.cx.cancel.is_asked() {
            return Err(Error::new(Kind::Cancelled, "stopped on request; the stand-in devices are gone with it").into());
        }
        if status.code() != Some(i32::from(told.code())) {
            let sentence = format!("`hardwire {}` ended with {status}, and not with {}", args.join(" "), told.code());
            return Err(not_as_told(sentence));
        }
        Ok(())
    }

    /// The last `count` records are of runs that put nothing on the link.
    fn wrote_nothing(&self, count: usize) -> Result<()> {
        let output = self.stage.command(&["ledger", "list", "--json"]).output();
        let output = output.map_err(|cause| Error::new(Kind::Storage, "hardwire cannot be run").because(cause))?;
        let records: Vec<Value> = String::from_utf8_lossy(&output.stdout)
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect();
        let last = records.len().checked_sub(count).map(|start| &records[start..]).unwrap_or_default();
        let nothing_sent = |record: &Value| {
            let steps = record["statement"]["predicate"]["steps"].as_array();
            steps.is_some_and(|steps| !steps.is_empty() && steps.iter().all(|step| step["sent"] == 0))
        };
        if last.len() == count && last.iter().all(nothing_sent) {
            self.cx.voice.say(format_args!("({count} records say so: 0 bytes sent)"));
            return Ok(());
        }
        Err(not_as_told("the second run put something on the link".into()))
    }

    fn restored(&self, name: &str, expected: &[u8]) -> Result<()> {
        match std::fs::read(self.stage.folder().join(name)) {
            Ok(bytes) if bytes == expected => Ok(()),
            _ => Err(not_as_told("the file that was restored is not what it was before".into())),
        }
    }
}

fn not_as_told(sentence: String) -> super::report::Failure {
    let error = Error::new(Kind::Mismatch, "the demo did not go as told")
        .because(Error::new(Kind::Mismatch, sentence))
        .next("this is a fault of hardwire: please report it with the lines above");
    error.into()
}
