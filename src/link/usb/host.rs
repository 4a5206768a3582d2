//! Through libusb (crate `rusb`).

use std::time::Duration;

use rusb::{Context, DeviceHandle, UsbContext};

use super::{About, Device, Setup, Transfer};
use crate::error::{Error, Kind, Result};

/// How long a string descriptor may take.
const STRING: Duration = Duration::from_secs(1);

struct Host {
    handle: DeviceHandle<Context>,
    about: About,
}

/// Opens the device on `port`.
pub(in crate::link) fn open(port: &str) -> Result<Box<dyn Device>> {
    // Never a global-context call: where the kernel has no USB, those panic.
    let context = Context::new()
        .map_err(|cause| Error::absent("this machine has no USB (its kernel offers none)").because(cause))?;
    let devices = context.devices().map_err(|cause| failed("USB devices cannot be listed", cause))?;
    let name = |device: &rusb::Device<Context>| {
        let chain: Vec<String> = device.port_numbers().ok()?.iter().map(ToString::to_string).collect();
        Some(format!("{}-{}", device.bus_number(), chain.join(".")))
    };
    let device = devices.iter().find(|device| name(device).as_deref() == Some(port)).ok_or_else(|| {
        Error::absent(format!("no USB device is on usb:{port}")).next("`hardwire detect` lists what is plugged in")
    })?;
    let sentence = format!("usb:{port} could not be opened");
    let descriptor = device.device_descriptor().map_err(|cause| failed(&sentence, cause))?;
    let handle = device.open().map_err(|cause| failed(&sentence, cause))?;
    handle.set_auto_detach_kernel_driver(true).ok();
    let mut host = Host {
        handle,
        about: About {
            port: port.to_owned(),
            vendor: descriptor.vendor_id(),
            product: descriptor.product_id(),
            release: bcd(descriptor.device_version()),
            manufacturer: None,
            model: None,
            serial: None,
            configuration: Vec::new(),
        },
    };
    let mut text = |index: Option<u8>| index.and_then(|index| host.string(index).ok());
    let manufacturer = text(descriptor.manufacturer_string_index());
    let model = text(descriptor.product_string_index());
    let serial = text(descriptor.serial_number_string_index());
    host.about.configuration = host.configuration()?;
    host.about = About { manufacturer, model, serial, ..host.about };
    Ok(Box::new(host))
}

fn bcd(version: rusb::Version) -> u16 {
    let (major, minor, sub) = (u16::from(version.major()), u16::from(version.minor()), u16::from(version.sub_minor()));
    (major / 10) << 12 | (major % 10) << 8 | minor << 4 | sub
}

impl Host {
    /// The raw bytes of the first configuration, as long as it says it is.
    fn configuration(&mut self) -> Result<Vec<u8>> {
        let mut whole = vec![0; usize::from(u16::MAX)];
        let setup = Setup { request_type: Setup::IN, request: 6, value: 0x0200, index: 0, length: u16::MAX };
        match self.control_in(setup, &mut whole, STRING)? {
            Transfer::Done(len) => whole.truncate(len),
            Transfer::Stalled => whole.clear(),
        }
        Ok(whole)
    }
}

impl Device for Host {
    fn about(&self) -> &About {
        &self.about
    }

    fn claim(&mut self, interface: u8, alternate: u8) -> Result<()> {
        let sentence = format!("interface {interface} of usb:{} could not be claimed", self.about.port);
        self.handle.claim_interface(interface).map_err(|cause| failed(&sentence, cause))?;
        match self.handle.set_alternate_setting(interface, alternate) {
            // Many devices with one alternate setting refuse to be told so.
            Err(rusb::Error::Pipe | rusb::Error::NotFound) if alternate == 0 => Ok(()),
            done => done.map_err(|cause| failed(&sentence, cause)),
        }
    }

    fn control_in(&mut self, setup: Setup, buf: &mut [u8], within: Duration) -> Result<Transfer> {
        let buf = &mut buf[..usize::from(setup.length)];
        let Setup { request_type, request, value, index, .. } = setup;
        self.outcome(self.handle.read_control(request_type, request, value, index, buf, within))
    }

    fn control_out(&mut self, setup: Setup, bytes: &[u8], within: Duration) -> Result<Transfer> {
        let Setup { request_type, request, value, index, .. } = setup;
        self.outcome(self.handle.write_control(request_type, request, value, index, bytes, within))
    }

    fn string(&mut self, index: u8) -> Result<String> {
        self.handle
            .read_string_descriptor_ascii(index)
            .map_err(|cause| failed(&format!("string {index} of usb:{} cannot be read", self.about.port), cause))
    }

    fn reset(&mut self) -> Result<()> {
        self.handle.reset().map_err(|cause| failed(&format!("usb:{} could not be reset", self.about.port), cause))
    }
}

impl Host {
    fn outcome(&self, result: rusb::Result<usize>) -> Result<Transfer> {
        match result {
            Ok(len) => Ok(Transfer::Done(len)),
            Err(rusb::Error::Pipe) => Ok(Transfer::Stalled),
            Err(cause) => Err(failed(&format!("a control transfer with usb:{} failed", self.about.port), cause)),
        }
    }
}

fn failed(sentence: &str, cause: rusb::Error) -> Error {
    let (kind, next) = match cause {
        rusb::Error::Access => (Kind::NotPermitted, "`hardwire udev install` lets users at the bench open it"),
        rusb::Error::Busy => (Kind::Busy, "close the program that holds it"),
        rusb::Error::Timeout => (Kind::TimedOut, "unplug the unit, plug it in again, and run the same again"),
        rusb::Error::NoDevice | rusb::Error::NotFound | rusb::Error::Io => {
            (Kind::Gone, "see that the unit is plugged in and that `hardwire detect` lists it")
        }
        _ => (Kind::Garbled, "unplug the unit, plug it in again, and run the same again"),
    };
    Error::new(kind, sentence).because(cause).next(next)
}
