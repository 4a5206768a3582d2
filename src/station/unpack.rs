//! A folder that was taken from a unit, as a folder at the station.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::device::relative;
use crate::error::{Error, Kind, Result};
use crate::vault::{Item, ItemKind, Vault};

/// What came of a folder.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Unpacked {
    /// Files in it.
    pub files: u64,
    /// Folders below it.
    pub folders: u64,
    /// Bytes of all files.
    pub bytes: u64,
}

/// Writes what was taken below `root` on a unit into the folder `into`, with its permissions and times. What is there and
/// was not taken stays; nothing is written through a symbolic link. The vault has all of it until it is on the disk.
///
/// # Errors
/// `storage` when it cannot be written; `mismatch` when the vault is damaged; `invalid` for what would lie elsewhere.
pub fn unpack(vault: &Vault, items: &[Item], root: &str, into: &Path) -> Result<Unpacked> {
    let mut unpacked = Unpacked::default();
    let mut marked = Vec::new();
    fs::create_dir_all(into).map_err(|cause| unwritten(into, cause))?;
    for item in items.iter().filter(|item| item.tree.as_deref() == Some(root)) {
        let below = below(root, &item.path)?;
        let path = into.join(below);
        match item.kind {
            ItemKind::Folder => {
                folder(into, below)?;
                // Until all is in it, whatever it was before.
                permit(&path, Some(0o700)).map_err(|cause| unwritten(&path, cause))?;
                unpacked.folders += 1;
                marked.push((path, item.mode));
            }
            ItemKind::File => {
                folder(into, below.rsplit_once('/').map_or("", |(parents, _)| parents))?;
                unpacked.bytes += file(vault, item, &path)?;
                unpacked.files += 1;
            }
            _ => {}
        }
    }
    // The deepest first: a folder may take away the right to go below it.
    for (path, mode) in marked.iter().rev() {
        permit(path, *mode).map_err(|cause| unwritten(path, cause))?;
    }
    Ok(unpacked)
}

fn below<'a>(root: &str, path: &'a str) -> Result<&'a str> {
    let below = path.strip_prefix(root.trim_end_matches('/')).and_then(|path| path.strip_prefix('/'));
    let below = below.ok_or("it is not below the folder that it was taken with");
    below
        .and_then(|path| relative(path).map(|()| path))
        .map_err(|why| Error::new(Kind::Invalid, format!("{} cannot be written here: {why}", path.escape_debug())))
}

/// Makes the folders of `below`, each of which must be one and no link to one.
fn folder(into: &Path, below: &str) -> Result<()> {
    let mut path = PathBuf::from(into);
    for name in below.split('/').filter(|name| !name.is_empty()) {
        path.push(name);
        match fs::symlink_metadata(&path) {
            Ok(there) if there.is_dir() => {}
            Ok(_) => {
                return Err(Error::new(Kind::Storage, format!("{} is there, and is no folder", path.display()))
                    .next("name another folder"));
            }
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
                fs::create_dir(&path).map_err(|cause| unwritten(&path, cause))?;
            }
            Err(cause) => return Err(unwritten(&path, cause)),
        }
    }
    Ok(())
}

fn file(vault: &Vault, item: &Item, path: &Path) -> Result<u64> {
    // Nothing takes the place of what was there before its last byte was found right.
    let object = vault.get(&item.sha256)?;
    let write = || {
        let folder = path.parent().unwrap_or(Path::new("."));
        let mut new = tempfile::NamedTempFile::new_in(folder)?;
        let bytes = object.copy_to(new.as_file_mut())?;
        date(new.as_file(), item.modified)?;
        permit(new.path(), item.mode)?;
        new.persist(path)?;
        Ok(bytes)
    };
    write().map_err(|cause| unwritten(path, cause))
}

/// A time that this system cannot hold is left as it is.
fn date(file: &File, modified: Option<i64>) -> io::Result<()> {
    let since = modified.and_then(|seconds| u64::try_from(seconds).ok()).map(Duration::from_secs);
    let time = since.and_then(|since| SystemTime::UNIX_EPOCH.checked_add(since));
    time.map_or(Ok(()), |time| file.set_modified(time))
}

/// Who may read and write it; whose right it is to run as is nobody's here.
fn permit(path: &Path, mode: Option<u32>) -> io::Result<()> {
    #[cfg(unix)]
    if let Some(mode) = mode {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(path, fs::Permissions::from_mode(mode & 0o777))?;
    }
    #[cfg(not(unix))]
    let _ = (path, mode);
    Ok(())
}

/// What the vault itself says of its damage stays as it is.
fn unwritten(path: &Path, cause: io::Error) -> Error {
    let unwritten = |cause| Error::new(Kind::Storage, format!("{} cannot be written", path.display())).because(cause);
    cause.downcast::<Error>().unwrap_or_else(unwritten)
}

