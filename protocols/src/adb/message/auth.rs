//! What an `AUTH` packet carries.

/// Bytes of a token (`TOKEN_SIZE`).
pub const TOKEN_LEN: usize = 20;

/// The kind of an `AUTH` packet, its first argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthKind {
    /// From the unit: 20 random bytes to be signed.
    Token,
    /// From the host: the token, signed by one of its keys.
    Signature,
    /// From the host: a public key, for a person to accept. Ends with a NUL.
    PublicKey,
    /// Nothing that the specification knows.
    Other(u32),
}

impl AuthKind {
    /// The kind with this number.
    #[must_use]
    pub const fn from_code(code: u32) -> Self {
        match code {
            1 => Self::Token,
            2 => Self::Signature,
            3 => Self::PublicKey,
            other => Self::Other(other),
        }
    }

    /// Its number on the wire.
    #[must_use]
    pub const fn code(self) -> u32 {
        match self {
            Self::Token => 1,
            Self::Signature => 2,
            Self::PublicKey => 3,
            Self::Other(code) => code,
        }
    }
}
