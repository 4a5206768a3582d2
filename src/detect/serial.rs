//! Serial ports, as the operating system lists them.

use std::path::Path;

use serialport::{SerialPortInfo, SerialPortType};

use super::{Found, Listing, Usb};
use crate::device::{Signature, UnitText, Via};

/// Where Linux lists terminals. The library panics when it is missing, so we look first.
const CLASS: &str = "/sys/class/tty";

pub(super) fn list(signatures: &[Signature], listing: &mut Listing) {
    if cfg!(target_os = "linux") && !Path::new(CLASS).is_dir() {
        listing.notes.push(format!("{CLASS} is missing: serial ports cannot be listed, but -d tty:PATH opens one"));
        return;
    }
    match serialport::available_ports() {
        Ok(ports) => {
            listing.found.extend(ports.iter().filter(|port| is_real(port)).map(|port| found(port, signatures)));
        }
        Err(error) => listing.notes.push(format!("serial ports cannot be listed: {error}")),
    }
}

/// A PC announces 32 ports at the ISA addresses and has one; the others have no chip behind them (type 0).
fn is_real(port: &SerialPortInfo) -> bool {
    let Some(name) = port.port_name.strip_prefix("/dev/ttyS") else { return true };
    std::fs::read_to_string(format!("{CLASS}/ttyS{name}/type")).map_or(true, |kind| kind.trim() != "0")
}

fn found(port: &SerialPortInfo, signatures: &[Signature]) -> Found {
    let mut found = super::named(format!("tty:{}", port.port_name));
    if let SerialPortType::UsbPort(info) = &port.port_type {
        let mut usb = Usb::new(info.vid, info.pid);
        usb.serial = info.serial_number.as_deref().map(UnitText::new);
        if let Some(location) = &info.location {
            let chain: Vec<String> = location.port_chain().iter().map(ToString::to_string).collect();
            usb = usb.on(&format!("{}-{}", location.bus_id(), chain.join(".")));
        }
        if let Some(known) = super::known(signatures, Via::Serial, (info.vid, info.pid), &[]) {
            found.driver = Some(known.driver);
            found.mode = Some(known.mode);
            found.serial.clone_from(&usb.serial);
            found.model = info.product.as_deref().map(UnitText::new);
        } else {
            // An adapter's name says nothing of the unit behind it.
            found.hint = info.product.as_deref().map(|product| UnitText::new(product).to_string());
        }
        found.usb = Some(usb);
    }
    found
}
