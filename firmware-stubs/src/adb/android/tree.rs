//! The unit's files: paths as the unit has them, kept in a folder of the computer's.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use protocols::adb::message::sync::Follow;

/// Where partitions are, by name.
const BY_NAME: &[u8] = b"/dev/block/by-name";
/// Most links on one way.
const MOST_LINKS: usize = 40;
const ELOOP: i32 = 40;

/// What a path of the unit leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Where it is on this computer, whether anything is there or not.
    pub(crate) path: PathBuf,
    /// The same without links, as the unit names it.
    pub(crate) name: Vec<u8>,
    /// Whether it is a partition.
    pub(crate) block: bool,
}

/// All of the unit's files.
#[derive(Clone, Debug)]
pub(crate) struct Tree {
    files: PathBuf,
    partitions: PathBuf,
}

impl Place {
    /// Whether it is this folder or in it.
    pub(crate) fn is_below(&self, folder: &[u8]) -> bool {
        self.name.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.first() == Some(&b'/'))
    }
}

impl Tree {
    pub(crate) fn new(state: &Path) -> Self {
        Self { files: state.join("files"), partitions: state.join("partitions") }
    }

    /// What the folder `/` is here.
    pub(crate) fn root(&self) -> &Path {
        &self.files
    }

    /// The partitions' folder.
    pub(crate) fn partitions(&self) -> &Path {
        &self.partitions
    }

    /// Follows a path from `from`. No link leads out of the tree: `/` is the unit's, and so is `..`.
    pub(crate) fn resolve(&self, from: &[u8], path: &[u8], follow: Follow) -> io::Result<Place> {
        let mut todo: Vec<Vec<u8>> = Vec::new();
        let mut done: Vec<Vec<u8>> = Vec::new();
        let push = |todo: &mut Vec<Vec<u8>>, path: &[u8]| {
            for part in path.split(|byte| *byte == b'/').rev() {
                if !part.is_empty() && part != b"." {
                    todo.push(part.to_vec());
                }
            }
        };
        push(&mut todo, path);
        if path.first() != Some(&b'/') {
            push(&mut todo, from);
        }
        let mut links = 0;
        while let Some(part) = todo.pop() {
            if part == b".." {
                done.pop();
                continue;
            }
            done.push(part);
            if todo.is_empty() && follow == Follow::No {
                break;
            }
            if let Ok(target) = fs::read_link(self.here(&done)) {
                links += 1;
                if links > MOST_LINKS {
                    return Err(io::Error::from_raw_os_error(ELOOP));
                }
                let target = target.as_os_str().as_bytes().to_vec();
                done.pop();
                if target.first() == Some(&b'/') {
                    done.clear();
                }
                push(&mut todo, &target);
            }
        }
        let name = [b"/".as_slice(), &done.join(&b'/')].concat();
        if let Some(partition) = name.strip_prefix(BY_NAME)
            && let Some(partition) = partition.strip_prefix(b"/")
        {
            return Ok(Place { path: self.partitions.join(OsStr::from_bytes(partition)), name, block: true });
        }
        if name == BY_NAME {
            return Ok(Place { path: self.partitions.clone(), name, block: false });
        }
        Ok(Place { path: self.here(&done), name, block: false })
    }

    fn here(&self, parts: &[Vec<u8>]) -> PathBuf {
        let mut path = self.files.clone();
        path.extend(parts.iter().map(|part| OsStr::from_bytes(part)));
        path
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn no_path_leads_out_of_the_unit() {
        let folder = tempfile::tempdir().unwrap();
        let tree = Tree::new(folder.path());
        fs::create_dir_all(tree.root().join("data/media/0")).unwrap();
        symlink("/data/media/0", tree.root().join("sdcard")).unwrap();
        symlink("../../../../etc/passwd", tree.root().join("data/out")).unwrap();
        symlink("round", tree.root().join("data/round")).unwrap();
        let at = |path: &str| tree.resolve(b"/", path.as_bytes(), Follow::Yes).unwrap();
        assert_eq!(at("/sdcard/../x").path, tree.root().join("data/media/x"));
        assert_eq!(at("/../../etc").path, tree.root().join("etc"));
        assert_eq!(at("/data/out").path, tree.root().join("etc/passwd"));
        assert_eq!(tree.resolve(b"/data", b"media/0", Follow::Yes).unwrap().name, b"/data/media/0");
        assert_eq!(tree.resolve(b"/", b"/sdcard", Follow::No).unwrap().path, tree.root().join("sdcard"));
        assert_eq!(
            tree.resolve(b"/", b"/data/round/x", Follow::Yes).unwrap_err().raw_os_error(),
            Some(nix::errno::Errno::ELOOP as i32)
        );
        let boot = at("/dev/block/by-name/boot_a");
        assert!(boot.block);
        assert_eq!(boot.path, folder.path().join("partitions/boot_a"));
    }
}
