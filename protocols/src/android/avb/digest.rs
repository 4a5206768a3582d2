//! Digests over metadata, as a unit reports them, and over the content that metadata speak of.

use super::descriptor::{Descriptor, HashAlgorithm, HashDescriptor};
use super::vbmeta::{Flags, Vbmeta};
use crate::android::source::{FileError, Source};
use sha2::{Digest, Sha256, Sha512};
use thiserror::Error;

/// Bytes that are hashed together.
const WINDOW: u64 = 1 << 18;

/// Why the digest over all metadata cannot be known.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ChainError {
    /// Metadata are missing that the unit will count.
    #[error("the metadata of partition {0} belong to the digest, and its image is not there")]
    Missing(String),
    /// The image of a partition is signed for another key than the one that is demanded.
    #[error("partition {0} must be signed for another key than its image is")]
    OtherKey(String),
    /// A chained partition chains further, which bootloaders refuse.
    #[error("the metadata of partition {0} chain to others: no bootloader takes that")]
    Nested(String),
}

/// What a unit that booted these images reports as `ro.boot.vbmeta.digest`: SHA-256 over the metadata of `vbmeta`, and of
/// every partition that it chains to, in order. `chained` gives the metadata of a partition.
///
/// # Errors
/// When metadata are missing, for another key, or chain further.
#[doc(alias = "avb_slot_verify_data_calculate_vbmeta_digest")]
pub fn chain_digest<'a>(
    top: &Vbmeta,
    mut chained: impl FnMut(&str) -> Option<&'a Vbmeta>,
) -> Result<[u8; 32], ChainError> {
    let mut hash = Sha256::new().chain_update(top.bytes());
    if top.flags.contains(Flags::VERIFICATION_DISABLED) {
        return Ok(hash.finalize().into());
    }
    for descriptor in &top.descriptors {
        let Descriptor::Chain(chain) = descriptor else { continue };
        let name = || chain.partition.clone();
        let vbmeta = chained(&chain.partition).ok_or_else(|| ChainError::Missing(name()))?;
        if vbmeta.public_key != Some(Sha256::digest(&chain.public_key).into()) {
            return Err(ChainError::OtherKey(name()));
        }
        if vbmeta.descriptors.iter().any(|descriptor| matches!(descriptor, Descriptor::Chain(_))) {
            return Err(ChainError::Nested(name()));
        }
        hash.update(vbmeta.bytes());
    }
    Ok(hash.finalize().into())
}

/// Why an image is not the one that metadata speak of.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum HashError {
    /// It is shorter than what is hashed.
    #[error("the image of partition {partition} has {present} bytes, the metadata speak of {needed}")]
    Short {
        /// The partition.
        partition: String,
        /// Bytes that are hashed.
        needed: u64,
        /// Bytes there.
        present: u64,
    },
    /// Its digest is another.
    #[error("the image of partition {partition} is not the one that the metadata speak of")]
    Other {
        /// The partition.
        partition: String,
        /// The digest in the metadata.
        claimed: Vec<u8>,
        /// That of the image.
        computed: Vec<u8>,
    },
    /// The digest is of a kind that is not computed here.
    #[error("the digest of partition {partition} is of a kind that is not known: {algorithm:?}")]
    Algorithm {
        /// The partition.
        partition: String,
        /// The kind. Untrusted text.
        algorithm: String,
    },
}

impl HashDescriptor {
    /// Holds the image of the partition against the digest. Of a sparse image, what it expands to.
    ///
    /// # Errors
    /// When the image cannot be read or is another, or the digest is of an unknown kind.
    pub fn check<S: Source + ?Sized>(&self, image: &S) -> Result<(), FileError<HashError, S::Error>> {
        let partition = self.partition.clone();
        let (needed, present) = (self.image_len, image.len());
        if present < needed {
            return Err(FileError::Format(HashError::Short { partition, needed, present }));
        }
        let computed = match &self.algorithm {
            HashAlgorithm::Sha256 => self.hash::<Sha256, S>(image).map_err(FileError::Read)?,
            HashAlgorithm::Sha512 => self.hash::<Sha512, S>(image).map_err(FileError::Read)?,
            HashAlgorithm::Other(algorithm) => {
                let algorithm = algorithm.clone();
                return Err(FileError::Format(HashError::Algorithm { partition, algorithm }));
            }
        };
        if computed == self.digest {
            return Ok(());
        }
        Err(FileError::Format(HashError::Other { partition, claimed: self.digest.clone(), computed }))
    }

    fn hash<D: Digest, S: Source + ?Sized>(&self, image: &S) -> Result<Vec<u8>, S::Error> {
        let mut hash = D::new().chain_update(&self.salt);
        let mut buf = vec![0; self.image_len.min(WINDOW) as usize];
        let mut at = 0;
        while at < self.image_len {
            let window = buf.get_mut(..(self.image_len - at).min(WINDOW) as usize).unwrap_or_default();
            image.read_exact_at(at, window)?;
            hash.update(&*window);
            at += window.len() as u64;
        }
        Ok(hash.finalize().to_vec())
    }
}
