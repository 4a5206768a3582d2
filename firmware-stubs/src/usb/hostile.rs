//! Devices that do to a host what no device should.

use super::descriptors::{Descriptors, Strings, chosen};
use super::device::{Answer, Device, Reply, Stop, Then};
use protocols::time::Moment;
use protocols::usb::{Bcd, Class, Configuration, DeviceDescriptor, Endpoint, Extra, Interface, Setup, UsbId};
use protocols::usb::{kind, standard};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;
use thiserror::Error;

/// What a hostile device does. Unless it says otherwise, it looks like a unit in DFU mode, so that a driver has a reason
/// to speak to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Hostile {
    /// The configuration says that it is longer than it is.
    LongConfiguration,
    /// The configuration says that it is shorter than what lies in it.
    ShortConfiguration,
    /// A descriptor in the configuration has length 0: who goes on by it goes nowhere.
    Loop,
    /// The configuration ends in the middle of a descriptor.
    Cut,
    /// A descriptor in the configuration is longer than the rest of it.
    Overrun,
    /// The configuration has no interface.
    NoInterface,
    /// There are 255 alternate settings, each with a string number that leads nowhere.
    ManyAlternates,
    /// Strings hold terminal escape sequences, line ends and text that turns direction.
    EscapeStrings,
    /// Strings are broken UTF-16: lone surrogates, an odd number of bytes, a length that lies.
    BrokenStrings,
    /// String descriptors are asked for and stall.
    NoStrings,
    /// Every answer brings more than was asked for.
    Babble,
    /// Endpoint 0 stalls, whatever comes.
    Stall,
    /// Endpoint 0 stalls once the device is configured.
    StallLater,
    /// It never answers once it is configured.
    Silent,
    /// It leaves the bus at every control transfer once it is configured, and comes back.
    Reset,
    /// It leaves the bus while it is enumerated, and comes back, again and again.
    Flap,
    /// It leaves the bus while it is enumerated, three times; then it is a unit like any other.
    Shaky,
}

const KINDS: [(&str, Hostile); 17] = [
    ("long-configuration", Hostile::LongConfiguration),
    ("short-configuration", Hostile::ShortConfiguration),
    ("loop", Hostile::Loop),
    ("cut", Hostile::Cut),
    ("overrun", Hostile::Overrun),
    ("no-interface", Hostile::NoInterface),
    ("many-alternates", Hostile::ManyAlternates),
    ("escape-strings", Hostile::EscapeStrings),
    ("broken-strings", Hostile::BrokenStrings),
    ("no-strings", Hostile::NoStrings),
    ("babble", Hostile::Babble),
    ("stall", Hostile::Stall),
    ("stall-later", Hostile::StallLater),
    ("silent", Hostile::Silent),
    ("reset", Hostile::Reset),
    ("flap", Hostile::Flap),
    ("shaky", Hostile::Shaky),
];

/// Text that names no hostile device.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("no hostile device is called {0:?}: {list}", list = KINDS.map(|(name, _)| name).join(", "))]
pub struct BadHostile(String);

impl FromStr for Hostile {
    type Err = BadHostile;
    fn from_str(text: &str) -> Result<Self, BadHostile> {
        let found = KINDS.iter().find(|(name, _)| *name == text);
        found.map(|(_, hostile)| *hostile).ok_or_else(|| BadHostile(text.to_owned()))
    }
}

impl fmt::Display for Hostile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(KINDS.iter().find(|(_, hostile)| hostile == self).map_or("", |(name, _)| name))
    }
}

impl Hostile {
    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        KINDS.into_iter().map(|(_, hostile)| hostile)
    }
}

/// How long it is away from the bus when it leaves.
const AWAY: Duration = Duration::from_millis(150);
/// Enumerations that [`Hostile::Shaky`] breaks off.
const SHAKES: u32 = 3;
/// Number of the unit under test, from the range that pid.codes keeps for tests.
const ID: UsbId = UsbId::new(0x1209, 0x000e);
/// A DFU functional descriptor: download and upload, 64-byte blocks.
const FUNCTIONAL: [u8; 9] = [9, 0x21, 0x0b, 0xff, 0, 64, 0, 0x10, 1];

/// A hostile device.
pub struct HostileDevice {
    what: Hostile,
    face: Descriptors,
    configuration: u8,
    broken_off: u32,
}

impl HostileDevice {
    /// A device that does this, with a serial number of its own unless its strings are what is hostile.
    #[must_use]
    pub fn new(what: Hostile, serial: &str) -> Self {
        Self { what, face: face(what, serial), configuration: 0, broken_off: 0 }
    }

