//! Android sparse images: an image as chunks of data, of a repeated word, and of nothing.
//!
//! Specification: `libsparse/sparse_format.h` in AOSP's `system/core`, whose names are kept as aliases. An [`Image`] is
//! what a file (sparse or plain) holds where; [`Image::pieces`] cuts it into sparse images that a unit's download buffer
//! takes, each made while it is read. Holes stay holes, and zeros that a plain file holds are written as a repeated
//! word: they must be zeros afterwards. Left out: the checksum in the file header, which nothing writes or reads.

mod chunks;
mod digest;
mod header;
mod image;
mod piece;
#[cfg(test)]
mod tests;

pub use chunks::{Chunk, Chunks, What};
pub use digest::{ChecksumError, Expanded, Holes};
pub use header::{BlockSize, ChunkHeader, ChunkKind, FileHeader, is_sparse};
pub use image::{Extent, Image, Stored};
pub use piece::{Part, Piece, PieceReader, Pieces, TooSmall};

use thiserror::Error;

/// Why a file is no sparse image.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum SparseError {
    /// It does not begin like one.
    #[error("not a sparse image: it does not begin with the magic number")]
    NotSparse,
    /// It ends before the end of what begins at `at`.
    #[error("the sparse image is cut short: what begins at byte {at} does not end in it")]
    Cut {
        /// Where it begins.
        at: u64,
    },
    /// Its version is not known.
    #[error("version {0} of sparse images is not known")]
    Version(u16),
    /// A header claims to be smaller than it is.
    #[error("the sparse image gives its headers {0} bytes, fewer than they have")]
    HeaderSize(u16),
    /// Its blocks have an impossible size.
    #[error("blocks of {0} bytes: not a multiple of 4")]
    BlockSize(u32),
    /// A chunk is of a type that is not known.
    #[error("the chunk at byte {at} is of type {kind:#06x}, which is not known")]
    Kind {
        /// Where it begins.
        at: u64,
        /// The type.
        kind: u16,
    },
    /// A chunk's length is not that of its content.
    #[error("the chunk at byte {at} gives its length as {claimed} bytes and should have {expected}")]
    ChunkLength {
        /// Where it begins.
        at: u64,
        /// What it says.
        claimed: u32,
        /// What its type and blocks demand.
        expected: u64,
    },
    /// The chunks make more blocks than the header says.
    #[error("the chunk at byte {at} ends beyond the {blocks} blocks of the image")]
    Beyond {
        /// Where it begins.
        at: u64,
        /// Blocks of the image.
        blocks: u32,
    },
    /// The chunks make fewer blocks than the header says.
    #[error("the chunks make {found} blocks, the header announces {blocks}")]
    Blocks {
        /// What the chunks make.
        found: u32,
        /// What the header says.
        blocks: u32,
    },
    /// Something follows the last chunk.
    #[error("{len} bytes from byte {at} on belong to no chunk")]
    Loose {
        /// Where they begin.
        at: u64,
        /// How many there are.
        len: u64,
    },
    /// More separate pieces of content than any image has.
    #[error("more than {limit} separate extents")]
    TooMany {
        /// How many there may be.
        limit: usize,
    },
    /// The plain file is larger than blocks can be counted.
    #[error("{0} bytes are too many for an image")]
    TooLarge(u64),
}
