//! The eight bytes that begin a control transfer (USB 2.0, 9.3).

/// A control request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Setup {
    /// Direction, type and recipient (`bmRequestType`).
    #[doc(alias = "bmRequestType")]
    pub request_type: u8,
    /// Which request (`bRequest`).
    #[doc(alias = "bRequest")]
    pub request: u8,
    /// Its parameter (`wValue`).
    #[doc(alias = "wValue")]
    pub value: u16,
    /// Its index, mostly an interface or endpoint (`wIndex`).
    #[doc(alias = "wIndex")]
    pub index: u16,
    /// Bytes of the data stage (`wLength`).
    #[doc(alias = "wLength")]
    pub length: u16,
}

impl Setup {
    /// Bit 7 of `bmRequestType`: the data stage goes to the host.
    pub const IN: u8 = 0x80;

    /// Whether the data stage goes to the host.
    #[must_use]
    pub fn is_in(self) -> bool {
        self.request_type & Setup::IN != 0
    }

    /// The bytes on the wire, little-endian.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 8] {
        let ([v0, v1], [i0, i1], [l0, l1]) =
            (self.value.to_le_bytes(), self.index.to_le_bytes(), self.length.to_le_bytes());
        [self.request_type, self.request, v0, v1, i0, i1, l0, l1]
    }

    /// The request that these bytes are.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 8]) -> Setup {
        let [request_type, request, v0, v1, i0, i1, l0, l1] = bytes;
        Setup {
            request_type,
            request,
            value: u16::from_le_bytes([v0, v1]),
            index: u16::from_le_bytes([i0, i1]),
            length: u16::from_le_bytes([l0, l1]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn get_descriptor_is_as_the_specification_lays_it_out() {
        // USB 2.0, table 9-2 and 9.4.3: GET_DESCRIPTOR(device), 18 bytes.
        let setup = Setup { request_type: 0x80, request: 6, value: 0x0100, index: 0, length: 18 };
        assert_eq!(setup.to_bytes(), [0x80, 0x06, 0x00, 0x01, 0x00, 0x00, 0x12, 0x00]);
        assert_eq!(Setup::from_bytes(setup.to_bytes()), setup);
        assert!(setup.is_in());
    }
}
