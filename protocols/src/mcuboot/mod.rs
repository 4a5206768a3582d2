//! MCUboot's image format: what a file must be before it is worth sending to a unit.
//!
//! Specification: <https://docs.mcuboot.com/design.html#image-format>. Signatures are recognised and not verified:
//! the key that matters is in the unit. Left out: decryption, and the swap status that MCUboot keeps behind an image.

mod build;
mod header;
mod image;
mod tlv;

pub use build::{ImageBuilder, TooLarge};
pub use header::{Flags, Header, Version, VersionError};
pub use image::{Content, Hash, HashKind, Image, ImageError};
pub use tlv::{Tlv, TlvKind, TlvSection};

#[cfg(test)]
mod tests;
