//! The one place that speaks to people and to programs: results, words, errors.

use std::fmt::{self, Write as _};
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use protocols::text::steers_screen;
use serde::Serialize;

use super::exit::Exit;
use crate::device::BayId;
use crate::error::{Error, Kind};
use crate::run::report;

/// What a command comes to: a code, or the failure that ended it.
pub type Outcome = Result<Exit>;

/// The result of whatever a command does, its failure on its way out.
pub type Result<T, E = Failure> = std::result::Result<T, E>;

/// An error on its way out, with the unit it is about.
#[derive(Debug)]
pub struct Failure {
    /// The bay, when it is on the map.
    pub bay: Option<BayId>,
    /// The unit, as its serial number or else its address.
    pub unit: Option<String>,
    /// What went wrong.
    pub error: Error,
    /// How the process ends.
    pub exit: Exit,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        let exit = Exit::of(error.kind());
        Failure { bay: None, unit: None, error, exit }
    }
}

impl Failure {
    /// The same, about the unit at `address`.
    #[must_use]
    pub fn at(mut self, address: impl Into<String>) -> Failure {
        self.unit.get_or_insert(address.into());
        self
    }

    /// Nothing was there to begin with: exit 3 rather than "it went away".
    #[must_use]
    pub fn no_such_unit(mut self) -> Failure {
        self.exit = Exit::NO_SUCH_UNIT;
        self
    }
}

/// The `--json` object of a failure.
#[derive(Debug, Serialize)]
pub(super) struct FailureLine<'a> {
    r#type: &'static str,
    #[serde(flatten)]
    failure: &'a report::Failure,
}

