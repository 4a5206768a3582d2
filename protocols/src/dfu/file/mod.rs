//! Files that hold firmware: raw bytes, bytes with a DFU suffix (appendix B), DfuSe files (ST's UM0391) and Intel HEX.
//!
//! What a file says is untrusted: no length in it is believed before the bytes were seen, and nothing is filled in
//! between addresses. Left out: Motorola S-records, and the prefixes of TI and NXP.

mod dfuse;
mod hex;
mod suffix;
#[cfg(test)]
mod tests;

pub use dfuse::{DfuseError, encode_dfuse};
pub use hex::{HexError, HexFault, encode_hex};
pub use suffix::{Suffix, SuffixError, append_suffix, split_suffix};

use crate::usb::{Bcd, UsbId};
use std::fmt;
use thiserror::Error;

/// Firmware for one memory of a unit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image {
    /// Its pieces; those with addresses are in order and neither touch nor overlap.
    pub segments: Vec<Segment>,
    /// The alternate setting that it is for, where the file tells.
    pub alternate: Option<u8>,
    /// Its name, where the file tells. Untrusted text.
    pub name: Option<String>,
    /// The device that it is for, where the file tells.
    pub for_device: Option<ForDevice>,
}

impl Image {
    /// Bytes of all segments.
    #[must_use]
    pub fn len(&self) -> usize {
        self.segments.iter().map(|segment| segment.bytes.len()).sum()
    }

    /// Whether there are no bytes at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A piece of firmware.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Segment {
    /// Where it belongs, where the file tells.
    pub address: Option<u32>,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl fmt::Debug for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.address {
            Some(address) => write!(f, "{} bytes at {address:#010x}", self.bytes.len()),
            None => write!(f, "{} bytes", self.bytes.len()),
        }
    }
}

/// Which devices a file is for. `None` is a wildcard: any.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ForDevice {
    /// Number of the vendor.
    pub vendor: Option<u16>,
    /// Number of the product.
    pub product: Option<u16>,
    /// Release of the device.
    pub release: Option<Bcd>,
}

impl ForDevice {
    /// Whether a device of this identity and release is meant.
    #[must_use]
    pub fn fits(&self, id: UsbId, release: Bcd) -> bool {
        let fits = |wanted: Option<u16>, found| wanted.is_none_or(|wanted| wanted == found);
        fits(self.vendor, id.vendor)
            && fits(self.product, id.product)
            && fits(self.release.map(|release| release.0), release.0)
    }
}

/// Shown as `0483:df11`, with `*` for what may be anything, and the release behind it where it matters.
impl fmt::Display for ForDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = |number: Option<u16>| number.map_or_else(|| "*".to_owned(), |number| format!("{number:04x}"));
        write!(f, "{}:{}", number(self.vendor), number(self.product))?;
        match self.release {
            Some(release) => write!(f, " release {release}"),
            None => Ok(()),
        }
    }
}

/// What kind of file it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// Bytes, and nothing about them.
    Raw,
    /// Bytes with a DFU suffix.
    Suffixed,
    /// A DfuSe file.
    Dfuse,
    /// Intel HEX.
    IntelHex,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Raw => "raw binary",
            Self::Suffixed => "binary with DFU suffix",
            Self::Dfuse => "DfuSe file",
            Self::IntelHex => "Intel HEX",
        })
    }
}

/// A file that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Firmware {
    /// What kind of file it is.
    pub format: Format,
    /// What is in it: one image, and in a DfuSe file one for each target. At least one, none of them empty.
    pub images: Vec<Image>,
}

/// Why a file holds no firmware that can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum FileError {
    /// There is nothing in it.
    #[error("the file holds no firmware")]
    Empty,
    /// It is meant for a linker or another programmer, and without a DFU suffix it is not believed to be what a unit
    /// shall hold.
    #[error("the file is {0}, and not what a unit holds")]
    Foreign(&'static str),
    /// Its suffix is broken.
    #[error("the DFU suffix is broken")]
    Suffix(#[source] SuffixError),
    /// It is a broken DfuSe file.
    #[error("the DfuSe file is broken")]
    Dfuse(#[source] DfuseError),
    /// It is a broken Intel HEX file.
    #[error("the Intel HEX file is broken")]
    Hex(#[source] HexError),
}

impl Firmware {
    /// The firmware in a file of any of the formats; which one, its content tells. A raw file that is an ELF program or
    /// holds S-records is refused, unless a DFU suffix says that it is meant.
    ///
    /// # Errors
    /// When the file is empty, or of a format that it does not keep to.
    pub fn read(file: &[u8]) -> Result<Self, FileError> {
        let firmware = if hex::is_hex(file) {
            let segments = hex::parse(file).map_err(FileError::Hex)?;
            Self { format: Format::IntelHex, images: vec![Image { segments, ..Image::default() }] }
        } else {
            Self::read_binary(file)?
        };
        if firmware.images.is_empty() || firmware.images.iter().any(Image::is_empty) {
            return Err(FileError::Empty);
        }
        Ok(firmware)
    }

    fn read_binary(file: &[u8]) -> Result<Self, FileError> {
        let (body, suffix) = match split_suffix(file).map_err(FileError::Suffix)? {
            Some((body, suffix)) => (body, Some(suffix)),
            None => (file, None),
        };
        let for_device = suffix.map(|suffix| suffix.for_device);
        if dfuse::is_dfuse(body) {
            // Without its suffix such a file has lost its end, and its checksum.
            let for_device = for_device.ok_or(FileError::Dfuse(DfuseError::NoSuffix))?;
            let images = dfuse::parse(body, file.len(), for_device).map_err(FileError::Dfuse)?;
            return Ok(Self { format: Format::Dfuse, images });
        }
        if let Some(kind) = foreign(body).filter(|_| suffix.is_none()) {
            return Err(FileError::Foreign(kind));
        }
        let format = if suffix.is_some() { Format::Suffixed } else { Format::Raw };
        let segments = vec![Segment { address: None, bytes: body.to_vec() }];
        Ok(Self { format, images: vec![Image { segments, for_device, ..Image::default() }] })
    }
}

/// What a file is that people take for firmware.
fn foreign(file: &[u8]) -> Option<&'static str> {
    match file {
        [0x7f, b'E', b'L', b'F', ..] => Some("an ELF program (objcopy -O binary or -O ihex makes firmware of it)"),
        [b'S', b'0'..=b'9', rest @ ..] if rest.iter().take(8).filter(|byte| byte.is_ascii_hexdigit()).count() == 8 => {
            Some("a Motorola S-record file (srec_cat or objcopy makes Intel HEX of it)")
        }
        _ => None,
    }
}
