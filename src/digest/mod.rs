//! Checksums: what was expected and what was observed, comparable and printable.

pub mod canonical;

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::Digest as _;

/// How a digest was computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Algorithm {
    /// SHA-256 (FIPS 180-4).
    Sha256,
    /// CRC-32 (ISO-HDLC), most significant byte first.
    Crc32,
    /// HMAC-SHA-256 under the station's secret: how a secret's value is recorded.
    HmacSha256,
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Algorithm::Sha256 => "sha256",
            Algorithm::Crc32 => "crc32",
            Algorithm::HmacSha256 => "hmac-sha256",
        })
    }
}

/// A digest with its algorithm; prints as lower-case hex.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Digest {
    algorithm: Algorithm,
    bytes: Vec<u8>,
}

impl Digest {
    /// A digest that somebody else computed.
    #[must_use]
    pub fn from_bytes(algorithm: Algorithm, bytes: impl Into<Vec<u8>>) -> Digest {
        Digest { algorithm, bytes: bytes.into() }
    }

    /// A digest in lower-case hex; `None` when it is not, or has not the algorithm's length.
    #[must_use]
    pub fn from_hex(algorithm: Algorithm, text: &str) -> Option<Digest> {
        let len = match algorithm {
            Algorithm::Sha256 | Algorithm::HmacSha256 => 32,
            Algorithm::Crc32 => 4,
        };
        let lower = text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let bytes = hex::decode(text).ok().filter(|bytes| lower && bytes.len() == len)?;
        Some(Digest { algorithm, bytes })
    }

    /// SHA-256 of `data`.
    #[must_use]
    pub fn sha256(data: &[u8]) -> Digest {
        Digest::from_bytes(Algorithm::Sha256, sha2::Sha256::digest(data).to_vec())
    }

    /// CRC-32 (ISO-HDLC) of `data`.
    #[must_use]
    pub fn crc32(data: &[u8]) -> Digest {
        let mut crc = Crc32::new();
        crc.update(data);
        crc.finish()
    }

    /// How it was computed.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The digest itself.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.bytes))
    }
}

static CRC: crc::Crc<u32> = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC);

/// CRC-32 (ISO-HDLC) over bytes that come one after the other.
pub struct Crc32(crc::Digest<'static, u32>);

impl Crc32 {
    /// Over nothing yet.
    #[must_use]
    pub fn new() -> Crc32 {
        Crc32(CRC.digest())
    }

    /// The next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest of all that came.
    #[must_use]
    pub fn finish(self) -> Digest {
        Digest::from_bytes(Algorithm::Crc32, self.0.finalize().to_be_bytes())
    }
}

impl Default for Crc32 {
    fn default() -> Self {
        Self::new()
    }
}

/// A SHA-256 as lower-case hex in JSON, for `#[serde(with)]`.
pub(crate) mod sha256_hex {
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    use super::{Algorithm, Digest};

    pub(crate) fn serialize<S: Serializer>(digest: &Digest, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(digest)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Digest, D::Error> {
        let text = String::deserialize(deserializer)?;
        Digest::from_hex(Algorithm::Sha256, &text).ok_or_else(|| D::Error::custom("not a SHA-256 in lower-case hex"))
    }
}
