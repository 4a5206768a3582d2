//! One list without doubles: a row for each door through which a device may be spoken to.
//!
//! A serial port belongs to its USB device. A device whose driver speaks through its serial ports is those ports; one
//! whose driver speaks USB is its USB address, and its serial ports are a remark; one that no driver speaks to is its
//! serial ports, or else its USB address. A composite device with two drivers is a row for each.

use std::collections::BTreeMap;

use super::serial::Port;
use super::usb::Device;
use super::{
    Awaits, Found, Usb,
    known::{ADAPTERS, KNOWN},
    named,
};
use crate::device::{Shown, Signature, Speaks, UnitText, Via};

/// bInterfaceClass of what a unit to be provisioned may show: communications, data, application specific (DFU),
/// vendor specific (ADB, fastboot, adapters). Keyboards, cameras and sound are left out unless they are known.
const OF_INTEREST: [u8; 4] = [0x02, 0x0a, 0xfe, 0xff];

/// The rows of all that is there, ports first, then USB devices without one; by address.
pub(super) fn rows(signatures: &[Signature], ports: Vec<Port>, devices: &[Device]) -> Vec<Found> {
    let mut by_device: BTreeMap<String, Vec<Port>> = BTreeMap::new();
    let mut found = Vec::new();
    for port in ports {
        match &port.place {
            Some(key) if devices.iter().any(|device| device.port == *key) => {
                by_device.entry(key.clone()).or_default().push(port);
            }
            // Its device came or went while we looked: the next look shows it whole.
            Some(_) if port.usb.is_none() => {}
            _ => found.push(lone(signatures, port)),
        }
    }
    for device in devices {
        found.extend(doors(signatures, device, &by_device.remove(&device.port).unwrap_or_default()));
    }
    found.sort_by_key(|found| (found.path().is_none(), natural(&found.address)));
    remark_doubles(&mut found);
    found
}

/// A port of no USB device, or of one that cannot be looked at.
fn lone(signatures: &[Signature], port: Port) -> Found {
    let mut found = named(port.address);
    if let Some((usb, model)) = port.usb {
        let (vendor, product) = usb.ids();
        let look = Look::at(signatures, &Shown { vendor, product, classes: &[], texts: &[] });
        speak(&mut found, look.serial, usb.serial.as_ref(), model.as_ref());
        found.name = look.name;
        found.usb = Some(usb);
    }
    found
}

/// What the signatures make of a device.
struct Look {
    name: Option<&'static str>,
    serial: Option<Speaks>,
    usb: Option<Speaks>,
}

impl Look {
    fn at(signatures: &[Signature], shown: &Shown<'_>) -> Look {
        let fit = || signatures.iter().chain(ADAPTERS).chain(KNOWN).filter(|signature| signature.pattern.fits(shown));
        let through = |via: Via| {
            let speaks = fit().filter(|signature| signature.speaks.is_some_and(|speaks| speaks.via == via));
            speaks.max_by_key(|signature| signature.pattern.weight())
        };
        let (serial, usb) = (through(Via::Serial), through(Via::Usb));
        let name = serial.or(usb).or_else(|| fit().max_by_key(|signature| signature.pattern.weight()));
        Look {
            name: name.map(|signature| signature.name),
            serial: serial.and_then(|signature| signature.speaks),
            usb: usb.and_then(|signature| signature.speaks),
        }
    }
}

