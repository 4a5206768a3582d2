//! The device descriptor, and the small types that all descriptors use.

use super::kind;
use std::fmt;
use thiserror::Error;

/// Vendor and product number, shown as `0483:df11`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UsbId {
    /// Number of the vendor, given out by the USB-IF.
    #[doc(alias = "idVendor")]
    pub vendor: u16,
    /// Number of the product, given out by the vendor.
    #[doc(alias = "idProduct")]
    pub product: u16,
}

impl UsbId {
    /// This vendor's product.
    #[must_use]
    pub const fn new(vendor: u16, product: u16) -> Self {
        Self { vendor, product }
    }
}

impl fmt::Display for UsbId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04x}:{:04x}", self.vendor, self.product)
    }
}

/// A version in binary coded decimal, two digits before the point and two after: `0x0210` is 2.10.
///
/// Vendors do not always keep to decimal digits (`0x011a` of DfuSe), so the value is kept as it came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bcd(pub u16);

impl fmt::Display for Bcd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}.{:02x}", self.0 >> 8, self.0 & 0xff)
    }
}

/// Class, subclass and protocol of a device or an interface, shown as `fe/01/02`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Class {
    /// Class.
    #[doc(alias = "bInterfaceClass")]
    pub class: u8,
    /// Subclass.
    #[doc(alias = "bInterfaceSubClass")]
    pub subclass: u8,
    /// Protocol.
    #[doc(alias = "bInterfaceProtocol")]
    pub protocol: u8,
}

impl Class {
    /// These three numbers.
    #[must_use]
    pub const fn new(class: u8, subclass: u8, protocol: u8) -> Self {
        Self { class, subclass, protocol }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02x}/{:02x}/{:02x}", self.class, self.subclass, self.protocol)
    }
}

/// Why bytes are not the descriptor that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DescriptorError {
    /// Fewer bytes came than the descriptor has.
    #[error("the descriptor has {present} bytes, at least {needed} are needed")]
    Short {
        /// Bytes that came.
        present: usize,
        /// Bytes that a descriptor of this type has at least.
        needed: usize,
    },
    /// The descriptor says of itself that it is shorter than its type allows.
    #[error("the descriptor gives its own length as {claimed}, at least {needed} are needed")]
    Length {
        /// Its own length byte.
        claimed: u8,
        /// Bytes that a descriptor of this type has at least.
        needed: usize,
    },
    /// It is of another type.
    #[error("a descriptor of type {found} came, type {wanted} was asked for")]
    Kind {
        /// The type that came.
        found: u8,
        /// The type that was asked for.
        wanted: u8,
    },
}

/// A descriptor's bytes, once length and type have been found to fit.
pub(super) fn expect(bytes: &[u8], wanted: u8, needed: usize) -> Result<(), DescriptorError> {
    let (Some(&claimed), Some(&found)) = (bytes.first(), bytes.get(1)) else {
        return Err(DescriptorError::Short { present: bytes.len(), needed });
    };
    if found != wanted {
        return Err(DescriptorError::Kind { found, wanted });
    }
    if usize::from(claimed) < needed {
        return Err(DescriptorError::Length { claimed, needed });
    }
    if bytes.len() < needed {
        return Err(DescriptorError::Short { present: bytes.len(), needed });
    }
    Ok(())
}

/// The device descriptor (USB 2.0 §9.6.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct DeviceDescriptor {
    /// Version of the USB specification.
    #[doc(alias = "bcdUSB")]
    pub usb: Bcd,
    /// Class, if the whole device is of one; all zero says that the interfaces tell.
    pub class: Class,
    /// Bytes of a packet on endpoint 0: 8, 16, 32 or 64, and 9 (for 2⁹) at SuperSpeed.
    #[doc(alias = "bMaxPacketSize0")]
    pub max_packet_size_0: u8,
    /// Vendor and product.
    pub id: UsbId,
    /// Release of the device.
    #[doc(alias = "bcdDevice")]
    pub release: Bcd,
    /// Index of the manufacturer's string, 0 for none.
    #[doc(alias = "iManufacturer")]
    pub manufacturer: u8,
    /// Index of the product's string, 0 for none.
    #[doc(alias = "iProduct")]
    pub product: u8,
    /// Index of the serial number's string, 0 for none.
    #[doc(alias = "iSerialNumber")]
    pub serial: u8,
    /// How many configurations there are.
    #[doc(alias = "bNumConfigurations")]
    pub configurations: u8,
}

impl DeviceDescriptor {
    /// Bytes of a device descriptor.
    pub const LEN: usize = 18;

    /// The descriptor at the front of these bytes.
    ///
    /// # Errors
    /// When they are too few, or of another descriptor.
    pub fn parse(bytes: &[u8]) -> Result<Self, DescriptorError> {
        expect(bytes, kind::DEVICE, Self::LEN)?;
        let byte = |at: usize| bytes.get(at).copied().unwrap_or_default();
        let word = |at: usize| u16::from_le_bytes([byte(at), byte(at + 1)]);
        Ok(Self {
            usb: Bcd(word(2)),
            class: Class::new(byte(4), byte(5), byte(6)),
            max_packet_size_0: byte(7),
            id: UsbId::new(word(8), word(10)),
            release: Bcd(word(12)),
            manufacturer: byte(14),
            product: byte(15),
            serial: byte(16),
            configurations: byte(17),
        })
    }

    /// The descriptor as a device sends it.
    #[must_use]
    pub const fn to_bytes(&self) -> [u8; Self::LEN] {
        let [usb0, usb1] = self.usb.0.to_le_bytes();
        let [vendor0, vendor1] = self.id.vendor.to_le_bytes();
        let [product0, product1] = self.id.product.to_le_bytes();
        let [release0, release1] = self.release.0.to_le_bytes();
        let Class { class, subclass, protocol } = self.class;
        let packet = self.max_packet_size_0;
        let (manufacturer, product, serial) = (self.manufacturer, self.product, self.serial);
        [
            Self::LEN as u8,
            kind::DEVICE,
            usb0,
            usb1,
            class,
            subclass,
            protocol,
            packet,
            vendor0,
            vendor1,
            product0,
            product1,
            release0,
            release1,
            manufacturer,
            product,
            serial,
            self.configurations,
        ]
    }
}
