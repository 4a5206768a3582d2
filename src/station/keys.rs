//! The station's keys, as drivers ask for them.

use crate::drivers::{Identity, Keys};
use crate::error::Result;
use crate::home::{AdbKey, KeyFolder};

/// The name behind the public key: what Android lists it by. No machine is named to a unit.
pub const KEY_NAME: &str = "hardwire@station";

impl Keys for KeyFolder {
    fn adb(&self) -> Result<Box<dyn Identity>> {
        Ok(Box::new(KeyFolder::adb(self)?))
    }
}

impl Identity for AdbKey {
    fn sign(&self, token: &[u8; 20]) -> Result<Vec<u8>> {
        AdbKey::sign(self, token)
    }

    fn public(&self) -> String {
        AdbKey::public(self).to_text(KEY_NAME)
    }

    fn fingerprint(&self) -> String {
        AdbKey::public(self).fingerprint()
    }
}
