//! The trailers behind an image: entries of kind, length and value.

use super::image::ImageError;

/// What an entry of a trailer holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TlvKind(pub u16);

impl TlvKind {
    /// Hash of the public key that the image is signed for.
    pub const KEY_HASH: Self = Self(0x01);
    /// The public key itself.
    pub const PUBLIC_KEY: Self = Self(0x02);
    /// SHA-256 over header, body and protected trailer.
    pub const SHA256: Self = Self(0x10);
    /// SHA-384 over the same.
    pub const SHA384: Self = Self(0x11);
    /// SHA-512 over the same.
    pub const SHA512: Self = Self(0x12);
    /// RSA-2048 signature.
    pub const RSA2048: Self = Self(0x20);
    /// ECDSA signature.
    pub const ECDSA: Self = Self(0x22);
    /// RSA-3072 signature.
    pub const RSA3072: Self = Self(0x23);
    /// Ed25519 signature.
    pub const ED25519: Self = Self(0x24);
    /// Version of another image that this one needs.
    pub const DEPENDENCY: Self = Self(0x40);
    /// Security counter.
    pub const SECURITY_COUNTER: Self = Self(0x50);
    /// Boot record.
    pub const BOOT_RECORD: Self = Self(0x60);

    /// Whether it is a signature.
    #[must_use]
    pub const fn is_signature(self) -> bool {
        matches!(self.0, 0x20..=0x24)
    }
}

/// Which trailer an entry is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TlvSection {
    /// Covered by the hash.
    Protected,
    /// Behind the hash.
    Unprotected,
}

impl TlvSection {
    pub(super) const fn magic(self) -> u16 {
        match self {
            Self::Protected => 0x6908,
            Self::Unprotected => 0x6907,
        }
    }
}

/// One entry of a trailer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tlv {
    /// Which trailer.
    pub section: TlvSection,
    /// What it holds.
    pub kind: TlvKind,
    /// The content.
    pub value: Vec<u8>,
}

/// Bytes before the entries: magic and total length.
pub(super) const INFO_LEN: usize = 4;
/// Bytes before the content of an entry: kind and length.
pub(super) const ENTRY_LEN: usize = 4;

/// Read the trailer that begins at `at`; the entries, and where the trailer ends.
pub(super) fn section(file: &[u8], at: usize, section: TlvSection) -> Result<(Vec<Tlv>, usize), ImageError> {
    let truncated = |needed: usize| ImageError::Truncated { needed, present: file.len() };
    let pair = |at: usize| -> Result<(u16, u16), ImageError> {
        let bytes = file.get(at..).and_then(|rest| rest.first_chunk::<4>()).ok_or(truncated(at + INFO_LEN))?;
        Ok((u16::from_le_bytes([bytes[0], bytes[1]]), u16::from_le_bytes([bytes[2], bytes[3]])))
    };
    let (magic, total) = pair(at)?;
    if magic != section.magic() {
        return Err(ImageError::TrailerMagic { section, found: magic });
    }
    let end = at + usize::from(total);
    if usize::from(total) < INFO_LEN {
        return Err(ImageError::LyingLength { at });
    }
    if end > file.len() {
        return Err(truncated(end));
    }
    let mut entries = Vec::new();
    let mut next = at + INFO_LEN;
    while next < end {
        if next + ENTRY_LEN > end {
            return Err(ImageError::LyingLength { at: next });
        }
        let (kind, len) = pair(next)?;
        let start = next + ENTRY_LEN;
        let stop = start + usize::from(len);
        if stop > end {
            return Err(ImageError::LyingLength { at: next });
        }
        let value = file.get(start..stop).unwrap_or_default().to_vec();
        entries.push(Tlv { section, kind: TlvKind(kind), value });
        next = stop;
    }
    Ok((entries, end))
}
