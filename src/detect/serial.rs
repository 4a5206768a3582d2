//! Serial ports, as the operating system lists them.

use std::path::Path;

use serialport::{SerialPortInfo, SerialPortType};

use super::Usb;
use crate::device::UnitText;

/// Where Linux lists terminals. The library panics when it is missing, so we look first.
const CLASS: &str = "/sys/class/tty";

/// A serial port, and what the system says of the USB device that it belongs to.
pub(super) struct Port {
    /// `tty:PATH`.
    pub(super) address: String,
    pub(super) usb: Option<Usb>,
    pub(super) model: Option<UnitText>,
}

/// All of them, or a sentence why they cannot be listed.
pub(super) fn ports() -> Result<Vec<Port>, String> {
    if cfg!(target_os = "linux") && !Path::new(CLASS).is_dir() {
        return Err(format!("{CLASS} is missing: serial ports cannot be listed, but -d tty:PATH opens one"));
    }
    match serialport::available_ports() {
        Ok(ports) => Ok(ports.iter().filter(|port| is_real(port)).map(port).collect()),
        Err(error) => Err(format!("serial ports cannot be listed: {error}")),
    }
}

/// A PC announces 32 ports at the ISA addresses and has one; the others have no chip behind them (type 0).
fn is_real(port: &SerialPortInfo) -> bool {
    let Some(name) = port.port_name.strip_prefix("/dev/ttyS") else { return true };
    std::fs::read_to_string(format!("{CLASS}/ttyS{name}/type")).map_or(true, |kind| kind.trim() != "0")
}

fn port(port: &SerialPortInfo) -> Port {
    let address = format!("tty:{}", port.port_name);
    let SerialPortType::UsbPort(info) = &port.port_type else { return Port { address, usb: None, model: None } };
    let mut usb = Usb::new(info.vid, info.pid);
    usb.serial = info.serial_number.as_deref().map(UnitText::new);
    if let Some(location) = &info.location {
        let chain: Vec<String> = location.port_chain().iter().map(ToString::to_string).collect();
        usb = usb.on(&format!("{}-{}", location.bus_id(), chain.join(".")));
    }
    Port { address, usb: Some(usb), model: info.product.as_deref().map(UnitText::new) }
}
