//! Where a link leads, as people write it: `smp@tty:/dev/ttyACM0,baud=921600`.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;

use crate::error::{Error, Kind, Result};

/// What `-d` was given, taken apart: an optional driver, a place, and options. The place may be an address, or
/// something that only the station can resolve (`bay:3`, `serial:ABC`, a bare path).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The driver that was forced.
    pub driver: Option<String>,
    /// The place, without driver and options.
    pub place: String,
    /// Options as they were written, `key=value`.
    pub options: BTreeMap<String, String>,
}

impl FromStr for Named {
    type Err = Error;

    fn from_str(text: &str) -> Result<Named> {
        let wrong = |why: &str| {
            Error::new(Kind::Invalid, format!("`{}` names no unit: {why}", text.escape_debug()))
                .next("write it as [DRIVER@]PLACE[,KEY=VALUE]…, for example smp@tty:/dev/ttyACM0,baud=921600")
        };
        let (driver, rest) = match text.split_once('@') {
            // An `@` after the scheme belongs to the place.
            Some((driver, rest)) if !driver.contains([':', '/', ',']) => (Some(driver), rest),
            _ => (None, text),
        };
        let mut parts = rest.split(',');
        let place = parts.next().unwrap_or_default();
        if driver == Some("") || place.is_empty() {
            return Err(wrong("a part of it is empty"));
        }
        let mut options = BTreeMap::new();
        for part in parts {
            let (key, value) = part.split_once('=').ok_or_else(|| wrong("an option has no `=`"))?;
            if key.is_empty() || value.is_empty() {
                return Err(wrong("an option is empty"));
            }
            if options.insert(key.to_owned(), value.to_owned()).is_some() {
                return Err(wrong("an option is given twice"));
            }
        }
        Ok(Named { driver: driver.map(str::to_owned), place: place.to_owned(), options })
    }
}

/// An address that a link can be opened to. Prints as `-d` takes it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Address {
    /// A serial port or pseudoterminal: `tty:PATH`.
    Tty(PathBuf),
    /// A port on a host: `tcp:HOST:PORT`, `tcp:[::1]:5555`.
    Tcp {
        /// Name or IP address, without brackets.
        host: String,
        /// Port, from 1.
        port: u16,
    },
    /// A USB device by the kernel's name of its port: `usb:1-2.3`.
    Usb(String),
    /// A unit that a running adb server holds: `server:SERIAL`, `server:SERIAL@HOST:PORT`.
    Server {
        /// What the server calls the unit: its serial number, or `usb:1-2.3`.
        unit: String,
        /// Where the server listens: a name or IP address, without brackets.
        host: String,
        /// Its port, from 1.
        port: u16,
    },
}

/// Where an adb server listens that was not told otherwise: on this machine alone.
const SERVER: (&str, u16) = ("127.0.0.1", protocols::adb::server::PORT);

impl Address {
    /// The unit that the adb server of this machine calls so.
    #[must_use]
    pub fn server(unit: &str) -> Address {
        Address::Server { unit: unit.to_owned(), host: SERVER.0.to_owned(), port: SERVER.1 }
    }

    /// Whether what answers there can only be of this machine.
    #[must_use]
    pub fn is_local(&self) -> bool {
        let loopback = |host: &str| host == "localhost" || host.parse::<IpAddr>().is_ok_and(|host| host.is_loopback());
        match self {
            Address::Tty(_) | Address::Usb(_) => true,
            Address::Tcp { host, .. } | Address::Server { host, .. } => loopback(host),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Tty(path) => write!(f, "tty:{}", path.display()),
            Address::Tcp { host, port } if host.contains(':') => write!(f, "tcp:[{host}]:{port}"),
            Address::Tcp { host, port } => write!(f, "tcp:{host}:{port}"),
            Address::Usb(port) => write!(f, "usb:{port}"),
            Address::Server { unit, host, port } if (host.as_str(), *port) == SERVER => write!(f, "server:{unit}"),
            Address::Server { unit, host, port } if host.contains(':') => write!(f, "server:{unit}@[{host}]:{port}"),
            Address::Server { unit, host, port } => write!(f, "server:{unit}@{host}:{port}"),
        }
    }
}

impl FromStr for Address {
    type Err = Error;

