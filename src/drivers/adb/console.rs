//! One command of the unit's shell at a time.

use protocols::adb::message::shell::Kind as Part;

use super::AdbDriver;
use super::shell::SLOW;
use crate::device::{Console, ConsoleReply, Op, UnitText};
use crate::error::{Error, Kind, Result};

/// Characters that are kept of what a command prints.
const MOST: usize = UnitText::MAX_CHARS * 4;
/// Before the exit code, where the daemon tells none.
const MARK: &str = "hardwire-exit-code:";

impl Console for AdbDriver {
    fn run(&mut self, command: &str, op: &mut Op<'_>) -> Result<ConsoleReply> {
        if command.trim().is_empty() || command.contains('\0') {
            return Err(Error::new(Kind::Invalid, "there is no command, or it holds a NUL")
                .next("give one command with its arguments"));
        }
        let told = self.wire.tells_exit_codes();
        // The first shell protocol tells no exit code, but its shell can print it.
        let command = if told { command.to_owned() } else { format!("{command}\necho {MARK}$?") };
        let mut output = Vec::new();
        let status = self.wire.exec_with(&command, SLOW, op, &mut |part, data| {
            if matches!(part, Part::Stdout | Part::Stderr) {
                let room = MOST.saturating_sub(output.len()).min(data.len());
                // With the first protocol the end counts.
                output.extend_from_slice(if told { data.get(..room).unwrap_or_default() } else { data });
                if output.len() > 2 * MOST {
                    output.drain(..MOST);
                }
            }
            Ok(())
        })?;
        let text = String::from_utf8_lossy(&output).replace("\r\n", "\n");
        let (text, status) = match status {
            Some(status) => (text.as_str(), i64::from(status)),
            None => {
                let printed = text.rsplit_once(MARK).and_then(|(text, code)| Some((text, code.trim().parse().ok()?)));
                printed.ok_or_else(|| {
                    Error::new(Kind::Garbled, "the unit's shell did not say how the command ended")
                        .next("see whether the command ends the shell itself, as `exit` does")
                })?
            }
        };
        Ok(ConsoleReply { output: UnitText::new(text), status })
    }
}
