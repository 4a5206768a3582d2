//! How long a person lets a unit take: options in seconds, and what they are where nobody says.

use std::time::Duration;

use crate::error::{Error, Kind, Result};

/// How long Android may take to start: the first time after new firmware it prepares every application, and after an erase
/// it makes file systems before.
pub(super) const START: Duration = Duration::from_secs(300);

/// Longer than anybody waits in front of a unit.
const LONGEST: Duration = Duration::from_secs(3600);

/// Reads `KEY=60s`; the `s` may be left away.
pub(super) fn seconds(driver: &str, key: &str, value: &str) -> Result<Duration> {
    let number = value.strip_suffix('s').unwrap_or(value);
    let wait = number.parse().ok().map(Duration::from_secs).filter(|wait| *wait <= LONGEST);
    wait.ok_or_else(|| {
        let sentence = format!("the {driver} option `{key}={}` is not a number of seconds up to", value.escape_debug());
        Error::new(Kind::Invalid, format!("{sentence} {}", LONGEST.as_secs())).next(format!("as in `{key}=60s`"))
    })
}
