//! `hardwire console`.

use std::io::IsTerminal;

use clap::Args;
use serde::Serialize;

use super::bench::Display;
use super::context::{Context, OneDevice, Secrets};
use super::exit::Exit;
use super::report::{Outcome, Result};
use crate::device::{Bay, ConsoleReply, Driver, Op, UnitText};
use crate::error::{Error, Kind};

/// Run a command on a unit's shell, or many
///
/// With CMD, its output is printed, and the exit code is 1 when the unit says that it failed. Without, lines are read
/// from stdin until it ends. Nothing of this is recorded: what belongs in a record is a profile's `console` step.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  hardwire console -d tty:/dev/ttyACM0 -- kernel uptime\n  hardwire console -d tty:/dev/ttyACM0"
)]
pub(super) struct Console {
    #[command(flatten)]
    device: OneDevice,
    /// The command and its arguments
    #[arg(last = true, value_name = "CMD")]
    command: Vec<String>,
}

#[derive(Serialize)]
struct ConsoleLine<'a> {
    r#type: &'static str,
    address: &'a str,
    serial: Option<&'a UnitText>,
    command: &'a str,
    output: &'a UnitText,
    status: i64,
}

impl Console {
    pub(super) fn run(&self, cx: &Context) -> Outcome {
        let bay = cx.bay(&self.device, Secrets::None)?;
        let address = bay.address().to_owned();
        let interactive = std::io::stdin().is_terminal() && cx.may_ask();
        let person = Display::of(cx).person(cx, false);
        cx.with_unit(bay, |driver, op| {
            if !self.command.is_empty() {
                return one(cx, &address, &self.command.join(" "), driver, op);
            }
            let mut worst = Exit::PASSED;
            loop {
                let line = if interactive {
                    person.ask(&prompt(driver, &address), None, &cx.cancel)
                } else {
                    person.next_line(&cx.cancel)
                };
                let line = match line {
                    // Ctrl-C is one way of leaving a prompt.
                    Err(error) if interactive && error.kind() == Kind::Cancelled => return Ok(worst),
                    line => line?,
                };
                let Some(line) = line else { return Ok(worst) };
                match line.as_str() {
                    "" => {}
                    "exit" if interactive => return Ok(worst),
                    command => {
                        let exit = match one(cx, &address, command, driver, op) {
                            // The unit is there and said no: the person may try something else.
                            Err(error) if interactive && matches!(error.kind(), Kind::Refused | Kind::Invalid) => {
                                cx.voice.failure(&error.into());
                                Exit::UNIT_FAILED
                            }
                            exit => exit?,
                        };
                        // At a prompt a person sees what failed; a script has only the code.
                        if !interactive && exit != Exit::PASSED {
                            worst = exit;
                        }
                    }
                }
            }
        })
    }
}

fn prompt(driver: &dyn Driver, address: &str) -> String {
    driver.unit().serial.as_ref().map_or_else(|| format!("{address}>"), |serial| format!("{serial}>"))
}

fn one(cx: &Context, address: &str, command: &str, driver: &mut dyn Driver, op: &mut Op<'_>) -> Result<Exit, Error> {
    let mode = driver.unit().mode;
    let serial = driver.unit().serial.clone();
    let console = driver.console().ok_or_else(|| {
        Error::new(Kind::Unsupported, format!("the unit has no shell in mode {mode}"))
            .next("`hardwire info` shows what it offers")
    })?;
    let ConsoleReply { output, status } = console.run(command, op)?;
    let line = ConsoleLine { r#type: "console", address, serial: serial.as_ref(), command, output: &output, status };
    cx.voice.object(&line);
    // Its lines are lines; whatever else could steer the terminal is escaped on the way out.
    cx.voice.line(output.untrusted().replace("\r\n", "\n").trim_end_matches('\n'));
    if status != 0 {
        cx.voice.say(format_args!("the unit answered with status {status}"));
        return Ok(Exit::UNIT_FAILED);
    }
    Ok(Exit::PASSED)
}
