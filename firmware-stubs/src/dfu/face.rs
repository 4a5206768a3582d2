//! What the unit says it is, in either mode.

use super::options::Memory;
use super::{Detach, Fault, Firmware, Manifestation, Options, Upload};
use crate::usb::{Descriptors, Strings};
use protocols::dfu::wire::{Attributes, FunctionalDescriptor, PROTOCOL_DFU, PROTOCOL_RUNTIME};
use protocols::dfu::wire::{CLASS, SUBCLASS};
use protocols::usb::{Bcd, Class, Configuration, DeviceDescriptor, Extra, Interface};

/// Number of the DFU interface, the only one.
pub(super) const INTERFACE: u8 = 0;
/// Release of the bootloader.
const BOOTLOADER: Bcd = Bcd(0x0200);
/// Bus-powered, 100 mA.
const BUS_POWERED: u8 = 0x80;
const MAX_POWER: u8 = 50;
const MANUFACTURER: &str = "Hardwire stand-ins";

/// Descriptors while this firmware runs. Its version is the device's release, its digest in the interface's name.
pub(super) fn runtime(options: &Options, firmware: &Firmware) -> Descriptors {
    let name = format!("Firmware {} sha256:{}", firmware.version, firmware.sha256);
    let id = options.runtime_id;
    face(options, id, firmware.version, &options.serial, PROTOCOL_RUNTIME, &[name])
}

/// Descriptors in DFU mode.
pub(super) fn dfu(options: &Options) -> Descriptors {
    let names: Vec<String> = match &options.memory {
        Memory::Slots(slots) => slots.iter().map(|slot| slot.name.clone()).collect(),
        Memory::Addressed(layouts) => layouts.iter().map(ToString::to_string).collect(),
    };
    let serial = match options.has(Fault::OtherSerial) {
        true => format!("X{}", options.serial),
        false => options.serial.clone(),
    };
    face(options, options.dfu_id, BOOTLOADER, &serial, PROTOCOL_DFU, &names)
}

fn face(
    options: &Options,
    id: protocols::usb::UsbId,
    release: Bcd,
    serial: &str,
    protocol: u8,
    names: &[String],
) -> Descriptors {
    let mut strings = Strings::default();
    let manufacturer = strings.add(MANUFACTURER);
    let product = strings.add(&options.model);
    let serial = if options.has(Fault::NoSerial) { 0 } else { strings.add(serial) };
    let device = DeviceDescriptor {
        usb: Bcd(0x0200),
        class: Class::default(),
        max_packet_size_0: 64,
        id,
        release,
        manufacturer,
        product,
        serial,
        configurations: 1,
    };
    let mut interfaces: Vec<Interface> = (0..)
        .zip(names)
        .map(|(alternate, name)| Interface {
            number: INTERFACE,
            alternate,
            class: Class::new(CLASS, SUBCLASS, protocol),
            string: strings.add(name),
            ..Interface::default()
        })
        .collect();
    if let Some(last) = interfaces.last_mut() {
        last.extra.push(Extra { bytes: functional(options).to_bytes() });
    }
    let configuration = Configuration {
        value: 1,
        attributes: BUS_POWERED,
        max_power: MAX_POWER,
        interfaces,
        ..Configuration::default()
    };
    Descriptors {
        device: device.to_bytes().to_vec(),
        // A row of interfaces without endpoints stays far below the limit.
        configuration: configuration.to_bytes().unwrap_or_default(),
        strings: strings.into_descriptors(),
    }
}

fn functional(options: &Options) -> FunctionalDescriptor {
    let bits = [
        (true, Attributes::CAN_DOWNLOAD),
        (options.upload == Upload::Possible, Attributes::CAN_UPLOAD),
        (options.manifestation == Manifestation::Tolerant, Attributes::MANIFESTATION_TOLERANT),
        (options.detach == Detach::ByItself, Attributes::WILL_DETACH),
    ];
    let attributes = bits.iter().filter(|(has, _)| *has).fold(0, |bits, (_, bit)| bits | bit);
    let transfer_size = match options.has(Fault::LieLength) {
        true => options.transfer_size.saturating_mul(2),
        false => options.transfer_size,
    };
    FunctionalDescriptor {
        attributes: Attributes(attributes),
        detach_timeout: options.detach_timeout,
        transfer_size,
        version: Some(match options.memory {
            Memory::Slots(_) => Bcd(0x0110),
            Memory::Addressed(_) => FunctionalDescriptor::DFUSE,
        }),
    }
}
