//! DfuSe files: targets, each an alternate setting's, of elements, each with an address (ST's UM0391).

use super::{ForDevice, Image, Segment};
use crate::dfu::file::suffix::Suffix;
use crate::usb::TooLong;
use thiserror::Error;

const SIGNATURE: [u8; 5] = *b"DfuSe";
const TARGET: [u8; 6] = *b"Target";
/// The one version there is.
const VERSION: u8 = 1;
/// Bytes of the field that holds a target's name.
const NAME: usize = 255;

/// Why a DfuSe file cannot be used. Positions are in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DfuseError {
    /// It has no suffix.
    #[error("it has no DFU suffix: it is cut short")]
    NoSuffix,
    /// It is of a version that is not known.
    #[error("version {0} is not known")]
    Version(u8),
    /// It is longer or shorter than it says.
    #[error("it gives its length as {claimed} bytes and has {present}")]
    Length {
        /// What it says.
        claimed: u32,
        /// Bytes that it has.
        present: usize,
    },
    /// Something reaches beyond the end of what it is in.
    #[error("what begins at byte {at} is cut short")]
    Cut {
        /// Where it begins.
        at: usize,
    },
    /// A target does not begin as targets do.
    #[error("no target begins at byte {at}")]
    NoTarget {
        /// Where it should.
        at: usize,
    },
    /// Bytes that belong to nothing.
    #[error("the {len} bytes from byte {at} on belong to nothing")]
    Loose {
        /// Where they begin.
        at: usize,
        /// How many there are.
        len: usize,
    },
    /// An element ends beyond 32 bits of address.
    #[error("the element at {address:#010x} ends beyond the last address")]
    Beyond {
        /// Where it begins.
        address: u32,
    },
    /// Two elements of a target claim one address.
    #[error("two elements claim the address {address:#010x}")]
    Overlap {
        /// The first such address.
        address: u32,
    },
}

pub(super) fn is_dfuse(body: &[u8]) -> bool {
    body.starts_with(&SIGNATURE)
}

/// The images of a file whose bytes before the suffix are `body`, and which has `file` bytes in all.
pub(super) fn parse(body: &[u8], file: usize, for_device: ForDevice) -> Result<Vec<Image>, DfuseError> {
    let mut reader = Reader { bytes: body, at: 0, end: body.len() };
    reader.take(SIGNATURE.len())?;
    let version = reader.byte()?;
    if version != VERSION {
        return Err(DfuseError::Version(version));
    }
    let claimed = reader.u32()?;
    // ST counts without the suffix, other programs with it.
    if ![body.len(), file].contains(&(claimed as usize)) {
        return Err(DfuseError::Length { claimed, present: body.len() });
    }
    let targets = reader.byte()?;
    let images = (0..targets).map(|_| reader.target(for_device)).collect::<Result<Vec<_>, _>>()?;
    reader.finish()?;
    Ok(images)
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    end: usize,
}

impl<'a> Reader<'a> {
    fn target(&mut self, for_device: ForDevice) -> Result<Image, DfuseError> {
        let at = self.at;
        if self.take(TARGET.len())? != TARGET {
            return Err(DfuseError::NoTarget { at });
        }
        let alternate = self.byte()?;
        let named = self.u32()?;
        let name = self.take(NAME)?;
        let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
        let name = (named != 0).then(|| String::from_utf8_lossy(name).into_owned());
        let size = self.u32()? as usize;
        let elements = self.u32()?;
        let bytes = self.at;
        self.take(size)?;
        let mut inner = Reader { bytes: self.bytes, at: bytes, end: self.at };
        let mut segments = Vec::new();
        // Each element takes eight bytes at least, so that their number is no promise of memory.
        for _ in 0..elements {
            segments.push(inner.element()?);
        }
        inner.finish()?;
        Ok(Image { segments: in_order(segments)?, alternate: Some(alternate), name, for_device: Some(for_device) })
    }

