//! The functional descriptor (§4.1.3).

use crate::usb::{Bcd, Configuration, kind};
use thiserror::Error;

/// What a unit can do, as the bits of `bmAttributes` say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Attributes(pub u8);

impl Attributes {
    /// Bit 0: firmware can be sent to the unit.
    pub const CAN_DOWNLOAD: u8 = 1;
    /// Bit 1: firmware can be read from the unit.
    pub const CAN_UPLOAD: u8 = 1 << 1;
    /// Bit 2: the unit still answers after manifestation.
    pub const MANIFESTATION_TOLERANT: u8 = 1 << 2;
    /// Bit 3: the unit detaches from the bus by itself when told to, and needs no reset.
    pub const WILL_DETACH: u8 = 1 << 3;

    /// Whether firmware can be sent to the unit.
    #[must_use]
    #[doc(alias = "bitCanDnload")]
    pub const fn can_download(self) -> bool {
        self.0 & Self::CAN_DOWNLOAD != 0
    }

    /// Whether firmware can be read from the unit.
    #[must_use]
    #[doc(alias = "bitCanUpload")]
    pub const fn can_upload(self) -> bool {
        self.0 & Self::CAN_UPLOAD != 0
    }

    /// Whether the unit still answers after manifestation.
    #[must_use]
    #[doc(alias = "bitManifestationTolerant")]
    pub const fn manifestation_tolerant(self) -> bool {
        self.0 & Self::MANIFESTATION_TOLERANT != 0
    }

    /// Whether the unit detaches from the bus by itself when told to; else it wants a bus reset.
    #[must_use]
    #[doc(alias = "bitWillDetach")]
    pub const fn will_detach(self) -> bool {
        self.0 & Self::WILL_DETACH != 0
    }
}

/// The functional descriptor: one for all alternate settings, usually behind the last of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct FunctionalDescriptor {
    /// What the unit can do.
    #[doc(alias = "bmAttributes")]
    pub attributes: Attributes,
    /// Milliseconds that the unit waits for a bus reset after it was told to detach.
    #[doc(alias = "wDetachTimeOut")]
    pub detach_timeout: u16,
    /// Most bytes of a block.
    #[doc(alias = "wTransferSize")]
    pub transfer_size: u16,
    /// Version of the specification; `None` in the form of DFU 1.0, which is two bytes shorter.
    #[doc(alias = "bcdDFUVersion")]
    pub version: Option<Bcd>,
}

/// Why a descriptor is not a functional descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum FunctionalError {
    /// It is of another type.
    #[error("it is not a functional descriptor")]
    Kind,
    /// It is too short.
    #[error("the functional descriptor has {present} bytes, at least 7 are needed")]
    Short {
        /// Bytes that it has.
        present: usize,
    },
}

impl FunctionalDescriptor {
    /// Bytes of the descriptor of DFU 1.1.
    pub const LEN: usize = 9;
    /// Bytes of the descriptor of DFU 1.0.
    pub const LEN_1_0: usize = 7;
    /// The version that says DfuSe, 1.1a.
    pub const DFUSE: Bcd = Bcd(0x011a);

    /// The descriptor in these bytes. More than nine are ignored, eight are read as seven.
    ///
    /// # Errors
    /// When it is another descriptor, or shorter than that of DFU 1.0.
    pub fn parse(bytes: &[u8]) -> Result<Self, FunctionalError> {
        let claimed = usize::from(bytes.first().copied().unwrap_or_default());
        let bytes = bytes.get(..claimed).unwrap_or(bytes);
        if bytes.get(1) != Some(&kind::CLASS_DEVICE) {
            return Err(FunctionalError::Kind);
        }
        let &[_, _, attributes, detach0, detach1, size0, size1, ref version @ ..] = bytes else {
            return Err(FunctionalError::Short { present: bytes.len() });
        };
        let version = match *version {
            [low, high, ..] => Some(Bcd(u16::from_le_bytes([low, high]))),
            _ => None,
        };
        Ok(Self {
            attributes: Attributes(attributes),
            detach_timeout: u16::from_le_bytes([detach0, detach1]),
            transfer_size: u16::from_le_bytes([size0, size1]),
            version,
        })
    }

    /// The descriptor as a unit sends it.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let len = if self.version.is_some() { Self::LEN } else { Self::LEN_1_0 };
        let [detach0, detach1] = self.detach_timeout.to_le_bytes();
        let [size0, size1] = self.transfer_size.to_le_bytes();
        let mut out = vec![len as u8, kind::CLASS_DEVICE, self.attributes.0, detach0, detach1, size0, size1];
        out.extend(self.version.into_iter().flat_map(|version| version.0.to_le_bytes()));
        out
    }

    /// Whether the unit speaks DfuSe.
    #[must_use]
    pub fn is_dfuse(&self) -> bool {
        self.version == Some(Self::DFUSE)
    }

    /// Bytes to send in a block: what the unit allows, at most `limit`, which is what the host can send in one control
    /// transfer. A unit that allows none is given a packet of endpoint 0 at a time, as other hosts do.
    #[must_use]
    pub fn block_size(&self, max_packet_size_0: u8, limit: u16) -> u16 {
        let size = if self.transfer_size == 0 { u16::from(max_packet_size_0).max(8) } else { self.transfer_size };
        size.min(limit).max(1)
    }
}

/// The functional descriptor of the DFU interface of this number. Descriptors of type 0x21 in other interfaces are HID's.
///
/// # Errors
/// When there is none, or only broken ones: the first of the reasons.
pub fn find_functional(configuration: &Configuration, interface: u8) -> Result<FunctionalDescriptor, FunctionalError> {
    let mut error = FunctionalError::Kind;
    let of_class = |class: crate::usb::Class| class.class == super::CLASS && class.subclass == super::SUBCLASS;
    for alternate in configuration.alternates(interface).filter(|alternate| of_class(alternate.class)) {
        for descriptor in alternate.descriptors().filter(|extra| extra.kind() == kind::CLASS_DEVICE) {
            match FunctionalDescriptor::parse(&descriptor.bytes) {
                Ok(found) => return Ok(found),
                Err(broken) if error == FunctionalError::Kind => error = broken,
                Err(_) => {}
            }
        }
    }
    Err(error)
}
