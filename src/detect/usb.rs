//! USB devices that show no serial port.

use rusb::{Context, Device, DeviceDescriptor, UsbContext};

use super::{Access, Found, Listing, Usb};
use crate::device::{Signature, UnitText, Via};

/// bDeviceClass of a hub (USB 2.0, 11.23.1).
const HUB: u8 = 0x09;

/// bInterfaceClass of what a unit to be provisioned may show: communications, data, application specific (DFU),
/// vendor specific (ADB, fastboot, adapters). Keyboards, cameras and disks are left out.
const OF_INTEREST: [u8; 4] = [0x02, 0x0a, 0xfe, 0xff];

pub(super) fn list(signatures: &[Signature], listing: &mut Listing) {
    // Never a global-context call: where the kernel has no USB, those panic.
    let devices = match Context::new().and_then(|context| context.devices()) {
        Ok(devices) => devices,
        Err(_) => {
            listing
                .notes
                .push("this machine has no USB (its kernel offers none): only serial and TCP can be used".into());
            return;
        }
    };
    let mut found: Vec<Found> = devices.iter().filter_map(|device| look_at(&device, signatures, listing)).collect();
    found.sort_by(|a, b| a.address.cmp(&b.address));
    listing.found.extend(found);
}

fn look_at(device: &Device<Context>, signatures: &[Signature], listing: &Listing) -> Option<Found> {
    let descriptor = device.device_descriptor().ok()?;
    let chain: Vec<String> = device.port_numbers().ok()?.iter().map(ToString::to_string).collect();
    let port = format!("{}-{}", device.bus_number(), chain.join("."));
    let listed = |found: &Found| found.usb.as_ref().is_some_and(|usb| usb.port.as_deref() == Some(&port));
    if descriptor.class_code() == HUB || chain.is_empty() || listing.found.iter().any(listed) {
        return None;
    }
    let id = (descriptor.vendor_id(), descriptor.product_id());
    let interfaces = interfaces(device);
    let known = super::known(signatures, Via::Usb, id, &interfaces);
    let without_port = super::known(signatures, Via::Serial, id, &interfaces);
    let is_of_interest = interfaces.iter().any(|[class, ..]| OF_INTEREST.contains(class));
    if known.is_none() && without_port.is_none() && !is_of_interest {
        return None;
    }
    let mut usb = Usb::new(id.0, id.1).on(&port);
    usb.number = Some(device.address().into());
    let texts = texts(device, &descriptor);
    usb.serial = texts.serial;
    Some(Found {
        address: format!("usb:{port}"),
        bay: None,
        driver: known.map(|known| known.driver),
        mode: known.map(|known| known.mode),
        serial: known.and(usb.serial.clone()),
        model: texts.product,
        usb: Some(usb),
        access: texts.access,
        hint: match (known, without_port) {
            (Some(_), _) => None,
            (None, Some(_)) => Some("it shows no serial port: is the kernel's cdc-acm driver loaded?".into()),
            (None, None) => Some("no driver of this version speaks to it".into()),
        },
        port_should_come: known.is_none() && without_port.is_some(),
    })
}

/// Class, subclass and protocol of each interface, alternate settings included.
fn interfaces(device: &Device<Context>) -> Vec<[u8; 3]> {
    let Ok(config) = device.active_config_descriptor() else { return Vec::new() };
    let all = config.interfaces().flat_map(|interface| interface.descriptors());
    all.map(|setting| [setting.class_code(), setting.sub_class_code(), setting.protocol_code()]).collect()
}

struct Texts {
    access: Access,
    serial: Option<UnitText>,
    product: Option<UnitText>,
}

fn texts(device: &Device<Context>, descriptor: &DeviceDescriptor) -> Texts {
    match device.open() {
        Ok(handle) => Texts {
            access: Access::Ok,
            serial: handle.read_serial_number_string_ascii(descriptor).ok().map(UnitText::from),
            product: handle.read_product_string_ascii(descriptor).ok().map(UnitText::from),
        },
        Err(error) => Texts {
            access: match error {
                rusb::Error::Access => Access::Denied,
                rusb::Error::Busy => Access::Busy,
                _ => Access::Offline,
            },
            serial: None,
            product: None,
        },
    }
}
