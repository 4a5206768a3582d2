//! A folder with all that is in it, as an artifact.
//!
//! It is pinned by SHA-256 over a list of what it holds: paths, which files can be executed, and the digests of the files.
//! Other permissions and the times are those of a checkout, and no part of it.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::Digest as _;

use super::document::ArtifactSpec;
use super::model::{Leaf, Payload};
use crate::device::{Content, Marks, relative};
use crate::digest::{Algorithm, Digest};
use crate::error::{Error, Result};

/// The most files and folders of a tree, and folders above one another.
const MAX_ENTRIES: usize = 50_000;
const MAX_DEPTH: usize = 32;
/// The most bytes of all files together.
const MAX_BYTES: u64 = 64 << 30;
/// Files up to this many bytes are kept in memory, while all of them together are not more than [`KEPT`].
const SMALL: u64 = 64 << 10;
const KEPT: u64 = 64 << 20;

/// What stands before the list.
const HEAD: &str = "hardwire tree 1\n";

/// A folder, read and hashed.
#[derive(Debug)]
pub struct Tree {
    /// Its files and folders, each folder before what is in it; marked as they lie there.
    pub leaves: Vec<Leaf>,
}

/// What of the marks of a tree's files is brought to the unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Keep {
    /// Permissions: `rwxr-xr-x` for what can be executed and for folders, `rw-r--r--` for other files.
    pub modes: bool,
    /// When each file was modified.
    pub times: bool,
}

impl Tree {
    /// Reads the folder of an artifact.
    ///
    /// # Errors
    /// `invalid`: no such folder, something in it that is neither file nor folder, a name that no unit may see, too much.
    pub(super) fn read(name: &str, spec: &ArtifactSpec) -> Result<Tree> {
        let what = format!("artifact `{name}`, folder {}", spec.path.display());
        let walked = Walk { root: &spec.path, leaves: Vec::new(), bytes: 0, kept: 0 }.all();
        walked.map(|leaves| Tree { leaves }).map_err(|error| {
            let error = spec.at.error(format_args!("{what} cannot be read")).because(error);
            error.next("put the folder there, or correct the path; it is relative to the profile")
        })
    }

    /// The list over which its digest is computed.
    #[must_use]
    pub fn list(&self) -> String {
        let mut list = HEAD.to_owned();
        for leaf in &self.leaves {
            let line = match &leaf.file {
                None => format!("folder {}\n", leaf.path),
                Some(file) if leaf.is_executable() => format!("program {} {}\n", file.sha256, leaf.path),
                Some(file) => format!("file {} {}\n", file.sha256, leaf.path),
            };
            list.push_str(&line);
        }
        list
    }

    /// Its files and folders, with those marks that are kept.
    #[must_use]
    pub fn marked(&self, keep: Keep) -> Vec<Leaf> {
        let marks = |leaf: &Leaf| Marks {
            mode: keep.modes.then_some(if leaf.file.is_none() || leaf.is_executable() { 0o755 } else { 0o644 }),
            // Writing what is in it changes a folder's time.
            modified: leaf.marks.modified.filter(|_| keep.times && leaf.file.is_some()),
        };
        self.leaves.iter().map(|leaf| Leaf { marks: marks(leaf), ..leaf.clone() }).collect()
    }
}

impl Leaf {
    fn is_executable(&self) -> bool {
        self.marks.mode.is_some_and(|mode| mode & 0o100 != 0)
    }
}

/// The way through a folder.
struct Walk<'a> {
    root: &'a Path,
    leaves: Vec<Leaf>,
    bytes: u64,
    kept: u64,
}

