//! What tells that it is time to look again.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Clock;

/// Whether to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Woken {
    /// Something may have changed.
    Changed,
    /// The time is over, or nothing that matters happened.
    Quiet,
}

/// Waits for something to change.
pub trait Wake: Send {
    /// Waits up to `within`. One change may wake several times, and several changes once.
    fn wait(&mut self, within: Duration) -> Woken;

    /// Why it is not told of changes, when it is not.
    fn note(&self) -> Option<String> {
        None
    }
}

/// Looks again and again, where the system tells nothing.
pub struct Poll {
    clock: Arc<dyn Clock>,
    why: String,
    passed: Duration,
}

impl Poll {
    /// How often.
    pub const EVERY: Duration = Duration::from_secs(1);

    /// Looks again and again because of `why`, a clause.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, why: &str) -> Poll {
        Poll { clock, why: why.to_owned(), passed: Duration::ZERO }
    }
}

impl Wake for Poll {
    fn wait(&mut self, within: Duration) -> Woken {
        let wait = within.min(Poll::EVERY.saturating_sub(self.passed));
        self.clock.sleep(wait);
        self.passed += wait;
        if self.passed < Poll::EVERY {
            return Woken::Quiet;
        }
        self.passed = Duration::ZERO;
        Woken::Changed
    }

    fn note(&self) -> Option<String> {
        Some(format!(
            "{}: looking once a second instead, so a unit that leaves and comes back faster may be missed",
            self.why
        ))
    }
}

/// Looks also whether named files are there: a pseudo-terminal comes and goes without the system telling.
pub struct Paths {
    inner: Box<dyn Wake>,
    paths: Vec<(PathBuf, bool)>,
}

impl Paths {
    /// How often: one call to the system a path costs next to nothing.
    const EVERY: Duration = Duration::from_millis(100);

    /// What wakes `inner`, and the coming and going of `paths`.
    #[must_use]
    pub fn new(inner: Box<dyn Wake>, paths: Vec<PathBuf>) -> Paths {
        let look = |path: PathBuf| {
            let is_there = path.exists();
            (path, is_there)
        };
        Paths { inner, paths: paths.into_iter().map(look).collect() }
    }
}

impl Wake for Paths {
    fn wait(&mut self, within: Duration) -> Woken {
        let slice = if self.paths.is_empty() { within } else { within.min(Paths::EVERY) };
        let mut woken = self.inner.wait(slice);
        for (path, was_there) in &mut self.paths {
            let is_there = path.exists();
            if is_there != std::mem::replace(was_there, is_there) {
                woken = Woken::Changed;
            }
        }
        woken
    }

    fn note(&self) -> Option<String> {
        self.inner.note()
    }
}
