//! How a unit, or what it hangs on, looks before anything is asked of it.

use super::{Mode, UnitText};

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
    /// Class, subclass and protocol of one of its interfaces, or its own.
    pub interface: Option<InterfaceClass>,
    /// A word within its product string or the string of one of its interfaces.
    pub text: Option<&'static str>,
}

/// What a USB device shows before anything is asked of it. All of it is the device's word.
#[derive(Debug, Clone, Default)]
pub struct Shown<'a> {
    /// Vendor id (`idVendor`).
    pub vendor: u16,
    /// Product id (`idProduct`).
    pub product: u16,
    /// Class, subclass and protocol of the device and of each interface, alternate settings included.
    pub classes: &'a [[u8; 3]],
    /// Its product string and those of its interfaces.
    pub texts: &'a [UnitText],
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
        Pattern { vendor: Some(vendor), product: Some(product), interface: None, text: None }
    }

    /// Any device of a vendor.
    #[must_use]
    pub const fn vendor(vendor: u16) -> Pattern {
        Pattern { vendor: Some(vendor), product: None, interface: None, text: None }
    }

    /// A device by one of its interfaces.
    #[must_use]
    pub const fn interface(class: u8, subclass: u8, protocol: u8) -> Pattern {
        let interface = InterfaceClass { class, subclass: Some(subclass), protocol: Some(protocol) };
        Pattern { vendor: None, product: None, interface: Some(interface), text: None }
    }

    /// The same, of this vendor only.
    #[must_use]
    pub const fn of(self, vendor: u16) -> Pattern {
        Pattern { vendor: Some(vendor), ..self }
    }

    /// The same, with `word` within its product string or the string of one of its interfaces.
    #[must_use]
    pub const fn says(self, word: &'static str) -> Pattern {
        Pattern { text: Some(word), ..self }
    }

    /// Whether a device that shows this fits.
    #[must_use]
    pub fn fits(&self, shown: &Shown<'_>) -> bool {
        let is = |wanted: Option<u16>, shown: u16| wanted.is_none_or(|wanted| wanted == shown);
        let shows = |wanted: InterfaceClass| {
            shown.classes.iter().any(|[class, subclass, protocol]| {
                wanted.class == *class
                    && wanted.subclass.is_none_or(|wanted| wanted == *subclass)
                    && wanted.protocol.is_none_or(|wanted| wanted == *protocol)
            })
        };
        let says = |word: &str| shown.texts.iter().any(|text| text.untrusted().contains(word));
        is(self.vendor, shown.vendor)
            && is(self.product, shown.product)
            && self.interface.is_none_or(shows)
            && self.text.is_none_or(says)
    }

    /// How much it demands: of two patterns that fit, the one that demands more says more.
    #[must_use]
    pub fn weight(&self) -> usize {
        let interface = self.interface.map_or(0, |interface| {
            1 + usize::from(interface.subclass.is_some()) + usize::from(interface.protocol.is_some())
        });
        usize::from(self.product.is_some()) * 16
            + usize::from(self.text.is_some()) * 8
            + usize::from(self.vendor.is_some()) * 2
            + interface
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(vendor: u16, product: u16, classes: &[[u8; 3]]) -> Shown<'_> {
        Shown { vendor, product, classes, texts: &[] }
    }

    #[test]
    fn every_demand_must_be_met() {
        let dfu = Pattern::interface(0xfe, 0x01, 0x02);
        assert!(dfu.fits(&shown(0x0483, 0xdf11, &[[0x02, 0x02, 0x01], [0xfe, 0x01, 0x02]])));
        assert!(!dfu.fits(&shown(0x0483, 0xdf11, &[[0xfe, 0x01, 0x01]])));
        assert!(!dfu.of(0x1209).fits(&shown(0x0483, 0xdf11, &[[0xfe, 0x01, 0x02]])));
        let board = Pattern { interface: dfu.interface, ..Pattern::device(0x0483, 0xdf11) };
        assert!(!board.fits(&shown(0x0483, 0xdf12, &[[0xfe, 0x01, 0x02]])));
        assert!(board.weight() > Pattern::device(0x0483, 0xdf11).weight() && board.weight() > dfu.weight());
    }

    #[test]
    fn a_word_is_found_wherever_it_stands() {
        let probe = Pattern::default().says("CMSIS-DAP");
        let texts = [UnitText::new("Board"), UnitText::new("mbed CMSIS-DAP v2")];
        let shown = |texts| Shown { texts, ..Shown::default() };
        assert!(probe.fits(&shown(&texts)) && !probe.fits(&shown(&texts[..1])));
        assert!(probe.weight() > Pattern::vendor(0x0d28).weight());
    }
}