    fn plain(&mut self, setup: Setup) -> Answer {
        const GET_STATUS: (u8, u8) = (Setup::CLASS_INTERFACE_IN, 3);
        const GET_STATE: (u8, u8) = (Setup::CLASS_INTERFACE_IN, 5);
        if let Some(configuration) = chosen(setup) {
            self.configuration = configuration;
        }
        match (setup.request_type, setup.request) {
            // dfuIDLE, no error.
            GET_STATUS => Answer::Data(vec![0, 0, 0, 0, 2, 0]),
            GET_STATE => Answer::Data(vec![2]),
            (1, standard::SET_INTERFACE) => Answer::Ack,
            _ => self.face.answer(setup, self.configuration).unwrap_or(Answer::Stall),
        }
    }

    fn breaks_off(&mut self) -> Reply {
        self.configuration = 0;
        Reply { answer: Answer::Never, then: Then::Leave { away: AWAY } }
    }
}

impl Device for HostileDevice {
    fn power_on(&mut self, _: Moment) -> Result<(), Stop> {
        self.configuration = 0;
        Ok(())
    }

    fn control(&mut self, _: Moment, setup: Setup, _: &[u8]) -> Result<Reply, Stop> {
        let configured = self.configuration != 0 && chosen(setup).is_none();
        let reads_configuration =
            setup.request == standard::GET_DESCRIPTOR && setup.value >> 8 == u16::from(kind::CONFIGURATION);
        let answer = match self.what {
            Hostile::Stall => Answer::Stall,
            Hostile::StallLater if configured => Answer::Stall,
            Hostile::Silent if configured => Answer::Never,
            Hostile::Reset if configured => return Ok(self.breaks_off()),
            Hostile::Flap if reads_configuration => return Ok(self.breaks_off()),
            Hostile::Shaky if reads_configuration && self.broken_off < SHAKES => {
                self.broken_off += 1;
                return Ok(self.breaks_off());
            }
            Hostile::Babble if configured && setup.length > 0 => Answer::Babble,
            _ => self.plain(setup),
        };
        Ok(answer.into())
    }
}

fn face(what: Hostile, serial: &str) -> Descriptors {
    let mut strings = Strings::default();
    let names = match what {
        Hostile::EscapeStrings => {
            ["\u{1b}[2J\u{1b}]0;owned\u{7}maker", "\u{202e}mirrored\r\npass", "SN\u{1b}[31m\n\t\u{9b}1"]
        }
        _ => ["Hardwire stand-ins", "hostile", serial],
    };
    let [manufacturer, product, serial] = names.map(|name| strings.add(name));
    let mut strings = strings.into_descriptors();
    match what {
        Hostile::BrokenStrings => {
            // Lone surrogates; an odd byte at the end; a length of 255 with nothing behind it.
            let broken: [&[u8]; 3] =
                [&[8, 3, 0x00, 0xd8, b'a', 0, 0x00, 0xdc], &[5, 3, b'b', 0, 0xff], &[0xff, 3, b'c', 0]];
            strings.truncate(1);
            strings.extend(broken.map(<[u8]>::to_vec));
        }
        Hostile::NoStrings => strings.clear(),
        _ => {}
    }
    let device = DeviceDescriptor {
        usb: Bcd(0x0200),
        class: Class::default(),
        max_packet_size_0: 64,
        id: ID,
        release: Bcd(0x0100),
        manufacturer,
        product,
        serial,
        configurations: 1,
    };
    Descriptors { device: device.to_bytes().to_vec(), configuration: configuration(what, product), strings }
}

