//! The devices' time.

use protocols::time::Moment;
use std::sync::OnceLock;
use std::time::Instant;

/// The one place where the stand-ins look at the time: the device side has no run, so no run's clock.
#[expect(clippy::disallowed_methods, reason = "a stand-in keeps its own time, as a device does")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// The time since this was first asked.
pub(crate) fn moment() -> Moment {
    static START: OnceLock<Instant> = OnceLock::new();
    let start = *START.get_or_init(now);
    Moment::from_start(now().saturating_duration_since(start))
}
