//! An image around a body.

use super::header::{Flags, Header, Version};
use super::tlv::{ENTRY_LEN, INFO_LEN, TlvKind, TlvSection};
use sha2::{Digest, Sha256};
use thiserror::Error;

/// Makes a valid image without a signature, for stand-ins, tests and the demo. Real firmware is signed by imgtool.
#[derive(Clone, Debug)]
pub struct ImageBuilder {
    version: Version,
    flags: Flags,
    header_size: u16,
    protected: Vec<(TlvKind, Vec<u8>)>,
    unprotected: Vec<(TlvKind, Vec<u8>)>,
}

/// A part of the image does not fit the number that announces it.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("the {part} does not fit an image")]
pub struct TooLarge {
    /// Which part.
    pub part: &'static str,
}

impl ImageBuilder {
    /// An image of this version, with a header of 32 bytes and no protected trailer.
    #[must_use]
    pub fn new(version: Version) -> Self {
        Self {
            version,
            flags: Flags::default(),
            header_size: Header::LEN as u16,
            protected: Vec::new(),
            unprotected: Vec::new(),
        }
    }

    /// Set flags.
    #[must_use]
    pub fn flags(mut self, flags: Flags) -> Self {
        self.flags = flags;
        self
    }

    /// Bytes before the body, 32 at least; less is taken as 32. Zephyr's default is 512.
    #[must_use]
    pub fn header_size(mut self, bytes: u16) -> Self {
        self.header_size = bytes.max(Header::LEN as u16);
        self
    }

    /// Add an entry to a trailer.
    #[must_use]
    pub fn tlv(mut self, section: TlvSection, kind: TlvKind, value: impl Into<Vec<u8>>) -> Self {
        match section {
            TlvSection::Protected => self.protected.push((kind, value.into())),
            TlvSection::Unprotected => self.unprotected.push((kind, value.into())),
        }
        self
    }

    /// The image around `body`.
    ///
    /// # Errors
    /// [`TooLarge`] when the body has 4 GiB or a trailer 64 KiB.
    pub fn build(&self, body: &[u8]) -> Result<Vec<u8>, TooLarge> {
        let protected =
            if self.protected.is_empty() { Vec::new() } else { trailer(TlvSection::Protected, &self.protected)? };
        let header = Header {
            load_address: 0,
            header_size: self.header_size,
            protected_size: u16::try_from(protected.len()).map_err(|_| TooLarge { part: "protected trailer" })?,
            body_size: u32::try_from(body.len()).map_err(|_| TooLarge { part: "body" })?,
            flags: self.flags,
            version: self.version,
        };
        let mut image = header.to_bytes().to_vec();
        image.resize(usize::from(self.header_size), 0);
        image.extend_from_slice(body);
        image.extend_from_slice(&protected);

        let mut unprotected = vec![(TlvKind::SHA256, Sha256::digest(&image).to_vec())];
        unprotected.extend(self.unprotected.iter().cloned());
        image.extend(trailer(TlvSection::Unprotected, &unprotected)?);
        Ok(image)
    }
}

fn trailer(section: TlvSection, entries: &[(TlvKind, Vec<u8>)]) -> Result<Vec<u8>, TooLarge> {
    let too_large = TooLarge { part: "trailer" };
    let total = INFO_LEN + entries.iter().map(|(_, value)| ENTRY_LEN + value.len()).sum::<usize>();
    let mut bytes = section.magic().to_le_bytes().to_vec();
    bytes.extend(u16::try_from(total).map_err(|_| too_large)?.to_le_bytes());
    for (kind, value) in entries {
        bytes.extend(kind.0.to_le_bytes());
        bytes.extend(u16::try_from(value.len()).map_err(|_| too_large)?.to_le_bytes());
        bytes.extend_from_slice(value);
    }
    Ok(bytes)
}
