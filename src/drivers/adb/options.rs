//! `-d adb@…,auth-wait=60s`: what a person knows better than the unit says.

use std::time::Duration;

use crate::drivers::Options;
use crate::error::{Error, Kind, Result};

/// How long a person may take to accept a key unless it is told.
const AUTH_WAIT: Duration = Duration::from_secs(20);
/// Longer than anybody waits in front of a unit.
const LONGEST: Duration = Duration::from_secs(3600);

/// What was asked for by hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AdbOptions {
    /// `auth-wait=60s`: how long a person may take to accept the station's key on the unit.
    pub auth_wait: Duration,
}

impl Default for AdbOptions {
    fn default() -> AdbOptions {
        AdbOptions { auth_wait: AUTH_WAIT }
    }
}

impl AdbOptions {
    pub(super) fn parse(options: &Options) -> Result<AdbOptions> {
        let mut parsed = AdbOptions::default();
        for (key, value) in options {
            match key.as_str() {
                "auth-wait" => parsed.auth_wait = seconds(value)?,
                _ => {
                    return Err(Error::new(Kind::Invalid, format!("adb knows no option `{}`", key.escape_debug()))
                        .next("the options are auth-wait"));
                }
            }
        }
        Ok(parsed)
    }
}

fn seconds(value: &str) -> Result<Duration> {
    let number = value.strip_suffix('s').unwrap_or(value);
    let wait = number.parse().ok().map(Duration::from_secs).filter(|wait| *wait <= LONGEST);
    wait.ok_or_else(|| {
        let sentence = format!("the adb option `auth-wait={}` is not a number of seconds up to", value.escape_debug());
        Error::new(Kind::Invalid, format!("{sentence} {}", LONGEST.as_secs())).next("as in `auth-wait=60s`")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(key: &str, value: &str) -> Result<AdbOptions> {
        AdbOptions::parse(&Options::from([(key.to_owned(), value.to_owned())]))
    }

    #[test]
    fn what_is_given_is_taken_and_what_is_wrong_is_named() {
        assert_eq!(parse("auth-wait", "60s").unwrap().auth_wait, Duration::from_secs(60));
        assert_eq!(parse("auth-wait", "0").unwrap().auth_wait, Duration::ZERO);
        for (key, value) in [("auth-wait", "long"), ("auth-wait", "99999"), ("auth_wait", "1")] {
            assert_eq!(parse(key, value).unwrap_err().kind(), Kind::Invalid, "{key}={value}");
        }
    }
}
