//! The engine behind a pair of bulk endpoints.

use super::{Engine, Mode, Packet};
use crate::usb::{Answer, Descriptors, Stop, Strings, Transfer};
use protocols::fastboot::wire::INTERFACE;
use protocols::time::Moment;
use protocols::usb::{Bcd, Class, Configuration, DeviceDescriptor, Endpoint, Interface, UsbId};

/// Number of the endpoint, both ways.
const ENDPOINT: u8 = 1;
/// Bytes of a packet at high speed.
const PACKET: u16 = 512;
/// Kind of an endpoint: bulk.
const BULK: u8 = 2;
const TO_HOST: u8 = 0x80;

/// An engine behind its endpoints: what a unit on USB hands its transfers to.
pub struct Port {
    /// The engine.
    pub engine: Engine,
}

impl Port {
    /// A transfer over the interface's endpoints.
    ///
    /// # Errors
    /// [`Stop`] when the unit is unplugged, or cannot go on.
    pub fn transfer(&mut self, now: Moment, transfer: Transfer<'_>) -> Result<Answer, Stop> {
        match transfer {
            Transfer::Out { endpoint: ENDPOINT, data } => {
                self.engine.on_bytes(now, data, true)?;
                Ok(Answer::Ack)
            }
            Transfer::In { endpoint: ENDPOINT, room } => Ok(match self.engine.next_packet() {
                Some(Packet::Bytes(mut bytes)) => {
                    if bytes.len() > room {
                        self.engine.give_back(bytes.split_off(room));
                    }
                    Answer::Data(bytes)
                }
                Some(Packet::Stall) => Answer::Stall,
                None => Answer::Later,
            }),
            _ => Ok(Answer::Stall),
        }
    }
}

/// What a unit shows that speaks fastboot and nothing else.
#[must_use]
pub fn descriptors(id: UsbId, product: &str, serial: &str, mode: Mode) -> Descriptors {
    let mut strings = Strings::default();
    let device = DeviceDescriptor {
        usb: Bcd(0x0200),
        class: Class::default(),
        max_packet_size_0: 64,
        id,
        release: Bcd(0x0100),
        manufacturer: strings.add("Hardwire stand-ins"),
        product: strings.add(product),
        serial: strings.add(serial),
        configurations: 1,
    };
    let endpoint = |address| Endpoint { address, attributes: BULK, max_packet_size: PACKET, ..Endpoint::default() };
    let [class, subclass, protocol] = INTERFACE;
    let interface = Interface {
        class: Class::new(class, subclass, protocol),
        string: strings.add(match mode {
            Mode::Bootloader => "Android Fastboot",
            Mode::Fastbootd => "fastboot",
        }),
        endpoints: vec![endpoint(ENDPOINT | TO_HOST), endpoint(ENDPOINT)],
        ..Interface::default()
    };
    let configuration =
        Configuration { value: 1, attributes: 0xc0, interfaces: vec![interface], ..Configuration::default() };
    Descriptors {
        device: device.to_bytes().to_vec(),
        // One interface stays far below the limit.
        configuration: configuration.to_bytes().unwrap_or_default(),
        strings: strings.into_descriptors(),
    }
}
