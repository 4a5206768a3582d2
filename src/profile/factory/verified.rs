//! Verified boot: whether the images of an archive belong together, how new they are, and what a unit that started them
//! reports.

use std::collections::BTreeMap;
use std::io;

use protocols::android::avb::{AvbError, ChainError, Descriptor, Flags, HashError, Vbmeta, chain_digest};
use protocols::android::source::{FileError, Source};
use protocols::android::sparse::{Image, is_sparse};

use super::super::model::Payload;
use crate::device::{Content, RollbackIndex};
use crate::digest::{Algorithm, Digest};
use crate::error::{Error, Kind, Result};

/// The partition at which verified boot begins.
const TOP: &str = "vbmeta";

/// What the metadata of an archive say.
#[derive(Debug, Default)]
pub(super) struct Verified {
    /// How new the images are.
    pub indexes: Vec<RollbackIndex>,
    /// What a unit that started them reports; unknown where metadata lie outside of the archive.
    pub digest: Option<Digest>,
}

fn wrong(sentence: String) -> Error {
    Error::new(Kind::Invalid, sentence).next("no bootloader starts these images; build or download the archive again")
}

fn unread(cause: io::Error) -> Error {
    Error::new(Kind::Storage, "an image of the archive cannot be read").because(cause)
}

/// Reads an image as what a partition holds then.
fn expanded<T>(image: &Payload, read: impl FnOnce(&dyn Source<Error = io::Error>) -> Result<T>) -> Result<T> {
    let content: &dyn Content = image.content.as_ref();
    let mut magic = [0; 4];
    if content.len() >= 4 {
        content.read_exact_at(0, &mut magic).map_err(unread)?;
    }
    if !is_sparse(&magic) {
        return read(&content);
    }
    match Image::read_sparse(content) {
        Ok(sparse) => read(&sparse.expanded(content)),
        Err(FileError::Read(cause)) => Err(unread(cause)),
        Err(FileError::Format(cause)) => {
            let sentence = "an image of the archive is a sparse image, and a broken one";
            Err(wrong(sentence.to_owned()).because(cause))
        }
    }
}

/// The metadata of a partition's image, where it has any.
fn metadata(partition: &str, image: &Payload) -> Result<Option<Vbmeta>> {
    expanded(image, |content| match Vbmeta::read(content) {
        Ok(metadata) => Ok(Some(metadata)),
        Err(FileError::Format(AvbError::Absent)) => Ok(None),
        Err(FileError::Read(cause)) => Err(unread(cause)),
        Err(FileError::Format(cause)) => {
            Err(wrong(format!("the metadata of verified boot of {partition} are broken")).because(cause))
        }
    })
}

impl Verified {
    /// Reads what the images say that `image` gives by partition. Without a `vbmeta` among them they say nothing.
    ///
    /// # Errors
    /// `invalid`: they do not belong together; `storage`.
    pub(super) fn of<'a>(image: impl Fn(&str) -> Option<&'a Payload>) -> Result<Verified> {
        let Some(top) = image(TOP).map(|top| metadata(TOP, top)).transpose()?.flatten() else {
            return Ok(Verified::default());
        };
        let mut verified = Verified::default();
        verified.count(TOP, top.rollback_index_location, &top);
        let mut chained = BTreeMap::new();
        for descriptor in &top.descriptors {
            let Descriptor::Chain(chain) = descriptor else { continue };
            let own = image(&chain.partition).map(|image| metadata(&chain.partition, image)).transpose()?.flatten();
            if let Some(own) = own {
                verified.count(&chain.partition, chain.rollback_index_location, &own);
                chained.insert(chain.partition.clone(), own);
            }
        }
        if !top.flags.contains(Flags::VERIFICATION_DISABLED) {
            std::iter::once(&top).chain(chained.values()).try_for_each(|metadata| belong(metadata, &image))?;
        }
        verified.digest = match chain_digest(&top, |partition| chained.get(partition)) {
            Ok(digest) => Some(Digest::from_bytes(Algorithm::Sha256, digest.to_vec())),
            Err(ChainError::Missing(_)) => None,
            Err(cause) => {
                return Err(wrong("its metadata of verified boot do not fit each other".to_owned()).because(cause));
            }
        };
        Ok(verified)
    }

    fn count(&mut self, partition: &str, location: u32, metadata: &Vbmeta) {
        let (partition, index) = (partition.to_owned(), metadata.rollback_index);
        self.indexes.push(RollbackIndex { partition, location, index });
    }
}

/// Holds images against the digests that metadata have of them. Hash trees are the unit's to check.
fn belong<'a>(metadata: &Vbmeta, image: &impl Fn(&str) -> Option<&'a Payload>) -> Result<()> {
    for descriptor in &metadata.descriptors {
        let Descriptor::Hash(hash) = descriptor else { continue };
        let Some(payload) = image(&hash.partition) else { continue };
        expanded(payload, |content| match hash.check(content) {
            Ok(()) | Err(FileError::Format(HashError::Algorithm { .. })) => Ok(()),
            Err(FileError::Read(cause)) => Err(unread(cause)),
            Err(FileError::Format(cause)) => {
                Err(wrong(format!("its {}.img is not the one that it was signed with", hash.partition)).because(cause))
            }
        })?;
    }
    Ok(())
}
