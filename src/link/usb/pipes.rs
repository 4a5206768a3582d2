//! A pair of bulk endpoints.

use protocols::usb::{Endpoint, Interface};

use crate::error::{Error, Kind, Result};

/// How the device knows where a transfer ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It counts, by a length that it was told before.
    Counted,
    /// By a packet that is not full: a transfer of full packets only is followed by an empty one.
    ShortPacket,
}

/// A pair of bulk endpoints of one interface, and how transfers end on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pipes {
    /// Number of the interface.
    pub interface: u8,
    /// Its alternate setting.
    pub alternate: u8,
    /// Address of the endpoint to the device.
    pub to: u8,
    /// Address of the endpoint to the host.
    pub from: u8,
    /// Bytes of a packet to the device, at least 1.
    pub packet: u16,
    /// How transfers to the device end.
    pub ending: Ending,
}

/// The kind of an endpoint, in its attributes (USB 2.0, table 9-13).
const KIND: u8 = 0x03;
const BULK: u8 = 0x02;
/// Bit 7 of an endpoint's address: to the host.
const IN: u8 = 0x80;
/// The bits of `wMaxPacketSize` that count.
const PACKET: u16 = 0x07ff;

impl Pipes {
    /// The first bulk endpoints of `interface`, one each way.
    ///
    /// # Errors
    /// `unsupported` when it has none, or a packet of none has room for a byte.
    pub fn of(interface: &Interface, ending: Ending) -> Result<Pipes> {
        let find = |direction: u8| {
            let is_wanted = |endpoint: &&Endpoint| {
                endpoint.attributes & KIND == BULK
                    && endpoint.address & IN == direction
                    && endpoint.max_packet_size & PACKET > 0
            };
            interface.endpoints.iter().find(is_wanted)
        };
        let (Some(to), Some(from)) = (find(0), find(IN)) else {
            let sentence = format!("interface {} has no pair of bulk endpoints", interface.number);
            return Err(Error::new(Kind::Unsupported, sentence));
        };
        Ok(Pipes {
            interface: interface.number,
            alternate: interface.alternate,
            to: to.address,
            from: from.address,
            packet: to.max_packet_size & PACKET,
            ending,
        })
    }

    /// Whether a transfer of so many bytes needs an empty packet after it.
    pub(super) fn wants_empty(&self, len: usize) -> bool {
        self.ending == Ending::ShortPacket && len.is_multiple_of(usize::from(self.packet.max(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(address: u8, attributes: u8, max_packet_size: u16) -> Endpoint {
        Endpoint { address, attributes, max_packet_size, ..Endpoint::default() }
    }

    #[test]
    fn the_first_bulk_pair_is_taken_and_its_packet_size_bounded() {
        let interface = Interface {
            number: 3,
            endpoints: vec![
                endpoint(0x83, 3, 8),
                endpoint(0x81, 2, 0),
                endpoint(0x82, 2, 512),
                endpoint(0x01, 2, 0xfa00),
            ],
            ..Interface::default()
        };
        let pipes = Pipes::of(&interface, Ending::ShortPacket).unwrap();
        assert_eq!((pipes.interface, pipes.to, pipes.from, pipes.packet), (3, 0x01, 0x82, 0x200));
        assert!(pipes.wants_empty(1024) && !pipes.wants_empty(1023));
        assert!(!Pipes { ending: Ending::Counted, ..pipes }.wants_empty(1024));
        assert_eq!(Pipes::of(&Interface::default(), Ending::Counted).unwrap_err().kind(), Kind::Unsupported);
    }
}
