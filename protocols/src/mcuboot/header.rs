//! The 32 bytes before an image, and its version.

use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// Header at the beginning of an image. Numbers are little-endian in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Address that the image is to be loaded to; only used with [`Flags::RAM_LOAD`] and [`Flags::ROM_FIXED`].
    #[doc(alias = "ih_load_addr")]
    pub load_address: u32,
    /// Bytes from the beginning of the file to the body: this header and padding.
    #[doc(alias = "ih_hdr_size")]
    pub header_size: u16,
    /// Bytes of the protected trailer, 0 when there is none.
    #[doc(alias = "ih_protect_tlv_size")]
    pub protected_size: u16,
    /// Bytes of the body.
    #[doc(alias = "ih_img_size")]
    pub body_size: u32,
    /// Properties of the image.
    #[doc(alias = "ih_flags")]
    pub flags: Flags,
    /// Version of the image.
    #[doc(alias = "ih_ver")]
    pub version: Version,
}

impl Header {
    /// Bytes of the header itself.
    pub const LEN: usize = 32;
    /// First four bytes of every image.
    pub const MAGIC: u32 = 0x96f3_b83d;

    /// The header at the beginning of `bytes`; `None` when there are fewer than 32 or the magic is another.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.first_chunk::<{ Self::LEN }>()?;
        let u16_at = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
        let u32_at = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        (u32_at(0) == Self::MAGIC).then(|| Self {
            load_address: u32_at(4),
            header_size: u16_at(8),
            protected_size: u16_at(10),
            body_size: u32_at(12),
            flags: Flags(u32_at(16)),
            version: Version { major: bytes[20], minor: bytes[21], revision: u16_at(22), build: u32_at(24) },
        })
    }

    /// The 32 bytes in the file.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        bytes[0..4].copy_from_slice(&Self::MAGIC.to_le_bytes());
        bytes[4..8].copy_from_slice(&self.load_address.to_le_bytes());
        bytes[8..10].copy_from_slice(&self.header_size.to_le_bytes());
        bytes[10..12].copy_from_slice(&self.protected_size.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.body_size.to_le_bytes());
        bytes[16..20].copy_from_slice(&self.flags.0.to_le_bytes());
        bytes[20] = self.version.major;
        bytes[21] = self.version.minor;
        bytes[22..24].copy_from_slice(&self.version.revision.to_le_bytes());
        bytes[24..28].copy_from_slice(&self.version.build.to_le_bytes());
        bytes
    }
}

/// Flags of an image; unknown bits are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Flags(pub u32);

impl Flags {
    /// Position-independent code.
    pub const PIC: Self = Self(0x01);
    /// Body encrypted with AES-128.
    pub const ENCRYPTED_AES128: Self = Self(0x04);
    /// Body encrypted with AES-256.
    pub const ENCRYPTED_AES256: Self = Self(0x08);
    /// Not to be started by itself.
    pub const NON_BOOTABLE: Self = Self(0x10);
    /// Copied to RAM before it runs.
    pub const RAM_LOAD: Self = Self(0x20);
    /// Must lie at its load address in flash.
    pub const ROM_FIXED: Self = Self(0x100);

    /// Whether all bits of `flag` are set.
    #[must_use]
    pub const fn contains(self, flag: Self) -> bool {
        self.0 & flag.0 == flag.0
    }

    /// Whether the body is encrypted in the file.
    #[must_use]
    pub const fn is_encrypted(self) -> bool {
        self.0 & (Self::ENCRYPTED_AES128.0 | Self::ENCRYPTED_AES256.0) != 0
    }
}

/// Version of an image: `major.minor.revision+build`. Ordered field by field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// First number.
    pub major: u8,
    /// Second number.
    pub minor: u8,
    /// Third number.
    pub revision: u16,
    /// Build number; most bootloaders ignore it when they compare.
    pub build: u32,
}

impl fmt::Display for Version {
    /// As imgtool takes it. Units write `major.minor.revision`, then `.build` unless it is 0: see
    /// [`Version::as_unit_writes`].
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.revision)?;
        if self.build != 0 {
            write!(f, "+{}", self.build)?;
        }
        Ok(())
    }
}

impl Version {
    /// The text that SMP servers give in the image state.
    #[must_use]
    pub fn as_unit_writes(&self) -> String {
        self.to_string().replace('+', ".")
    }
}

/// Text that is not a version.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("not a version: {0:?}; expected major.minor.revision+build, the last two optional")]
pub struct VersionError(
    /// The text.
    pub String,
);

impl FromStr for Version {
    type Err = VersionError;

    /// Takes imgtool's `1.2.3+4` and the units' `1.2.3.4`; what is left out is 0.
    fn from_str(text: &str) -> Result<Self, VersionError> {
        let error = || VersionError(text.to_owned());
        let mut parts = text.split(['.', '+']);
        fn number<T: FromStr + Default>(part: Option<&str>) -> Option<T> {
            part.map_or(Some(T::default()), |digits| {
                digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
            })
        }
        let major = parts.next().filter(|part| !part.is_empty());
        let version = Self {
            major: number(Some(major.ok_or_else(error)?)).ok_or_else(error)?,
            minor: number(parts.next()).ok_or_else(error)?,
            revision: number(parts.next()).ok_or_else(error)?,
            build: number(parts.next()).ok_or_else(error)?,
        };
        if parts.next().is_some() { Err(error()) } else { Ok(version) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_read_as_both_sides_write_them() {
        let version = Version { major: 1, minor: 2, revision: 3, build: 4 };
        assert_eq!("1.2.3+4".parse(), Ok(version));
        assert_eq!(version.as_unit_writes().parse(), Ok(version));
        assert_eq!("7".parse(), Ok(Version { major: 7, ..Version::default() }));
        for wrong in ["", "a", "1.2.3.4.5", "256", "1..2", "-1", "1.+2", "1.2.70000"] {
            assert!(wrong.parse::<Version>().is_err(), "{wrong}");
        }
    }
}