#[cfg(all(test, unix))]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]
mod tests {
    use std::os::unix::fs::{MetadataExt as _, symlink};

    use super::*;

    fn vault(folder: &Path) -> Vault {
        let home = crate::home::Home::open(Some(folder.join("home"))).unwrap();
        Vault::open(&home).unwrap()
    }

    fn item(vault: &Vault, kind: ItemKind, path: &str, content: &[u8], mode: u32) -> Item {
        let kept = vault.put(&mut &*content).unwrap();
        let (mode, modified) = (Some(mode), Some(1_000_000_000));
        Item { tree: Some("/s".into()), mode, modified, ..Item::new(kind, path, kept.bytes, kept.sha256) }
    }

    #[test]
    fn files_and_folders_are_written_as_they_are_marked_and_what_was_there_stays() {
        let folder = tempfile::tempdir().unwrap();
        let vault = vault(folder.path());
        let into = folder.path().join("into");
        fs::create_dir_all(into.join("a")).unwrap();
        fs::write(into.join("a/own"), "own").unwrap();
        fs::write(into.join("a/x"), "old").unwrap();
        let items = [
            item(&vault, ItemKind::Folder, "/s/a", b"", 0o500),
            item(&vault, ItemKind::Folder, "/s/empty", b"", 0o750),
            item(&vault, ItemKind::File, "/s/a/x", b"new", 0o4640),
            item(&vault, ItemKind::File, "/s/it's \"x\" ", b"", 0o600),
        ];
        for _ in 0..2 {
            let unpacked = unpack(&vault, &items, "/s", &into).unwrap();
            assert_eq!(unpacked, Unpacked { files: 2, folders: 2, bytes: 3 });
        }
        assert_eq!(
            (fs::read(into.join("a/x")).unwrap(), fs::read(into.join("a/own")).unwrap()),
            (b"new".to_vec(), b"own".to_vec())
        );
        let about = |path: &str| fs::metadata(into.join(path)).unwrap();
        assert_eq!((about("a/x").mode() & 0o7777, about("a/x").mtime()), (0o640, 1_000_000_000));
        assert_eq!((about("a").mode() & 0o7777, about("empty").mode() & 0o7777), (0o500, 0o750));
        assert_eq!(about("it's \"x\" ").len(), 0);
        permit(&into.join("a"), Some(0o700)).unwrap();
    }

    #[test]
    fn what_is_damaged_in_the_vault_takes_no_place() {
        let folder = tempfile::tempdir().unwrap();
        let vault = vault(folder.path());
        let into = folder.path().join("into");
        fs::create_dir(&into).unwrap();
        fs::write(into.join("x"), "old").unwrap();
        let item = item(&vault, ItemKind::File, "/s/x", b"new", 0o600);
        let name = item.sha256.to_string();
        let (prefix, rest) = name.split_at(2);
        let objects = crate::home::Home::open(Some(folder.path().join("home"))).unwrap().vault().join("objects");
        fs::write(objects.join(prefix).join(rest), "nex").unwrap();
        let error = unpack(&vault, &[item], "/s", &into).unwrap_err();
        assert_eq!((error.kind(), fs::read(into.join("x")).unwrap()), (Kind::Mismatch, b"old".to_vec()), "{error}");
        assert_eq!(fs::read_dir(&into).unwrap().count(), 1);
    }

    #[test]
    fn nothing_is_written_beside_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let vault = vault(folder.path());
        let into = folder.path().join("into");
        for path in ["/s/../x", "/x", "/s", "/s//x", "/s/a/../../x"] {
            let error = unpack(&vault, &[item(&vault, ItemKind::File, path, b"", 0o600)], "/s", &into).unwrap_err();
            assert_eq!(error.kind(), Kind::Invalid, "{path}");
        }
        // Nor through a link that somebody left in it; a link in the place of a file is replaced.
        let outside = folder.path().join("outside");
        fs::create_dir(&outside).unwrap();
        symlink(&outside, into.join("a")).unwrap();
        symlink(outside.join("f"), into.join("f")).unwrap();
        for kind in [ItemKind::File, ItemKind::Folder] {
            let error = unpack(&vault, &[item(&vault, kind, "/s/a/x", b"", 0o700)], "/s", &into).unwrap_err();
            assert_eq!(error.kind(), Kind::Storage);
        }
        unpack(&vault, &[item(&vault, ItemKind::File, "/s/f", b"f", 0o600)], "/s", &into).unwrap();
        assert!(fs::symlink_metadata(into.join("f")).unwrap().is_file());
        assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
    }
}
