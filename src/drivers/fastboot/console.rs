//! One command at a time, as the unit takes it: `oem device-info`, `set_active:b`.

use protocols::fastboot::message::Command;
use protocols::fastboot::session::{Cause, Line, Reply};

use super::FastbootDriver;
use super::exchange::Ended;
use super::refusal;
use crate::device::{Console, ConsoleReply, Op, UnitText};
use crate::error::{Error, Kind, Result};

impl Console for FastbootDriver {
    fn run(&mut self, command: &str, op: &mut Op<'_>) -> Result<ConsoleReply> {
        let parsed = Command::parse(command.trim().as_bytes());
        let parsed = parsed.map_err(|error| refusal::unsendable(&Command::Other(command.to_owned()), error))?;
        allow(&parsed)?;
        let reply = match parsed {
            Command::GetVar(_) => self.wire.inquire(&parsed, op),
            _ => self.wire.ask(&parsed, op),
        };
        match reply {
            Ok(reply) => Ok(ConsoleReply { output: UnitText::new(&output(&reply)), status: 0 }),
            Err(Ended::Failed(failure)) => match failure.cause {
                Cause::Refused(text) => Ok(ConsoleReply { output: UnitText::new(&text.to_string()), status: 1 }),
                _ => Err(refusal::error(Ended::Failed(failure))),
            },
            Err(ended) => Err(refusal::error(ended)),
        }
    }
}

/// Refuses what passes data, or makes the unit leave: other commands of Hardwire do that, and see to the end of it.
fn allow(command: &Command) -> Result<()> {
    let next = match command {
        Command::Download(_) | Command::Flash(_) | Command::UpdateSuper { .. } => "`hardwire flash` writes a partition",
        Command::Upload | Command::Fetch { .. } => "`hardwire backup` reads one",
        Command::Reboot
        | Command::RebootBootloader
        | Command::RebootFastbootd
        | Command::RebootRecovery
        | Command::Continue
        | Command::PowerDown => "`hardwire reboot` restarts it, and waits for it",
        Command::Other(text) if text == "boot" || text.starts_with("reboot") || text == "shutdown" => {
            "`hardwire reboot` restarts it, and waits for it"
        }
        _ => return Ok(()),
    };
    let sentence = format!("`{command}` is no command for a console: it passes data, or makes the unit leave");
    Err(Error::new(Kind::Invalid, sentence).next(next))
}

/// What the unit said, in order.
fn output(reply: &Reply) -> String {
    let mut output = String::new();
    for line in &reply.lines {
        output.push_str(&line.text().text);
        if matches!(line, Line::Info(_)) {
            output.push('\n');
        }
    }
    output.push_str(&reply.text.text);
    output.trim_end().to_owned()
}
