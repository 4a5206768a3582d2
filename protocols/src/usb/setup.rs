//! The eight bytes that begin a control transfer.

/// The setup packet of a control transfer (USB 2.0 §9.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Setup {
    /// Direction, kind and recipient.
    #[doc(alias = "bmRequestType")]
    pub request_type: u8,
    /// The request.
    #[doc(alias = "bRequest")]
    pub request: u8,
    /// Meaning depends on the request.
    #[doc(alias = "wValue")]
    pub value: u16,
    /// Usually the number of the interface or endpoint.
    #[doc(alias = "wIndex")]
    pub index: u16,
    /// Bytes of the data stage: all that are sent, or at most so many received.
    #[doc(alias = "wLength")]
    pub length: u16,
}

/// Which way the data stage goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From the host to the device; also when there is no data.
    Out,
    /// From the device to the host.
    In,
}

/// Who defines a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RequestKind {
    /// The USB specification: see [`standard`].
    Standard,
    /// The class of the interface.
    Class,
    /// The vendor.
    Vendor,
    /// Nobody yet.
    Reserved,
}

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Recipient {
    /// The whole device.
    Device,
    /// The interface whose number is in the low byte of `index`.
    Interface,
    /// The endpoint whose address is in the low byte of `index`.
    Endpoint,
    /// Something else, or a reserved value: the five bits as they came.
    Other(u8),
}

/// Numbers of the standard requests (USB 2.0 table 9-4).
pub mod standard {
    /// `GET_STATUS`.
    pub const GET_STATUS: u8 = 0;
    /// `CLEAR_FEATURE`.
    pub const CLEAR_FEATURE: u8 = 1;
    /// `SET_FEATURE`.
    pub const SET_FEATURE: u8 = 3;
    /// `SET_ADDRESS`.
    pub const SET_ADDRESS: u8 = 5;
    /// `GET_DESCRIPTOR`: type in the high byte of `value`, index in the low one, language in `index`.
    pub const GET_DESCRIPTOR: u8 = 6;
    /// `GET_CONFIGURATION`.
    pub const GET_CONFIGURATION: u8 = 8;
    /// `SET_CONFIGURATION`.
    pub const SET_CONFIGURATION: u8 = 9;
    /// `GET_INTERFACE`: the alternate setting in use.
    pub const GET_INTERFACE: u8 = 10;
    /// `SET_INTERFACE`: choose an alternate setting.
    pub const SET_INTERFACE: u8 = 11;
}

impl Setup {
    /// Bytes of a setup packet.
    pub const LEN: usize = 8;
    /// Bit 7 of `request_type`: the data stage goes to the host.
    pub const IN: u8 = 0x80;
    /// `request_type` of a class request to an interface that sends data, or none.
    pub const CLASS_INTERFACE_OUT: u8 = 0x21;
    /// `request_type` of a class request to an interface that receives data.
    pub const CLASS_INTERFACE_IN: u8 = 0xa1;
    /// `request_type` of a standard request to the device that receives data.
    pub const STANDARD_DEVICE_IN: u8 = 0x80;

    /// The packet as it goes over the wire.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; Self::LEN] {
        let [v0, v1] = self.value.to_le_bytes();
        let [i0, i1] = self.index.to_le_bytes();
        let [l0, l1] = self.length.to_le_bytes();
        [self.request_type, self.request, v0, v1, i0, i1, l0, l1]
    }

    /// The packet in these bytes. Every eight bytes are one.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        let [request_type, request, v0, v1, i0, i1, l0, l1] = bytes;
        Self {
            request_type,
            request,
            value: u16::from_le_bytes([v0, v1]),
            index: u16::from_le_bytes([i0, i1]),
            length: u16::from_le_bytes([l0, l1]),
        }
    }

    /// Ask for a descriptor of this type and index, at most `length` bytes; `language` is for strings and else zero.
    #[must_use]
    pub const fn get_descriptor(kind: u8, index: u8, language: u16, length: u16) -> Self {
        Self {
            request_type: Self::STANDARD_DEVICE_IN,
            request: standard::GET_DESCRIPTOR,
            value: u16::from_be_bytes([kind, index]),
            index: language,
            length,
        }
    }

    /// Which way the data stage goes.
    #[must_use]
    pub const fn direction(self) -> Direction {
        if self.is_in() { Direction::In } else { Direction::Out }
    }

    /// Whether the data stage goes to the host.
    #[must_use]
    pub const fn is_in(self) -> bool {
        self.request_type & Self::IN != 0
    }

    /// Who defines the request.
    #[must_use]
    pub const fn kind(self) -> RequestKind {
        match (self.request_type >> 5) & 3 {
            0 => RequestKind::Standard,
            1 => RequestKind::Class,
            2 => RequestKind::Vendor,
            _ => RequestKind::Reserved,
        }
    }

    /// What the request is for.
    #[must_use]
    pub const fn recipient(self) -> Recipient {
        match self.request_type & 0x1f {
            0 => Recipient::Device,
            1 => Recipient::Interface,
            2 => Recipient::Endpoint,
            other => Recipient::Other(other),
        }
    }
}
