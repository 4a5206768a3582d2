//! From a file to what a partition shall hold.

use std::io;

use protocols::android::avb::Vbmeta;
use protocols::android::source::{FileError, Source};
use protocols::android::sparse::{Holes, Image, is_sparse};
use protocols::fastboot::message::{Variables, size};
use sha2::{Digest as _, Sha256};

use crate::device::{Content, ImageIdentity};
use crate::digest::{Algorithm, Digest};
use crate::error::{Error, Kind, Result};

/// Bytes that are hashed together.
const WINDOW: u64 = 1 << 20;

/// What an artifact is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Artifact {
    /// The bytes of a partition from its start on.
    Plain,
    /// An Android sparse image.
    Sparse(Image),
}

pub(super) fn unreadable(cause: io::Error) -> Error {
    Error::new(Kind::Storage, "an artifact can no longer be read").because(cause)
}

impl Artifact {
    /// Reads the headers of a file; a broken sparse image is refused.
    pub(super) fn read(content: &dyn Content) -> Result<Artifact> {
        let wrong = |sentence: &str| Error::new(Kind::Invalid, sentence.to_owned());
        if content.is_empty() {
            return Err(wrong("the image is empty").next("build or copy it again"));
        }
        let mut magic = [0; 4];
        let begins = content.len() >= 4;
        if begins {
            content.read_exact_at(0, &mut magic).map_err(unreadable)?;
        }
        if !begins || !is_sparse(&magic) {
            return Ok(Artifact::Plain);
        }
        match Image::read_sparse(content) {
            Ok(image) => Ok(Artifact::Sparse(image)),
            Err(FileError::Read(cause)) => Err(unreadable(cause)),
            Err(FileError::Format(cause)) => {
                Err(wrong("the file is a sparse image, and a broken one").because(cause).next("build or copy it again"))
            }
        }
    }

    /// Bytes of a partition that it covers.
    pub(super) fn covers(&self, content: &dyn Content) -> u64 {
        match self {
            Artifact::Plain => content.len(),
            Artifact::Sparse(image) => image.len(),
        }
    }

    /// The bytes of a partition that it writes, from and to, in order: holes are left alone.
    pub(super) fn runs(&self, content: &dyn Content) -> Vec<(u64, u64)> {
        let Artifact::Sparse(image) = self else { return vec![(0, content.len())] };
        let mut runs: Vec<(u64, u64)> = Vec::new();
        for extent in image.extents() {
            let [from, end] = [extent.block, extent.end()].map(|block| image.block_size().of(block));
            match runs.last_mut() {
                Some((_, last)) if *last == from => *last = end,
                _ => runs.push((from, end)),
            }
        }
        runs
    }

    /// SHA-256 over the bytes that it writes.
    pub(super) fn digest(&self, content: &dyn Content) -> Result<Digest> {
        match self {
            Artifact::Plain => plain_digest(content),
            Artifact::Sparse(image) => {
                let bytes = image.sha256(content, image.len(), Holes::Left).map_err(unreadable)?;
                Ok(Digest::from_bytes(Algorithm::Sha256, bytes))
            }
        }
    }

    /// How it is named: SHA-256 over what it makes of a partition, holes as zeros.
    pub(super) fn identity(&self, content: &dyn Content) -> Result<ImageIdentity> {
        let digest = match self {
            Artifact::Plain => plain_digest(content)?,
            Artifact::Sparse(image) => {
                let bytes = image.sha256(content, image.len(), Holes::Zeros).map_err(unreadable)?;
                Digest::from_bytes(Algorithm::Sha256, bytes)
            }
        };
        Ok(ImageIdentity { version: "unversioned".to_owned(), hash: digest.to_string() })
    }

    /// Refuses metadata of verified boot that are older than the unit lets start, where it says: there is no standard
    /// variable for that; `rollback-index:LOCATION` is asked for. Which counter is meant by what goes to another partition
    /// than `vbmeta` only that one says.
    pub(super) fn check_rollback(
        &self,
        partition: Option<&str>,
        content: &dyn Content,
        variables: &Variables,
    ) -> Result<()> {
        let mut magic = [0; 4];
        let read = match self {
            Artifact::Plain if content.len() >= 4 => content.read_exact_at(0, &mut magic),
            Artifact::Plain => return Ok(()),
            Artifact::Sparse(image) if image.len() >= 4 => image.expanded(content).read_exact_at(0, &mut magic),
            Artifact::Sparse(_) => return Ok(()),
        };
        read.map_err(unreadable)?;
        if !Vbmeta::begins(&magic) {
            return Ok(());
        }
        let metadata = match self {
            Artifact::Plain => Vbmeta::read(content),
            Artifact::Sparse(image) => Vbmeta::read(&image.expanded(content)),
        };
        let metadata = match metadata {
            Ok(metadata) => metadata,
            Err(FileError::Read(cause)) => return Err(unreadable(cause)),
            Err(FileError::Format(cause)) => {
                let sentence = "the file begins as metadata of verified boot, and they are broken";
                return Err(Error::new(Kind::Invalid, sentence).because(cause).next("build or copy it again"));
            }
        };
        let is_chained = partition.is_some_and(|name| !matches!(name, "vbmeta" | "vbmeta_a" | "vbmeta_b"));
        if is_chained && metadata.rollback_index_location == 0 {
            return Ok(());
        }
        let location = metadata.rollback_index_location.to_string();
        let demanded = variables.of("rollback-index", &location).and_then(size);
        match demanded {
            Some(demanded) if metadata.rollback_index < demanded => Err(Error::new(
                Kind::Invalid,
                format!(
                    "the image has rollback index {} and the unit starts none below {demanded}",
                    metadata.rollback_index
                ),
            )
            .next("use images that are at least as new as what the unit has run")),
            _ => Ok(()),
        }
    }
}

/// SHA-256 over a file.
fn plain_digest(content: &dyn Content) -> Result<Digest> {
    let mut hash = Sha256::new();
    let mut buf = vec![0; content.len().min(WINDOW) as usize];
    let mut at = 0;
    while at < content.len() {
        let window = (content.len() - at).min(WINDOW) as usize;
        let part = buf.get_mut(..window).unwrap_or_default();
        content.read_exact_at(at, part).map_err(unreadable)?;
        hash.update(&*part);
        at += window as u64;
    }
    Ok(Digest::from_bytes(Algorithm::Sha256, hash.finalize().to_vec()))
}
