//! What the unit says it is on USB.

use super::options::Options;
use crate::usb::{Descriptors, Strings};
use protocols::usb::{Bcd, Class, Configuration, DeviceDescriptor, Endpoint, Interface};

/// Endpoint that the host sends to, and the number of the one that it reads from.
pub(crate) const ENDPOINT: u8 = 1;
/// Bytes of a bulk packet at high speed.
pub(crate) const BULK: u16 = 512;
const IN: u8 = 0x80;
const BULK_ATTRIBUTES: u8 = 2;
/// Vendor class, subclass and protocol of ADB (AOSP: `ADB_CLASS`, `ADB_SUBCLASS`, `ADB_PROTOCOL`).
const ADB: Class = Class::new(0xff, 0x42, 0x01);

/// Descriptors of a unit with one interface and a pair of bulk endpoints.
pub(crate) fn face(options: &Options, class: Class, interface: &str, release: Bcd) -> Descriptors {
    let mut strings = Strings::default();
    let device = DeviceDescriptor {
        usb: Bcd(0x0200),
        class: Class::default(),
        max_packet_size_0: 64,
        id: options.usb_id,
        release,
        manufacturer: strings.add("Hardwire stand-ins"),
        product: strings.add(&options.model),
        serial: strings.add(&options.serial),
        configurations: 1,
    };
    let bulk = |address| Endpoint {
        address,
        attributes: BULK_ATTRIBUTES,
        max_packet_size: BULK,
        interval: 0,
        ..Endpoint::default()
    };
    let interface = Interface {
        class,
        string: strings.add(interface),
        endpoints: vec![bulk(ENDPOINT), bulk(ENDPOINT | IN)],
        ..Interface::default()
    };
    let configuration = Configuration {
        value: 1,
        attributes: 0x80,
        max_power: 250,
        interfaces: vec![interface],
        ..Configuration::default()
    };
    Descriptors {
        device: device.to_bytes().to_vec(),
        configuration: configuration.to_bytes().unwrap_or_default(),
        strings: strings.into_descriptors(),
    }
}

/// Descriptors of a unit that speaks ADB.
pub(crate) fn adb(options: &Options) -> Descriptors {
    face(options, ADB, "ADB Interface", Bcd(0x0510))
}
