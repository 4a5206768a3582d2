//! The formats of Android's images and packages, read as a station must before any unit is touched.
//!
//! Everything here is a file's word and untrusted: no length is believed before the bytes were seen, and nothing is
//! held in memory that the file only claims to have.

pub mod apk;
pub mod archive;
pub mod avb;
pub mod source;
pub mod sparse;
pub mod zip;
