//! The files that a profile pins: opened and hashed once, whatever the number of units.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use sha2::Digest as _;

use super::document::{ArtifactKind, ArtifactSpec};
use super::factory::Factory;
use super::model::Payload;
use super::tree::Tree;
use crate::device::Content;
use crate::digest::{Algorithm, Digest};
use crate::error::{Error, Kind, Result};

/// Files up to this many bytes are kept in memory; longer ones are read again from the disk as they are sent.
pub const IN_MEMORY: u64 = 8 * 1024 * 1024;
/// The longest artifact, in bytes.
pub const MAX_BYTES: u64 = 16 * 1024 * 1024 * 1024;

/// An artifact, read and hashed.
#[derive(Clone)]
pub struct Artifact {
    /// Its bytes; of a tree, the list of what it holds.
    pub content: Arc<dyn Content>,
    /// SHA-256 of them.
    pub sha256: Digest,
    /// What is in it, when it is a tree.
    pub tree: Option<Arc<Tree>>,
    /// What is in it, when a step takes it for a factory archive.
    pub factory: Option<Arc<Factory>>,
}

impl Artifact {
    /// Opens and hashes the file or tree of `name`.
    ///
    /// # Errors
    /// `invalid`: no such file, not a file, too long, changing while it is read.
    pub(super) fn open(name: &str, spec: &ArtifactSpec) -> Result<Artifact> {
        if spec.kind == ArtifactKind::Tree {
            let tree = Tree::read(name, spec)?;
            let list = tree.list().into_bytes();
            let sha256 = Digest::sha256(&list);
            return Ok(Artifact { content: Arc::new(list), sha256, tree: Some(Arc::new(tree)), factory: None });
        }
        let what = format!("artifact `{name}`, file {}", spec.path.display());
        let cannot = |e: io::Error| {
            let error = spec.at.error(format_args!("{what} cannot be read")).because(e);
            error.next("put the file there, or correct the path; it is relative to the profile")
        };
        let file = File::open(&spec.path).map_err(cannot)?;
        let meta = file.metadata().map_err(cannot)?;
        if !meta.is_file() {
            return Err(spec.at.error(format_args!("{what} is not a file")));
        }
        if meta.len() > MAX_BYTES {
            let most = MAX_BYTES / (1024 * 1024 * 1024);
            return Err(spec
                .at
                .error(format_args!("{what} is {} bytes long; at most {most} GiB are taken", meta.len())));
        }
        let read = if meta.len() <= IN_MEMORY { in_memory(file, meta.len()) } else { on_disk(file, meta.len()) };
        read.map_err(cannot)
    }

    /// Checks the digest that the profile demands.
    ///
    /// # Errors
    /// `invalid`: another digest, or none given.
    pub(super) fn check(&self, name: &str, spec: &ArtifactSpec, profile: &Path) -> Result<()> {
        let lock = format!("`hardwire profile lock {}`", profile.display());
        let shown = spec.file.escape_debug();
        match &spec.sha256 {
            None => Err(spec
                .at
                .error(format_args!("artifact `{name}` ({shown}) is not pinned: it has no `sha256`"))
                .next(format!("pin what lies there now with {lock}"))),
            Some(expected) if *expected == self.sha256.to_string() => Ok(()),
            Some(expected) => Err(spec
                .at
                .error(format_args!(
                    "artifact `{name}` ({shown}) is not the pinned file: expected sha256 {expected}, found {}",
                    self.sha256
                ))
                .next(format!("bring back the right file, or, if the new one is meant, pin it with {lock}"))),
        }
    }
}

fn in_memory(file: File, len: u64) -> io::Result<Artifact> {
    let mut bytes = Vec::with_capacity(usize::try_from(len).unwrap_or(0));
    file.take(IN_MEMORY + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 != len {
        return Err(io::Error::other("it changed while it was read"));
    }
    let sha256 = Digest::sha256(&bytes);
    Ok(Artifact { content: Arc::new(bytes), sha256, tree: None, factory: None })
}

fn on_disk(mut file: File, len: u64) -> io::Result<Artifact> {
    let mut hasher = sha2::Sha256::new();
    let mut buffer = vec![0; 256 * 1024];
    let mut total = 0;
    loop {
        let n = file.read(&mut buffer)?;
        if n == 0 {
            break;
        }
        total += n as u64;
        hasher.update(&buffer[..n]);
    }
    if total != len {
        return Err(io::Error::other("it changed while it was read"));
    }
    let sha256 = Digest::from_bytes(Algorithm::Sha256, hasher.finalize().to_vec());
    Ok(Artifact { content: Arc::new(OnDisk { file: Mutex::new(file), len }), sha256, tree: None, factory: None })
}

/// A file that a person names, read where it lies when it is long.
///
/// # Errors
/// `invalid`: no such file, not a file, too long, changing while it is read.
pub fn open_file(path: &Path) -> Result<Payload> {
    let cannot = |cause| unreadable(path, cause);
    let file = File::open(path).map_err(cannot)?;
    let meta = file.metadata().map_err(cannot)?;
    if !meta.is_file() || meta.len() > MAX_BYTES {
        return Err(Error::new(Kind::Invalid, format!("{} is no file, or too long for one", path.display())));
    }
    let read = if meta.len() <= IN_MEMORY { in_memory(file, meta.len()) } else { on_disk(file, meta.len()) };
    let Artifact { content, sha256, .. } = read.map_err(cannot)?;
    Ok(Payload { content, sha256, secret: false })
}

/// A file that lies on the disk, by what is known of it.
pub(super) fn lying(file: File, len: u64) -> Arc<dyn Content> {
    Arc::new(OnDisk { file: Mutex::new(file), len })
}

/// A long file. Should it change after it was hashed, what arrives at the unit will not match the digest.
struct OnDisk {
    file: Mutex<File>,
    len: u64,
}

impl Content for OnDisk {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(offset))?;
        file.read_exact(buf)
    }
}

/// That a digest could not be taken of a file named by a person.
pub(super) fn unreadable(path: &Path, cause: io::Error) -> Error {
    Error::new(Kind::Invalid, format!("cannot read {}", path.display())).because(cause)
}

#[cfg(test)]
mod tests {
    use super::super::model::Body;
    use super::super::tests::{Bench, HEAD, facts, no_inputs};
    use super::*;

    #[test]
    fn a_long_artifact_is_read_where_it_lies() {
        let bytes: Vec<u8> = (0..IN_MEMORY + 1000).map(|n| (n % 251) as u8).collect();
        let digest = Digest::sha256(&bytes);
        let text = format!(
            "{HEAD}artifacts: {{ a: {{ file: a.bin, sha256: {digest} }} }}\nsteps:\n  - firmware: {{ artifact: a }}\n"
        );
        let bench = Bench::new(&[("p.yaml", &text)]);
        std::fs::write(bench.path("a.bin"), &bytes).unwrap();
        let resolved = bench.prepare().unwrap().resolve(&facts(), &no_inputs()).unwrap();
        let Body::Firmware(step) = &resolved.steps[0].body else { panic!() };
        let content = &step.image.content;
        assert_eq!((content.len(), &step.image.sha256), (bytes.len() as u64, &digest));
        let mut part = [0; 100];
        for offset in [IN_MEMORY + 900, 0, 4096] {
            content.read_exact_at(offset, &mut part).unwrap();
            assert_eq!(part, bytes[usize::try_from(offset).unwrap()..][..100]);
        }
        assert!(content.read_exact_at(IN_MEMORY + 901, &mut part).is_err());
    }
}
