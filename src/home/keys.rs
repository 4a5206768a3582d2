//! Who the station is to units that ask: its key for ADB.
//!
//! A person who uses Android's own tools has a key already (`~/.android/adbkey`), which units know; it is used, and never
//! written. A station without one makes its own when a unit asks for the first time.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use protocols::adb::auth::{Key, PublicKey};

use super::Home;
use crate::durable::{self, storage};
use crate::error::{Error, Kind, Result};

const FOLDER: &str = "keys";
const NAME: &str = "adbkey";

/// Where the keys of a station are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyFolder {
    home: PathBuf,
    user: Option<PathBuf>,
}

/// A key for ADB.
pub struct AdbKey {
    /// Where it is kept.
    pub path: PathBuf,
    key: Key,
    public: PublicKey,
}

impl fmt::Debug for AdbKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdbKey").field("path", &self.path).finish_non_exhaustive()
    }
}

impl KeyFolder {
    /// The keys of the station at `root`, or at [`Home::default_root`], and those of the user.
    ///
    /// # Errors
    /// `storage`: the user has no home directory.
    pub fn of(root: Option<PathBuf>) -> Result<KeyFolder> {
        let home = root.map_or_else(Home::default_root, Ok)?;
        let user = etcetera::home_dir().ok().map(|home| home.join(".android"));
        Ok(KeyFolder { home, user })
    }

    /// The keys in these folders and in no others.
    #[must_use]
    pub fn at(home: PathBuf, user: Option<PathBuf>) -> KeyFolder {
        KeyFolder { home, user }
    }

    /// The key by which units may know this station: the user's, else the station's own, which is made if there is none.
    ///
    /// # Errors
    /// `storage`: it cannot be read, written or made, or is damaged.
    pub fn adb(&self) -> Result<AdbKey> {
        if let Some(key) = self.user.as_ref().and_then(|user| read(&user.join(NAME)).transpose()) {
            return key;
        }
        let folder = self.home.join(FOLDER);
        let path = folder.join(NAME);
        if let Some(key) = read(&path)? {
            return Ok(key);
        }
        let named = path.display().to_string();
        let fresh = Key::generate(&mut random()?).and_then(|key| key.to_pem());
        let fresh = fresh.map_err(|e| Error::new(Kind::Storage, "no key can be made").because(e))?;
        durable::create_dir(&folder)
            .and_then(|()| durable::publish(&folder, NAME, fresh.as_bytes()))
            .map_err(|e| storage(format!("{named} cannot be written"), e))?;
        // Another process may have been first.
        read(&path)?.ok_or_else(|| Error::new(Kind::Storage, format!("{named} is gone again")))
    }
}

impl AdbKey {
    /// Signs a token.
    ///
    /// # Errors
    /// `storage`: the key does not work, or the system gives no random bytes.
    pub fn sign(&self, token: &[u8; 20]) -> Result<Vec<u8>> {
        self.key
            .sign(token, &mut random()?)
            .map_err(|e| Error::new(Kind::Storage, format!("{} cannot be used", self.path.display())).because(e))
    }

    /// Its public half.
    #[must_use]
    pub fn public(&self) -> &PublicKey {
        &self.public
    }
}

/// The key in a file, `None` when there is no such file.
fn read(path: &Path) -> Result<Option<AdbKey>> {
    let named = path.display();
    let text = match fs::read_to_string(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        read => read.map_err(|e| storage(format!("the key {named} cannot be read"), e))?,
    };
    let damaged = |e| {
        Error::new(Kind::Storage, format!("{named} is no key for ADB"))
            .because(e)
            .next("put it back from a copy, or move it away: another one is then made, which units do not know yet")
    };
    let key = Key::from_pem(&text).map_err(damaged)?;
    let public = key.public().map_err(damaged)?;
    Ok(Some(AdbKey { path: path.to_owned(), key, public }))
}

/// Random bytes from the system, which is asked once whether it gives any.
fn random() -> Result<impl FnMut(&mut [u8])> {
    let none = |e| Error::new(Kind::Storage, "the system gives no random bytes").because(e);
    getrandom::fill(&mut [0; 1]).map_err(none)?;
    Ok(|bytes: &mut [u8]| getrandom::fill(bytes).expect("a system that gave random bytes gives more"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_users_key_is_used_else_one_is_made_and_kept() {
        let root = tempfile::tempdir().unwrap();
        let (home, user) = (root.path().join("home"), root.path().join("user"));
        fs::create_dir(&user).unwrap();
        let keys = KeyFolder::at(home.clone(), Some(user.clone()));
        let own = keys.adb().unwrap();
        assert_eq!(own.path, home.join("keys/adbkey"));
        assert_eq!(keys.adb().unwrap().public(), own.public(), "it is made once");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(fs::metadata(&own.path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        assert!(own.public().verify(&[7; 20], &own.sign(&[7; 20]).unwrap()));

        fs::copy(&own.path, user.join("adbkey")).unwrap();
        assert_eq!(keys.adb().unwrap().path, user.join("adbkey"));
        fs::write(user.join("adbkey"), "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n").unwrap();
        assert_eq!(keys.adb().unwrap_err().kind(), Kind::Storage, "one that is damaged is not passed over in silence");
    }
}