fn configuration(what: Hostile, name: u8) -> Vec<u8> {
    let alternate = |alternate: u8, string: u8| Interface {
        number: 0,
        alternate,
        class: Class::new(protocols::dfu::wire::CLASS, protocols::dfu::wire::SUBCLASS, 2),
        string,
        extra: vec![Extra { bytes: FUNCTIONAL.to_vec() }],
        endpoints: Vec::new(),
    };
    let mut interfaces = match what {
        Hostile::NoInterface => Vec::new(),
        Hostile::ManyAlternates => (0..255).map(|number| alternate(number, 200)).collect(),
        _ => vec![alternate(0, name)],
    };
    if let (Hostile::Overrun, Some(last)) = (what, interfaces.last_mut()) {
        last.endpoints.push(Endpoint { address: 0x81, attributes: 2, max_packet_size: 512, ..Endpoint::default() });
    }
    let shape = Configuration { value: 1, attributes: 0x80, max_power: 50, interfaces, ..Configuration::default() };
    let mut bytes = shape.to_bytes().unwrap_or_default();
    let len = bytes.len();
    let claim = |bytes: &mut Vec<u8>, total: usize| bytes[2..4].copy_from_slice(&(total as u16).to_le_bytes());
    match what {
        Hostile::LongConfiguration => claim(&mut bytes, len + 500),
        Hostile::ShortConfiguration => claim(&mut bytes, Configuration::LEN + Configuration::INTERFACE_LEN - 2),
        Hostile::Loop => {
            bytes.extend([0, 0x21, 0, 0]);
            claim(&mut bytes, len + 4);
        }
        Hostile::Cut => bytes.truncate(len - 3),
        // The last one is the endpoint's.
        Hostile::Overrun => bytes[len - Configuration::ENDPOINT_LEN] = 0xff,
        _ => {}
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::usb::host::{Host, Trouble};
    use protocols::usb::{Fault, decode_string};

    fn host(what: Hostile) -> Host<HostileDevice> {
        Host::plug(HostileDevice::new(what, "HO-1")).unwrap()
    }

    fn read(host: &mut Host<HostileDevice>, kind: u8, index: u8) -> Result<Vec<u8>, Trouble> {
        host.control(Setup::get_descriptor(kind, index, 0x0409, u16::MAX), &[])
    }

    fn parsed(what: Hostile) -> Configuration {
        let mut host = host(what);
        Configuration::parse(&read(&mut host, kind::CONFIGURATION, 0).unwrap()).unwrap()
    }

    #[test]
    fn each_is_called_what_it_is_called() {
        assert!(Hostile::all().all(|what| what.to_string().parse() == Ok(what)));
        assert!("kind".parse::<Hostile>().unwrap_err().to_string().contains("shaky"));
    }

    #[test]
    fn configurations_lie_as_they_should() {
        for what in
            [Hostile::LongConfiguration, Hostile::ShortConfiguration, Hostile::Loop, Hostile::Cut, Hostile::Overrun]
        {
            let faults = parsed(what).faults;
            assert!(!faults.is_empty(), "{what}");
            let lies = faults.iter().any(|fault| matches!(fault, Fault::TotalLength { .. }));
            let length = [Hostile::LongConfiguration, Hostile::ShortConfiguration, Hostile::Cut].contains(&what);
            assert_eq!(lies, length, "{what}: {faults:?}");
        }
        assert_eq!(parsed(Hostile::NoInterface).interfaces, []);
        assert_eq!(parsed(Hostile::ManyAlternates).interfaces.len(), 255);
        assert_eq!(parsed(Hostile::Silent).faults, []);
    }

    #[test]
    fn strings_are_what_no_string_should_be() {
        let mut escape = host(Hostile::EscapeStrings);
        let text = decode_string(&read(&mut escape, kind::STRING, 1).unwrap()).unwrap();
        assert!(text.contains('\u{1b}'));
        let mut broken = host(Hostile::BrokenStrings);
        assert_eq!(decode_string(&read(&mut broken, kind::STRING, 1).unwrap()).unwrap(), "\u{fffd}a\u{fffd}");
        let mut none = host(Hostile::NoStrings);
        assert!(matches!(read(&mut none, kind::STRING, 1), Err(Trouble::Stall)));
    }

    #[test]
    fn endpoint_0_misbehaves_once_there_is_a_configuration() {
        let then = |what| {
            let mut host = host(what);
            host.enumerate().unwrap();
            read(&mut host, kind::DEVICE, 0)
        };
        assert!(matches!(then(Hostile::StallLater), Err(Trouble::Stall)));
        assert!(matches!(then(Hostile::Silent), Err(Trouble::Silence)));
        assert!(matches!(then(Hostile::Reset), Err(Trouble::Left)));
        assert!(matches!(then(Hostile::Babble), Err(Trouble::Babble)));
        assert!(matches!(host(Hostile::Stall).enumerate(), Err(Trouble::Stall)));
    }

    #[test]
    fn a_shaky_one_settles_and_a_flapping_one_never_does() {
        let tries = |what| {
            let mut host = host(what);
            (0..20).find(|_| {
                let read = read(&mut host, kind::CONFIGURATION, 0);
                host.pass(AWAY).unwrap();
                read.is_ok()
            })
        };
        assert_eq!(tries(Hostile::Shaky), Some(SHAKES as i32));
        assert_eq!(tries(Hostile::Flap), None);
    }
}
