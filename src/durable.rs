//! Files that are whole or absent, whatever moment the power fails.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
#[cfg(unix)]
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use crate::error::{Error, Kind};

/// Whether this call put the file there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Published {
    /// It did.
    Now,
    /// Somebody else was first; theirs was left alone.
    Before,
}

/// Creates `path` and its parents, private to the user.
pub(crate) fn create_dir(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    builder.mode(0o700);
    builder.create(path)?;
    path.parent().map_or(Ok(()), sync_dir)
}

/// Makes the names in `path` survive a power cut.
pub(crate) fn sync_dir(path: &Path) -> io::Result<()> {
    // An empty parent is that of a relative path.
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    // Other systems cannot open a directory to sync it.
    if cfg!(unix) { File::open(path)?.sync_all() } else { Ok(()) }
}

/// Puts what `write` writes at `path`, whole or not at all: what was there stays until the new content is on the disk. A
/// file keeps its permissions, a symbolic link stays one.
pub(crate) fn replace(path: &Path, write: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
    let path = match path.canonicalize() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => path.to_owned(),
        found => found?,
    };
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut temporary = tempfile::NamedTempFile::new_in(dir)?;
    write(temporary.as_file_mut())?;
    if let Ok(there) = fs::metadata(&path) {
        temporary.as_file().set_permissions(there.permissions())?;
    }
    temporary.as_file().sync_all()?;
    temporary.persist(&path)?;
    sync_dir(dir)
}

/// Puts `bytes` at `dir/name` unless something is there: two processes at once agree on one content.
pub(crate) fn publish(dir: &Path, name: &str, bytes: &[u8]) -> io::Result<Published> {
    let mut temporary = tempfile::Builder::new().prefix(".new-").tempfile_in(dir)?;
    temporary.write_all(bytes)?;
    temporary.as_file().sync_all()?;
    let published = match temporary.persist_noclobber(dir.join(name)) {
        Ok(_) => Published::Now,
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Published::Before,
        Err(error) => return Err(error.error),
    };
    sync_dir(dir)?;
    Ok(published)
}

/// Opens a file of `dir` that only says who is at work there, and waits for its lock. Dropping it lets the next one in.
pub(crate) fn gate(dir: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true);
    #[cfg(unix)]
    options.mode(0o600);
    let file = options.open(dir.join(".lock"))?;
    file.lock()?;
    Ok(file)
}

/// Removes a file that may be gone already.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// A `storage` error with the remedy that fits its cause.
pub(crate) fn storage(sentence: impl Into<String>, cause: io::Error) -> Error {
    let remedy = match cause.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            Some("free some space at the station, then run it again; nothing that was kept is lost")
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            Some("see that this user may write there, or set HARDWIRE_HOME to another folder")
        }
        _ => None,
    };
    let error = Error::new(Kind::Storage, sentence).because(cause);
    match remedy {
        Some(remedy) => error.next(remedy),
        None => error,
    }
}
