//! How long a transfer waits for an answer, and when it gives the unit up.

use super::RetryPolicy;
use crate::time::Moment;
use std::time::Duration;

/// What a unit's answers were like so far, and its silence.
#[derive(Debug)]
pub(super) struct Patience {
    /// Least time before something is sent again.
    soonest: Duration,
    /// Recent slowest answer.
    slowest: Duration,
    /// Timeouts in a row.
    pub(super) silences: u32,
    /// When the last progress was made, or the first piece sent.
    pub(super) since: Option<Moment>,
    pub(super) heard: Moment,
}

/// Whether a unit has answered to the point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    NotYet,
    Answers,
}

impl Patience {
    pub(super) fn new(soonest: Duration) -> Self {
        Self { soonest, slowest: Duration::ZERO, silences: 0, since: None, heard: Moment::START }
    }

    /// An answer came to what was sent at `sent`.
    pub(super) fn answered(&mut self, now: Moment, sent: Moment) {
        self.heard = now;
        self.slowest = now.saturating_since(sent).max(self.slowest * 7 / 8);
    }

    /// It brought the transfer on.
    pub(super) fn progressed(&mut self) {
        self.silences = 0;
        self.since = Some(self.heard);
    }

    /// Time since the last progress.
    pub(super) fn waited(&self, now: Moment) -> Duration {
        self.since.map_or(Duration::ZERO, |since| now.saturating_since(since))
    }

    /// Time for the next answer. A unit that has answered quickly is asked again sooner, then ever later.
    pub(super) fn timeout(&self, policy: RetryPolicy, unit: Known) -> Duration {
        if unit == Known::NotYet {
            return policy.timeout;
        }
        let usual = (self.slowest * 4).max(self.soonest);
        usual.saturating_mul(1 << self.silences.min(16)).min(policy.timeout)
    }

    /// Another timeout; whether it was the last that `policy` allows.
    pub(super) fn is_over(&mut self, now: Moment, policy: RetryPolicy, unit: Known) -> bool {
        self.silences += 1;
        let RetryPolicy { timeout, tries } = policy;
        self.silences >= tries && (unit == Known::NotYet || self.waited(now) >= timeout.saturating_mul(tries))
    }
}
