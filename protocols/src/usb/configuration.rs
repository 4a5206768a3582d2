//! A configuration descriptor and all that follows it, however badly it was put together.

use super::device::{Class, DescriptorError, expect};
use super::kind;
use thiserror::Error;

/// A configuration as a device describes it (USB 2.0 §9.6.3 to §9.6.6).
///
/// Reading never fails for what comes after the first descriptor: what can be read is kept, and [`Self::faults`]
/// tells what could not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Configuration {
    /// What to choose it by.
    #[doc(alias = "bConfigurationValue")]
    pub value: u8,
    /// Index of its string, 0 for none.
    #[doc(alias = "iConfiguration")]
    pub string: u8,
    /// Bit 7 is always set, bit 6 says self-powered, bit 5 remote wake-up.
    #[doc(alias = "bmAttributes")]
    pub attributes: u8,
    /// Most current that it draws, in units of 2 mA (8 mA at SuperSpeed).
    #[doc(alias = "bMaxPower")]
    pub max_power: u8,
    /// Descriptors before the first interface, interface associations mostly.
    pub extra: Vec<Extra>,
    /// Interfaces in the order in which they came, one entry for each alternate setting.
    pub interfaces: Vec<Interface>,
    /// What is wrong with the descriptors; empty for a device that keeps to the specification. At most
    /// [`Self::MAX_FAULTS`].
    pub faults: Vec<Fault>,
}

/// An interface in one of its alternate settings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interface {
    /// Number of the interface.
    #[doc(alias = "bInterfaceNumber")]
    pub number: u8,
    /// Number of this alternate setting.
    #[doc(alias = "bAlternateSetting")]
    pub alternate: u8,
    /// What it is.
    pub class: Class,
    /// Index of its string, 0 for none.
    #[doc(alias = "iInterface")]
    pub string: u8,
    /// Descriptors between this one and its first endpoint: those of the class.
    pub extra: Vec<Extra>,
    /// Its endpoints, endpoint 0 not among them.
    pub endpoints: Vec<Endpoint>,
}

impl Interface {
    /// Every class-specific or unknown descriptor of this setting, those behind its endpoints included.
    pub fn descriptors(&self) -> impl Iterator<Item = &Extra> {
        self.extra.iter().chain(self.endpoints.iter().flat_map(|endpoint| &endpoint.extra))
    }
}

/// An endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Endpoint {
    /// Number in the low four bits; bit 7 says that data go to the host.
    #[doc(alias = "bEndpointAddress")]
    pub address: u8,
    /// The low two bits tell the kind: 0 control, 1 isochronous, 2 bulk, 3 interrupt.
    #[doc(alias = "bmAttributes")]
    pub attributes: u8,
    /// Bytes of a packet in bits 0 to 10; above these, additional packets in a microframe.
    #[doc(alias = "wMaxPacketSize")]
    pub max_packet_size: u16,
    /// How often it wants to be asked; the unit depends on speed and kind.
    #[doc(alias = "bInterval")]
    pub interval: u8,
    /// Descriptors that follow it.
    pub extra: Vec<Extra>,
}

/// A descriptor that this module does not read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extra {
    /// All of it, its length and type included. At least two bytes.
    pub bytes: Vec<u8>,
}

impl Extra {
    /// Its type: see [`kind`](super::kind).
    #[must_use]
    pub fn kind(&self) -> u8 {
        self.bytes.get(1).copied().unwrap_or_default()
    }
}

/// Something wrong with a configuration's descriptors. Offsets count from the configuration descriptor's first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Fault {
    /// The configuration says that it is longer or shorter than what came.
    #[error("the configuration gives its length as {claimed} bytes, {present} came")]
    TotalLength {
        /// What it says.
        claimed: u16,
        /// Bytes that came.
        present: usize,
    },
    /// A descriptor says that it has no bytes, or one: nothing behind it can be found.
    #[error("the descriptor at byte {at} gives its own length as {claimed}; what follows is not read")]
    Loop {
        /// Where it begins.
        at: usize,
        /// Its length byte.
        claimed: u8,
    },
    /// A descriptor reaches beyond the last byte. It is not read.
    #[error("the descriptor at byte {at} gives its own length as {claimed}, {left} bytes are left")]
    Overrun {
        /// Where it begins.
        at: usize,
        /// Its length byte.
        claimed: u8,
        /// Bytes left.
        left: usize,
    },
    /// A descriptor is shorter than its type allows. It is kept as unknown.
    #[error("the descriptor of type {kind} at byte {at} has only {claimed} bytes")]
    Short {
        /// Where it begins.
        at: usize,
        /// Its type.
        kind: u8,
        /// Its length byte.
        claimed: u8,
    },
    /// An endpoint without an interface before it. It is kept as unknown.
    #[error("the endpoint at byte {at} belongs to no interface")]
    Orphan {
        /// Where it begins.
        at: usize,
    },
    /// The configuration says how many interfaces it has, and others came.
    #[error("the configuration gives {claimed} interfaces, {found} came")]
    InterfaceCount {
        /// What it says.
        claimed: u8,
        /// Different interface numbers that came.
        found: usize,
    },
    /// An interface says how many endpoints it has, and others came.
    #[error("interface {number}, alternate setting {alternate} gives {claimed} endpoints, {found} came")]
    EndpointCount {
        /// Number of the interface.
        number: u8,
        /// Number of the alternate setting.
        alternate: u8,
        /// What it says.
        claimed: u8,
        /// Endpoints that came.
        found: usize,
    },
    /// A second configuration descriptor. Neither it nor what follows is read.
    #[error("another configuration begins at byte {at}")]
    Second {
        /// Where it begins.
        at: usize,
    },
}

