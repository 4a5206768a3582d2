//! Descriptors as a device sends them.

use super::configuration::{Configuration, Endpoint, Extra, Interface};
use super::kind;
use thiserror::Error;

/// What was to be encoded does not fit its length field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{len} do not fit, at most {limit} do")]
pub struct TooLong {
    /// How long it is.
    pub len: usize,
    /// How long it may be.
    pub limit: usize,
}

impl Configuration {
    /// The configuration as a device sends it. Lengths and counts are those of the content; a device that is to lie
    /// changes them afterwards. [`Self::faults`] are not written.
    ///
    /// # Errors
    /// When it is longer than 65,535 bytes, or an interface has more than 255 endpoints.
    pub fn to_bytes(&self) -> Result<Vec<u8>, TooLong> {
        let interfaces = u8::try_from(self.numbers()).map_err(|_| TooLong { len: 256, limit: 255 })?;
        let mut out = vec![Self::LEN as u8, kind::CONFIGURATION, 0, 0, interfaces];
        out.extend([self.value, self.string, self.attributes, self.max_power]);
        extras(&mut out, &self.extra);
        for interface in &self.interfaces {
            interface.write(&mut out)?;
        }
        let limit = usize::from(u16::MAX);
        let total = u16::try_from(out.len()).map_err(|_| TooLong { len: out.len(), limit })?;
        if let Some(place) = out.get_mut(2..4) {
            place.copy_from_slice(&total.to_le_bytes());
        }
        Ok(out)
    }
}

impl Interface {
    fn write(&self, out: &mut Vec<u8>) -> Result<(), TooLong> {
        let len = self.endpoints.len();
        let endpoints = u8::try_from(len).map_err(|_| TooLong { len, limit: 255 })?;
        let class = self.class;
        out.extend([Configuration::INTERFACE_LEN as u8, kind::INTERFACE, self.number, self.alternate, endpoints]);
        out.extend([class.class, class.subclass, class.protocol, self.string]);
        extras(out, &self.extra);
        for Endpoint { address, attributes, max_packet_size, interval, extra } in &self.endpoints {
            let [size0, size1] = max_packet_size.to_le_bytes();
            out.extend([
                Configuration::ENDPOINT_LEN as u8,
                kind::ENDPOINT,
                *address,
                *attributes,
                size0,
                size1,
                *interval,
            ]);
            extras(out, extra);
        }
        Ok(())
    }
}

fn extras(out: &mut Vec<u8>, extras: &[Extra]) {
    for extra in extras {
        out.extend_from_slice(&extra.bytes);
    }
}
