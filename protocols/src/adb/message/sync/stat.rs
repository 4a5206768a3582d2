//! What the unit says of a file.

use super::{Numbers, Version, id};

/// Type and permissions of a file, as POSIX keeps them (`st_mode`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mode(pub u32);

/// Type of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link.
    Link,
    /// A device, a pipe or a socket.
    Special,
    /// None: there is no such file, or it may not be looked at.
    Nothing,
}

impl Mode {
    const KIND: u32 = 0o170_000;

    /// A regular file with these permissions.
    #[must_use]
    pub const fn file(permissions: u32) -> Self {
        Self(0o100_000 | permissions & 0o7777)
    }

    /// A folder with these permissions.
    #[must_use]
    pub const fn folder(permissions: u32) -> Self {
        Self(0o040_000 | permissions & 0o7777)
    }

    /// A symbolic link.
    pub const LINK: Self = Self(0o120_777);

    /// What it is.
    #[must_use]
    pub const fn kind(self) -> FileKind {
        match self.0 & Self::KIND {
            0o100_000 => FileKind::File,
            0o040_000 => FileKind::Folder,
            0o120_000 => FileKind::Link,
            0 => FileKind::Nothing,
            _ => FileKind::Special,
        }
    }

    /// Its permissions, set-id and sticky bits included.
    #[must_use]
    pub const fn permissions(self) -> u32 {
        self.0 & 0o7777
    }
}

/// What the unit says of a file. The first version knows mode, length and time only, and 32 bits of those.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stat {
    /// Why there is nothing else to say: Linux's number of the error, 0 for none. The first version has no errors: of
    /// what is not there it says mode 0.
    pub error: u32,
    /// Number of the device that holds it.
    pub dev: u64,
    /// Its number there.
    pub ino: u64,
    /// Type and permissions.
    pub mode: Mode,
    /// Names that it has.
    pub nlink: u32,
    /// Its owner.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
    /// Its length in bytes.
    pub size: u64,
    /// When it was read last, seconds since 1970.
    pub atime: i64,
    /// When it was written last.
    pub mtime: i64,
    /// When anything of it was changed last.
    pub ctime: i64,
}

/// One name in a folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// The name as the unit says it: untrusted, and of any bytes. Whoever makes a path of it has to see that it is one
    /// name and not `..`.
    pub name: Vec<u8>,
    /// What it is.
    pub stat: Stat,
}

impl Stat {
    /// Bytes of a stat after its four letters.
    pub(super) const fn len(version: Version) -> usize {
        match version {
            Version::V1 => 12,
            Version::V2 => 68,
        }
    }

    pub(super) fn parse(version: Version, numbers: &mut Numbers<'_>) -> Self {
        match version {
            Version::V1 => Self {
                mode: Mode(numbers.u32()),
                size: u64::from(numbers.u32()),
                mtime: i64::from(numbers.u32()),
                ..Self::default()
            },
            Version::V2 => Self {
                error: numbers.u32(),
                dev: numbers.u64(),
                ino: numbers.u64(),
                mode: Mode(numbers.u32()),
                nlink: numbers.u32(),
                uid: numbers.u32(),
                gid: numbers.u32(),
                size: numbers.u64(),
                atime: numbers.i64(),
                mtime: numbers.i64(),
                ctime: numbers.i64(),
            },
        }
    }

    fn write(&self, version: Version, to: &mut Vec<u8>) {
        match version {
            Version::V1 => {
                for word in [self.mode.0, self.size as u32, self.mtime as u32] {
                    to.extend_from_slice(&word.to_le_bytes());
                }
            }
            Version::V2 => {
                to.extend_from_slice(&self.error.to_le_bytes());
                to.extend_from_slice(&self.dev.to_le_bytes());
                to.extend_from_slice(&self.ino.to_le_bytes());
                for word in [self.mode.0, self.nlink, self.uid, self.gid] {
                    to.extend_from_slice(&word.to_le_bytes());
                }
                to.extend_from_slice(&self.size.to_le_bytes());
                for time in [self.atime, self.mtime, self.ctime] {
                    to.extend_from_slice(&time.to_le_bytes());
                }
            }
        }
    }

    /// The answer to a request for it, which repeats the request's letters.
    #[must_use]
    pub fn to_bytes(&self, version: Version, follow: super::request::Follow) -> Vec<u8> {
        let mut bytes = super::request::Request::stat_id(version, follow).to_vec();
        self.write(version, &mut bytes);
        bytes
    }
}

impl Entry {
    /// One record of a listing.
    #[must_use]
    pub fn to_bytes(&self, version: Version) -> Vec<u8> {
        let mut bytes = match version {
            Version::V1 => id::DENT,
            Version::V2 => id::DENT2,
        }
        .to_vec();
        self.stat.write(version, &mut bytes);
        bytes.extend_from_slice(&u32::try_from(self.name.len()).unwrap_or(u32::MAX).to_le_bytes());
        bytes.extend_from_slice(&self.name);
        bytes
    }

    /// The record that ends a listing: as long as an entry without a name.
    #[must_use]
    pub fn end(version: Version) -> Vec<u8> {
        let mut bytes = id::DONE.to_vec();
        bytes.resize(4 + Stat::len(version) + 4, 0);
        bytes
    }
}
