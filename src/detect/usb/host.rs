//! USB devices through libusb, where the system has no files that tell of them.

use protocols::usb::{Class, Configuration, Interface};
use rusb::{Context, DeviceDescriptor, UsbContext};

use super::{Device, PortPath};
use crate::device::UnitText;

pub(super) fn devices() -> Result<Vec<Device>, String> {
    // Never a global-context call: where the kernel has no USB, those panic.
    match Context::new().and_then(|context| context.devices()) {
        Ok(devices) => Ok(devices.iter().filter_map(|device| look_at(&device)).collect()),
        Err(_) => Err("this machine has no USB (its kernel offers none): only serial and TCP can be used".into()),
    }
}

fn look_at(device: &rusb::Device<Context>) -> Option<Device> {
    let descriptor = device.device_descriptor().ok()?;
    let chain: Vec<String> = device.port_numbers().ok()?.iter().map(ToString::to_string).collect();
    if chain.is_empty() {
        return None;
    }
    let port = format!("{}-{}", device.bus_number(), chain.join("."));
    let class = [descriptor.class_code(), descriptor.sub_class_code(), descriptor.protocol_code()];
    let mut shown = Device {
        path: PortPath::of(&port),
        number: Some(device.address().into()),
        vendor: descriptor.vendor_id(),
        product: descriptor.product_id(),
        classes: vec![class],
        is_authorized: true,
        port,
        ..Device::default()
    };
    if let Ok(config) = device.active_config_descriptor() {
        let settings = config.interfaces().flat_map(|interface| interface.descriptors());
        let class = |setting: &rusb::InterfaceDescriptor<'_>| {
            Class::new(setting.class_code(), setting.sub_class_code(), setting.protocol_code())
        };
        let interfaces = settings.map(|setting| Interface { class: class(&setting), ..Interface::default() }).collect();
        shown.take_interfaces(&Configuration { interfaces, ..Configuration::default() });
    }
    take_texts(&mut shown, device, &descriptor);
    Some(shown)
}

/// The system that keeps no strings has to ask the device for them.
fn take_texts(shown: &mut Device, device: &rusb::Device<Context>, descriptor: &DeviceDescriptor) {
    let Ok(handle) = device.open() else { return };
    shown.serial = handle.read_serial_number_string_ascii(descriptor).ok().map(UnitText::from);
    shown.model = handle.read_product_string_ascii(descriptor).ok().map(UnitText::from);
    shown.texts = shown.model.iter().cloned().collect();
}
