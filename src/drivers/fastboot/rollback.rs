//! The counter below which verified boot starts nothing.

use protocols::android::avb::Vbmeta;
use protocols::android::source::{FileError, Source};
use protocols::fastboot::message::{Variables, size};

use super::super::partition::{Artifact, unreadable};
use crate::device::Content;
use crate::error::{Error, Kind, Result};

/// Refuses metadata of verified boot that are older than the unit lets start, where it says: there is no standard
/// variable for that; `rollback-index:LOCATION` is asked for. Which counter is meant by what goes to another partition
/// than `vbmeta` only that one says.
pub(super) fn check(
    artifact: &Artifact,
    partition: Option<&str>,
    content: &dyn Content,
    variables: &Variables,
) -> Result<()> {
    let mut magic = [0; 4];
    let read = match artifact {
        Artifact::Plain if content.len() >= 4 => content.read_exact_at(0, &mut magic),
        Artifact::Plain => return Ok(()),
        Artifact::Sparse(image) if image.len() >= 4 => image.expanded(content).read_exact_at(0, &mut magic),
        Artifact::Sparse(_) => return Ok(()),
    };
    read.map_err(unreadable)?;
    if !Vbmeta::begins(&magic) {
        return Ok(());
    }
    let metadata = match artifact {
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
