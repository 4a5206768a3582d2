//! Android Verified Boot: what an image says of itself and of other images, and the digest by which a unit that booted
//! names all of it (`ro.boot.vbmeta.digest`).
//!
//! Specification: `libavb/avb_vbmeta_image.h`, `avb_footer.h`, `avb_*_descriptor.h` and `avb_slot_verify.c` of AOSP's
//! `external/avb`, whose names are kept as aliases. Numbers are big-endian. Signatures are recognised and not verified:
//! the key that matters is in the unit. Hash trees are read and not computed.

mod descriptor;
mod digest;
mod footer;
#[cfg(test)]
mod tests;
mod vbmeta;

pub use descriptor::{ChainPartition, Descriptor, HashAlgorithm, HashDescriptor, HashtreeDescriptor};
pub use digest::{ChainError, HashError, chain_digest};
pub use footer::Footer;
pub use vbmeta::{Algorithm, Flags, Vbmeta};

use thiserror::Error;

/// Why an image cannot be used with verified boot.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum AvbError {
    /// There is no metadata: neither does the file begin with it, nor end with a footer.
    #[error("the image has no metadata of verified boot")]
    Absent,
    /// The footer points beyond what is before it.
    #[error("the footer places {len} bytes of metadata at byte {at}, beyond the {room} bytes before it")]
    Footer {
        /// Where it says that they begin.
        at: u64,
        /// How many it says there are.
        len: u64,
        /// Bytes before the footer.
        room: u64,
    },
    /// The version is not known.
    #[error("version {0} of the metadata is not known")]
    Version(u32),
    /// There is more metadata than a bootloader reads.
    #[error("the metadata claims {len} bytes; bootloaders read {limit}")]
    TooLarge {
        /// What it claims.
        len: u64,
        /// What bootloaders read.
        limit: u64,
    },
    /// The metadata end before they should.
    #[error("the metadata are cut short: {needed} bytes are needed, {present} are there")]
    Cut {
        /// Bytes needed.
        needed: u64,
        /// Bytes there.
        present: u64,
    },
    /// A part lies outside the block that it is in.
    #[error("the {part} lies outside its block")]
    Outside {
        /// Which part.
        part: &'static str,
    },
    /// A descriptor is longer or shorter than it says.
    #[error("the descriptor at byte {at} contradicts its length")]
    Descriptor {
        /// Where it begins, from the first descriptor on.
        at: usize,
    },
    /// A partition's name is not one.
    #[error("the descriptor at byte {at} names no partition")]
    Name {
        /// Where it begins, from the first descriptor on.
        at: usize,
    },
    /// The metadata are not what their hash was taken of.
    #[error("the metadata are corrupt: they do not have the hash that they carry")]
    Corrupt,
}
