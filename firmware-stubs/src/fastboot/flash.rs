//! From what was downloaded into a partition.

use super::store::{Kind, Partition};
use super::{Error, Store};
use crate::usb::Stop;
use protocols::android::source::FileError;
use protocols::android::sparse::{Chunks, SparseError, What, is_sparse};

/// Bytes that are written together.
const WINDOW: usize = 1 << 20;

/// How writing ends that does not end well.
pub(super) enum Fail {
    /// The unit refuses, and says so.
    Refused(String),
    /// The unit stops.
    Stop(Stop),
}

impl From<Stop> for Fail {
    fn from(stop: Stop) -> Self {
        Self::Stop(stop)
    }
}

impl From<Error> for Fail {
    fn from(error: Error) -> Self {
        Self::Stop(Stop::Broken(error.into()))
    }
}

/// Writes an image, plain or sparse. Holes are left as they are.
pub(super) fn flash(store: &Store, name: &str, partition: &Partition, image: &[u8]) -> Result<(), Fail> {
    if !is_sparse(image) {
        fits(name, partition, image.len() as u64)?;
        for (at, part) in image.chunks(WINDOW).enumerate() {
            store.write(partition, (at * WINDOW) as u64, part)?;
        }
        return Ok(());
    }
    let broken = |error: FileError<SparseError, std::convert::Infallible>| {
        Fail::Refused(format!("Invalid sparse image: {}", error.into_format()))
    };
    let chunks = Chunks::new(image).map_err(broken)?;
    let block = chunks.block_size();
    fits(name, partition, block.of(chunks.header().blocks))?;
    for chunk in chunks {
        let chunk = chunk.map_err(broken)?;
        let (start, length) = (block.of(chunk.block), block.of(chunk.blocks));
        match chunk.what {
            What::Hole | What::Checksum(_) => {}
            What::Data { at } => {
                let bytes = slice(image, at, length);
                for (number, part) in bytes.chunks(WINDOW).enumerate() {
                    store.write(partition, start + (number * WINDOW) as u64, part)?;
                }
            }
            What::Fill(word) => {
                let window = word.repeat(WINDOW / word.len());
                let mut done = 0;
                while done < length {
                    let part = usize::try_from(length - done).unwrap_or(usize::MAX).min(window.len());
                    store.write(partition, start + done, window.get(..part).unwrap_or_default())?;
                    done += part as u64;
                }
            }
        }
    }
    Ok(())
}

/// A part of the image; the chunks were held against its length.
fn slice(image: &[u8], at: u64, length: u64) -> &[u8] {
    let start = usize::try_from(at).unwrap_or(usize::MAX);
    let end = usize::try_from(at.saturating_add(length)).unwrap_or(usize::MAX);
    image.get(start..end).unwrap_or_default()
}

fn fits(name: &str, partition: &Partition, length: u64) -> Result<(), Fail> {
    if length <= partition.size() {
        return Ok(());
    }
    let kind = if partition.kind() == Kind::Logical { "Resize it first" } else { "Image too large" };
    Err(Fail::Refused(format!("{kind}: {name} holds {} bytes, the image {length}", partition.size())))
}
