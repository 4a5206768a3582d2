//! The public key of a host, as a unit is shown it and keeps it.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest as _, Md5};
use rsa::BoxedUint;
use rsa::traits::PublicKeyParts as _;
use sha2::Sha256;
use thiserror::Error;

use super::{BITS, scheme};
use crate::adb::message::TOKEN_LEN;

/// Words of 32 bits in the modulus.
const WORDS: usize = BITS / 32;
/// Bytes of the structure: number of words, `-1/n` modulo 2³², modulus, `2^4096` modulo it, exponent.
const LEN: usize = 4 + 4 + 4 * WORDS + 4 * WORDS + 4;
/// Characters of a key with its name that are looked at.
const MAX_TEXT: usize = 2048;

/// A public key in Android's own form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    bytes: [u8; LEN],
}

/// What is no public key of Android's.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("it is no public key in Android's form")]
pub struct PublicKeyError;

impl PublicKey {
    pub(super) fn of(key: &rsa::PublicKey) -> Option<Self> {
        let modulus: [u8; BITS / 8] = key.n_bytes().as_ref().try_into().ok()?;
        let exponent =
            key.e_bytes().iter().try_fold(0_u32, |e, byte| e.checked_mul(256).map(|e| e | u32::from(*byte)))?;
        let mut words = [0; WORDS];
        for (word, bytes) in words.iter_mut().zip(modulus.rchunks_exact(4)) {
            *word = u32::from_be_bytes(bytes.try_into().ok()?);
        }
        // Doubling the inverse's good bits each time (Newton): 5 rounds from 3 good bits of an odd number.
        let lowest = words[0];
        let inverse = (0..5).fold(lowest, |x, _| x.wrapping_mul(2_u32.wrapping_sub(lowest.wrapping_mul(x))));
        let mut bytes = Vec::with_capacity(LEN);
        bytes.extend_from_slice(&(WORDS as u32).to_le_bytes());
        bytes.extend_from_slice(&inverse.wrapping_neg().to_le_bytes());
        for word in words.iter().chain(&squared(&words)) {
            bytes.extend_from_slice(&word.to_le_bytes());
        }
        bytes.extend_from_slice(&exponent.to_le_bytes());
        Some(Self { bytes: bytes.try_into().ok()? })
    }

    /// Reads a key with the name behind it, as `adbkey.pub` holds it and `AUTH` carries it. The name is untrusted text.
    ///
    /// # Errors
    /// [`PublicKeyError`].
    pub fn parse(text: &[u8]) -> Result<(Self, String), PublicKeyError> {
        let text = text.get(..text.len().min(MAX_TEXT)).unwrap_or_default();
        let text = String::from_utf8_lossy(text);
        let text = text.trim_end_matches(['\0', '\n', '\r']);
        let (key, name) = text.split_once(' ').unwrap_or((text, ""));
        let bytes = STANDARD.decode(key).ok().and_then(|bytes| bytes.try_into().ok()).ok_or(PublicKeyError)?;
        let key = Self { bytes };
        let numbers = key.numbers().ok_or(PublicKeyError)?;
        // The rest follows from modulus and exponent; a key in which it does not is damaged.
        if Self::of(&numbers).as_ref() != Some(&key) {
            return Err(PublicKeyError);
        }
        Ok((key, name.to_owned()))
    }

    /// The key with a name behind it, for people: `user@host` usually.
    #[must_use]
    pub fn to_text(&self, name: &str) -> String {
        format!("{} {name}", STANDARD.encode(self.bytes))
    }

    /// Whether `signature` over `token` was made by the private half.
    #[must_use]
    pub fn verify(&self, token: &[u8; TOKEN_LEN], signature: &[u8]) -> bool {
        self.numbers().is_some_and(|key| key.verify(scheme(), token, signature).is_ok())
    }

    /// The fingerprint as Android shows it when it asks: MD5, in pairs.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        pairs(&Md5::digest(self.bytes))
    }

    /// SHA-256 over the key, lower-case hex: a fingerprint that nobody can forge.
    #[must_use]
    pub fn sha256(&self) -> String {
        pairs(&Sha256::digest(self.bytes)).replace(':', "").to_ascii_lowercase()
    }

    fn numbers(&self) -> Option<rsa::PublicKey> {
        let (words, rest) = self.bytes.split_first_chunk::<4>()?;
        if u32::from_le_bytes(*words) as usize != WORDS {
            return None;
        }
        let mut modulus: [u8; BITS / 8] = rest.get(4..)?.first_chunk().copied()?;
        modulus.reverse();
        let exponent = u32::from_le_bytes(self.bytes.last_chunk().copied()?);
        let modulus = BoxedUint::from_be_slice(&modulus, BITS as u32).ok()?;
        rsa::PublicKey::new(modulus, BoxedUint::from(u64::from(exponent))).ok()
    }
}

fn pairs(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 3);
    for (index, byte) in bytes.iter().enumerate() {
        let colon = if index > 0 { ":" } else { "" };
        write!(text, "{colon}{byte:02X}").ok();
    }
    text
}

/// `2^4096` modulo an odd number of 2048 bits whose highest is set: from `2^2048`, doubled 2048 times.
fn squared(modulus: &[u32; WORDS]) -> [u32; WORDS] {
    // 2^2048 modulo n is 2^2048 - n, and that is -n in 2048 bits.
    let mut value = [0; WORDS];
    subtract(&mut value, modulus);
    for _ in 0..BITS {
        let mut carry = 0;
        for word in &mut value {
            let doubled = (*word << 1) | carry;
            carry = *word >> 31;
            *word = doubled;
        }
        if carry > 0 || value.iter().rev().ge(modulus.iter().rev()) {
            subtract(&mut value, modulus);
        }
    }
    value
}

fn subtract(from: &mut [u32; WORDS], what: &[u32; WORDS]) {
    let mut borrow = false;
    for (from, what) in from.iter_mut().zip(what) {
        let (less, first) = from.overflowing_sub(*what);
        let (less, second) = less.overflowing_sub(u32::from(borrow));
        *from = less;
        borrow = first || second;
    }
}
