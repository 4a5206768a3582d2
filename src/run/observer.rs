//! Tells what happens: first to the journal, then to whoever listens.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use protocols::time::Moment;

use super::Desk;
use super::event::{Event, EventKind, Listener};
use super::report::Report;
use super::said::Said;
use crate::device::{Progress, UnitText};
use crate::error::Result;
use crate::ledger::{Draft, Journal, Sealed};

/// More often than this nobody reads it.
const PROGRESS_EVERY: Duration = Duration::from_millis(100);

pub(super) struct Observer<'a> {
    desk: Desk<'a>,
    journal: Journal,
    blank: Event,
    broken: AtomicBool,
    shown: Option<(Moment, u64)>,
    said: Said,
    said_at: Option<Moment>,
}

impl<'a> Observer<'a> {
    pub(super) fn new(desk: Desk<'a>, journal: Journal, report: &Report) -> Observer<'a> {
        Observer {
            desk,
            journal,
            blank: blank(report, EventKind::Progress),
            broken: AtomicBool::new(false),
            shown: None,
            said: Said::default(),
            said_at: None,
        }
    }

    /// The serial number became known.
    pub(super) fn know(&mut self, report: &Report) {
        self.blank.serial.clone_from(&report.serial);
    }

    /// An event of `kind`, to be filled in.
    pub(super) fn event(&self, kind: EventKind) -> Event {
        Event { event: kind, at: self.desk.clock.wall(), ..self.blank.clone() }
    }

    /// Tells `event`, durably when it changes what a next start must know.
    ///
    /// # Errors
    /// `storage` when the journal cannot be written.
    pub(super) fn tell(&mut self, event: &Event) -> Result<()> {
        if event.event.is_durable() {
            let line = serde_json::to_value(event).unwrap_or_default();
            self.journal.append(&line).inspect_err(|_| self.broken.store(true, Ordering::Relaxed))?;
        }
        self.desk.listener.hear(event);
        Ok(())
    }

    /// Tells how far `step` is, not more often than it can be read.
    pub(super) fn progress(&mut self, step: &str, at: Progress) {
        let now = self.desk.clock.now();
        let soon = self.shown.is_some_and(|(when, bytes)| {
            now.saturating_since(when) < PROGRESS_EVERY && at.bytes < at.total && at.bytes >= bytes
        });
        if soon {
            return;
        }
        self.shown = Some((now, at.bytes));
        let mut event = self.event(EventKind::Progress);
        event.step = Some(step.to_owned());
        event.bytes = Some(at.bytes);
        event.total = Some(at.total);
        self.desk.listener.hear(&event);
    }

    /// Keeps what the unit said in `step`, and tells it; a unit that never stops talking is not told more often than can
    /// be read.
    pub(super) fn said(&mut self, step: &str, text: &UnitText) {
        let now = self.desk.clock.now();
        let Some(line) = self.said.add(text) else { return };
        let soon = self.said_at.is_some_and(|when| now.saturating_since(when) < PROGRESS_EVERY);
        if soon && self.said.is_long() {
            return;
        }
        self.said_at = Some(now);
        let mut event = self.event(EventKind::Said);
        event.step = Some(step.to_owned());
        event.say = Some(line);
        self.desk.listener.hear(&event);
    }

    /// What the unit said since this was asked last.
    pub(super) fn take_said(&mut self) -> Said {
        std::mem::take(&mut self.said)
    }

    /// Whether the journal itself failed.
    pub(super) fn is_broken(&self) -> bool {
        self.broken.load(Ordering::Relaxed)
    }

    pub(super) fn seal(self, draft: &Draft) -> Result<Sealed> {
        self.journal.seal(draft)
    }

    /// The run never began.
    pub(super) fn discard(self) -> Result<()> {
        self.journal.discard()
    }
}

fn blank(report: &Report, kind: EventKind) -> Event {
    Event {
        r#type: "event",
        event: kind,
        run: report.run,
        bay: report.bay,
        address: report.address.clone(),
        serial: report.serial.clone(),
        step: None,
        kind: None,
        at: report.started,
        bytes: None,
        total: None,
        mode: None,
        proof: None,
        within: None,
        say: None,
        result: None,
        outcome: None,
        record: None,
    }
}

/// The last event, told once the record is durable.
pub(super) fn finished(listener: &dyn Listener, report: &Report) {
    let mut event = blank(report, EventKind::RunFinished);
    event.at = report.finished;
    event.mode = report.mode;
    event.outcome = Some(report.outcome);
    event.record.clone_from(&report.record);
    listener.hear(&event);
}
