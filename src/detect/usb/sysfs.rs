//! What Linux tells of USB devices in `/sys`: read when they were plugged in and kept, so looking sends them nothing.
//!
//! Documentation/ABI/testing/sysfs-bus-usb and sysfs-devices of the kernel. A device may leave between any two reads:
//! what cannot be read is not there.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use protocols::usb::{Configuration, DeviceDescriptor};

use super::Device;
use super::texts::{Memory, Stay, Texts};
use crate::detect::PortPath;
use crate::device::UnitText;

const DEVICES: &str = "/sys/bus/usb/devices";
/// The most that is read of one text: the kernel gives at most a page.
const MOST_TEXT: u64 = 4096;
/// The most configurations that are looked at (USB_MAXCONFIG of the kernel).
const MOST_CONFIGURATIONS: u64 = 8;
/// The most that is read of the descriptors: as many configurations of the greatest length.
const MOST_DESCRIPTORS: u64 = MOST_CONFIGURATIONS * 65_536;
/// Room for what most files hold, so that one read takes it.
const USUAL: usize = 256;
/// The most interfaces that are looked at (USB_MAXINTERFACES of the kernel).
const MOST_INTERFACES: usize = 32;

/// All devices; `None` where the kernel lists none here.
pub(super) fn devices() -> Option<Vec<Device>> {
    static MEMORY: Memory = Memory::new();
    under(Path::new(DEVICES), &MEMORY)
}

fn under(folder: &Path, memory: &Memory) -> Option<Vec<Device>> {
    let entries = fs::read_dir(folder).ok()?;
    // `1-2.3` is a device; `usb1` is a controller, `1-2.3:1.0` an interface.
    let is_device = |name: &String| name.contains('-') && !name.contains(':');
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).filter(is_device);
    let stays: Vec<Stay> = names.filter_map(|port| stay(folder, port)).collect();
    let texts = memory.of(folder, &stays);
    Some(stays.into_iter().zip(texts).filter_map(|(stay, texts)| device(folder, stay, texts)).collect())
}

fn stay(folder: &Path, port: String) -> Option<Stay> {
    let descriptors = read(&folder.join(&port).join("descriptors"), MOST_DESCRIPTORS)?;
    let number = text(&folder.join(&port).join("devnum")).and_then(|text| text.untrusted().parse().ok());
    Some(Stay { port, number, descriptors })
}

/// Nothing here waits for the device: what takes its lock is read in [`super::texts`].
fn device(folder: &Path, stay: Stay, texts: Option<Texts>) -> Option<Device> {
    let folder = folder.join(&stay.port);
    let descriptor = DeviceDescriptor::parse(&stay.descriptors).ok()?;
    let class = descriptor.class;
    let is_silent = texts.is_none();
    let Texts { serial, model } = texts.unwrap_or_default();
    let mut device = Device {
        path: PortPath::of(&stay.port),
        number: stay.number,
        vendor: descriptor.id.vendor,
        product: descriptor.id.product,
        classes: vec![[class.class, class.subclass, class.protocol]],
        serial,
        texts: model.iter().cloned().collect(),
        model,
        is_authorized: text(&folder.join("authorized")).is_none_or(|text| text.untrusted() != "0"),
        is_silent,
        port: stay.port,
    };
    let interfaces = interfaces(&folder, &device.port);
    // `1-2.3:2.0` belongs to configuration 2.
    let active = interfaces.iter().find_map(|name| name.rsplit(':').next()?.split('.').next()?.parse().ok());
    if let Some(configuration) =
        configuration(stay.descriptors.get(DeviceDescriptor::LEN..).unwrap_or_default(), active)
    {
        device.take_interfaces(&configuration);
    }
    device.texts.extend(interfaces.iter().filter_map(|name| text(&folder.join(name).join("interface"))));
    Some(device)
}

/// The configuration of this value, or else the first: one after the other, each as long as it says.
fn configuration(mut bytes: &[u8], active: Option<u8>) -> Option<Configuration> {
    let mut first = None;
    for _ in 0..MOST_CONFIGURATIONS {
        let Ok(configuration) = Configuration::parse(bytes) else { break };
        if active == Some(configuration.value) {
            return Some(configuration);
        }
        first.get_or_insert(configuration);
        let length = bytes.get(2..4).map_or(0, |length| usize::from(u16::from_le_bytes([length[0], length[1]])));
        bytes = bytes.get(length.max(Configuration::LEN)..).unwrap_or_default();
    }
    first
}

/// The names of its interfaces: only a device that has been given a configuration has any.
fn interfaces(folder: &Path, port: &str) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let prefix = format!("{port}:");
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names.filter(|name| name.starts_with(&prefix)).take(MOST_INTERFACES).collect()
}

/// A line of text; the kernel has made UTF-8 of it, and ends it with a newline.
pub(super) fn text(path: &Path) -> Option<UnitText> {
    let bytes = read(path, MOST_TEXT)?;
    let text = String::from_utf8_lossy(&bytes);
    let text = text.strip_suffix('\n').unwrap_or(&text);
    (!text.is_empty()).then(|| UnitText::new(text))
}

