//! The device's time.

use std::time::Instant;

/// The one place where the stand-in looks at the time: the device side has no run, so no run's clock.
#[expect(clippy::disallowed_methods, reason = "a stand-in keeps its own time, as a device does")]
pub(super) fn now() -> Instant {
    Instant::now()
}
