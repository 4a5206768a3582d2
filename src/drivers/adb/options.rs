//! `-d adb@…,auth-wait=60s`: what a person knows better than the unit says.

use std::time::Duration;

use protocols::adb::message::sync::Compression;

use super::compress::Choice;
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
    /// `compress=auto|none|brotli|lz4|zstd`: how files are sent, and received unless it is `auto`.
    pub compress: Choice,
}

impl Default for AdbOptions {
    fn default() -> AdbOptions {
        AdbOptions { auth_wait: AUTH_WAIT, compress: Choice::Auto }
    }
}

impl AdbOptions {
    pub(super) fn parse(options: &Options) -> Result<AdbOptions> {
        let mut parsed = AdbOptions::default();
        for (key, value) in options {
            match key.as_str() {
                "auth-wait" => parsed.auth_wait = seconds(value)?,
                "compress" => parsed.compress = compression(value)?,
                _ => {
                    return Err(Error::new(Kind::Invalid, format!("adb knows no option `{}`", key.escape_debug()))
                        .next("the options are auth-wait, compress"));
                }
            }
        }
        Ok(parsed)
    }
}

fn compression(value: &str) -> Result<Choice> {
    Ok(match value {
        "auto" => Choice::Auto,
        "none" => Choice::Fixed(Compression::None),
        "brotli" => Choice::Fixed(Compression::Brotli),
        "lz4" => Choice::Fixed(Compression::Lz4),
        "zstd" => Choice::Fixed(Compression::Zstd),
        _ => {
            let sentence = format!("the adb option `compress={}` is not known", value.escape_debug());
            return Err(Error::new(Kind::Invalid, sentence).next("one of auto, none, brotli, lz4, zstd"));
        }
    })
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
        assert_eq!(parse("compress", "zstd").unwrap().compress, Choice::Fixed(Compression::Zstd));
        for (key, value) in [("compress", "zip"), ("auth-wait", "long"), ("auth-wait", "99999"), ("auth_wait", "1")] {
            assert_eq!(parse(key, value).unwrap_err().kind(), Kind::Invalid, "{key}={value}");
        }
    }
}
