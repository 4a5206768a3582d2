//! `hardwire stub firmware`.

use std::fs;
use std::path::PathBuf;

use clap::Args;
use firmware_stubs::dfu::Firmware;
use protocols::usb::Bcd;
use serde::Serialize;

use crate::cli::exit::Exit;
use crate::cli::report::{Outcome, Voice};
use crate::error::{Error, Kind};

/// Make firmware that a DFU stand-in runs
///
/// A DFU stand-in starts what is in its memory only when it is whole; a header tells that. This puts one before a file.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  hardwire stub firmware --version 2.03 app.bin firmware.bin")]
pub(super) struct Make {
    /// Version that the unit then shows as its release (bcdDevice)
    #[arg(long, value_name = "MAJOR.MINOR", value_parser = version)]
    version: Bcd,
    /// File with anything in it
    body: PathBuf,
    /// File to write
    out: PathBuf,
}

#[derive(Serialize)]
struct Made<'a> {
    r#type: &'static str,
    kind: &'static str,
    address: Option<&'a str>,
    path: &'a str,
    sha256: &'a str,
}

impl Make {
    pub(super) fn run(self, voice: &Voice) -> Outcome {
        let unreadable =
            |cause| Error::new(Kind::Invalid, format!("{} cannot be read", self.body.display())).because(cause);
        let body = fs::read(&self.body).map_err(unreadable)?;
        let image = Firmware::build(self.version, &body);
        let whole = Firmware::read(&image)
            .ok_or_else(|| Error::new(Kind::Invalid, format!("{} is too long for an image", self.body.display())))?;
        let unwritable =
            |cause| Error::new(Kind::Storage, format!("{} cannot be written", self.out.display())).because(cause);
        fs::write(&self.out, &image).map_err(unwritable)?;
        let path = self.out.to_string_lossy();
        let made = Made { r#type: "stub", kind: "firmware", address: None, path: &path, sha256: &whole.sha256 };
        voice.object(&made);
        voice.say(format!("{path}: version {}, sha256 {}", whole.version, whole.sha256));
        Ok(Exit::PASSED)
    }
}

/// `2.03` is 0x0203: two decimal digits a side.
pub(super) fn version(text: &str) -> Result<Bcd, String> {
    let digits = |text: &str| match text.len() {
        1 | 2 if text.bytes().all(|byte| byte.is_ascii_digit()) => u8::from_str_radix(text, 16).ok(),
        _ => None,
    };
    text.split_once('.')
        .and_then(|(major, minor)| Some(Bcd(u16::from_be_bytes([digits(major)?, digits(minor)?]))))
        .ok_or_else(|| format!("{text:?} is no version: at most two digits before and after a point, as 2.03"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_binary_coded_decimal() {
        assert_eq!(version("2.03"), Ok(Bcd(0x0203)));
        assert_eq!(version("12.34"), Ok(Bcd(0x1234)));
        assert_eq!(version("2.3"), Ok(Bcd(0x0203)));
        for wrong in ["2", "a.b", "123.1", "1.", "", "-1.2", "1.2.3"] {
            assert!(version(wrong).is_err(), "{wrong:?}");
        }
    }
}
