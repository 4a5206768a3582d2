//! Options behind the place in `-d fastboot@usb:1-2,…`.

use protocols::fastboot::message::size;

use super::Options;
use crate::error::{Error, Kind, Result};

/// Less has no room for an image.
const LEAST: u64 = 16 << 10;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct FastbootOptions {
    /// `download=BYTES`: the most bytes of a download, for units that say more than they can take.
    pub download: Option<u64>,
}

impl FastbootOptions {
    pub(super) fn parse(options: &Options) -> Result<FastbootOptions> {
        let mut parsed = FastbootOptions::default();
        for (key, value) in options {
            if key != "download" {
                let sentence = format!("fastboot knows no option `{}`", key.escape_debug());
                return Err(Error::new(Kind::Invalid, sentence).next("the option is download"));
            }
            let bytes = size(value).filter(|bytes| (LEAST..=u64::from(u32::MAX)).contains(bytes));
            parsed.download = Some(bytes.ok_or_else(|| {
                let sentence = format!("`download={}` is not a number of bytes from 16384 on", value.escape_debug());
                Error::new(Kind::Invalid, sentence)
            })?);
        }
        Ok(parsed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_download_is_bounded() {
        let parse = |key: &str, value: &str| FastbootOptions::parse(&[(key.to_owned(), value.to_owned())].into());
        assert_eq!(parse("download", "0x100000").unwrap().download, Some(1 << 20));
        for (key, value) in [("download", "1"), ("download", "4294967296"), ("download", "many"), ("baud", "1")] {
            assert_eq!(parse(key, value).unwrap_err().kind(), Kind::Invalid, "{key}={value}");
        }
    }
}
