//! How a serial port is set up.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Kind, Result};

/// Symbols per second on a serial line, from 1 to [`Baud::MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Baud(u32);

impl Baud {
    /// More than the fastest USB bridge on the market takes (12 Mbaud); what is above is a typing error.
    pub const MAX: u32 = 20_000_000;

    /// A rate of `baud` symbols per second, `None` outside of 1 to [`Baud::MAX`].
    #[must_use]
    pub const fn new(baud: u32) -> Option<Baud> {
        if baud == 0 || baud > Baud::MAX { None } else { Some(Baud(baud)) }
    }

    /// Symbols per second.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl Default for Baud {
    /// 115200, what nearly every console starts with.
    fn default() -> Baud {
        Baud(115_200)
    }
}

impl fmt::Display for Baud {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} baud", self.0)
    }
}

/// Who holds back whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Flow {
    /// Nobody.
    #[default]
    None,
    /// The RTS and CTS lines.
    RtsCts,
    /// The characters XON and XOFF: for links whose bytes are text.
    XonXoff,
}

/// What is done to a modem control line on opening.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LineState {
    /// It is left as the operating system opens the port: these lines reset many boards.
    #[default]
    Keep,
    /// Asserted.
    On,
    /// Released.
    Off,
}

/// How a serial port is set up. Always raw, eight bits, no parity, one stop bit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SerialOptions {
    /// `baud=N`.
    pub baud: Baud,
    /// `flow=none|rtscts|xonxoff`; `hardware` and `software`, as profiles spell it, are taken too.
    pub flow: Flow,
    /// `dtr=keep|on|off`.
    pub dtr: LineState,
    /// `rts=keep|on|off`.
    pub rts: LineState,
}

impl SerialOptions {
    /// Takes what is the port's out of `options`; what is left is the protocol's.
    ///
    /// # Errors
    /// `invalid` when a value is none of its kind.
    pub fn take(options: &mut BTreeMap<String, String>) -> Result<SerialOptions> {
        let mut taken = SerialOptions::default();
        if let Some(baud) = options.remove("baud") {
            taken.baud = baud
                .parse()
                .ok()
                .and_then(Baud::new)
                .ok_or_else(|| wrong("baud", &baud, &format!("a number from 1 to {}", Baud::MAX)))?;
        }
        if let Some(flow) = options.remove("flow") {
            taken.flow = flow.parse()?;
        }
        for (key, line) in [("dtr", &mut taken.dtr), ("rts", &mut taken.rts)] {
            if let Some(state) = options.remove(key) {
                *line = match state.as_str() {
                    "keep" => LineState::Keep,
                    "on" => LineState::On,
                    "off" => LineState::Off,
                    _ => return Err(wrong(key, &state, "one of keep, on, off")),
                };
            }
        }
        if taken.flow == Flow::RtsCts && taken.rts != LineState::Keep {
            return Err(Error::new(Kind::Invalid, "with flow=rtscts the port itself moves the RTS line")
                .next("leave out rts=, or use flow=none"));
        }
        Ok(taken)
    }
}

impl FromStr for Flow {
    type Err = Error;

    fn from_str(text: &str) -> Result<Flow> {
        match text {
            "none" => Ok(Flow::None),
            "rtscts" | "hardware" => Ok(Flow::RtsCts),
            "xonxoff" | "software" => Ok(Flow::XonXoff),
            _ => Err(wrong("flow", text, "one of none, rtscts, xonxoff")),
        }
    }
}

fn wrong(key: &str, value: &str, want: &str) -> Error {
    Error::new(Kind::Invalid, format!("the link option `{key}={}` is not {want}", value.escape_debug()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn what_is_the_protocols_is_left() {
        let mut all = options(&[("baud", "921600"), ("flow", "rtscts"), ("dtr", "off"), ("window", "2")]);
        let taken = SerialOptions::take(&mut all).unwrap();
        assert_eq!(taken.baud.get(), 921_600);
        assert_eq!((taken.flow, taken.dtr, taken.rts), (Flow::RtsCts, LineState::Off, LineState::Keep));
        assert_eq!(all, options(&[("window", "2")]));
    }

    #[test]
    fn a_wrong_value_is_named() {
        for (key, value) in [("baud", "0"), ("baud", "fast"), ("baud", "99999999"), ("flow", "yes"), ("dtr", "1")] {
            let error = SerialOptions::take(&mut options(&[(key, value)])).unwrap_err();
            assert_eq!(error.kind(), Kind::Invalid);
            assert!(error.to_string().contains(&format!("{key}={value}")), "{error}");
        }
        assert!(SerialOptions::take(&mut options(&[("flow", "rtscts"), ("rts", "on")])).is_err());
    }
}