impl<'a> FailureLine<'a> {
    pub(super) fn of(failure: &'a report::Failure) -> FailureLine<'a> {
        FailureLine { r#type: "error", failure }
    }
}

/// Where results and words go. With `--json` stdout holds one object a line and nothing else.
#[derive(Debug, Default)]
pub struct Voice {
    json: bool,
    /// Whoever read stdout has left. A run goes on all the same: its record matters, not its audience.
    deaf: AtomicBool,
}

impl Voice {
    /// A voice for programs (`json`) or for people.
    #[must_use]
    pub fn new(json: bool) -> Voice {
        Voice { json, deaf: AtomicBool::new(false) }
    }

    /// Whether programs listen.
    #[must_use]
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// Whether whoever read stdout has left.
    #[must_use]
    pub fn is_deaf(&self) -> bool {
        self.deaf.load(Ordering::Relaxed)
    }

    /// One JSON object on stdout; silent when people listen.
    pub fn object(&self, object: &impl Serialize) {
        if self.json {
            let line = serde_json::to_string(object).unwrap_or_else(|error| {
                serde_json::json!({"type": "error", "kind": Kind::Invalid, "doing": error.to_string()}).to_string()
            });
            self.stdout(&escape_json(&line));
        }
    }

    /// A line of the result for people, on stdout; silent when programs listen.
    pub fn line(&self, line: impl fmt::Display) {
        if !self.json {
            self.stdout(&escape(&line.to_string()));
        }
    }

    /// A word for people, on stderr, whoever else listens.
    pub fn say(&self, line: impl fmt::Display) {
        // Nobody to tell that stderr is gone.
        let _ = writeln!(io::stderr().lock(), "{}", escape(&line.to_string()));
    }

    /// Before a run has begun, a person has to do something at the unit at `address`.
    pub fn waiting(&self, address: &str, what: &str) {
        self.object(
            &serde_json::json!({"type": "event", "event": "waiting", "run": null, "address": address, "say": what}),
        );
        self.say(format_args!("{address}: waits for a person: {what}"));
    }

    /// Stdout for raw bytes that were asked for. A reader that left had enough, and is no error.
    pub fn raw(&self) -> impl Write {
        Raw(io::stdout().lock())
    }

    /// Reports a failure both ways.
    pub fn failure(&self, failure: &Failure) {
        let recorded = report::Failure::new(&failure.error, failure.bay, failure.unit.clone());
        self.object(&FailureLine::of(&recorded));
        self.say(explain(&recorded));
    }

    fn stdout(&self, line: &str) {
        if self.deaf.load(Ordering::Relaxed) {
            return;
        }
        let mut out = io::stdout().lock();
        if writeln!(out, "{line}").and_then(|()| out.flush()).is_err() {
            self.deaf.store(true, Ordering::Relaxed);
        }
    }
}

struct Raw(io::StdoutLock<'static>);

impl Write for Raw {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.0.write(bytes) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(bytes.len()),
            written => written,
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self.0.flush() {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            flushed => flushed,
        }
    }
}

/// The failure, its causes and what to do next, a line each.
pub(super) fn explain(failure: &report::Failure) -> String {
    let mut text = String::from("error: ");
    // A sentence that names the unit itself needs no one to say it before.
    let unit = failure.unit.as_ref().filter(|unit| !failure.doing.contains(unit.as_str()));
    match (&failure.bay, unit) {
        (Some(bay), Some(unit)) => _ = write!(text, "bay {bay}, unit {unit}: "),
        (Some(bay), None) => _ = write!(text, "bay {bay}: "),
        (None, Some(unit)) => _ = write!(text, "{unit}: "),
        (None, None) => {}
    }
    text.push_str(&failure.doing);
    for cause in &failure.causes {
        let _ = write!(text, "\n  caused by: {cause}");
    }
    if let Some(next) = &failure.next {
        let _ = write!(text, "\n  next: {next}");
    }
    text
}

/// Rows as lines, each column as wide as its widest cell.
pub(super) fn columns<const N: usize>(rows: &[[String; N]]) -> Vec<String> {
    let widths: Vec<usize> = (0..N)
        .map(|column| rows.iter().map(|row| console::measure_text_width(&row[column])).max().unwrap_or(0))
        .collect();
    rows.iter()
        .map(|row| {
            let cells = row
                .iter()
                .zip(&widths)
                .map(|(cell, &width)| console::pad_str(cell, width, console::Alignment::Left, None));
            cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        })
        .collect()
}

/// Leaves lines and tabs, escapes whatever else could steer a terminal. The last door: text from a unit is
/// escaped by its type already, file names and other tools' errors are not.
pub(super) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        if steers_screen(c) && c != '\n' && c != '\t' {
            let _ = write!(safe, "{}", c.escape_unicode());
        } else {
            safe.push(c);
        }
    }
    safe
}

/// JSON leaves C1 and bidirectional controls as they are; in a string they may as well be escaped.
fn escape_json(line: &str) -> String {
    let mut safe = String::with_capacity(line.len());
    for c in line.chars() {
        if steers_screen(c) {
            let _ = write!(safe, "\\u{:04x}", u32::from(c));
        } else {
            safe.push(c);
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_explained_from_the_outside_in() {
        let error = Error::new(Kind::TimedOut, "serial read timed out")
            .next("check the cable")
            .while_doing("no reply to image upload")
            .while_doing("writing app stopped");
        let failure = report::Failure::new(&error, Some(BayId(3)), Some("TH-0421".into()));
        assert_eq!(
            explain(&failure),
            "error: bay 3, unit TH-0421: writing app stopped\n  caused by: no reply to image upload\n  \
             caused by: serial read timed out\n  next: check the cable"
        );
    }

    #[test]
    fn json_keeps_its_meaning_when_controls_are_escaped() {
        let line = serde_json::json!({"serial": "a\u{9b}2J\u{202e}é"}).to_string();
        let safe = escape_json(&line);
        assert!(safe.is_ascii() || !safe.chars().any(steers_screen));
        assert_eq!(serde_json::from_str::<serde_json::Value>(&safe).unwrap()["serial"], "a\u{9b}2J\u{202e}é");
    }
}
