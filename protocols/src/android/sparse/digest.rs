//! Digests over what an image expands to, without expanding it.

use super::image::{Image, Stored};
use crate::android::source::{FileError, Source};
use crc::{CRC_32_ISO_HDLC, Crc};
use sha2::{Digest, Sha256};
use std::ops::Range;
use thiserror::Error;

/// Bytes that are hashed together.
const WINDOW: u64 = 1 << 18;

/// What holes count for in a digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holes {
    /// Zeros: what a partition holds that was erased before.
    Zeros,
    /// Nothing: what is hashed are the extents alone, one after the other.
    Left,
}

/// A checksum in a sparse image is not that of what the image holds.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("the sparse image is corrupt: its first {blocks} blocks have the checksum {computed:08x}, not {claimed:08x}")]
pub struct ChecksumError {
    /// Blocks that the checksum is taken over.
    pub blocks: u32,
    /// What the image says.
    pub claimed: u32,
    /// What it holds.
    pub computed: u32,
}

/// What an image expands to, read anywhere: holes read as zeros.
#[derive(Clone, Copy, Debug)]
pub struct Expanded<'a, S: ?Sized> {
    image: &'a Image,
    file: &'a S,
}

impl<S: Source + ?Sized> Source for Expanded<'_, S> {
    type Error = S::Error;

    fn len(&self) -> u64 {
        self.image.len()
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), S::Error> {
        let range = offset..offset.saturating_add(buf.len() as u64);
        let mut rest = buf;
        self.image.expand(self.file, range, Holes::Zeros, &mut |bytes| {
            let n = bytes.len().min(rest.len());
            let (now, later) = std::mem::take(&mut rest).split_at_mut(n);
            now.copy_from_slice(bytes.get(..n).unwrap_or_default());
            rest = later;
        })
    }
}

impl Image {
    /// The image as it will lie in a partition. `file` is the one that it was read from.
    #[must_use]
    pub const fn expanded<'a, S: Source + ?Sized>(&'a self, file: &'a S) -> Expanded<'a, S> {
        Expanded { image: self, file }
    }

    /// SHA-256 over the first `len` bytes of what the image expands to. Bytes beyond the image are as holes. `file` is the
    /// one that the image was read from. Takes time for every byte of `len`, also where nothing is stored: bound it by
    /// what the partition has.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn sha256<S: Source + ?Sized>(&self, file: &S, len: u64, holes: Holes) -> Result<[u8; 32], S::Error> {
        let mut hash = Sha256::new();
        self.expand(file, 0..len, holes, &mut |bytes| hash.update(bytes))?;
        Ok(hash.finalize().into())
    }

    /// Holds the image against the checksums in it, if there are any. Takes time for every byte of [`Image::len`] then.
    ///
    /// # Errors
    /// When the file cannot be read or a checksum is wrong.
    pub fn check<S: Source + ?Sized>(&self, file: &S) -> Result<(), FileError<ChecksumError, S::Error>> {
        const CRC: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);
        let mut sum = CRC.digest();
        let mut at = 0;
        for &(blocks, claimed) in &self.checksums {
            let end = self.block_size().of(blocks);
            self.expand(file, at..end, Holes::Zeros, &mut |bytes| sum.update(bytes)).map_err(FileError::Read)?;
            at = end;
            let computed = sum.clone().finalize();
            if computed != claimed {
                return Err(FileError::Format(ChecksumError { blocks, claimed, computed }));
            }
        }
        Ok(())
    }

    /// Hands out what the bytes of `range` expand to, in order.
    pub(super) fn expand<S: Source + ?Sized>(
        &self,
        file: &S,
        range: Range<u64>,
        holes: Holes,
        sink: &mut impl FnMut(&[u8]),
    ) -> Result<(), S::Error> {
        let mut buf = vec![0; range.end.saturating_sub(range.start).next_multiple_of(4).min(WINDOW) as usize];
        let mut at = range.start;
        let first = self.extents().partition_point(|extent| self.block_size().of(extent.end()) <= at);
        for extent in self.extents().get(first..).unwrap_or_default() {
            let start = self.block_size().of(extent.block);
            let end = self.block_size().of(extent.end()).min(range.end);
            if start > at && holes == Holes::Zeros {
                repeat(&mut buf, [0; 4], 0, start.min(range.end) - at, sink);
            }
            at = at.max(start);
            if at >= range.end {
                break;
            }
            match extent.stored {
                Stored::Fill(word) => repeat(&mut buf, word, at - start, end - at, sink),
                Stored::Data { at: offset, len } => {
                    let data = end.min(start + len);
                    let mut from = at;
                    while from < data {
                        let n = (data - from).min(buf.len() as u64) as usize;
                        let window = buf.get_mut(..n).unwrap_or_default();
                        file.read_exact_at(offset + (from - start), window)?;
                        sink(window);
                        from += n as u64;
                    }
                    repeat(&mut buf, [0; 4], 0, end - from, sink);
                }
            }
            at = end;
        }
        if holes == Holes::Zeros && at < range.end {
            repeat(&mut buf, [0; 4], 0, range.end - at, sink);
        }
        Ok(())
    }
}

/// Hands out `len` bytes of a repeated word, from byte `phase` of the repetition on.
fn repeat(buf: &mut [u8], mut word: [u8; 4], phase: u64, len: u64, sink: &mut impl FnMut(&[u8])) {
    word.rotate_left((phase % 4) as usize);
    let filled = len.next_multiple_of(4).min(buf.len() as u64) as usize;
    let buf = buf.get_mut(..filled).unwrap_or_default();
    buf.chunks_mut(4).for_each(|chunk| chunk.iter_mut().zip(word).for_each(|(to, from)| *to = from));
    let mut left = len;
    while left > 0 {
        let n = left.min(buf.len() as u64) as usize;
        sink(buf.get(..n).unwrap_or_default());
        left -= n as u64;
    }
}
