//! The firmware that the unit runs: a header that tells whether it is whole.
//!
//! | offset | bytes | what |
//! | --- | --- | --- |
//! | 0 | 4 | `HWFW` |
//! | 4 | 2 | version, as `bcdDevice` has it |
//! | 6 | 2 | zero |
//! | 8 | 4 | bytes of the body |
//! | 12 | 4 | CRC-32 of the body |
//! | 16 | … | body; what follows it is ignored |
//!
//! Numbers are little-endian. The CRC is that of zip and Ethernet.

use crc::{CRC_32_ISO_HDLC, Crc};
use protocols::usb::Bcd;
use sha2::{Digest as _, Sha256};

const CRC: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);
const MAGIC: &[u8; 4] = b"HWFW";
/// Bytes before the body.
const HEADER: usize = 16;

/// What firmware says of itself, once it was found to be whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Firmware {
    /// Its version.
    pub version: Bcd,
    /// SHA-256 of header and body, in lower-case hex.
    pub sha256: String,
}

impl Firmware {
    /// An image of this version around `body`.
    #[must_use]
    pub fn build(version: Bcd, body: &[u8]) -> Vec<u8> {
        let mut image = MAGIC.to_vec();
        image.extend(u32::from(version.0).to_le_bytes());
        image.extend((body.len() as u32).to_le_bytes());
        image.extend(CRC.checksum(body).to_le_bytes());
        image.extend(body);
        image
    }

    /// The firmware at the front of `memory`; `None` when there is none, or not all of it.
    #[must_use]
    pub fn read(memory: &[u8]) -> Option<Self> {
        let (header, rest) = memory.split_at_checked(HEADER)?;
        let word = |at: usize| header.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes);
        let body = rest.get(..usize::try_from(word(8)?).ok()?)?;
        if !header.starts_with(MAGIC) || word(12)? != CRC.checksum(body) {
            return None;
        }
        let version = Bcd(u16::try_from(word(4)?).ok()?);
        let sha256 = hex::encode(Sha256::digest(&memory[..HEADER + body.len()]));
        Some(Self { version, sha256 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_read_back_and_laid_out_as_written_down() {
        let image = Firmware::build(Bcd(0x0102), b"123456789");
        assert_eq!(image[..8], *b"HWFW\x02\x01\x00\x00");
        // The CRC's own check value.
        assert_eq!(image[8..16], [9, 0, 0, 0, 0x26, 0x39, 0xf4, 0xcb]);
        let mut padded = image.clone();
        padded.extend([0xff; 100]);
        assert_eq!(Firmware::read(&image).unwrap().version, Bcd(0x0102));
        assert_eq!(Firmware::read(&padded), Firmware::read(&image));
    }

    #[test]
    fn no_part_of_an_image_and_no_changed_one_runs() {
        let image = Firmware::build(Bcd(1), b"body");
        for len in 0..image.len() {
            assert_eq!(Firmware::read(&image[..len]), None, "{len} bytes");
        }
        for at in (0..4).chain(8..image.len()) {
            let mut broken = image.clone();
            broken[at] ^= 0x40;
            assert_eq!(Firmware::read(&broken), None, "byte {at}");
        }
    }
}
