//! Records of the stream `sync:`: files to and from the unit (`SYNC.TXT`, `file_sync_protocol.h`).
//!
//! Requests and their answers come in two versions; the second knows more than 32 bits of length, errors, and
//! compression. After a `FAIL` in answer to a send or a receive the daemon ends the stream once it has taken what was
//! under way. [`Requests`] reads a stream on the unit's side, [`Replies`] on the host's, where what may come is decided
//! by what was asked ([`Asked`]).

mod reply;
mod request;
mod stat;

pub use reply::{Asked, Replies, Reply, data_header, done, fail, okay};
pub use request::{Follow, Request, RequestPart, Requests};
pub use stat::{Entry, FileKind, Mode, Stat};

use thiserror::Error;

/// Most bytes of a path (`SYNC.TXT`).
pub const MAX_PATH: usize = 1024;
/// Most bytes of a `DATA` record (`SYNC_DATA_MAX`).
pub const MAX_DATA: usize = 64 << 10;
/// Most bytes of a `FAIL` record's text that are kept.
pub const MAX_FAIL: usize = 4096;
/// Most bytes of a name in a folder that are believed: more than any file system has.
pub const MAX_NAME: usize = 4096;

pub(super) mod id {
    pub(crate) const STAT: [u8; 4] = *b"STAT";
    pub(crate) const STAT2: [u8; 4] = *b"STA2";
    pub(crate) const LSTAT2: [u8; 4] = *b"LST2";
    pub(crate) const LIST: [u8; 4] = *b"LIST";
    pub(crate) const LIST2: [u8; 4] = *b"LIS2";
    pub(crate) const DENT: [u8; 4] = *b"DENT";
    pub(crate) const DENT2: [u8; 4] = *b"DNT2";
    pub(crate) const SEND: [u8; 4] = *b"SEND";
    pub(crate) const SEND2: [u8; 4] = *b"SND2";
    pub(crate) const RECV: [u8; 4] = *b"RECV";
    pub(crate) const RECV2: [u8; 4] = *b"RCV2";
    pub(crate) const DATA: [u8; 4] = *b"DATA";
    pub(crate) const DONE: [u8; 4] = *b"DONE";
    pub(crate) const OKAY: [u8; 4] = *b"OKAY";
    pub(crate) const FAIL: [u8; 4] = *b"FAIL";
    pub(crate) const QUIT: [u8; 4] = *b"QUIT";
}

/// How the data of a transfer is compressed (`SyncFlag`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// One brotli stream.
    Brotli,
    /// One LZ4 frame.
    Lz4,
    /// One zstd frame.
    Zstd,
}

/// Whether what is sent is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DryRun {
    /// It is written.
    #[default]
    No,
    /// It is taken and thrown away.
    Yes,
}

/// The bit that makes a send a dry run.
const DRY_RUN: u32 = 0x8000_0000;

/// Flags of a transfer in the second version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// How its data is compressed.
    pub compression: Compression,
    /// Whether it is written.
    pub dry_run: DryRun,
}

impl Flags {
    fn from_bits(bits: u32) -> Result<Self, SyncError> {
        let compression = match bits & !DRY_RUN {
            0 => Compression::None,
            1 => Compression::Brotli,
            2 => Compression::Lz4,
            4 => Compression::Zstd,
            _ => return Err(SyncError::Flags(bits)),
        };
        let dry_run = if bits & DRY_RUN == 0 { DryRun::No } else { DryRun::Yes };
        Ok(Self { compression, dry_run })
    }

    /// The bits on the wire.
    #[must_use]
    pub const fn bits(self) -> u32 {
        let compression = match self.compression {
            Compression::None => 0,
            Compression::Brotli => 1,
            Compression::Lz4 => 2,
            Compression::Zstd => 4,
        };
        match self.dry_run {
            DryRun::No => compression,
            DryRun::Yes => compression | DRY_RUN,
        }
    }
}

/// Version of a request and of its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// The first.
    V1,
    /// The second.
    V2,
}

/// What is no record that may come here.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum SyncError {
    /// A record that does not belong here.
    #[error("record `{}` came where {expected} was due", .found.escape_ascii())]
    Unexpected {
        /// Its four letters.
        found: [u8; 4],
        /// What was due.
        expected: &'static str,
    },
    /// A length beyond what the specification allows.
    #[error("{what} announces {claimed} bytes, at most {most} can be")]
    TooLong {
        /// What announces it.
        what: &'static str,
        /// What it announces.
        claimed: u32,
        /// What can be.
        most: usize,
    },
    /// Flags that the specification does not know.
    #[error("transfer flags {0:#x} are not known")]
    Flags(u32),
    /// A send of the first version names its file as `PATH,MODE`.
    #[error("a send names no mode after its path")]
    NoMode,
}

/// Bytes that are needed before anything can be said, over pieces.
#[derive(Debug, Default)]
struct Gather(Vec<u8>);

impl Gather {
    /// Takes from `input` until `wanted` bytes are there; they stay until [`Gather::clear`].
    fn up_to(&mut self, wanted: usize, input: &mut &[u8]) -> Option<&[u8]> {
        let missing = wanted.saturating_sub(self.0.len()).min(input.len());
        let (part, rest) = input.split_at(missing);
        self.0.extend_from_slice(part);
        *input = rest;
        self.0.get(..wanted)
    }

    fn clear(&mut self) {
        self.0.clear();
    }
}

/// Little-endian numbers from the front of a slice; 0 beyond its end.
struct Numbers<'a>(&'a [u8]);

impl Numbers<'_> {
    fn bytes<const N: usize>(&mut self) -> [u8; N] {
        match self.0.split_first_chunk::<N>() {
            Some((chunk, rest)) => {
                self.0 = rest;
                *chunk
            }
            None => [0; N],
        }
    }

    fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.bytes())
    }

    fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.bytes())
    }

    fn i64(&mut self) -> i64 {
        i64::from_le_bytes(self.bytes())
    }
}

fn bounded(what: &'static str, claimed: u32, most: usize) -> Result<usize, SyncError> {
    usize::try_from(claimed).ok().filter(|len| *len <= most).ok_or(SyncError::TooLong { what, claimed, most })
}
