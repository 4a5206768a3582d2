//! Keys as Android has them: a private key in PKCS#8, a public one in the form of its own `RSAPublicKey`, and a signature
//! over a token as if that were a SHA-1 digest (`adb_auth`, `android_pubkey`).

mod key;
mod public;
#[cfg(test)]
mod tests;

pub use key::{Key, KeyError};
pub use public::{PublicKey, PublicKeyError};

/// Bits of the modulus: Android knows no other size.
pub const BITS: usize = 2048;

/// What stands before a SHA-1 digest in a PKCS#1 1.5 signature (RFC 8017, 9.2, note 1).
const SHA1_PREFIX: [u8; 15] =
    [0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 0x05, 0x00, 0x04, 0x14];

fn scheme() -> rsa::Pkcs1v15Sign {
    rsa::Pkcs1v15Sign { hash_len: Some(super::message::TOKEN_LEN), prefix: Box::new(SHA1_PREFIX) }
}
