//! The file system: a folder on the host, mounted at `/lfs1`.

use super::body::Body;
use super::fail::{Fail, rc};
use super::{Durability, Fault, Options, flash};
use crate::Error;
use protocols::smp::Group;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

/// Codes of the group (`fs_mgmt_err_code_t` in Zephyr's `fs_mgmt.h`).
pub(super) mod code {
    pub(in super::super) const UNKNOWN: u8 = 1;
    pub(in super::super) const INVALID_NAME: u8 = 2;
    pub(in super::super) const NOT_FOUND: u8 = 3;
    pub(in super::super) const IS_DIRECTORY: u8 = 4;
    pub(in super::super) const WRITE_FAILED: u8 = 10;
    pub(in super::super) const OFFSET_NOT_VALID: u8 = 11;
    pub(in super::super) const OFFSET_LARGER_THAN_FILE: u8 = 12;
    pub(in super::super) const HASH_NOT_FOUND: u8 = 13;
    pub(in super::super) const MOUNT_POINT_NOT_FOUND: u8 = 14;
    pub(in super::super) const FILE_EMPTY: u8 = 16;
}

/// Names of this many bytes are too long (tried on Zephyr 4.4, `MCUMGR_GRP_FS_PATH_LEN` at its default).
const PATH_LEN: usize = 64;
const MOUNT: &str = "/lfs1";

pub(super) fn fail(code: u8) -> Fail {
    Fail::Group(Group::FS, code)
}

/// The mounted file system.
pub(super) struct Files {
    root: PathBuf,
    /// With [`Fault::LieHash`]: what was sent, beside what was stored.
    sent: Option<PathBuf>,
    capacity: u64,
    pub(super) durability: Durability,
}

/// A path on the unit, taken apart: below the mount point, and safe to append to the folder on the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name {
    below: String,
}

impl Name {
    /// The name in a request; `absent` is what the command at hand says of a path where nothing is mounted.
    pub(super) fn of(body: &Body<'_>, absent: u8) -> Result<Self, Fail> {
        let text = body.text("name")?.unwrap_or_default();
        if text.is_empty() || text.len() >= PATH_LEN {
            return Err(Fail::Rc(rc::EINVAL));
        }
        if !text.starts_with('/') || text.len() < 2 || text.contains('\0') {
            return Err(fail(code::INVALID_NAME));
        }
        let below = match text.strip_prefix(MOUNT) {
            Some(rest) if rest.is_empty() || rest.starts_with('/') => rest.trim_start_matches('/'),
            _ => return Err(fail(absent)),
        };
        if below.split('/').any(|part| part == ".." || part == ".") {
            return Err(fail(code::INVALID_NAME));
        }
        Ok(Self { below: below.to_owned() })
    }

    fn in_folder(&self, folder: &Path) -> PathBuf {
        if self.below.is_empty() { folder.to_owned() } else { folder.join(&self.below) }
    }
}

impl Files {
    pub(super) fn open(folder: &Path, options: &Options) -> Result<Self, Error> {
        let root = folder.join("lfs1");
        let sent = folder.join("lfs1.sent");
        let lies = options.faults.contains(&Fault::LieHash);
        if !lies && sent.exists() {
            flash::remove(&sent)?;
        }
        let sent = lies.then_some(sent);
        for path in [Some(&root), sent.as_ref()].into_iter().flatten() {
            fs::create_dir_all(path).map_err(Error::state(path))?;
        }
        let full = options.faults.contains(&Fault::DiskFull);
        let capacity = if full { 0 } else { options.limits.fs_size };
        Ok(Self { root, sent, capacity, durability: options.durability })
    }

    /// Bytes that more data may take.
    pub(super) fn free(&self) -> u64 {
        self.capacity.saturating_sub(used(&self.root))
    }

    /// Length of a file as far as it is stored.
    pub(super) fn len(&self, name: &Name) -> Result<u64, Fail> {
        match fs::metadata(name.in_folder(&self.root)) {
            Ok(found) if found.is_dir() => Err(fail(code::IS_DIRECTORY)),
            Ok(found) => Ok(found.len()),
            Err(error) => Err(fail(if is_absent(&error) { code::NOT_FOUND } else { code::UNKNOWN })),
        }
    }

    /// Make sure that a file is there, as opening it for writing does.
    pub(super) fn create(&self, name: &Name) -> Result<(), Fail> {
        let path = name.in_folder(&self.root);
        match OpenOptions::new().write(true).create(true).truncate(false).open(path) {
            Ok(_) => Ok(()),
            Err(error) if is_absent(&error) => Err(fail(code::MOUNT_POINT_NOT_FOUND)),
            Err(_) => Err(fail(code::UNKNOWN)),
        }
    }

    /// Write at an offset; at offset 0 what was there is cut off first.
    pub(super) fn write_at(&self, name: &Name, off: u64, data: &[u8]) -> Result<(), Error> {
        write_at(&name.in_folder(&self.root), off, data)
    }

    /// Put a whole file in place of the old one, as closing it does where data are durable only then.
    pub(super) fn commit(&self, name: &Name, content: &[u8]) -> Result<(), Error> {
        // The name may end in anything, so the temporary file lies beside the mounted folder.
        let path = name.in_folder(&self.root);
        let temporary = self.root.with_extension("new");
        let state = Error::state(&path);
        fs::write(&temporary, content).map_err(state)?;
        fs::rename(&temporary, &path).map_err(state)
    }

    /// Remember what was sent, for a device that lies about it.
    pub(super) fn note_sent(&self, name: &Name, off: u64, data: &[u8]) -> Result<(), Error> {
        let Some(sent) = &self.sent else { return Ok(()) };
        let path = name.in_folder(sent);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(Error::state(folder))?;
        }
        write_at(&path, off, data)
    }

    /// At most `len` bytes from `off` on.
    pub(super) fn read(&self, name: &Name, off: u64, len: u64) -> Result<Vec<u8>, Fail> {
        read_range(&name.in_folder(&self.root), off, len)
    }

    /// The same for a hash command. Files that were there before a lie began are answered for as they are.
    pub(super) fn read_for_hash(&self, name: &Name, off: u64, len: u64) -> Result<Vec<u8>, Fail> {
        let sent = self.sent.as_ref().map(|sent| name.in_folder(sent)).filter(|sent| sent.is_file());
        read_range(&sent.unwrap_or_else(|| name.in_folder(&self.root)), off, len)
    }
}

fn used(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(found) if found.is_dir() => used(&entry.path()),
            Ok(found) => found.len(),
            Err(_) => 0,
        })
        .sum()
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn write_at(path: &Path, off: u64, data: &[u8]) -> Result<(), Error> {
    let state = Error::state(path);
    let mut file = OpenOptions::new().write(true).create(true).truncate(off == 0).open(path).map_err(state)?;
    file.seek(SeekFrom::Start(off)).map_err(state)?;
    file.write_all(data).map_err(state)
}

fn read_range(path: &Path, off: u64, len: u64) -> Result<Vec<u8>, Fail> {
    let read = || -> io::Result<Vec<u8>> {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(off))?;
        let mut data = Vec::new();
        file.take(len).read_to_end(&mut data)?;
        Ok(data)
    };
    read().map_err(|error| fail(if is_absent(&error) { code::NOT_FOUND } else { code::UNKNOWN }))
}