impl Configuration {
    /// Bytes of the configuration descriptor alone.
    pub const LEN: usize = 9;
    /// Bytes of an interface descriptor.
    pub const INTERFACE_LEN: usize = 9;
    /// Bytes of an endpoint descriptor. Audio's are longer.
    pub const ENDPOINT_LEN: usize = 7;
    /// More faults than this are not told.
    pub const MAX_FAULTS: usize = 16;

    /// Read a configuration descriptor and what follows it. What lies beyond the length that it gives is ignored, and
    /// so is everything above 65,535 bytes.
    ///
    /// # Errors
    /// When the configuration descriptor itself cannot be read. All else ends in [`Self::faults`].
    pub fn parse(bytes: &[u8]) -> Result<Self, DescriptorError> {
        expect(bytes, kind::CONFIGURATION, Self::LEN)?;
        let byte = |at: usize| bytes.get(at).copied().unwrap_or_default();
        let mut walk = Walk {
            configuration: Self {
                value: byte(5),
                string: byte(6),
                attributes: byte(7),
                max_power: byte(8),
                ..Self::default()
            },
            endpoints: Vec::new(),
        };
        let claimed = u16::from_le_bytes([byte(2), byte(3)]);
        if usize::from(claimed) != bytes.len() {
            walk.fault(Fault::TotalLength { claimed, present: bytes.len() });
        }
        // A length that is shorter than this very descriptor says nothing.
        let end = if usize::from(claimed) < Self::LEN { usize::from(u16::MAX) } else { usize::from(claimed) };
        walk.all(bytes.get(..end).unwrap_or(bytes), usize::from(byte(0)));
        Ok(walk.finish(byte(4)))
    }

    /// The alternate settings of the interface of this number.
    pub fn alternates(&self, number: u8) -> impl Iterator<Item = &Interface> {
        self.interfaces.iter().filter(move |interface| interface.number == number)
    }

    /// Different interface numbers.
    pub(super) fn numbers(&self) -> usize {
        let mut seen = [false; 256];
        for interface in &self.interfaces {
            seen[usize::from(interface.number)] = true;
        }
        seen.iter().filter(|seen| **seen).count()
    }
}

struct Walk {
    configuration: Configuration,
    /// What each interface says of its endpoints.
    endpoints: Vec<u8>,
}

impl Walk {
    fn all(&mut self, bytes: &[u8], first: usize) {
        let mut at = first;
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            let claimed = rest.first().copied().unwrap_or_default();
            let len = usize::from(claimed);
            if len < 2 {
                return self.fault(Fault::Loop { at, claimed });
            }
            let Some(descriptor) = rest.get(..len) else {
                return self.fault(Fault::Overrun { at, claimed, left: rest.len() });
            };
            if descriptor.get(1) == Some(&kind::CONFIGURATION) {
                return self.fault(Fault::Second { at });
            }
            self.one(at, descriptor);
            at += len;
        }
    }

    fn one(&mut self, at: usize, descriptor: &[u8]) {
        match *descriptor {
            [_, kind::INTERFACE, number, alternate, endpoints, class, subclass, protocol, string, ..] => {
                let class = Class::new(class, subclass, protocol);
                self.endpoints.push(endpoints);
                self.configuration.interfaces.push(Interface {
                    number,
                    alternate,
                    class,
                    string,
                    ..Interface::default()
                });
            }
            [_, kind::ENDPOINT, address, attributes, size0, size1, interval, ..] => {
                let max_packet_size = u16::from_le_bytes([size0, size1]);
                // Audio's two further bytes are not kept.
                let endpoint = Endpoint { address, attributes, max_packet_size, interval, extra: Vec::new() };
                if let Some(interface) = self.configuration.interfaces.last_mut() {
                    interface.endpoints.push(endpoint);
                } else {
                    self.fault(Fault::Orphan { at });
                    self.keep(descriptor);
                }
            }
            [claimed, short @ (kind::INTERFACE | kind::ENDPOINT), ..] => {
                self.fault(Fault::Short { at, kind: short, claimed });
                self.keep(descriptor);
            }
            _ => self.keep(descriptor),
        }
    }

    fn keep(&mut self, descriptor: &[u8]) {
        let extra = Extra { bytes: descriptor.to_vec() };
        let place = match self.configuration.interfaces.last_mut() {
            Some(Interface { endpoints, extra, .. }) => {
                endpoints.last_mut().map_or(extra, |endpoint| &mut endpoint.extra)
            }
            None => &mut self.configuration.extra,
        };
        place.push(extra);
    }

    fn fault(&mut self, fault: Fault) {
        if self.configuration.faults.len() < Configuration::MAX_FAULTS {
            self.configuration.faults.push(fault);
        }
    }

    fn finish(mut self, claimed: u8) -> Configuration {
        let found = self.configuration.numbers();
        if usize::from(claimed) != found {
            self.fault(Fault::InterfaceCount { claimed, found });
        }
        let wrong: Vec<Fault> = (self.configuration.interfaces.iter().zip(&self.endpoints))
            .filter(|(interface, claimed)| interface.endpoints.len() != usize::from(**claimed))
            .map(|(Interface { number, alternate, endpoints, .. }, claimed)| Fault::EndpointCount {
                number: *number,
                alternate: *alternate,
                claimed: *claimed,
                found: endpoints.len(),
            })
            .take(Configuration::MAX_FAULTS)
            .collect();
        for fault in wrong {
            self.fault(fault);
        }
        self.configuration
    }
}
