//! ZIP archives, as packages and factory archives are: found by their central directory, entries read one at a time.
//!
//! Specification: PKWARE's APPNOTE.TXT 6.3, with its ZIP64. An archive is refused as a whole when a name in it leads out of
//! the folder that it is unpacked in, when two entries have one name, or when entries share bytes (how small files become
//! huge ones). Left out: encryption, archives in several files, methods other than stored and deflated.

mod directory;
mod entry;
#[cfg(test)]
pub(crate) mod tests;

pub use directory::{Archive, Entry, Method};
pub use entry::EntryReader;

use thiserror::Error;

/// Why an archive or an entry cannot be used.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ZipError {
    /// There is no central directory.
    #[error("not a ZIP archive: it has no central directory")]
    NotZip,
    /// Numbers of the archive contradict each other or its length.
    #[error("the archive is broken: {0} lies outside of it")]
    Outside(&'static str),
    /// The directory does not hold as many entries as it says.
    #[error("the archive's directory announces {announced} entries and does not hold them")]
    Entries {
        /// What it announces.
        announced: u64,
    },
    /// There are more entries than any archive of this kind has.
    #[error("the archive has {found} entries, more than {limit}")]
    TooMany {
        /// What it announces.
        found: u64,
        /// How many there may be.
        limit: u64,
    },
    /// It is spread over several files.
    #[error("the archive is a part of several")]
    Spread,
    /// A name is no text, or leads out of a folder.
    #[error("the archive holds an entry whose name is not a plain path: {0:?}")]
    Name(String),
    /// Two entries have one name.
    #[error("the archive holds two entries by the name {0}")]
    Twice(String),
    /// Two entries share bytes.
    #[error("entry {0} shares its bytes with another")]
    Overlap(String),
    /// An entry is encrypted.
    #[error("entry {0} is encrypted")]
    Encrypted(String),
    /// An entry is packed in a way that is not known.
    #[error("entry {name} is packed by method {method}, which is not known")]
    Method {
        /// The entry.
        name: String,
        /// The method's number.
        method: u16,
    },
    /// What stands before an entry contradicts the directory.
    #[error("entry {0} is not where the archive's directory says")]
    Misplaced(String),
    /// What is packed is broken, or becomes another length than the directory says.
    #[error("entry {0} is broken: it does not unpack to what the directory says")]
    Broken(String),
    /// What is unpacked has another checksum.
    #[error("entry {0} is corrupt: its checksum is wrong")]
    Checksum(String),
    /// An entry is larger than whoever reads it is ready for.
    #[error("entry {name} has {len} bytes, more than the {limit} that it may have")]
    TooLarge {
        /// The entry.
        name: String,
        /// Bytes that it claims.
        len: u64,
        /// Bytes that it may have.
        limit: u64,
    },
    /// There is no such entry.
    #[error("the archive has no entry {0}")]
    Absent(String),
}