    fn element(&mut self) -> Result<Segment, DfuseError> {
        let address = self.u32()?;
        let len = self.u32()?;
        let bytes = self.take(len as usize)?.to_vec();
        if u64::from(address) + u64::from(len) > 1 << 32 {
            return Err(DfuseError::Beyond { address });
        }
        Ok(Segment { address: Some(address), bytes })
    }

    fn finish(&self) -> Result<(), DfuseError> {
        let len = self.end - self.at;
        if len == 0 { Ok(()) } else { Err(DfuseError::Loose { at: self.at, len }) }
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], DfuseError> {
        let end = self.at.checked_add(len).filter(|end| *end <= self.end);
        let bytes = end.and_then(|end| self.bytes.get(self.at..end)).ok_or(DfuseError::Cut { at: self.at })?;
        self.at += len;
        Ok(bytes)
    }

    fn byte(&mut self) -> Result<u8, DfuseError> {
        Ok(self.take(1)?.first().copied().unwrap_or_default())
    }

    fn u32(&mut self) -> Result<u32, DfuseError> {
        let at = self.at;
        let bytes = self.take(4)?;
        bytes.try_into().map(u32::from_le_bytes).map_err(|_| DfuseError::Cut { at })
    }
}

/// Elements by address, those that touch made one.
fn in_order(mut segments: Vec<Segment>) -> Result<Vec<Segment>, DfuseError> {
    segments.retain(|segment| !segment.bytes.is_empty());
    segments.sort_by_key(|segment| segment.address);
    let mut merged: Vec<Segment> = Vec::new();
    for segment in segments {
        let address = segment.address.unwrap_or_default();
        match merged.last_mut() {
            Some(last) => {
                let end = u64::from(last.address.unwrap_or_default()) + last.bytes.len() as u64;
                if end > u64::from(address) {
                    return Err(DfuseError::Overlap { address });
                } else if end == u64::from(address) {
                    last.bytes.extend_from_slice(&segment.bytes);
                } else {
                    merged.push(segment);
                }
            }
            None => merged.push(segment),
        }
    }
    Ok(merged)
}

/// A DfuSe file of these images, its suffix included. Segments without an address belong to address 0.
///
/// # Errors
/// When there are more than 255 images, a name has more than 254 bytes, or there are 4 GiB of them.
pub fn encode_dfuse(images: &[Image], suffix: Suffix) -> Result<Vec<u8>, TooLong> {
    let fit = |len: usize| u32::try_from(len).map_err(|_| TooLong { len, limit: u32::MAX as usize });
    let targets = u8::try_from(images.len()).map_err(|_| TooLong { len: images.len(), limit: 255 })?;
    let mut body = Vec::new();
    for image in images {
        let mut elements = Vec::new();
        for segment in &image.segments {
            elements.extend(segment.address.unwrap_or_default().to_le_bytes());
            elements.extend(fit(segment.bytes.len())?.to_le_bytes());
            elements.extend_from_slice(&segment.bytes);
        }
        let name = image.name.as_deref().unwrap_or_default().as_bytes();
        if name.len() >= NAME {
            return Err(TooLong { len: name.len(), limit: NAME - 1 });
        }
        body.extend(TARGET);
        body.push(image.alternate.unwrap_or_default());
        body.extend(u32::from(image.name.is_some()).to_le_bytes());
        body.extend(name.iter().copied().chain(std::iter::repeat(0)).take(NAME));
        body.extend(fit(elements.len())?.to_le_bytes());
        body.extend(fit(image.segments.len())?.to_le_bytes());
        body.append(&mut elements);
    }
    let head = SIGNATURE.len() + 6;
    let mut file = [&SIGNATURE[..], &[VERSION], &fit(head + body.len())?.to_le_bytes(), &[targets]].concat();
    file.append(&mut body);
    Ok(super::append_suffix(&file, suffix))
}
