//! One command at a time, as the unit takes it: `oem device-info`, `set_active:b`.

use std::io::Write;

use protocols::fastboot::message::Command;
use protocols::fastboot::session::{Cause, Exchange, Line, Reply};

use super::exchange::Ended;
use super::firmware::Taken;
use super::{FastbootDriver, refusal, send};
use crate::device::{Console, ConsoleReply, Content, Op, UnitText};
use crate::error::{Error, Kind, Result};

/// Most bytes that a command may leave to be taken.
const MOST: u64 = 1 << 30;

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

    fn stage(&mut self, content: &dyn Content, op: &mut Op<'_>) -> Result<u64> {
        send::stage(&mut self.wire, content, self.survey.download, op)
    }

    fn take(&mut self, into: &mut dyn Write, op: &mut Op<'_>) -> Result<u64> {
        let exchange = Exchange::upload(&Command::Upload, MOST);
        let exchange = exchange.map_err(|error| refusal::unsendable(&Command::Upload, error))?;
        let mut taken = Taken { into, bytes: 0, total: 0 };
        self.wire.drive(exchange, &mut taken, op).map_err(refusal::error)?;
        Ok(taken.bytes)
    }
}

/// Refuses what passes data, or makes the unit leave: other commands of Hardwire do that, and see to the end of it.
fn allow(command: &Command) -> Result<()> {
    let next = match command {
        Command::Download(_) | Command::Flash(_) | Command::UpdateSuper { .. } => "`hardwire flash` writes a partition",
        Command::Upload => "`--take FILE` takes what the command before it left",
        Command::Fetch { .. } => "`hardwire backup` reads a partition",
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
