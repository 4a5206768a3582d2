//! `-d adb@…,auth-wait=60s`: what a person knows better than the unit says.

use std::time::Duration;

use protocols::adb::message::sync::Compression;

use super::compress::Choice;
use super::root::Root;
use crate::drivers::{Options, patience};
use crate::error::{Error, Kind, Result};

/// How long a person may take to accept a key unless it is told.
const AUTH_WAIT: Duration = Duration::from_secs(20);
/// What can be asked for.
pub(super) const OPTIONS: &[&str] = &["auth-wait", "compress", "root", "start-wait"];

/// What was asked for by hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AdbOptions {
    /// `auth-wait=60s`: how long a person may take to accept the station's key on the unit.
    pub auth_wait: Duration,
    /// `compress=auto|none|brotli|lz4|zstd`: how files are sent, and received unless it is `auto`.
    pub compress: Choice,
    /// `root=keep|yes|no`: who the daemon is to run as; it begins anew where it does not.
    pub root: Root,
    /// `start-wait=600s`: how long Android may take to start.
    pub start_wait: Duration,
}

impl Default for AdbOptions {
    fn default() -> AdbOptions {
        AdbOptions { auth_wait: AUTH_WAIT, compress: Choice::Auto, root: Root::Keep, start_wait: patience::START }
    }
}

impl AdbOptions {
    pub(super) fn parse(options: &Options) -> Result<AdbOptions> {
        let mut parsed = AdbOptions::default();
        for (key, value) in options {
            match key.as_str() {
                "auth-wait" => parsed.auth_wait = patience::seconds("adb", key, value)?,
                "compress" => parsed.compress = compression(value)?,
                "root" => parsed.root = root(value)?,
                "start-wait" => parsed.start_wait = patience::seconds("adb", key, value)?,
                _ => {
                    return Err(Error::new(Kind::Invalid, format!("adb knows no option `{}`", key.escape_debug()))
                        .next(format!("the options are {}", OPTIONS.join(", "))));
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

fn root(value: &str) -> Result<Root> {
    Ok(match value {
        "keep" => Root::Keep,
        "yes" => Root::Yes,
        "no" => Root::No,
        _ => {
            let sentence = format!("the adb option `root={}` is not known", value.escape_debug());
            return Err(Error::new(Kind::Invalid, sentence).next("one of keep, yes, no"));
        }
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
        assert_eq!(parse("start-wait", "600s").unwrap().start_wait, Duration::from_secs(600));
        assert_eq!(parse("compress", "zstd").unwrap().compress, Choice::Fixed(Compression::Zstd));
        for (key, value) in [
            ("compress", "zip"),
            ("auth-wait", "long"),
            ("auth-wait", "99999"),
            ("auth_wait", "1"),
            ("start-wait", "-1"),
        ] {
            assert_eq!(parse(key, value).unwrap_err().kind(), Kind::Invalid, "{key}={value}");
        }
        for key in OPTIONS {
            let known = parse(key, "?").err().is_some_and(|error| !error.to_string().contains("no option"));
            assert!(known, "{key}");
        }
    }
}