fn read(path: &Path, most: u64) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(USUAL);
    File::open(path).ok()?.take(most).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Device descriptor of 2fe3:0100 with one configuration (USB 2.0, 9.6.1).
    const DEVICE: [u8; 18] = [18, 1, 0, 2, 0xef, 2, 1, 64, 0xe3, 0x2f, 0, 1, 0, 1, 1, 2, 3, 1];

    fn configuration_of(value: u8, class: [u8; 3]) -> Vec<u8> {
        let interface = [9, 4, 0, 0, 0, class[0], class[1], class[2], 0];
        [&[9, 2, 18, 0, 1, value, 0, 0x80, 50][..], &interface].concat()
    }

    fn one(files: &[(&str, &[u8])]) -> Option<Device> {
        let sys = tempfile::tempdir().unwrap();
        for (name, bytes) in files.iter().chain(&[("devnum", &b"7\n"[..])]) {
            let path = sys.path().join("1-2.3").join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        fs::create_dir_all(sys.path().join("usb1")).unwrap();
        fs::create_dir_all(sys.path().join("1-2.3:1.0")).unwrap();
        under(sys.path(), &Memory::new()).unwrap().pop()
    }

    #[test]
    fn the_active_configuration_and_all_texts_are_read() {
        let descriptors = [&DEVICE[..], &configuration_of(1, [8, 6, 80]), &configuration_of(2, [2, 2, 1])].concat();
        let device = one(&[
            ("descriptors", &descriptors),
            ("serial", b"A\x1b[2J\xff \n"),
            ("product", b"Thermostat\n"),
            ("authorized", b"1\n"),
            ("1-2.3:2.0/interface", b"CMSIS-DAP v2\n"),
        ])
        .unwrap();
        assert_eq!((device.port.as_str(), device.number, device.is_authorized), ("1-2.3", Some(7), true));
        assert_eq!((device.vendor, device.product), (0x2fe3, 0x0100));
        assert_eq!(device.classes, [[0xef, 2, 1], [2, 2, 1]]);
        assert!(device.should_have_port() && !device.is_hub());
        assert_eq!(device.serial.unwrap().to_string(), "A\\u{1b}[2J\u{fffd} ");
        assert_eq!(device.texts, [UnitText::new("Thermostat"), UnitText::new("CMSIS-DAP v2")]);
    }

    #[test]
    fn texts_are_read_once_a_stay() {
        let sys = tempfile::tempdir().unwrap();
        let folder = sys.path().join("1-1");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("descriptors"), DEVICE).unwrap();
        let memory = Memory::new();
        let serial = |number: &str, serial: &str| {
            fs::write(folder.join("devnum"), number).unwrap();
            fs::write(folder.join("serial"), serial).unwrap();
            under(sys.path(), &memory).unwrap()[0].serial.as_ref().map(ToString::to_string)
        };
        assert_eq!(serial("5\n", "A\n").as_deref(), Some("A"));
        assert_eq!(serial("5\n", "B\n").as_deref(), Some("A"), "the kernel reads them once too");
        assert_eq!(serial("6\n", "B\n").as_deref(), Some("B"), "another number is another stay");
        fs::remove_file(folder.join("descriptors")).unwrap();
        assert!(under(sys.path(), &memory).unwrap().is_empty());
        fs::write(folder.join("descriptors"), DEVICE).unwrap();
        assert_eq!(serial("6\n", "C\n").as_deref(), Some("C"), "what left is forgotten");
    }

    #[test]
    fn a_device_that_does_not_answer_holds_nobody_up_and_is_asked_once() {
        let sys = tempfile::tempdir().unwrap();
        for port in ["1-1", "1-2"] {
            let folder = sys.path().join(port);
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("descriptors"), DEVICE).unwrap();
            fs::write(folder.join("devnum"), "5\n").unwrap();
        }
        fs::write(sys.path().join("1-2/serial"), "B\n").unwrap();
        // Reading a pipe that nobody writes to waits, as a read does that the device keeps from its lock.
        let pipe = sys.path().join("1-1/serial");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let memory = Memory::new();
        let look = || {
            let mut devices = under(sys.path(), &memory).unwrap();
            devices.sort_by(|a, b| a.port.cmp(&b.port));
            devices.into_iter().map(|device| (device.is_silent, device.serial)).collect::<Vec<_>>()
        };
        let other = (false, Some(UnitText::new("B")));
        assert_eq!(look(), [(true, None), other.clone()]);
        assert_eq!(look(), [(true, None), other.clone()]);
        fs::write(&pipe, "A\n").unwrap();
        let told = (0..100_000).find_map(|_| Some(look()).filter(|look| !look[0].0)).unwrap();
        assert_eq!(told, [(false, Some(UnitText::new("A"))), other]);
    }

    #[test]
    fn descriptors_that_lie_or_end_early_lose_what_they_lie_about() {
        let loops = [&DEVICE[..], &[9, 2, 0, 0, 1, 1, 0, 0x80, 50, 0, 4]].concat();
        let device = one(&[("descriptors", &loops)]).unwrap();
        assert_eq!(device.classes, [[0xef, 2, 1]]);
        assert!(!device.has_interface());
        let overrun = [&DEVICE[..], &[9, 2, 255, 255, 9, 1, 0, 0x80, 50, 9, 4, 0, 0, 0, 2, 2, 1, 0, 99, 5]].concat();
        assert_eq!(one(&[("descriptors", &overrun)]).unwrap().classes, [[0xef, 2, 1], [2, 2, 1]]);
        assert!(one(&[("descriptors", &DEVICE[..17])]).is_none());
        assert!(one(&[("serial", b"no descriptors\n")]).is_none());
        let many = [&DEVICE[..], &[9, 2, 9, 0, 0, 1, 0, 0x80, 50].repeat(60_000)].concat();
        assert!(one(&[("descriptors", &many), ("1-2.3:9.0/interface", b"x")]).is_some());
    }
}
