//! The private key of a host.

use std::convert::Infallible;
use std::fmt;

use rsa::PrivateKey;
use rsa::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _, LineEnding};
use rsa::rand_core::{TryCryptoRng, TryRng};
use rsa::traits::PublicKeyParts as _;
use thiserror::Error;

use super::{BITS, PublicKey, scheme};
use crate::adb::message::TOKEN_LEN;

/// A private key, which is never shown.
#[derive(Clone)]
pub struct Key(PrivateKey);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key")
    }
}

/// What is no key.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum KeyError {
    /// Not a private key in PKCS#8 (`-----BEGIN PRIVATE KEY-----`).
    #[error("it is no private key in PKCS#8")]
    Format,
    /// Of another size.
    #[error("it has {0} bits, Android takes keys of {BITS}")]
    Size(usize),
    /// The key does not work.
    #[error("it cannot be used: its numbers do not belong together")]
    Unusable,
}

impl Key {
    /// Reads a key as `~/.android/adbkey` holds it.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        let key = PrivateKey::from_pkcs8_pem(text.trim()).map_err(|_| KeyError::Format)?;
        let bits = key.n_bytes().len() * 8;
        if bits != BITS {
            return Err(KeyError::Size(bits));
        }
        Ok(Self(key))
    }

    /// Makes a key. `random` fills what it is given with random bytes.
    ///
    /// # Errors
    /// [`KeyError::Unusable`].
    pub fn generate(random: &mut dyn FnMut(&mut [u8])) -> Result<Self, KeyError> {
        PrivateKey::new(&mut Source(random), BITS).map(Self).map_err(|_| KeyError::Unusable)
    }

    /// The key as it is kept: to be read by nobody else.
    ///
    /// # Errors
    /// [`KeyError::Unusable`].
    pub fn to_pem(&self) -> Result<String, KeyError> {
        self.0.to_pkcs8_pem(LineEnding::LF).map(|pem| pem.as_str().to_owned()).map_err(|_| KeyError::Unusable)
    }

    /// Signs a token. `random` blinds the computation: whoever measures how long it takes learns nothing.
    ///
    /// # Errors
    /// [`KeyError::Unusable`].
    pub fn sign(&self, token: &[u8; TOKEN_LEN], random: &mut dyn FnMut(&mut [u8])) -> Result<Vec<u8>, KeyError> {
        self.0.sign_with_rng(&mut Source(random), scheme(), token).map_err(|_| KeyError::Unusable)
    }

    /// The public half.
    ///
    /// # Errors
    /// [`KeyError::Unusable`].
    pub fn public(&self) -> Result<PublicKey, KeyError> {
        PublicKey::of(self.0.as_public_key()).ok_or(KeyError::Unusable)
    }
}

/// Random bytes as the library wants them.
struct Source<'a>(&'a mut dyn FnMut(&mut [u8]));

impl TryRng for Source<'_> {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        (self.0)(&mut bytes);
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        (self.0)(&mut bytes);
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        (self.0)(bytes);
        Ok(())
    }
}

impl TryCryptoRng for Source<'_> {}
