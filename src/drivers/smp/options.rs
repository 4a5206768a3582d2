//! `-d smp@…,buf=N,window=N,line=N,framing=…`: what a person knows better than the unit says.

use protocols::smp::wire::{Framing, LineLength};

use crate::drivers::Options;
use crate::error::{Error, Kind, Result};

/// What was asked for by hand. Everything else is asked of the unit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct SmpOptions {
    /// `buf=BYTES`: size of the unit's buffer for one decoded frame.
    pub buf_size: Option<u32>,
    /// `window=N`: requests in flight at most.
    pub window: Option<u32>,
    /// `line=BYTES` (127 by the specification), `framing=console|raw`.
    pub framing: Framing,
}

/// The smallest buffer that holds a useful request.
pub(super) const MIN_BUF: u32 = 64;
/// The largest buffer that a frame's length can announce.
pub(super) const MAX_BUF: u32 = 65_535;
/// More in flight than any known unit has buffers for.
pub(super) const MAX_WINDOW: u32 = 64;

impl SmpOptions {
    pub(super) fn parse(options: &Options) -> Result<SmpOptions> {
        let mut parsed = SmpOptions::default();
        let mut line = None;
        for (key, value) in options {
            match key.as_str() {
                "buf" => parsed.buf_size = Some(number(key, value, MIN_BUF..=MAX_BUF)?),
                "window" => parsed.window = Some(number(key, value, 1..=MAX_WINDOW)?),
                "line" => line = Some(number(key, value, u32::from(LineLength::MIN)..=8192)?),
                "framing" => match value.as_str() {
                    "console" => {}
                    "raw" => parsed.framing = Framing::Raw,
                    _ => return Err(wrong(key, value, "one of console, raw")),
                },
                _ => {
                    let known = ["buf", "window", "line", "framing", "baud", "flow", "dtr", "rts"];
                    return Err(Error::new(Kind::Invalid, format!("smp knows no option `{}`", key.escape_debug()))
                        .next(format!("the options are {}", known.join(", "))));
                }
            }
        }
        match (line.and_then(|line| u16::try_from(line).ok()), parsed.framing) {
            (Some(_), Framing::Raw) => return Err(wrong("line", "…", "used with framing=raw, which has no lines")),
            (Some(line), Framing::Console(_)) => {
                let length = LineLength::new(line)
                    .map_err(|error| wrong("line", &line.to_string(), "long enough").because(error))?;
                parsed.framing = Framing::Console(length);
            }
            (None, _) => {}
        }
        Ok(parsed)
    }
}

fn number(key: &str, value: &str, range: std::ops::RangeInclusive<u32>) -> Result<u32> {
    let want = format!("a number from {} to {}", range.start(), range.end());
    value.parse().ok().filter(|number| range.contains(number)).ok_or_else(|| wrong(key, value, &want))
}

fn wrong(key: &str, value: &str, want: &str) -> Error {
    Error::new(Kind::Invalid, format!("the smp option `{key}={}` is not {want}", value.escape_debug()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(pairs: &[(&str, &str)]) -> Result<SmpOptions> {
        SmpOptions::parse(&pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect())
    }

    #[test]
    fn what_is_given_is_taken() {
        let options = parse(&[("buf", "2048"), ("window", "4"), ("line", "512")]).unwrap();
        assert_eq!((options.buf_size, options.window), (Some(2048), Some(4)));
        assert_eq!(options.framing, Framing::Console(LineLength::new(512).unwrap()));
        assert_eq!(parse(&[("framing", "raw")]).unwrap().framing, Framing::Raw);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for pairs in [
            &[("buf", "1")][..],
            &[("window", "0")],
            &[("line", "3")],
            &[("framing", "udp")],
            &[("bufs", "1")],
            &[("framing", "raw"), ("line", "127")],
        ] {
            assert_eq!(parse(pairs).unwrap_err().kind(), Kind::Invalid, "{pairs:?}");
        }
    }
}