fn doors(signatures: &[Signature], device: &Device, ports: &[Port]) -> Vec<Found> {
    let look = Look::at(signatures, &device.shown());
    let row = |address: String, speaks: Option<Speaks>| {
        let mut found = named(address);
        found.awaits = device.is_silent.then_some(Awaits::Texts);
        found.usb = Some(usb(device));
        found.name = look.name;
        speak(&mut found, speaks, device.serial.as_ref(), device.model.as_ref());
        found
    };
    let address = format!("usb:{}", device.port);
    let mut rows = Vec::new();
    if look.serial.is_some() || look.usb.is_none() {
        rows.extend(ports.iter().map(|port| row(port.address.clone(), look.serial)));
    }
    if look.usb.is_some() {
        let mut found = row(address, look.usb);
        if rows.is_empty() && !ports.is_empty() {
            let ports: Vec<&str> = ports.iter().map(|port| port.address.as_str()).collect();
            found.hint = Some(format!("it has a serial port too: {}", ports.join(", ")));
        }
        rows.push(found);
    } else if rows.is_empty() && is_of_interest(device, &look) {
        let mut found = row(address, None);
        // Its texts are its own: nothing hides behind it.
        (found.serial, found.model) = (device.serial.clone(), device.model.clone());
        if should_have_port(device, &look) {
            found.awaits.get_or_insert(Awaits::Port);
        }
        found.hint = Some(why_no_driver(device, &look).to_owned());
        rows.push(found);
    }
    if device.is_silent {
        for found in &mut rows {
            found.remark("it keeps the kernel waiting for its strings: it is still starting, or it is broken");
        }
    }
    if !device.is_authorized {
        for found in &mut rows {
            found.access = super::Access::Unauthorized;
            found.hint =
                Some("this station's USB guard holds it back (`authorized` is 0 in /sys): let it in there".into());
        }
    }
    rows
}

fn usb(device: &Device) -> Usb {
    Usb {
        serial: device.serial.clone(),
        port: Some(device.port.clone()),
        path: device.path.clone(),
        number: device.number,
        ..Usb::new(device.vendor, device.product)
    }
}

/// An adapter's name and number say nothing of the unit behind it; a driver's unit is the device itself.
fn speak(found: &mut Found, speaks: Option<Speaks>, serial: Option<&UnitText>, model: Option<&UnitText>) {
    if let Some(speaks) = speaks {
        found.driver = Some(speaks.driver);
        found.mode = Some(speaks.mode);
        (found.serial, found.model) = (serial.cloned(), model.cloned());
    } else {
        found.hint = model.map(ToString::to_string);
    }
}

fn is_of_interest(device: &Device, look: &Look) -> bool {
    let shows = device.classes.iter().skip(1).any(|[class, ..]| OF_INTEREST.contains(class));
    look.name.is_some() || shows || !device.has_interface()
}

fn should_have_port(device: &Device, look: &Look) -> bool {
    let is_adapter = || ADAPTERS.iter().any(|adapter| adapter.pattern.fits(&device.shown()));
    look.serial.is_some() || device.should_have_port() || is_adapter()
}

fn why_no_driver(device: &Device, look: &Look) -> &'static str {
    if device.is_hub() {
        "what is plugged into it is listed by itself"
    } else if should_have_port(device, look) {
        "it shows no serial port: has the kernel its driver (cdc-acm, ftdi_sio…)?"
    } else if !device.has_interface() {
        "it shows no interface: it is still starting, or it is broken"
    } else {
        "no driver of this version speaks to it"
    }
}

/// Cloned chips share a serial number: such units are told apart by their ports only.
fn remark_doubles(found: &mut [Found]) {
    let mut ports: BTreeMap<UnitText, Vec<Option<String>>> = BTreeMap::new();
    let numbers = |found: &Found| found.usb.as_ref().and_then(|usb| Some((usb.serial.clone()?, usb.port.clone())));
    for (serial, port) in found.iter().filter_map(numbers) {
        let all = ports.entry(serial).or_default();
        if !all.contains(&port) {
            all.push(port);
        }
    }
    for found in found {
        let Some((serial, _)) = numbers(found) else { continue };
        let count = ports.get(&serial).map_or(1, Vec::len);
        if count > 1 {
            found.remark(&format!("{count} devices show serial number {serial}: name each by its port"));
        }
    }
}

/// Sorts `ttyS10` after `ttyS9`, and `1-2.10` after `1-2.9`.
fn natural(address: &str) -> Vec<(u64, String)> {
    let mut parts = Vec::new();
    let mut rest = address;
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let number = rest[..digits].parse().unwrap_or(0);
        rest = &rest[digits..];
        let word = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        parts.push((number, rest[..word].to_owned()));
        rest = &rest[word..];
    }
    parts
}

#[cfg(test)]
mod tests;
