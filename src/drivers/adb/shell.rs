//! Commands on the unit.
//!
//! Only the second shell protocol keeps errors apart from output and tells exit codes. With the first a command's
//! [`Output::status`] is unknown: such a daemon ends every command alike.

use std::borrow::Cow;
use std::time::Duration;

use protocols::adb::message::shell::{self, Kind as Part};
use protocols::adb::message::{feature, shell_v1, shell_v2};
use protocols::adb::session::StreamId;

use super::wire::{Received, Wire};
use crate::device::{Content, Op, UnitText};
use crate::error::{Error, Kind, Result};

/// How long a command that has nothing to do may say nothing.
pub(super) const QUICK: Duration = Duration::from_secs(30);
/// How long a command that computes over storage, or installs, may say nothing.
pub(super) const SLOW: Duration = Duration::from_secs(600);
/// Most bytes of output that are kept in memory.
const MAX_OUTPUT: usize = 16 << 20;

/// What a command left.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Output {
    /// What it printed; with the first shell protocol its errors too.
    pub stdout: Vec<u8>,
    /// Its errors.
    pub stderr: Vec<u8>,
    /// Its exit code; `None` when the daemon does not tell.
    pub status: Option<u8>,
}

impl Output {
    /// Whether it is known to have succeeded.
    pub(super) fn succeeded(&self) -> bool {
        self.status == Some(0)
    }

    /// What it printed, as text.
    pub(super) fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.stdout)
    }

    /// The first line of what it complains of, to show.
    pub(super) fn complaint(&self) -> UnitText {
        let all = [self.stderr.as_slice(), &self.stdout].concat();
        let text = String::from_utf8_lossy(&all);
        UnitText::new(text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("it does not say why"))
    }

    /// As an error, when it is not known to have succeeded; `doing` is what it was to do.
    ///
    /// # Errors
    /// `refused` in the unit's words.
    pub(super) fn require(self, doing: &str) -> Result<Output> {
        if self.succeeded() {
            return Ok(self);
        }
        let status = self.status.map_or_else(|| "an unknown exit code".to_owned(), |code| format!("exit code {code}"));
        Err(Error::new(Kind::Refused, format!("{doing} failed on the unit ({status}): {}", self.complaint())))
    }
}

/// `argument` as one word of the unit's shell, whatever it holds.
pub(super) fn quoted(argument: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+:,@%=".contains(&byte);
    if !argument.is_empty() && argument.bytes().all(is_plain) {
        return argument.to_owned();
    }
    format!("'{}'", argument.replace('\'', r"'\''"))
}

impl Wire {
    /// Whether exit codes can be trusted.
    pub(super) fn tells_exit_codes(&self) -> bool {
        self.features().has(feature::SHELL_V2)
    }

    /// Runs `command` to its end. It may say nothing for as long as `silent`.
    ///
    /// # Errors
    /// Link errors; `unsupported` when the unit has no shell; `refused` when it prints without end.
    pub(super) fn exec(&mut self, command: &str, silent: Duration, op: &mut Op<'_>) -> Result<Output> {
        let mut output = Output::default();
        output.status = self.exec_with(command, silent, op, &mut |part, data| {
            let (kept, other) = match part {
                Part::Stderr => (&mut output.stderr, output.stdout.len()),
                _ => (&mut output.stdout, output.stderr.len()),
            };
            if kept.len() + other + data.len() > MAX_OUTPUT {
                let sentence = format!("the command printed more than {} MiB", MAX_OUTPUT >> 20);
                return Err(Error::new(Kind::Refused, sentence));
            }
            kept.extend_from_slice(data);
            Ok(())
        })?;
        Ok(output)
    }

