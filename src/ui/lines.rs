//! Events as plain lines, for logs and pipes.

use crate::run::event::{Event, EventKind};
use crate::run::report::{Outcome, StepOutcome, StepResult};

use super::{safe, unit};

/// What to say of `event`, if anything: transfers are told by their start and their end.
#[must_use]
pub fn line(event: &Event) -> Option<String> {
    let said = match event.event {
        EventKind::RunStarted => "begins".to_owned(),
        EventKind::StepStarted => {
            let size = event.total.filter(|total| *total > 0).map(|total| format!(" ({})", bytes(total)));
            format!("{}{}", step(event), size.unwrap_or_default())
        }
        EventKind::Progress | EventKind::Verifying => return None,
        EventKind::StepFinished => match &event.result {
            Some(result) => format!("{}: {}", step(event), outcome(result)),
            None => return None,
        },
        EventKind::Waiting => format!("waits for a person: {}", safe(event.say.as_deref().unwrap_or_default())),
        EventKind::Away => safe(event.say.as_deref().unwrap_or("waits for the unit")),
        EventKind::ModeChanged => match (event.mode, event.proof) {
            (Some(mode), Some(proof)) => format!("is back in mode {mode}, known by its {proof}"),
            _ => "is back".to_owned(),
        },
        EventKind::Retry => format!("{}: again, {}", step(event), safe(event.say.as_deref().unwrap_or("it failed"))),
        EventKind::Said => format!("{}: the unit says `{}`", step(event), safe(event.say.as_deref()?)),
        EventKind::RunFinished => verdict(event.outcome?).to_owned(),
    };
    Some(format!("{}: {said}", unit(event)))
}

fn step(event: &Event) -> String {
    safe(event.step.as_deref().unwrap_or("the run"))
}

/// What a step came to, in a few words.
pub(super) fn outcome(result: &StepResult) -> String {
    let mut text = match result.outcome {
        StepOutcome::Done => "done",
        StepOutcome::Already => "already so",
        StepOutcome::Failed => "FAILED",
        StepOutcome::Skipped => "skipped",
    }
    .to_owned();
    let level = result.level.map(|level| level.to_string());
    let sent = (result.sent > 0).then(|| format!("{} sent", bytes(result.sent)));
    let why = result
        .why
        .as_deref()
        .filter(|_| matches!(result.outcome, StepOutcome::Already | StepOutcome::Skipped))
        .map(safe);
    let details: Vec<String> = [level, sent, why].into_iter().flatten().collect();
    if !details.is_empty() {
        text = format!("{text} ({})", details.join(", "));
    }
    text
}

/// The verdict in a word that is seen from across the bench.
#[must_use]
pub fn verdict(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Pass => "PASS",
        Outcome::Fail => "FAIL",
        Outcome::Error => "ERROR",
        Outcome::Cancelled => "CANCELLED",
    }
}

/// A number of bytes as people read it: `512 B`, `48.0 KiB`.
#[must_use]
pub fn bytes(count: u64) -> String {
    if count < 1024 { format!("{count} B") } else { indicatif::BinaryBytes(count).to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::AWAITED;

    #[test]
    fn a_unit_that_is_away_is_told_with_what_is_awaited() {
        assert_eq!(line(&Event::saying(EventKind::Away, AWAITED)).unwrap(), format!("bay 3, PH-1: {AWAITED}"));
        assert_eq!(line(&Event::saying(EventKind::Away, "to\u{1b}c")).unwrap(), "bay 3, PH-1: to\\u{1b}c");
    }
}
