//! The suffix that says which device a file is for (appendix B).

use super::ForDevice;
use crate::usb::Bcd;
use crc::{CRC_32_JAMCRC, Crc};
use thiserror::Error;

/// The CRC of appendix B: that of Ethernet, not inverted at the end.
const CRC: Crc<u32> = Crc::<u32>::new(&CRC_32_JAMCRC);

/// Stands for "any" in the numbers of a suffix.
const ANY: u16 = 0xffff;

/// What a suffix says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Suffix {
    /// Which devices the file is for.
    pub for_device: ForDevice,
    /// Version of the format: 1.00, or 1.1a in a DfuSe file.
    #[doc(alias = "bcdDFU")]
    pub version: Bcd,
}

/// Why what looks like a suffix is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SuffixError {
    /// It gives a length of itself that cannot be.
    #[error("it gives its length as {claimed} bytes, in a file of {file}")]
    Length {
        /// What it says.
        claimed: u8,
        /// Bytes of the file.
        file: usize,
    },
    /// The file was changed after the suffix was added.
    #[error("the file's checksum is {computed:08x}, its suffix says {claimed:08x}")]
    Crc {
        /// What the suffix says.
        claimed: u32,
        /// What the file has.
        computed: u32,
    },
}

impl Suffix {
    /// Bytes of a suffix. One that says it is longer has additions that nobody uses.
    pub const LEN: usize = 16;
    const SIGNATURE: [u8; 3] = *b"UFD";
}

/// The bytes before the suffix, and the suffix; `None` for a file without one.
///
/// # Errors
/// When there is the signature of a suffix, and length or checksum are wrong.
pub fn split_suffix(file: &[u8]) -> Result<Option<(&[u8], Suffix)>, SuffixError> {
    let Some((&fields, _)) = file.split_last_chunk::<{ Suffix::LEN }>().map(|(body, fields)| (fields, body)) else {
        return Ok(None);
    };
    let [d0, d1, p0, p1, v0, v1, b0, b1, s0, s1, s2, claimed, c0, c1, c2, c3] = fields;
    if [s0, s1, s2] != Suffix::SIGNATURE {
        return Ok(None);
    }
    let len = usize::from(claimed);
    let body = file.len().checked_sub(len).filter(|_| len >= Suffix::LEN).and_then(|end| file.get(..end));
    let body = body.ok_or(SuffixError::Length { claimed, file: file.len() })?;
    let computed = CRC.checksum(file.get(..file.len() - 4).unwrap_or_default());
    let crc = u32::from_le_bytes([c0, c1, c2, c3]);
    if crc != computed {
        return Err(SuffixError::Crc { claimed: crc, computed });
    }
    let number = |low, high| Some(u16::from_le_bytes([low, high])).filter(|number| *number != ANY);
    let for_device = ForDevice { vendor: number(v0, v1), product: number(p0, p1), release: number(d0, d1).map(Bcd) };
    Ok(Some((body, Suffix { for_device, version: Bcd(u16::from_le_bytes([b0, b1])) })))
}

/// These bytes with a suffix behind them.
#[must_use]
pub fn append_suffix(body: &[u8], suffix: Suffix) -> Vec<u8> {
    let ForDevice { vendor, product, release } = suffix.for_device;
    let mut file = body.to_vec();
    for number in [release.map(|release| release.0), product, vendor, Some(suffix.version.0)] {
        file.extend(number.unwrap_or(ANY).to_le_bytes());
    }
    file.extend(Suffix::SIGNATURE);
    file.push(Suffix::LEN as u8);
    file.extend(CRC.checksum(&file).to_le_bytes());
    file
}
