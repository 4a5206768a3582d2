//! One command of the unit's shell at a time.

use protocols::smp::message::shell::Execute;

use super::SmpDriver;
use super::exchange::SHELL;
use super::text::plain;
use crate::device::{Console, ConsoleReply, Op, UnitText};
use crate::error::{Error, Kind, Result};

impl Console for SmpDriver {
    fn run(&mut self, command: &str, op: &mut Op<'_>) -> Result<ConsoleReply> {
        if command.trim().is_empty() || command.chars().any(char::is_control) {
            return Err(Error::new(
                Kind::Invalid,
                format!("`{}` is no command: it is empty or holds a control character", command.escape_debug()),
            )
            .next("give one command with its arguments"));
        }
        // The unit joins the arguments with spaces again, so quotes in them keep their meaning.
        let argv = command.trim().split(' ').map(str::to_owned).collect();
        let reply = self.wire.require(&Execute { argv }, SHELL, op)?;
        Ok(ConsoleReply { output: UnitText::new(&plain(reply.output.raw())), status: reply.ret })
    }
}