impl Walk<'_> {
    fn all(mut self) -> std::result::Result<Vec<Leaf>, Error> {
        self.folder("", 0)?;
        self.leaves.sort_by(|a, b| a.path.split('/').cmp(b.path.split('/')));
        Ok(self.leaves)
    }

    fn folder(&mut self, below: &str, depth: usize) -> std::result::Result<(), Error> {
        if depth > MAX_DEPTH {
            return Err(wrong(below, &format!("has more than {MAX_DEPTH} folders above it")));
        }
        let cannot = |error: io::Error| wrong(below, "cannot be read").because(error);
        for entry in fs::read_dir(self.root.join(below)).map_err(cannot)? {
            let name = entry.map_err(cannot)?.file_name();
            let Some(name) = name.to_str() else {
                return Err(wrong(&name.to_string_lossy(), "has a name that is not UTF-8"));
            };
            let path = if below.is_empty() { name.to_owned() } else { format!("{below}/{name}") };
            if self.leaves.len() >= MAX_ENTRIES {
                return Err(wrong(&path, &format!("is one too many: a tree holds at most {MAX_ENTRIES}")));
            }
            relative(&path).map_err(|why| wrong(&path, &format!("cannot be used: {why}")))?;
            self.entry(path, depth)?;
        }
        Ok(())
    }

    fn entry(&mut self, path: String, depth: usize) -> std::result::Result<(), Error> {
        let full = self.root.join(&path);
        let cannot = |error: io::Error| wrong(&path, "cannot be read").because(error);
        let meta = fs::symlink_metadata(&full).map_err(cannot)?;
        let marks = marks(&meta);
        if meta.is_dir() {
            self.leaves.push(Leaf { path: path.clone(), file: None, marks });
            return self.folder(&path, depth + 1);
        }
        if !meta.is_file() {
            return Err(wrong(&path, "is neither a file nor a folder"));
        }
        self.bytes += meta.len();
        if self.bytes > MAX_BYTES {
            return Err(wrong(&path, &format!("is one too many: a tree holds at most {} GiB", MAX_BYTES >> 30)));
        }
        let keep = meta.len() <= SMALL && self.kept + meta.len() <= KEPT;
        self.kept += if keep { meta.len() } else { 0 };
        let file = payload(full, meta.len(), keep).map_err(cannot)?;
        self.leaves.push(Leaf { path, file: Some(file), marks });
        Ok(())
    }
}

fn wrong(path: &str, why: &str) -> Error {
    let path = if path.is_empty() { "it".to_owned() } else { path.escape_debug().to_string() };
    Error::new(crate::error::Kind::Invalid, format!("{path} {why}"))
}

#[cfg(unix)]
fn marks(meta: &fs::Metadata) -> Marks {
    use std::os::unix::fs::MetadataExt;
    Marks { mode: Some(meta.mode() & 0o7777), modified: Some(meta.mtime()) }
}

#[cfg(not(unix))]
fn marks(meta: &fs::Metadata) -> Marks {
    let since = meta.modified().ok().and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
    Marks { mode: Some(0o644), modified: since.and_then(|since| i64::try_from(since.as_secs()).ok()) }
}

fn payload(path: PathBuf, len: u64, keep: bool) -> io::Result<Payload> {
    let changed = || io::Error::other("it changed while it was read");
    let mut file = File::open(&path)?;
    if keep {
        let mut bytes = Vec::with_capacity(usize::try_from(len).unwrap_or(0));
        file.take(len + 1).read_to_end(&mut bytes)?;
        return if bytes.len() as u64 == len { Ok(Payload::new(bytes, false)) } else { Err(changed()) };
    }
    let mut hash = sha2::Sha256::new();
    let mut buffer = vec![0; 256 << 10];
    let mut total = 0;
    loop {
        let n = file.read(&mut buffer)?;
        if n == 0 {
            break;
        }
        total += n as u64;
        hash.update(buffer.get(..n).unwrap_or_default());
    }
    if total != len {
        return Err(changed());
    }
    let sha256 = Digest::from_bytes(Algorithm::Sha256, hash.finalize().to_vec());
    Ok(Payload { content: Arc::new(Closed { path, len }), sha256, secret: false })
}

/// A file of a tree that is opened when it is sent: a tree may have more files than may be open at once.
struct Closed {
    path: PathBuf,
    len: u64,
}

impl Content for Closed {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(offset))?;
        file.read_exact(buf)
    }
}
