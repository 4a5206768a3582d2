//! Serial ports, as the operating system lists them.

use super::Usb;
use crate::device::UnitText;

/// A serial port.
pub(super) struct Port {
    /// `tty:PATH`.
    pub(super) address: String,
    /// The port of the USB device that it belongs to.
    pub(super) place: Option<String>,
    /// What else the system says of that device, where it cannot be looked up.
    pub(super) usb: Option<(Usb, Option<UnitText>)>,
}

#[cfg(target_os = "linux")]
pub(super) use linux::ports;
#[cfg(not(target_os = "linux"))]
pub(super) use other::ports;

/// From `/sys`. The serial library lists from there too, but reads the USB device's strings, for which it may have to
/// wait until that device lets go of the kernel.
#[cfg(target_os = "linux")]
mod linux {
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::Port;

    const CLASS: &str = "/sys/class/tty";

    /// All of them, or a sentence why they cannot be listed.
    pub(in crate::detect) fn ports() -> Result<Vec<Port>, String> {
        under(Path::new(CLASS), Path::new("/dev"))
            .ok_or_else(|| format!("{CLASS} is missing: serial ports cannot be listed, but -d tty:PATH opens one"))
    }

    fn under(class: &Path, dev: &Path) -> Option<Vec<Port>> {
        let entries = fs::read_dir(class).ok()?;
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        Some(names.filter_map(|name| port(class, dev, &name)).collect())
    }

    /// A terminal with a device behind it: consoles and pseudo-terminals have none.
    fn port(class: &Path, dev: &Path, name: &str) -> Option<Port> {
        // A kernel has dozens of consoles and one or two ports, and all are looked at whenever a unit is opened.
        if is_console(name) {
            return None;
        }
        let device = device(&class.join(name));
        if device.is_none() && !name.starts_with("rfcomm") {
            return None;
        }
        // A PC announces 32 ports at the ISA addresses and has one; the others have no chip behind them (type 0).
        if fs::read_to_string(class.join(name).join("type")).is_ok_and(|kind| kind.trim() == "0") {
            return None;
        }
        let node = dev.join(name);
        let place = device.as_deref().and_then(usb_port);
        node.exists().then(|| Port { address: format!("tty:{}", node.display()), place, usb: None })
    }

    /// `tty1` (virtual consoles, Documentation/admin-guide/devices.txt of the kernel, major 4).
    fn is_console(name: &str) -> bool {
        let number = name.strip_prefix("tty");
        number.is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
    }

    /// Where its device is. The terminal's own link leads through it, and costs one call to the system where a path
    /// made canonical costs one for each of its parts.
    fn device(terminal: &Path) -> Option<PathBuf> {
        let device = terminal.join("device");
        match fs::read_link(terminal) {
            Ok(link) => device.exists().then_some(link),
            Err(_) => fs::canonicalize(device).ok(),
        }
    }

    /// The interface `1-2.3:1.0` on the way to a device is one of the device in port `1-2.3`.
    fn usb_port(device: &Path) -> Option<String> {
        let parts = device.components().filter_map(|part| part.as_os_str().to_str());
        let mut interfaces = parts.rev().filter_map(|part| {
            let (port, interface) = part.split_once(':')?;
            let (bus, chain) = port.split_once('-')?;
            let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            let numbers = |text: &str| text.split('.').all(is_number);
            (is_number(bus) && numbers(chain) && numbers(interface)).then(|| port.to_owned())
        });
        interfaces.next()
    }

    #[cfg(test)]
    mod tests {
        use super::*;
        use std::os::unix::fs::symlink;

        #[test]
        fn ports_belong_to_the_device_whose_interface_they_hang_on() {
            for (path, port) in [
                ("/sys/devices/pci0000:00/0000:00:14.0/usb1/1-2/1-2.3/1-2.3:1.0", Some("1-2.3")),
                ("/sys/devices/platform/dummy_hcd.0/usb2/2-1/2-1:1.0/ttyUSB0", Some("2-1")),
                ("/sys/devices/pnp0/00:03/00:03:0/00:03:0.0", None),
                ("/sys/devices/platform/serial8250", None),
            ] {
                assert_eq!(usb_port(Path::new(path)).as_deref(), port, "{path}");
            }
        }

