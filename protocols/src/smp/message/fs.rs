//! Group fs: files by path, one at a time. There is no command that lists or deletes.

use super::cbor::{DecodeError, Reader, Value, Writer};
use super::macros::{record, request};
use super::{Bytes, Empty, Text};
use minicbor::data::Type;
use std::collections::BTreeMap;

request! {
    /// Read a piece of a file. The unit decides how long it is.
    Download = "file download", Read FS 0 => DownloadReply {
        /// Offset in the file.
        "off" => off: u64,
        /// Absolute path.
        "name" => name: String,
    }
}
record! {
    /// Answer to [`Download`].
    #[derive(Default)]
    DownloadReply {
        /// Offset of `data`.
        "off" => off: u64,
        /// The piece.
        "data" => data: Bytes,
        /// Bytes of the whole file; only with the piece at offset 0.
        "len" => len: Option<u64>,
    }
}

request! {
    /// Write a piece of a file. The piece at offset 0 creates or empties it.
    ///
    /// Zephyr takes a later piece only at the offset where its file ends, and otherwise answers
    /// [`OFFSET_NOT_VALID`](super::codes::fs::OFFSET_NOT_VALID) with that offset in [`Refusal::at`](super::Refusal).
    /// An *empty* piece at offset 0 creates a file, but does not empty one.
    Upload = "file upload", Write FS 0 => UploadReply {
        /// Offset of `data` in the file.
        "off" => off: u64,
        /// The piece.
        "data" => data: Bytes,
        /// Absolute path.
        "name" => name: String,
        /// Bytes of the whole file; only with the piece at offset 0, and required there.
        "len" => len: Option<u64>,
    }
}
record! {
    /// Answer to [`Upload`].
    #[derive(Default)]
    UploadReply {
        /// Offset that the unit wants next.
        "off" => off: u64,
    }
}

request! {
    /// Ask for the size of a file.
    Status = "file status", Read FS 1 => StatusReply {
        /// Absolute path.
        "name" => name: String,
    }
}
record! {
    /// Answer to [`Status`].
    #[derive(Default)]
    StatusReply {
        /// Bytes of the file.
        "len" => len: u64,
    }
}

request! {
    /// Have the unit compute a checksum over a file or a part of it.
    Hash = "file hash", Read FS 2 => HashReply {
        /// Absolute path.
        "name" => name: String,
        /// `sha256` or `crc32`; absent means the unit's default.
        "type" => kind: Option<String>,
        /// First byte to count in; absent means 0.
        "off" => off: Option<u64>,
        /// Most bytes to count in; absent means all.
        "len" => len: Option<u64>,
    }
}
record! {
    /// Answer to [`struct@Hash`].
    HashReply {
        /// What was computed.
        "type" => kind: Text,
        /// Where it began; absent means 0.
        "off" => off: Option<u64>,
        /// Bytes that were counted in.
        "len" => len: u64,
        /// The result.
        "output" => output: Digest,
    }
}

/// A checksum as the unit gives it: CRCs as numbers, hashes as bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Digest {
    /// A number, such as an IEEE CRC-32.
    Number(u64),
    /// Bytes, such as a SHA-256.
    Bytes(Bytes),
}

impl Value for Digest {
    fn encode(&self, w: &mut Writer) {
        match self {
            Self::Number(number) => w.unsigned(*number),
            Self::Bytes(bytes) => bytes.encode(w),
        }
    }

    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match r.kind()? {
            Type::Bytes | Type::BytesIndef => Bytes::decode(r).map(Self::Bytes),
            _ => r.unsigned().map(Self::Number),
        }
    }
}

request! {
    /// Ask which checksums the unit can compute.
    SupportedHashes = "supported file hashes", Read FS 3 => SupportedHashesReply {}
}
record! {
    /// Answer to [`SupportedHashes`].
    #[derive(Default)]
    SupportedHashesReply {
        /// By name, as [`Hash::kind`] takes it.
        "types" => types: BTreeMap<Text, HashFormat>,
    }
}
record! {
    /// How a checksum looks.
    #[derive(Default)]
    HashFormat {
        /// 0 a number, 1 bytes.
        "format" => format: u64,
        /// Bytes of the result.
        "size" => size: u64,
    }
}

request! {
    /// Close the file that the unit keeps open between pieces.
    Close = "file close", Write FS 4 => Empty {}
}
