//! From a file to what a partition shall hold.

use std::io;
use std::ops::Range;

use protocols::android::source::FileError;
use protocols::android::sparse::{Holes, Image, is_sparse};

use crate::device::{Content, ImageFile};
use crate::digest::{Algorithm, Digest};
use crate::error::{Error, Kind, Result};

/// What an artifact is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::drivers) enum Artifact {
    /// The bytes of a partition from its start on.
    Plain,
    /// An Android sparse image.
    Sparse(Image),
}

pub(in crate::drivers) fn unreadable(cause: io::Error) -> Error {
    Error::new(Kind::Storage, "an artifact can no longer be read").because(cause)
}

impl Artifact {
    /// Reads the headers of a file; a broken sparse image is refused.
    pub(in crate::drivers) fn read(content: &dyn Content) -> Result<Artifact> {
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
    pub(in crate::drivers) fn covers(&self, content: &dyn Content) -> u64 {
        match self {
            Artifact::Plain => content.len(),
            Artifact::Sparse(image) => image.len(),
        }
    }

    /// The bytes of a partition that it writes, in order: holes are left alone.
    pub(in crate::drivers) fn runs(&self, content: &dyn Content) -> Vec<Range<u64>> {
        let Artifact::Sparse(image) = self else { return std::iter::once(0..content.len()).collect() };
        let mut runs: Vec<Range<u64>> = Vec::new();
        for extent in image.extents() {
            let [start, end] = [extent.block, extent.end()].map(|block| image.block_size().of(block));
            match runs.last_mut() {
                Some(last) if last.end == start => last.end = end,
                _ => runs.push(start..end),
            }
        }
        runs
    }

    /// SHA-256 over the bytes that it writes: of a plain file, its own.
    pub(in crate::drivers) fn expected(&self, file: ImageFile<'_>) -> Result<Digest> {
        match self {
            Artifact::Plain => Ok(file.sha256.clone()),
            Artifact::Sparse(image) => {
                let bytes = image.sha256(file.content, image.len(), Holes::Left).map_err(unreadable)?;
                Ok(Digest::from_bytes(Algorithm::Sha256, bytes))
            }
        }
    }
}
