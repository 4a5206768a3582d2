//! The one clock of the program: everything else is told the time.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use protocols::time::Moment;

/// Where time comes from. Tests move it by hand.
pub trait Clock: Send + Sync {
    /// The monotonic time, for deadlines.
    fn now(&self) -> Moment;
    /// The time of day, for records.
    fn wall(&self) -> Timestamp;
    /// Lets `wait` pass.
    fn sleep(&self, wait: Duration);
}

/// The machine's clock.
#[derive(Debug)]
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// A clock that starts now.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the one clock")]
    pub fn new() -> SystemClock {
        SystemClock { start: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> SystemClock {
        SystemClock::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Moment {
        Moment::from_start(self.start.elapsed())
    }

    fn wall(&self) -> Timestamp {
        Timestamp::now()
    }

    #[expect(clippy::disallowed_methods, reason = "this is the one clock")]
    fn sleep(&self, wait: Duration) {
        std::thread::sleep(wait);
    }
}
