//! The metadata: a header, an authentication block and an auxiliary block.

use super::descriptor::{self, Descriptor};
use super::{AvbError, Footer};
use crate::android::source::{FileError, Source};
use sha2::{Digest, Sha256, Sha512};

/// Metadata that were read, held against the hash in them, and kept as they are for digests over them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[doc(alias = "AvbVBMetaImageHeader")]
pub struct Vbmeta {
    /// How they are signed.
    pub algorithm: Algorithm,
    /// What a unit must not go back behind.
    pub rollback_index: u64,
    /// Which of the unit's counters is meant; of a chained partition the descriptor says.
    pub rollback_index_location: u32,
    /// What is left out when the unit verifies.
    pub flags: Flags,
    /// Which program made it. Untrusted text.
    pub release: String,
    /// SHA-256 of the public key that it is signed for; `None` when it is not signed.
    pub public_key: Option<[u8; 32]>,
    /// What it says of partitions, in order.
    pub descriptors: Vec<Descriptor>,
    bytes: Vec<u8>,
}

/// How metadata are signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Algorithm(pub u32);

impl Algorithm {
    /// Not at all.
    pub const NONE: Self = Self(0);

    /// The hash that is signed, where the algorithm is known.
    fn hash(self, parts: [&[u8]; 2]) -> Option<Vec<u8>> {
        match self.0 {
            1..=3 => Some(Sha256::new().chain_update(parts[0]).chain_update(parts[1]).finalize().to_vec()),
            4..=6 => Some(Sha512::new().chain_update(parts[0]).chain_update(parts[1]).finalize().to_vec()),
            _ => None,
        }
    }
}

/// What is left out when the unit verifies; unknown bits are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[doc(alias = "AvbVBMetaImageFlags")]
pub struct Flags(pub u32);

impl Flags {
    /// Hash trees are not used: a changed system is not noticed.
    pub const HASHTREE_DISABLED: Self = Self(1);
    /// Nothing is verified, and the descriptors are not looked at.
    pub const VERIFICATION_DISABLED: Self = Self(2);

    /// Whether all bits of `flag` are set.
    #[must_use]
    pub const fn contains(self, flag: Self) -> bool {
        self.0 & flag.0 == flag.0
    }
}

impl Vbmeta {
    /// Bytes of the header.
    pub const HEADER: usize = 256;
    /// What bootloaders read at most.
    #[doc(alias = "VBMETA_MAX_SIZE")]
    pub const LIMIT: u64 = 64 * 1024;
    const MAGIC: [u8; 4] = *b"AVB0";
    const MAJOR: u32 = 1;

    /// Whether a file begins with metadata.
    #[must_use]
    pub fn begins(file: &[u8]) -> bool {
        file.starts_with(&Self::MAGIC)
    }

    /// The metadata of an image: what it begins with, as a `vbmeta` partition does, or what its footer points to. Of a
    /// sparse image, read what it expands to.
    ///
    /// # Errors
    /// When the image cannot be read, has none, or they are not whole.
    pub fn read<S: Source + ?Sized>(image: &S) -> Result<Self, FileError<AvbError, S::Error>> {
        let mut magic = [0; 4];
        if image.len() >= 4 {
            image.read_exact_at(0, &mut magic).map_err(FileError::Read)?;
        }
        let (at, len) = if Self::begins(&magic) {
            (0, image.len().min(Self::LIMIT))
        } else {
            let footer = Footer::read(image)?.ok_or(FileError::Format(AvbError::Absent))?;
            if footer.vbmeta_len > Self::LIMIT {
                let len = footer.vbmeta_len;
                return Err(FileError::Format(AvbError::TooLarge { len, limit: Self::LIMIT }));
            }
            (footer.vbmeta_at, footer.vbmeta_len)
        };
        let mut bytes = vec![0; len as usize];
        image.read_exact_at(at, &mut bytes).map_err(FileError::Read)?;
        Self::parse(&bytes).map_err(FileError::Format)
    }

    /// The metadata at the beginning of `bytes`; what follows them is padding.
    ///
    /// # Errors
    /// When there are none, or they are not whole.
    pub fn parse(bytes: &[u8]) -> Result<Self, AvbError> {
        if !Self::begins(bytes) {
            return Err(AvbError::Absent);
        }
        let present = bytes.len() as u64;
        let header = bytes.get(..Self::HEADER).ok_or(AvbError::Cut { needed: Self::HEADER as u64, present })?;
        let u32_at = |at: usize| array(header, at).map(u32::from_be_bytes).unwrap_or_default();
        let u64_at = |at: usize| array(header, at).map(u64::from_be_bytes).unwrap_or_default();
        if u32_at(4) != Self::MAJOR {
            return Err(AvbError::Version(u32_at(4)));
        }
        let (authentication, auxiliary) = (u64_at(12), u64_at(20));
        let needed = (Self::HEADER as u64).saturating_add(authentication).saturating_add(auxiliary);
        if needed > Self::LIMIT {
            return Err(AvbError::TooLarge { len: needed, limit: Self::LIMIT });
        }
        let bytes = bytes.get(..needed as usize).ok_or(AvbError::Cut { needed, present })?;
        let (_, blocks) = bytes.split_at(Self::HEADER);
        let (authentication, auxiliary) = blocks.split_at(authentication as usize);

        let algorithm = Algorithm(u32_at(28));
        let hash = part(authentication, u64_at(32), u64_at(40), "hash")?;
        part(authentication, u64_at(48), u64_at(56), "signature")?;
        let public_key = part(auxiliary, u64_at(64), u64_at(72), "public key")?;
        part(auxiliary, u64_at(80), u64_at(88), "key's metadata")?;
        let descriptors = part(auxiliary, u64_at(96), u64_at(104), "descriptors")?;
        if algorithm.hash([header, auxiliary]).is_some_and(|computed| computed != hash) {
            return Err(AvbError::Corrupt);
        }
        let release = header.get(128..176).unwrap_or_default();
        let release = release.split(|byte| *byte == 0).next().unwrap_or_default();
        Ok(Self {
            algorithm,
            rollback_index: u64_at(112),
            rollback_index_location: u32_at(124),
            flags: Flags(u32_at(120)),
            release: String::from_utf8_lossy(release).into_owned(),
            public_key: (algorithm != Algorithm::NONE).then(|| Sha256::digest(public_key).into()),
            descriptors: descriptor::parse_all(descriptors)?,
            bytes: bytes.to_vec(),
        })
    }

    /// The metadata themselves, without what follows them in a partition.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What it says of the content of a partition.
    #[must_use]
    pub fn hash_of(&self, partition: &str) -> Option<&super::HashDescriptor> {
        self.descriptors.iter().find_map(|descriptor| match descriptor {
            Descriptor::Hash(hash) if hash.partition == partition => Some(hash),
            _ => None,
        })
    }
}

/// The bytes at `at`, as many as an array has.
pub(super) fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

fn part<'a>(block: &'a [u8], at: u64, len: u64, part: &'static str) -> Result<&'a [u8], AvbError> {
    let range = usize::try_from(at).ok().zip(at.checked_add(len).and_then(|end| usize::try_from(end).ok()));
    range.and_then(|(start, end)| block.get(start..end)).ok_or(AvbError::Outside { part })
}
