//! Time as an argument: no code in this crate reads a clock.

use core::ops::Add;
use core::time::Duration;

/// A point in time, counted from a start that only the caller knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Moment(Duration);

impl Moment {
    /// The start of the caller's clock.
    pub const START: Moment = Moment(Duration::ZERO);

    /// The moment `elapsed` after the start.
    #[must_use]
    pub const fn from_start(elapsed: Duration) -> Moment {
        Moment(elapsed)
    }

    /// How long after the start this moment is.
    #[must_use]
    pub const fn since_start(self) -> Duration {
        self.0
    }

    /// How long after `earlier` this moment is; zero when it is not after it.
    #[must_use]
    pub const fn saturating_since(self, earlier: Moment) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Duration> for Moment {
    type Output = Moment;

    fn add(self, wait: Duration) -> Moment {
        Moment(self.0.saturating_add(wait))
    }
}
