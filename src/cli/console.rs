//! `hardwire console`.

use std::io::{IsTerminal, Seek, SeekFrom};
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::bench::Display;
use super::context::{Context, OneDevice, Secrets};
use super::exit::Exit;
use super::report::{Outcome, Result};
use crate::device::{self, Bay, ConsoleReply, Driver, Op, UnitText};
use crate::durable;
use crate::error::{Error, Kind};
use crate::profile;
use crate::profile::model::Payload;

/// Bytes of what a command leaves that are kept in memory.
const IN_MEMORY: usize = 8 << 20;

/// Run a command on a unit's shell, or many
///
/// With CMD, its output is printed, and the exit code is 1 when the unit says that it failed. Without, lines are read
/// from stdin until it ends. Nothing of this is recorded: what belongs in a record is a profile's `console` step.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  hardwire console -d tty:/dev/ttyACM0 -- kernel uptime\n  hardwire console -d tty:/dev/ttyACM0\n  hardwire console -d serial:PH-0001 --take log.bin -- oem dump-log"
)]
pub(super) struct Console {
    #[command(flatten)]
    device: OneDevice,
    /// Give the unit this file before the command, where it takes one (fastboot's `stage`)
    #[arg(long, value_name = "FILE", requires = "command")]
    stage: Option<PathBuf>,
    /// Write what the command leaves to be taken to this file (fastboot's `get_staged`)
    #[arg(long, value_name = "FILE", requires = "command")]
    take: Option<PathBuf>,
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
        let stage = self.stage.as_deref().map(profile::open_file).transpose()?;
        let bay = cx.bay(&self.device, Secrets::None)?;
        let address = bay.address().to_owned();
        let interactive = std::io::stdin().is_terminal() && cx.may_ask();
        let person = Display::of(cx).person(cx, false);
        cx.with_unit(bay, |driver, op| {
            if !self.command.is_empty() {
                self.give(stage.as_ref(), driver, op)?;
                let exit = one(cx, &address, &self.command.join(" "), driver, op)?;
                if exit == Exit::PASSED {
                    self.keep(cx, driver, op)?;
                }
                return Ok(exit);
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

impl Console {
    fn give(&self, stage: Option<&Payload>, driver: &mut dyn Driver, op: &mut Op<'_>) -> Result<(), Error> {
        let (Some(file), Some(path)) = (stage, &self.stage) else { return Ok(()) };
        let given = shell(driver)?.stage(file.content.as_ref(), op);
        given.map(drop).map_err(|error| error.while_doing(format!("giving the unit {}", path.display())))
    }

    fn keep(&self, cx: &Context, driver: &mut dyn Driver, op: &mut Op<'_>) -> Result<(), Error> {
        let Some(path) = &self.take else { return Ok(()) };
        let console = shell(driver)?;
        // Taken whole before the file is touched.
        let mut taken = tempfile::SpooledTempFile::new(IN_MEMORY);
        let bytes = console.take(&mut taken, op).map_err(|error| error.while_doing("taking what the command left"))?;
        let written = taken
            .seek(SeekFrom::Start(0))
            .and_then(|_| durable::replace(path, |file| std::io::copy(&mut taken, file).map(drop)));
        written.map_err(|cause| {
            Error::new(Kind::Storage, format!("{} cannot be written", path.display())).because(cause)
        })?;
        cx.voice.say(format_args!("{bytes} bytes to {}", path.display()));
        Ok(())
    }
}

fn shell(driver: &mut dyn Driver) -> Result<&mut dyn device::Console, Error> {
    let mode = driver.unit().mode;
    driver.console().ok_or_else(|| {
        Error::new(Kind::Unsupported, format!("the unit has no shell in mode {mode}"))
            .next("`hardwire info` shows what it offers")
    })
}

fn prompt(driver: &dyn Driver, address: &str) -> String {
    driver.unit().serial.as_ref().map_or_else(|| format!("{address}>"), |serial| format!("{serial}>"))
}

fn one(cx: &Context, address: &str, command: &str, driver: &mut dyn Driver, op: &mut Op<'_>) -> Result<Exit, Error> {
    let serial = driver.unit().serial.clone();
    let console = shell(driver)?;
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
