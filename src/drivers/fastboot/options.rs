//! Options behind the place in `-d fastboot@usb:1-2,…`.

use std::time::Duration;

use protocols::fastboot::message::size;

use crate::drivers::{Options, patience};
use crate::error::{Error, Kind, Result};

/// Less has no room for an image.
const LEAST: u64 = 16 << 10;

/// What can be asked for.
pub(super) const OPTIONS: &[&str] = &["download", "start-wait"];

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FastbootOptions {
    /// `download=BYTES`: the most bytes of a download, for units that say more than they can take.
    pub download: Option<u64>,
    /// `start-wait=600s`: how long Android may take to start.
    pub start_wait: Duration,
}

impl Default for FastbootOptions {
    fn default() -> FastbootOptions {
        FastbootOptions { download: None, start_wait: patience::START }
    }
}

impl FastbootOptions {
    pub(super) fn parse(options: &Options) -> Result<FastbootOptions> {
        let mut parsed = FastbootOptions::default();
        for (key, value) in options {
            match key.as_str() {
                "download" => parsed.download = Some(download(value)?),
                "start-wait" => parsed.start_wait = patience::seconds("fastboot", key, value)?,
                _ => {
                    let sentence = format!("fastboot knows no option `{}`", key.escape_debug());
                    let remedy = format!("the options are {}", OPTIONS.join(", "));
                    return Err(Error::new(Kind::Invalid, sentence).next(remedy));
                }
            }
        }
        Ok(parsed)
    }
}

fn download(value: &str) -> Result<u64> {
    size(value).filter(|bytes| (LEAST..=u64::from(u32::MAX)).contains(bytes)).ok_or_else(|| {
        let sentence = format!("`download={}` is not a number of bytes from 16384 on", value.escape_debug());
        Error::new(Kind::Invalid, sentence)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_download_is_bounded() {
        let parse = |key: &str, value: &str| FastbootOptions::parse(&[(key.to_owned(), value.to_owned())].into());
        assert_eq!(parse("download", "0x100000").unwrap().download, Some(1 << 20));
        assert_eq!(parse("start-wait", "5").unwrap().start_wait, Duration::from_secs(5));
        for (key, value) in
            [("start-wait", "soon"), ("download", "1"), ("download", "4294967296"), ("download", "many"), ("baud", "1")]
        {
            assert_eq!(parse(key, value).unwrap_err().kind(), Kind::Invalid, "{key}={value}");
        }
        for key in OPTIONS {
            let known = parse(key, "?").err().is_some_and(|error| !error.to_string().contains("no option"));
            assert!(known, "{key}");
        }
    }
}
