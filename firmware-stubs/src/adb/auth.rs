//! Whom the unit believes: the keys that are installed, one a line, as Android keeps them.

use protocols::adb::auth::PublicKey;
use protocols::adb::message::TOKEN_LEN;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// The keys that the unit believes.
#[derive(Debug)]
pub(super) struct Keys(PathBuf);

impl Keys {
    pub(super) fn of(state: &Path) -> Self {
        Self(state.join("adb_keys"))
    }

    /// Whether one of the keys made this signature.
    pub(super) fn believe(&self, token: &[u8; TOKEN_LEN], signature: &[u8]) -> bool {
        let lines = fs::read(&self.0).unwrap_or_default();
        let keys = lines.split(|byte| *byte == b'\n').filter_map(|line| PublicKey::parse(line).ok());
        keys.into_iter().any(|(key, _)| key.verify(token, signature))
    }

    /// Believes nobody.
    pub(super) fn forget(&self) -> io::Result<()> {
        match fs::remove_file(&self.0) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Believes a key from now on.
    pub(super) fn install(&self, key: &[u8]) -> io::Result<()> {
        let mut file = fs::File::options().append(true).create(true).open(&self.0)?;
        let line: Vec<u8> = key.iter().copied().filter(|byte| *byte != 0 && *byte != b'\n').collect();
        file.write_all(&[line.as_slice(), b"\n"].concat())
    }
}
