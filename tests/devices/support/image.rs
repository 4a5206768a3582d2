//! MCUboot images for the emulated unit, made from the one that its build ships.
//!
//! That build checks the SHA-256 of an image and no signature, so a valid image of any version is the shipped one with
//! another version in its header and the digest taken anew. Written against MCUboot's `docs/design.md`, apart from
//! the codec under test.

use sha2::{Digest, Sha256};

/// An image and what MCUboot calls it.
#[derive(Clone)]
pub struct Image {
    pub bytes: Vec<u8>,
    /// The SHA-256 of header and body: the hash in image state.
    pub hash: [u8; 32],
}

const LOAD_ADDRESS_AT: usize = 4;
const VERSION_AT: usize = 20;
const TLV_INFO_LEN: usize = 4;
const TLV_SHA256: u16 = 0x10;

/// The image `shipped` with another version.
pub fn with_version(shipped: &[u8], version: (u8, u8, u16, u32)) -> Image {
    let mut bytes = shipped.to_vec();
    let (major, minor, revision, build) = version;
    bytes[VERSION_AT] = major;
    bytes[VERSION_AT + 1] = minor;
    bytes[VERSION_AT + 2..VERSION_AT + 4].copy_from_slice(&revision.to_le_bytes());
    bytes[VERSION_AT + 4..VERSION_AT + 8].copy_from_slice(&build.to_le_bytes());

    sealed(bytes)
}

/// The same image for a load address that the bootloader does not allow: every digest is right and it still refuses.
pub fn with_load_address(image: &Image, address: u32) -> Image {
    let mut bytes = image.bytes.clone();
    bytes[LOAD_ADDRESS_AT..LOAD_ADDRESS_AT + 4].copy_from_slice(&address.to_le_bytes());
    sealed(bytes)
}

/// Takes the digest anew.
fn sealed(mut bytes: Vec<u8>) -> Image {
    let u16_at = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
    let header = usize::from(u16_at(8));
    assert_eq!(u16_at(10), 0, "the shipped image has no protected TLVs");
    let body = u32::from_le_bytes([bytes[12], bytes[13], bytes[14], bytes[15]]) as usize;
    let end = header + body;
    let first = end + TLV_INFO_LEN;
    assert_eq!((u16_at(first), u16_at(first + 2)), (TLV_SHA256, 32), "the first TLV is the digest");

    let hash: [u8; 32] = Sha256::digest(&bytes[..end]).into();
    bytes[first + 4..first + 36].copy_from_slice(&hash);
    Image { bytes, hash }
}

/// Intel HEX to runs of `(address, bytes)`.
pub fn intel_hex(text: &str) -> Vec<(u32, Vec<u8>)> {
    let mut runs: Vec<(u32, Vec<u8>)> = Vec::new();
    let mut base = 0u32;
    for line in text.lines().filter_map(|line| line.trim().strip_prefix(':')) {
        let record = hex::decode(line).expect("a record is hex");
        let (len, kind) = (usize::from(record[0]), record[3]);
        let offset = u32::from(u16::from_be_bytes([record[1], record[2]]));
        let data = &record[4..4 + len];
        match kind {
            0 => match runs.last_mut() {
                Some((at, bytes)) if *at + bytes.len() as u32 == base + offset => bytes.extend_from_slice(data),
                _ => runs.push((base + offset, data.to_vec())),
            },
            4 => base = u32::from(u16::from_be_bytes([data[0], data[1]])) << 16,
            _ => {}
        }
    }
    runs
}

/// A small image with a body of `len` bytes, for a unit that runs no code.
pub fn of_len(len: usize, version: (u8, u8, u16, u32)) -> Image {
    const HEADER: u16 = 32;
    let mut bytes = Vec::new();
    bytes.extend_from_slice(&0x96f3_b83d_u32.to_le_bytes());
    bytes.extend_from_slice(&0_u32.to_le_bytes()); // load address
    bytes.extend_from_slice(&HEADER.to_le_bytes());
    bytes.extend_from_slice(&0_u16.to_le_bytes()); // protected TLVs
    bytes.extend_from_slice(&(len as u32).to_le_bytes());
    bytes.extend_from_slice(&[0; 16]); // flags, version, padding
    // A body that no shift or repetition maps onto itself.
    bytes.extend((0..len).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8));
    bytes.extend_from_slice(&0x6907_u16.to_le_bytes());
    bytes.extend_from_slice(&40_u16.to_le_bytes());
    bytes.extend_from_slice(&TLV_SHA256.to_le_bytes());
    bytes.extend_from_slice(&32_u16.to_le_bytes());
    bytes.extend_from_slice(&[0; 32]);
    with_version(&bytes, version)
}