    /// Runs `command` to its end and hands out what it prints as it comes; its exit code, if the unit tells.
    ///
    /// # Errors
    /// As [`Wire::exec`], and what `take` answers.
    pub(super) fn exec_with(
        &mut self,
        command: &str,
        silent: Duration,
        op: &mut Op<'_>,
        take: &mut dyn FnMut(Part, &[u8]) -> Result<()>,
    ) -> Result<Option<u8>> {
        // What follows the first word may be a secret.
        tracing::debug!(program = command.split_whitespace().next(), bytes = command.len(), "exec");
        if !self.tells_exit_codes() {
            return self.with_stream(&shell_v1(command.as_bytes()), op, |wire, stream, op| {
                while let Some(data) = wire.more(stream, silent, op)? {
                    take(Part::Stdout, &data)?;
                }
                Ok(None)
            });
        }
        self.with_stream(&shell_v2(command.as_bytes()), op, |wire, stream, op| {
            // Nothing is typed: a command that reads must see the end at once.
            if wire.room(stream, op)? > 0 {
                wire.send(stream, shell::packet(Part::CloseStdin, &[]), op)?;
            }
            let mut reader = shell::Reader::default();
            let mut status = None;
            while let Some(data) = wire.more(stream, silent, op)? {
                let mut data = data.as_slice();
                while let Some(part) = reader
                    .next(&mut data)
                    .map_err(|error| Error::new(Kind::Garbled, "the unit's shell makes no sense").because(error))?
                {
                    match part.kind {
                        Part::Stdout | Part::Stderr => take(part.kind, part.data)?,
                        Part::Exit => status = status.or(part.data.first().copied()),
                        _ => {}
                    }
                }
            }
            match status {
                Some(status) => Ok(Some(status)),
                None => Err(Error::new(Kind::Gone, "the unit ended the command without its exit code")),
            }
        })
    }

    /// Opens `service`, gives it all of `content`, and returns what it answers until it closes.
    ///
    /// # Errors
    /// Link errors; `unsupported` when the unit does not have the service; `invalid` when `content` cannot be read.
    pub(super) fn feed(
        &mut self,
        service: &[u8],
        content: &dyn Content,
        silent: Duration,
        op: &mut Op<'_>,
    ) -> Result<Vec<u8>> {
        self.with_stream(service, op, |wire, stream, op| {
            let mut sent = 0;
            while sent < content.len() {
                op.check()?;
                let room = wire.room(stream, op)?;
                if room == 0 {
                    break;
                }
                let len = usize::try_from(content.len() - sent).unwrap_or(usize::MAX).min(room);
                let mut data = vec![0; len];
                content.read_exact_at(sent, &mut data).map_err(unreadable)?;
                wire.send(stream, data, op)?;
                sent += len as u64;
                (op.progress)(crate::device::Progress { bytes: sent, total: content.len() });
            }
            let mut answer = Vec::new();
            while let Some(data) = wire.more(stream, silent, op)? {
                if answer.len() + data.len() > MAX_OUTPUT {
                    return Err(Error::new(Kind::Refused, "the unit answers without end"));
                }
                answer.extend_from_slice(&data);
            }
            Ok(answer)
        })
    }

    /// The next that comes on the stream; `None` at its end.
    pub(super) fn more(&mut self, stream: StreamId, silent: Duration, op: &mut Op<'_>) -> Result<Option<Vec<u8>>> {
        match self.receive(stream, silent, op)? {
            Received::Data(data) => Ok(Some(data)),
            Received::Closed => Ok(None),
            Received::Nothing => {
                Err(Error::new(Kind::TimedOut, format!("nothing came from the unit for {} s", silent.as_secs()))
                    .next("see whether the unit still runs, then run the same again"))
            }
        }
    }
}

pub(super) fn unreadable(error: std::io::Error) -> Error {
    Error::new(Kind::Invalid, "what is to be sent cannot be read").because(error)
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn an_argument_stays_one_word() {
        assert_eq!(quoted("/data/local/tmp/a-1.bin"), "/data/local/tmp/a-1.bin");
        assert_eq!(quoted(""), "''");
        assert_eq!(quoted("a b"), "'a b'");
        assert_eq!(quoted("$(reboot)`id`;\n"), "'$(reboot)`id`;\n'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted("~/x*"), "'~/x*'");
    }
}
