//! A file, read as an image and held against its own hash.

use super::header::{Header, Version};
use super::tlv::{self, Tlv, TlvKind, TlvSection};
use sha2::{Digest, Sha256, Sha384, Sha512};
use thiserror::Error;

/// A file that was read and found to be an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// The header.
    pub header: Header,
    /// The hash in the trailer: what the unit shows for this image, and what names it to "test" and "confirm".
    pub hash: Hash,
    /// What comparing the hash with the file gave.
    pub content: Content,
    /// Entries of both trailers, in the order of the file.
    pub tlvs: Vec<Tlv>,
    /// Bytes from the beginning to the end of the last trailer. A padded file is longer.
    pub len: usize,
}

/// A hash and how it was computed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Hash {
    /// The algorithm.
    pub kind: HashKind,
    /// The result.
    pub bytes: Vec<u8>,
}

/// Hash algorithms that an image may carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HashKind {
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl HashKind {
    const fn of(kind: TlvKind) -> Option<Self> {
        match kind {
            TlvKind::SHA256 => Some(Self::Sha256),
            TlvKind::SHA384 => Some(Self::Sha384),
            TlvKind::SHA512 => Some(Self::Sha512),
            _ => None,
        }
    }

    /// Bytes of a result.
    #[must_use]
    pub const fn size(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    fn digest(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha256 => Sha256::digest(bytes).to_vec(),
            Self::Sha384 => Sha384::digest(bytes).to_vec(),
            Self::Sha512 => Sha512::digest(bytes).to_vec(),
        }
    }
}

/// Whether the hash in the trailer is that of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Content {
    /// It is.
    Verified,
    /// The body is encrypted in the file, and the hash is that of the clear text: only the unit can tell.
    Encrypted,
}

/// Why a file is not an image that a bootloader would take.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ImageError {
    /// It does not begin like one.
    #[error("not an MCUboot image: it does not begin with the image magic")]
    NotAnImage,
    /// It ends before the end of the image.
    #[error("the image is cut short: {needed} bytes are needed, {present} are there")]
    Truncated {
        /// Bytes needed, as far as known.
        needed: usize,
        /// Bytes there.
        present: usize,
    },
    /// The header claims to be smaller than a header.
    #[error("the image's header claims {0} bytes, fewer than a header has")]
    HeaderSize(u16),
    /// A trailer does not begin where the header says, as when the file was not signed.
    #[error("the {section:?} trailer is not where the header says (found {found:#06x}): was the file signed?")]
    TrailerMagic {
        /// Which trailer.
        section: TlvSection,
        /// What was there.
        found: u16,
    },
    /// Lengths that contradict each other.
    #[error("a length at byte {at} contradicts the trailer it is in")]
    LyingLength {
        /// Offset in the file.
        at: usize,
    },
    /// The protected trailer is not as long as the header says.
    #[error("the header announces {announced} bytes of protected trailer, it has {found}")]
    ProtectedSize {
        /// Bytes announced.
        announced: usize,
        /// Bytes found.
        found: usize,
    },
    /// There is no hash in the trailer.
    #[error("the image's trailer holds no hash")]
    NoHash,
    /// There is more than one hash in the trailer; bootloaders refuse that.
    #[error("the image's trailer holds more than one hash")]
    SeveralHashes,
    /// The hash has the wrong size.
    #[error("the image's hash has {0} bytes")]
    HashSize(usize),
    /// The file is not what the hash was taken of.
    #[error("the image is corrupt: its content does not have the hash that its trailer holds")]
    HashMismatch {
        /// Hash in the trailer.
        claimed: Vec<u8>,
        /// Hash of the content.
        computed: Vec<u8>,
    },
}

impl Image {
    /// Read a file.
    ///
    /// # Errors
    /// [`ImageError`] for a file that is no image, is cut short, contradicts itself, or is corrupt.
    pub fn parse(file: &[u8]) -> Result<Self, ImageError> {
        if file.first_chunk() != Some(&Header::MAGIC.to_le_bytes()) {
            return Err(ImageError::NotAnImage);
        }
        let present = file.len();
        let header = Header::parse(file).ok_or(ImageError::Truncated { needed: Header::LEN, present })?;
        if usize::from(header.header_size) < Header::LEN {
            return Err(ImageError::HeaderSize(header.header_size));
        }
        let body_end = u64::from(header.header_size) + u64::from(header.body_size);
        let body_end = usize::try_from(body_end)
            .ok()
            .filter(|end| *end < present)
            .ok_or(ImageError::Truncated { needed: usize::try_from(body_end).unwrap_or(usize::MAX), present })?;

        let (mut tlvs, covered) = if header.protected_size == 0 {
            (Vec::new(), body_end)
        } else {
            let (tlvs, end) = tlv::section(file, body_end, TlvSection::Protected)?;
            let (announced, found) = (usize::from(header.protected_size), end - body_end);
            if announced != found {
                return Err(ImageError::ProtectedSize { announced, found });
            }
            (tlvs, end)
        };
        let (unprotected, len) = tlv::section(file, covered, TlvSection::Unprotected)?;
        tlvs.extend(unprotected);

        let hash = Self::find_hash(&tlvs)?;
        let content = if header.flags.is_encrypted() {
            Content::Encrypted
        } else {
            let computed = hash.kind.digest(file.get(..covered).unwrap_or_default());
            if computed != hash.bytes {
                return Err(ImageError::HashMismatch { claimed: hash.bytes, computed });
            }
            Content::Verified
        };
        Ok(Self { header, hash, content, tlvs, len })
    }

    fn find_hash(tlvs: &[Tlv]) -> Result<Hash, ImageError> {
        let mut hashes = tlvs.iter().filter_map(|tlv| Some((HashKind::of(tlv.kind)?, &tlv.value)));
        let (kind, value) = hashes.next().ok_or(ImageError::NoHash)?;
        if hashes.next().is_some() {
            return Err(ImageError::SeveralHashes);
        }
        if value.len() != kind.size() {
            return Err(ImageError::HashSize(value.len()));
        }
        Ok(Hash { kind, bytes: value.clone() })
    }

    /// Version in the header.
    #[must_use]
    pub const fn version(&self) -> Version {
        self.header.version
    }

    /// Whether the trailer holds a signature (which is not verified here).
    #[must_use]
    pub fn is_signed(&self) -> bool {
        self.tlvs.iter().any(|tlv| tlv.kind.is_signature())
    }
}
