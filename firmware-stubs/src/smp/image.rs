//! What the bootloader and the image group read of an MCUboot image in a slot.
//!
//! Read here once more and not with the station's own reader, so that both would have to make the same mistake.
//! Format: MCUboot's design document, "Image format".

use sha2::{Digest as _, Sha256};

/// First word of an image.
pub(super) const MAGIC: u32 = 0x96f3_b83d;
/// Bytes of the header that the format defines; `hdr_size` may be larger.
pub(super) const HEADER_LEN: usize = 32;
const TLV_INFO: u16 = 0x6907;
const PROTECTED_TLV_INFO: u16 = 0x6908;
const TLV_SHA256: u16 = 0x10;
const NON_BOOTABLE: u32 = 0x10;

/// Version of an image: major, minor, revision, build.
pub(super) type Version = (u8, u8, u16, u32);

/// What the image group tells of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Info {
    pub(super) version: Version,
    pub(super) hash: [u8; 32],
    pub(super) bootable: bool,
    /// Bytes that the hash covers: header, body and protected TLVs.
    hashed: usize,
}

impl Info {
    /// As Zephyr prints a version: the build number only when there is one.
    pub(super) fn version_text(&self) -> String {
        let (major, minor, revision, build) = self.version;
        match build {
            0 => format!("{major}.{minor}.{revision}"),
            _ => format!("{major}.{minor}.{revision}.{build}"),
        }
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at.checked_add(2)?)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

/// Version in the header at the beginning of `bytes`, when it is an image's.
pub(super) fn version(bytes: &[u8]) -> Option<Version> {
    if u32_at(bytes, 0)? != MAGIC {
        return None;
    }
    Some((*bytes.get(20)?, *bytes.get(21)?, u16_at(bytes, 22)?, u32_at(bytes, 24)?))
}

/// Offset of the middle of the firmware in a file of `size` bytes that begins with `head`.
///
/// Not the middle of the file: a small image has a trailer larger than itself, and nobody would miss a byte there.
pub(super) fn middle(head: &[u8], size: u64) -> u64 {
    let of_body = || {
        version(head)?;
        Some(u64::from(u16_at(head, 8)?) + u64::from(u32_at(head, 12)?) / 2)
    };
    of_body().filter(|at| *at < size).unwrap_or(size / 2)
}

/// What a slot's content says of itself. The hash is that of the TLV: nothing is computed.
pub(super) fn inspect(slot: &[u8]) -> Option<Info> {
    let version = version(slot)?;
    let header = usize::from(u16_at(slot, 8)?);
    let body = usize::try_from(u32_at(slot, 12)?).ok()?;
    let flags = u32_at(slot, 16)?;
    let mut hashed = header.checked_add(body)?;
    if u16_at(slot, hashed)? == PROTECTED_TLV_INFO {
        hashed = hashed.checked_add(usize::from(u16_at(slot, hashed + 2)?))?;
    }
    if u16_at(slot, hashed)? != TLV_INFO {
        return None;
    }
    let end = hashed.checked_add(usize::from(u16_at(slot, hashed + 2)?))?;
    let mut at = hashed + 4;
    let mut hash = None;
    while at + 4 <= end {
        let (kind, len) = (u16_at(slot, at)?, usize::from(u16_at(slot, at + 2)?));
        let value = slot.get(at + 4..at + 4 + len)?;
        if kind == TLV_SHA256 && len == 32 && hash.replace(value.try_into().ok()?).is_some() {
            return None;
        }
        at += 4 + len;
    }
    Some(Info { version, hash: hash?, bootable: flags & NON_BOOTABLE == 0, hashed })
}

/// What the bootloader asks before it runs or swaps: is what is stored what the TLV's hash was taken over?
pub(super) fn is_valid(slot: &[u8]) -> bool {
    inspect(slot).is_some_and(|info| {
        slot.get(..info.hashed).is_some_and(|hashed| Sha256::digest(hashed).as_slice() == info.hash)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocols::mcuboot::{ImageBuilder, TlvKind, TlvSection, Version};

    fn build(body: &[u8]) -> Vec<u8> {
        let version = Version { major: 1, minor: 2, revision: 3, build: 4 };
        ImageBuilder::new(version).build(body).unwrap()
    }

    #[test]
    fn a_built_image_is_valid_and_any_changed_byte_makes_it_not() {
        let image = build(b"firmware");
        let info = inspect(&image).unwrap();
        assert_eq!(info.version_text(), "1.2.3.4");
        assert!(is_valid(&image));
        // A TLV area that claims one byte more holds the same TLVs, so its length's low bit decides nothing.
        let idle = HEADER_LEN + b"firmware".len() + 2;
        for at in (0..image.len()).filter(|at| *at != idle) {
            let mut worn = image.clone();
            worn[at] ^= 0x01;
            assert!(!is_valid(&worn), "byte {at}");
        }
        assert!(!is_valid(&image[..image.len() - 1]));
    }

    #[test]
    fn protected_trailers_and_long_headers_are_hashed_too() {
        let builder = ImageBuilder::new(Version::default()).header_size(512);
        let mut image = builder.tlv(TlvSection::Protected, TlvKind(0x50), [7; 5]).build(b"firmware").unwrap();
        assert!(is_valid(&image));
        let protected = 512 + b"firmware".len() + 8;
        image[protected] ^= 1;
        assert!(!is_valid(&image));
    }

    proptest::proptest! {
        #[test]
        fn hostile_headers_are_no_images(mut bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            for (to, from) in bytes.iter_mut().zip(MAGIC.to_le_bytes()) {
                *to = from;
            }
            proptest::prop_assert!(!is_valid(&bytes));
        }
    }
}