        #[test]
        fn only_terminals_with_something_behind_them_are_listed() {
            let sys = tempfile::tempdir().unwrap();
            let interface = sys.path().join("devices/1-2/1-2:1.0");
            fs::create_dir_all(&interface).unwrap();
            let (class, dev) = (sys.path().join("class"), sys.path().join("dev"));
            for (name, kind, has_device, has_node) in [
                ("ttyACM0", None, true, true),
                ("ttyACM1", None, true, false),
                ("ttyS0", Some("4\n"), true, true),
                ("ttyS1", Some("0\n"), true, true),
                ("tty1", None, false, true),
                ("console", None, false, true),
            ] {
                fs::create_dir_all(class.join(name)).unwrap();
                fs::create_dir_all(&dev).unwrap();
                if let Some(kind) = kind {
                    fs::write(class.join(name).join("type"), kind).unwrap();
                }
                if has_device {
                    symlink(&interface, class.join(name).join("device")).unwrap();
                }
                if has_node {
                    fs::write(dev.join(name), "").unwrap();
                }
            }
            let mut names: Vec<String> = under(&class, &dev)
                .unwrap()
                .into_iter()
                .map(|port| format!("{} {}", port.address.rsplit('/').next().unwrap(), port.place.unwrap()))
                .collect();
            names.sort();
            assert_eq!(names, ["ttyACM0 1-2", "ttyS0 1-2"]);
        }

        #[test]
        fn a_terminal_that_is_a_link_hangs_where_the_link_leads() {
            let sys = tempfile::tempdir().unwrap();
            let (class, dev) = (sys.path().join("class"), sys.path().join("dev"));
            fs::create_dir_all(&class).unwrap();
            fs::create_dir_all(&dev).unwrap();
            for (name, parent) in [("ttyACM0", "usb1/1-2/1-2:1.0"), ("ttyprintk", "virtual")] {
                let parent = sys.path().join("devices").join(parent);
                let real = parent.join("tty").join(name);
                fs::create_dir_all(&real).unwrap();
                if parent.ends_with("1-2:1.0") {
                    symlink("../..", real.join("device")).unwrap();
                }
                symlink(Path::new("..").join(real.strip_prefix(sys.path()).unwrap()), class.join(name)).unwrap();
                fs::write(dev.join(name), "").unwrap();
            }
            let ports = under(&class, &dev).unwrap();
            let places: Vec<_> = ports.iter().map(|port| port.place.as_deref()).collect();
            assert_eq!(places, [Some("1-2")]);
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod other {
    use serialport::{SerialPortInfo, SerialPortType};

    use super::{Port, Usb};
    use crate::device::UnitText;

    /// All of them, or a sentence why they cannot be listed.
    pub(in crate::detect) fn ports() -> Result<Vec<Port>, String> {
        let ports = serialport::available_ports().map_err(|error| format!("serial ports cannot be listed: {error}"))?;
        Ok(ports.iter().map(port).collect())
    }

    fn port(port: &SerialPortInfo) -> Port {
        let address = format!("tty:{}", port.port_name);
        let SerialPortType::UsbPort(info) = &port.port_type else { return Port { address, place: None, usb: None } };
        let mut usb = Usb::new(info.vid, info.pid);
        usb.serial = info.serial_number.as_deref().map(UnitText::new);
        if let Some(location) = &info.location {
            let chain: Vec<String> = location.port_chain().iter().map(ToString::to_string).collect();
            usb = usb.on(&format!("{}-{}", location.bus_id(), chain.join(".")));
        }
        let model = info.product.as_deref().map(UnitText::new);
        Port { address, place: usb.port.clone(), usb: Some((usb, model)) }
    }
}