    fn from_str(text: &str) -> Result<Address> {
        let wrong = |why: &str| {
            Error::new(Kind::Invalid, format!("`{}` is no address: {why}", text.escape_debug()))
                .next("write tty:PATH, tcp:HOST:PORT, usb:BUS-PORT or server:SERIAL")
        };
        if let Some(path) = text.strip_prefix("tty:") {
            if path.is_empty() || path.contains('\0') {
                return Err(wrong("the path is missing"));
            }
            return Ok(Address::Tty(PathBuf::from(path)));
        }
        if let Some(port) = text.strip_prefix("usb:") {
            return if is_usb_port(port) {
                Ok(Address::Usb(port.to_owned()))
            } else {
                Err(wrong("a USB port is BUS-PORT, with .PORT for each hub"))
            };
        }
        if let Some(rest) = text.strip_prefix("server:") {
            let (unit, place) = rest.rsplit_once('@').map_or((rest, None), |(unit, place)| (unit, Some(place)));
            if unit.is_empty() || unit.contains(|char: char| char.is_whitespace() || char.is_control()) {
                return Err(wrong("the unit is missing, or is no name that an adb server gives"));
            }
            let (host, port) = place.map_or(Ok(SERVER), |place| host_and_port(place).map_err(wrong))?;
            return Ok(Address::Server { unit: unit.to_owned(), host: host.to_owned(), port });
        }
        let Some(rest) = text.strip_prefix("tcp:") else {
            return Err(wrong("it begins with none of tty:, tcp:, usb: and server:"));
        };
        let (host, port) = host_and_port(rest).map_err(wrong)?;
        Ok(Address::Tcp { host: host.to_owned(), port })
    }
}

/// `HOST:PORT`, or why it is none.
fn host_and_port(text: &str) -> std::result::Result<(&str, u16), &'static str> {
    let (host, port) = text.rsplit_once(':').ok_or("the port is missing")?;
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    if bare.is_none() && host.contains(':') {
        return Err("an IPv6 address stands in brackets");
    }
    let host = bare.unwrap_or(host);
    let port = port.parse().ok().filter(|port| *port != 0).ok_or("the port is no number from 1")?;
    if host.is_empty() { Err("the host is missing") } else { Ok((host, port)) }
}

/// Whether `text` is the kernel's name of a USB port: `1-2.3`.
fn is_usb_port(text: &str) -> bool {
    let number = |part: &str| !part.is_empty() && part.len() <= 3 && part.bytes().all(|b| b.is_ascii_digit());
    text.split_once('-').is_some_and(|(bus, chain)| number(bus) && chain.split('.').all(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn driver_place_and_options_are_told_apart() {
        let named: Named = "smp@tty:/dev/pts/4,baud=921600,flow=none".parse().unwrap();
        assert_eq!(named.driver.as_deref(), Some("smp"));
        assert_eq!(named.place, "tty:/dev/pts/4");
        assert_eq!(named.options["baud"], "921600");
        assert_eq!(named.options["flow"], "none");
        let named: Named = "tty:/dev/serial/by-id/a@b".parse().unwrap();
        assert_eq!((named.driver, named.place.as_str()), (None, "tty:/dev/serial/by-id/a@b"));
        let named: Named = "ABC123,window=1".parse().unwrap();
        assert_eq!((named.place.as_str(), named.options["window"].as_str()), ("ABC123", "1"));
    }

    #[test]
    fn what_names_nothing_is_invalid() {
        for text in ["", "@tty:/x", "smp@", "tty:/x,", "tty:/x,baud", "tty:/x,baud=", "tty:/x,a=1,a=2"] {
            assert_eq!(text.parse::<Named>().unwrap_err().kind(), Kind::Invalid, "{text}");
        }
        for text in [
            "",
            "/dev/tty",
            "tty:",
            "tcp:host",
            "tcp::1",
            "tcp:h:0",
            "tcp:h:65536",
            "tcp:::1:5",
            "tcp:[]:5",
            "usb:1",
            "usb:1-2..3",
            "server:",
            "server:@127.0.0.1:5037",
            "server:a b",
            "server:a\n",
            "server:a@127.0.0.1",
            "server:a@:5037",
            "server:a@::1:5037",
        ] {
            assert_eq!(text.parse::<Address>().unwrap_err().kind(), Kind::Invalid, "{text}");
        }
    }

    #[test]
    fn an_address_prints_as_it_is_written() {
        for text in [
            "tty:/dev/ttyACM0",
            "tcp:127.0.0.1:5555",
            "tcp:[::1]:5555",
            "tcp:bench.local:7",
            "usb:1-2.3",
            "server:PH-0421",
            "server:usb:1-2.3",
            "server:127.0.0.1:40001@127.0.0.1:6000",
            "server:[::1]:5555@[::1]:5037",
        ] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
        let usual = Address::Server { unit: "a@b".into(), host: "127.0.0.1".into(), port: 5037 };
        assert_eq!("server:a@b@127.0.0.1:5037".parse::<Address>().unwrap(), usual);
        assert_eq!("server:PH-0421".parse::<Named>().unwrap().place, "server:PH-0421");
    }
}
