//! How a unit, or what it hangs on, looks before anything is asked of it.

use super::Mode;

/// A USB look that is known. Data, so that looking for units needs no driver, and so that udev rules can be made of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signature {
    /// What it is, for people: `Zephyr USB CDC ACM`.
    pub name: &'static str,
    /// Who speaks to it; `None` for what is only named.
    pub speaks: Option<Speaks>,
    /// What it shows.
    pub pattern: Pattern,
}

/// Who speaks to a unit of this look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Speaks {
    /// The driver.
    pub driver: &'static str,
    /// The mode that shows this look.
    pub mode: Mode,
    /// Through what.
    pub via: Via,
}

/// Through what a unit on USB is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Via {
    /// The serial port that the kernel makes of it.
    Serial,
    /// Its USB interface itself.
    Usb,
}

/// What a USB device shows. What is `None` may be anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pattern {
    /// Vendor id (`idVendor`).
    pub vendor: Option<u16>,
    /// Product id (`idProduct`).
    pub product: Option<u16>,
    /// Class, subclass and protocol of one of its interfaces.
    pub interface: Option<InterfaceClass>,
}

/// Class, subclass and protocol of an interface (USB 2.0, 9.6.5); `None` may be anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct InterfaceClass {
    /// `bInterfaceClass`.
    pub class: u8,
    /// `bInterfaceSubClass`.
    pub subclass: Option<u8>,
    /// `bInterfaceProtocol`.
    pub protocol: Option<u8>,
}

impl Pattern {
    /// A device by its ids.
    #[must_use]
    pub const fn device(vendor: u16, product: u16) -> Pattern {
        Pattern { vendor: Some(vendor), product: Some(product), interface: None }
    }

    /// A device by one of its interfaces.
    #[must_use]
    pub const fn interface(class: u8, subclass: u8, protocol: u8) -> Pattern {
        let interface = InterfaceClass { class, subclass: Some(subclass), protocol: Some(protocol) };
        Pattern { vendor: None, product: None, interface: Some(interface) }
    }

    /// Whether a device with these ids and interfaces (class, subclass, protocol each) shows it.
    #[must_use]
    pub fn fits(&self, vendor: u16, product: u16, interfaces: &[[u8; 3]]) -> bool {
        let is = |wanted: Option<u16>, shown: u16| wanted.is_none_or(|wanted| wanted == shown);
        let shows = |wanted: InterfaceClass| {
            interfaces.iter().any(|[class, subclass, protocol]| {
                wanted.class == *class
                    && wanted.subclass.is_none_or(|wanted| wanted == *subclass)
                    && wanted.protocol.is_none_or(|wanted| wanted == *protocol)
            })
        };
        is(self.vendor, vendor) && is(self.product, product) && self.interface.is_none_or(shows)
    }

    /// How much it demands: of two patterns that fit, the one that demands more says more.
    #[must_use]
    pub fn weight(&self) -> usize {
        usize::from(self.vendor.is_some()) * 2
            + usize::from(self.product.is_some()) * 4
            + usize::from(self.interface.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_demand_must_be_met() {
        let dfu = Pattern::interface(0xfe, 0x01, 0x02);
        assert!(dfu.fits(0x0483, 0xdf11, &[[0x02, 0x02, 0x01], [0xfe, 0x01, 0x02]]));
        assert!(!dfu.fits(0x0483, 0xdf11, &[[0xfe, 0x01, 0x01]]));
        let board = Pattern { interface: dfu.interface, ..Pattern::device(0x0483, 0xdf11) };
        assert!(!board.fits(0x0483, 0xdf12, &[[0xfe, 0x01, 0x02]]));
        assert!(board.weight() > Pattern::device(0x0483, 0xdf11).weight() && board.weight() > dfu.weight());
    }
}
