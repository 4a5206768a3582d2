//! The block before the central directory that holds signatures over the whole package.

use super::ApkError;
use crate::android::source::{FileError, Source};
use sha2::{Digest, Sha256};

const MAGIC: &[u8; 16] = b"APK Sig Block 42";
/// Schemes v3.1, v3 and v2: a unit believes the first that it knows, and all that it knows name the same certificates.
const SCHEMES: [u32; 3] = [0xf053_68c0, 0x1b93_ad61, 0x7109_871a];
/// Bytes of the block: mostly padding, and small.
const MAX_BLOCK: u64 = 16 << 20;
/// Signers of a package; units take ten.
const MAX_SIGNERS: usize = 10;

/// SHA-256 of the certificate of every signer.
pub(super) fn read<S: Source + ?Sized>(
    file: &S,
    directory_at: u64,
) -> Result<Vec<[u8; 32]>, FileError<ApkError, S::Error>> {
    const FOOT: u64 = 24;
    let wrong = || FileError::Format(ApkError::Signatures);
    let Some(foot_at) = directory_at.checked_sub(FOOT) else { return Ok(Vec::new()) };
    let mut foot = [0; FOOT as usize];
    file.read_exact_at(foot_at, &mut foot).map_err(FileError::Read)?;
    if !foot.ends_with(MAGIC) {
        return Ok(Vec::new());
    }
    let len = foot.first_chunk().map(|len| u64::from_le_bytes(*len)).unwrap_or_default();
    let start = len.checked_add(8).filter(|_| (FOOT..=MAX_BLOCK).contains(&len));
    let start = start.and_then(|len| directory_at.checked_sub(len)).ok_or_else(wrong)?;
    let mut block = vec![0; (len + 8 - FOOT) as usize];
    file.read_exact_at(start, &mut block).map_err(FileError::Read)?;
    let (first, mut pairs) = block.split_at_checked(8).ok_or_else(wrong)?;
    if foot.get(..8) != Some(first) {
        return Err(wrong());
    }
    let mut schemes = Vec::new();
    while !pairs.is_empty() {
        let (pair, rest) = long(pairs).ok_or_else(wrong)?;
        let (id, value) = pair.split_first_chunk().ok_or_else(wrong)?;
        schemes.push((u32::from_le_bytes(*id), value));
        pairs = rest;
    }
    let known = SCHEMES.iter().find_map(|id| schemes.iter().find(|(other, _)| other == id));
    known.map_or(Some(Vec::new()), |(_, value)| certificates(value)).ok_or_else(wrong)
}

/// The first certificate of every signer. Every scheme has it at the same place.
fn certificates(value: &[u8]) -> Option<Vec<[u8; 32]>> {
    let (mut signers, _) = short(value)?;
    let mut found = Vec::new();
    while !signers.is_empty() {
        let (signer, rest) = short(signers)?;
        signers = rest;
        let (signed, _) = short(signer)?;
        let (_digests, signed) = short(signed)?;
        let (certificates, _) = short(signed)?;
        let (certificate, _) = short(certificates)?;
        found.push(Sha256::digest(certificate).into());
        if found.len() > MAX_SIGNERS {
            return None;
        }
    }
    Some(found)
}

/// What a length of 32 bits stands before, and the rest.
fn short(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(u32::from_le_bytes(*len) as usize)
}

/// What a length of 64 bits stands before, and the rest.
fn long(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(usize::try_from(u64::from_le_bytes(*len)).ok()?)
}
