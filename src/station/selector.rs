//! `-d`: which unit is meant, as a person writes it.

use std::fmt;
use std::str::FromStr;

use crate::device::BayId;
use crate::drivers::Options;
use crate::error::{Error, Kind};
use crate::link::{Address, Named};

/// Which unit: `[DRIVER@]PLACE[,KEY=VALUE]…`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selector {
    /// The driver that is forced.
    pub driver: Option<String>,
    /// Where it is, or who.
    pub place: Place,
    /// Options of the link and of the protocol.
    pub options: Options,
}

/// Where a unit is, or who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// `bay:3`.
    Bay(BayId),
    /// `serial:ABC123`: the unit's serial number.
    Serial(String),
    /// `usb:1-2.3`: the kernel's name of the USB port.
    Usb(String),
    /// `tty:/dev/ttyACM0`, `tcp:127.0.0.1:5555`, `server:ABC123`.
    Address(Address),
}

impl FromStr for Selector {
    type Err = Error;

    fn from_str(text: &str) -> Result<Selector, Error> {
        let Named { driver, place, options } = text.parse()?;
        Ok(Selector { driver, place: place.parse()?, options })
    }
}

impl FromStr for Place {
    type Err = Error;

    fn from_str(text: &str) -> Result<Place, Error> {
        let Some((scheme, rest)) = text.split_once(':') else {
            return Ok(if is_path(text) {
                Place::Address(Address::Tty(text.into()))
            } else {
                Place::Serial(text.into())
            });
        };
        match scheme {
            "tty" | "tcp" | "server" => text.parse().map(Place::Address),
            "bay" => match rest.parse() {
                Ok(number) if number > 0 => Ok(Place::Bay(BayId(number))),
                _ => Err(wrong(text, "bays are numbered from 1")),
            },
            "serial" if rest.is_empty() => Err(wrong(text, "the serial number is missing")),
            "serial" => Ok(Place::Serial(rest.into())),
            "usb" => match text.parse::<Address>() {
                Ok(_) => Ok(Place::Usb(rest.into())),
                Err(error) => Err(error),
            },
            _ if is_path(text) => Ok(Place::Address(Address::Tty(text.into()))),
            _ => Err(wrong(text, &format!("there is no kind of address named `{}`", scheme.escape_debug()))),
        }
    }
}

fn is_path(text: &str) -> bool {
    let is_com = |number: &str| number.parse::<u8>().is_ok();
    text.contains(['/', '\\']) || text.strip_prefix("COM").is_some_and(is_com)
}

fn wrong(text: &str, why: &str) -> Error {
    Error::new(Kind::Invalid, format!("`{}` names no unit: {why}", text.escape_debug()))
        .next("write tty:/dev/ttyACM0, tcp:HOST:PORT, usb:1-2.3, serial:NUMBER, bay:3 or server:SERIAL; `hardwire detect` lists them")
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Bay(bay) => write!(f, "bay:{bay}"),
            Place::Serial(serial) => write!(f, "serial:{serial}"),
            Place::Usb(port) => write!(f, "usb:{port}"),
            Place::Address(address) => address.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tty(path: &str) -> Place {
        Place::Address(Address::Tty(path.into()))
    }

    #[test]
    fn every_kind_of_address_is_read() {
        for (text, place) in [
            ("bay:3", Place::Bay(BayId(3))),
            ("serial:ABC:123", Place::Serial("ABC:123".into())),
            ("ABC123", Place::Serial("ABC123".into())),
            ("usb:1-2.3", Place::Usb("1-2.3".into())),
            ("tty:/dev/ttyACM0", tty("/dev/ttyACM0")),
            (
                "/dev/serial/by-path/pci-0000:00:14.0-usb-0:2:1.0",
                tty("/dev/serial/by-path/pci-0000:00:14.0-usb-0:2:1.0"),
            ),
            ("./unit", tty("./unit")),
            ("COM12", tty("COM12")),
            ("tcp:[::1]:5555", Place::Address(Address::Tcp { host: "::1".into(), port: 5555 })),
            ("server:PH-0421", Place::Address(Address::server("PH-0421"))),
        ] {
            assert_eq!(text.parse::<Place>().unwrap(), place, "{text}");
        }
    }

    #[test]
    fn a_driver_goes_before_and_options_go_after() {
        let selector: Selector = "smp@/dev/pts/4,baud=921600,window=1".parse().unwrap();
        assert_eq!(selector.driver.as_deref(), Some("smp"));
        assert_eq!(selector.place, tty("/dev/pts/4"));
        assert_eq!(selector.options.len(), 2);
    }

    #[test]
    fn what_is_no_address_says_why() {
        for text in [
            "",
            "tty:",
            "bay:0",
            "bay:x",
            "serial:",
            "usb:1",
            "usb:1-2..3",
            "tcp:localhost",
            "server:",
            "foo:bar",
            "a,b",
        ] {
            let error = text.parse::<Selector>().unwrap_err();
            assert_eq!(error.kind(), Kind::Invalid, "{text}");
            assert!(error.remedy().is_some());
        }
    }
}
