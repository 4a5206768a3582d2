//! The one clock of the program: everything else is told the time.

use std::sync::Mutex;
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

/// A clock that moves only when it is told to, or slept on: for tests, which then wait for nothing.
#[derive(Debug, Default)]
pub struct ManualClock {
    elapsed: Mutex<Duration>,
}

impl ManualClock {
    /// A clock at its start; its wall clock starts at the Unix epoch.
    #[must_use]
    pub fn new() -> ManualClock {
        ManualClock::default()
    }

    /// Moves it on.
    pub fn advance(&self, by: Duration) {
        *self.lock() += by;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Duration> {
        self.elapsed.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Moment {
        Moment::from_start(*self.lock())
    }

    fn wall(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH + *self.lock()
    }

    fn sleep(&self, wait: Duration) {
        self.advance(wait);
    }
}
