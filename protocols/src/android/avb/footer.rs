//! The footer, which stands at the end of a partition whose image carries its own metadata.

use super::AvbError;
use crate::android::source::{FileError, Source};

/// What the last 64 bytes of a partition say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[doc(alias = "AvbFooter")]
pub struct Footer {
    /// Bytes of the image before anything was added.
    #[doc(alias = "original_image_size")]
    pub image_len: u64,
    /// Where the metadata begin.
    #[doc(alias = "vbmeta_offset")]
    pub vbmeta_at: u64,
    /// Bytes of the metadata.
    #[doc(alias = "vbmeta_size")]
    pub vbmeta_len: u64,
}

impl Footer {
    /// Bytes of it.
    pub const LEN: usize = 64;
    const MAGIC: [u8; 4] = *b"AVBf";
    const MAJOR: u32 = 1;

    /// The footer in these bytes; `None` when there is none.
    ///
    /// # Errors
    /// When its version is not known.
    pub fn parse(bytes: &[u8; Self::LEN]) -> Result<Option<Self>, AvbError> {
        if !bytes.starts_with(&Self::MAGIC) {
            return Ok(None);
        }
        let u64_at = |at: usize| {
            bytes.get(at..).and_then(|rest| rest.first_chunk()).map(|b| u64::from_be_bytes(*b)).unwrap_or_default()
        };
        let major = (u64_at(4) >> 32) as u32;
        if major != Self::MAJOR {
            return Err(AvbError::Version(major));
        }
        Ok(Some(Self { image_len: u64_at(12), vbmeta_at: u64_at(20), vbmeta_len: u64_at(28) }))
    }

    /// The 64 bytes at the end of a partition.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        bytes[0..4].copy_from_slice(&Self::MAGIC);
        bytes[4..8].copy_from_slice(&Self::MAJOR.to_be_bytes());
        bytes[12..20].copy_from_slice(&self.image_len.to_be_bytes());
        bytes[20..28].copy_from_slice(&self.vbmeta_at.to_be_bytes());
        bytes[28..36].copy_from_slice(&self.vbmeta_len.to_be_bytes());
        bytes
    }

    /// The footer of a partition's image, its places held against the image; `None` when it has none.
    ///
    /// # Errors
    /// When the image cannot be read, or the footer is of an unknown version or points elsewhere.
    pub fn read<S: Source + ?Sized>(image: &S) -> Result<Option<Self>, FileError<AvbError, S::Error>> {
        let Some(room) = image.len().checked_sub(Self::LEN as u64) else { return Ok(None) };
        let mut bytes = [0; Self::LEN];
        image.read_exact_at(room, &mut bytes).map_err(FileError::Read)?;
        let Some(footer) = Self::parse(&bytes).map_err(FileError::Format)? else { return Ok(None) };
        let (at, len) = (footer.vbmeta_at, footer.vbmeta_len);
        if footer.image_len > at || at.checked_add(len).is_none_or(|end| end > room) {
            return Err(FileError::Format(AvbError::Footer { at, len, room }));
        }
        Ok(Some(footer))
    }
}
