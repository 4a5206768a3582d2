//! `-d dfu@…,ids=VVVV:PPPP,transfer=N`: what a person knows better than the unit says.

use protocols::usb::UsbId;

use crate::drivers::Options;
use crate::error::{Error, Kind, Result};
use crate::link::usb::MAX_CONTROL;

/// What was asked for by hand. Everything else is asked of the unit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct DfuOptions {
    /// `ids=VVVV:PPPP`: ids that the unit shows in its other mode, by which files name it.
    pub ids: Option<UsbId>,
    /// `transfer=BYTES`: the most bytes of a block, for units that say more than they can take.
    pub transfer: Option<u16>,
}

impl DfuOptions {
    pub(super) fn parse(options: &Options) -> Result<DfuOptions> {
        let mut parsed = DfuOptions::default();
        for (key, value) in options {
            let wrong = |what: &str| {
                let sentence = format!("`{}={}` is not {what}", key.escape_debug(), value.escape_debug());
                Error::new(Kind::Invalid, sentence)
            };
            match key.as_str() {
                "ids" => parsed.ids = Some(usb_id(value).ok_or_else(|| wrong("VVVV:PPPP in hex"))?),
                "transfer" => {
                    let bytes = value.parse().ok().filter(|bytes| (8..=MAX_CONTROL).contains(bytes));
                    parsed.transfer = Some(bytes.ok_or_else(|| wrong("a number of bytes from 8 to 4096"))?);
                }
                _ => {
                    let sentence = format!("dfu knows no option `{}`", key.escape_debug());
                    return Err(Error::new(Kind::Invalid, sentence).next("the options are ids and transfer"));
                }
            }
        }
        Ok(parsed)
    }
}

/// `0483:df11`.
pub(super) fn usb_id(text: &str) -> Option<UsbId> {
    // A sign would be read too.
    let is_hex = |text: &str| text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let number = |text: &str| if is_hex(text) { u16::from_str_radix(text, 16).ok() } else { None };
    let (vendor, product) = text.split_once(':')?;
    Some(UsbId::new(number(vendor)?, number(product)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(pairs: &[(&str, &str)]) -> Result<DfuOptions> {
        let options = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        DfuOptions::parse(&options)
    }

    #[test]
    fn what_is_asked_for_is_bounded() {
        let parsed = parse(&[("ids", "1209:00aB"), ("transfer", "64")]).unwrap();
        assert_eq!((parsed.ids, parsed.transfer), (Some(UsbId::new(0x1209, 0xab)), Some(64)));
        for pair in [("ids", "1209"), ("ids", "1209:+0ab"), ("transfer", "7"), ("transfer", "4097"), ("baud", "1")] {
            assert_eq!(parse(&[pair]).unwrap_err().kind(), Kind::Invalid, "{pair:?}");
        }
    }
}
