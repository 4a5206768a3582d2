//! USB devices, as the system knows them without asking them anything.

use protocols::usb::Configuration;

use super::PortPath;
use super::known::HUB;
use crate::device::{Shown, UnitText};

mod host;
#[cfg(target_os = "linux")]
mod sysfs;
#[cfg(target_os = "linux")]
mod texts;

/// bInterfaceClass of what the kernel makes a serial port of: communications, abstract control model.
const SERIAL_PORT: [u8; 2] = [0x02, 0x02];

/// A USB device. All of it is the device's word, read tolerantly and bounded.
#[derive(Debug, Clone, Default)]
pub(super) struct Device {
    /// The kernel's name of its port today: `1-2.3`.
    pub(super) port: String,
    /// Its port by a name that survives a reboot.
    pub(super) path: Option<PortPath>,
    /// The number that the system gave it.
    pub(super) number: Option<u32>,
    pub(super) vendor: u16,
    pub(super) product: u16,
    /// Class, subclass and protocol of the device and of each interface, alternate settings included.
    pub(super) classes: Vec<[u8; 3]>,
    pub(super) serial: Option<UnitText>,
    /// Its product string first, then those of its interfaces.
    pub(super) texts: Vec<UnitText>,
    pub(super) model: Option<UnitText>,
    /// The system lets it do something: a hub's guard may withhold that (`authorized`).
    pub(super) is_authorized: bool,
    /// It has not told its strings yet.
    pub(super) is_silent: bool,
}

impl Device {
    pub(super) fn shown(&self) -> Shown<'_> {
        Shown { vendor: self.vendor, product: self.product, classes: &self.classes, texts: &self.texts }
    }

    pub(super) fn is_hub(&self) -> bool {
        self.classes.first().is_some_and(|[class, ..]| *class == HUB)
    }

    /// Whether it shows an interface at all.
    pub(super) fn has_interface(&self) -> bool {
        self.classes.len() > 1
    }

    /// Whether the kernel has a driver that should make a serial port of it.
    pub(super) fn should_have_port(&self) -> bool {
        self.classes.iter().skip(1).any(|[class, subclass, _]| [*class, *subclass] == SERIAL_PORT)
    }

    fn take_interfaces(&mut self, configuration: &Configuration) {
        let class = |class: protocols::usb::Class| [class.class, class.subclass, class.protocol];
        self.classes.extend(configuration.interfaces.iter().map(|interface| class(interface.class)));
    }
}

/// What is plugged in, hubs included and the controllers' own left out, or a sentence why that cannot be told.
pub(super) fn devices() -> Result<Vec<Device>, String> {
    #[cfg(target_os = "linux")]
    if let Some(devices) = sysfs::devices() {
        return Ok(devices);
    }
    host::devices()
}
