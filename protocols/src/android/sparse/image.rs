//! What an image holds where, whichever kind of file it lies in.

use super::{BlockSize, Chunks, SparseError, What, is_sparse};
use crate::android::source::{FileError, Source};

/// More than any image has: each costs a few bytes of memory.
const MAX_EXTENTS: usize = 1 << 20;
/// Blocks of a plain file that are looked at together.
const WINDOW: usize = 256;

/// What an image holds where. The bytes stay in the file that it was read from, sparse or plain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    block_size: BlockSize,
    blocks: u32,
    extents: Vec<Extent>,
    /// Checksums, and how many blocks each is taken over.
    pub(super) checksums: Vec<(u32, u32)>,
}

/// Blocks that hold something. What lies between extents are holes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// The first block.
    pub block: u32,
    /// How many, never 0.
    pub blocks: u32,
    /// What they hold.
    pub stored: Stored,
}

impl Extent {
    /// The block behind the last.
    #[must_use]
    pub const fn end(&self) -> u32 {
        self.block.saturating_add(self.blocks)
    }
}

/// How the content of blocks lies in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored {
    /// Byte for byte.
    Data {
        /// Offset in the file.
        at: u64,
        /// Bytes there: as many as the blocks have, or fewer at the end of a plain file; then zeros follow.
        len: u64,
    },
    /// One word of 4 bytes, repeated.
    Fill([u8; 4]),
}

impl Image {
    /// Reads a file: a sparse image as what it says, anything else as a plain image.
    ///
    /// # Errors
    /// When the file cannot be read, is a broken sparse image, or is too large.
    pub fn read<S: Source + ?Sized>(file: &S) -> Result<Self, FileError<SparseError, S::Error>> {
        let mut magic = [0; 4];
        if file.len() >= 4 {
            file.read_exact_at(0, &mut magic).map_err(FileError::Read)?;
        }
        if is_sparse(&magic) { Self::read_sparse(file) } else { Self::read_plain(file) }
    }

    /// Reads the headers of a sparse image; its data are not looked at.
    ///
    /// # Errors
    /// When the file cannot be read or is no sparse image.
    pub fn read_sparse<S: Source + ?Sized>(file: &S) -> Result<Self, FileError<SparseError, S::Error>> {
        let mut chunks = Chunks::new(file)?;
        let mut image = Self::empty(chunks.block_size(), chunks.header().blocks);
        for chunk in &mut chunks {
            let chunk = chunk?;
            let stored = match chunk.what {
                What::Data { at } => Stored::Data { at, len: image.block_size.of(chunk.blocks) },
                What::Fill(word) => Stored::Fill(word),
                What::Hole => continue,
                What::Checksum(sum) => {
                    image.checksums.push((chunk.block, sum));
                    if image.checksums.len() > MAX_EXTENTS {
                        return Err(FileError::Format(SparseError::TooMany { limit: MAX_EXTENTS }));
                    }
                    continue;
                }
            };
            image.push(chunk.block, chunk.blocks, stored).map_err(FileError::Format)?;
        }
        Ok(image)
    }

    /// Reads a plain image, all of it, and finds the blocks that one repeated word makes (zeros are one).
    ///
    /// # Errors
    /// When the file cannot be read, or has more blocks than can be counted.
    pub fn read_plain<S: Source + ?Sized>(file: &S) -> Result<Self, FileError<SparseError, S::Error>> {
        let block_size = BlockSize::USUAL;
        let bytes = block_size.bytes() as usize;
        let blocks = u32::try_from(file.len().div_ceil(bytes as u64))
            .map_err(|_| FileError::Format(SparseError::TooLarge(file.len())))?;
        let mut image = Self::empty(block_size, blocks);
        let mut window = vec![0; bytes * WINDOW];
        let (mut at, mut block) = (0, 0);
        while at < file.len() {
            let len = (file.len() - at).min(window.len() as u64) as usize;
            let window = window.get_mut(..len).unwrap_or_default();
            file.read_exact_at(at, window).map_err(FileError::Read)?;
            for content in window.chunks(bytes) {
                let len = content.len() as u64;
                let stored =
                    repeated(content).filter(|_| content.len() == bytes).map_or(Stored::Data { at, len }, Stored::Fill);
                image.push(block, 1, stored).map_err(FileError::Format)?;
                at += len;
                block += 1;
            }
        }
        Ok(image)
    }

    fn empty(block_size: BlockSize, blocks: u32) -> Self {
        Self { block_size, blocks, extents: Vec::new(), checksums: Vec::new() }
    }

    /// Adds blocks behind the last, as a part of the last extent where they go on as it does.
    fn push(&mut self, block: u32, blocks: u32, stored: Stored) -> Result<(), SparseError> {
        if blocks == 0 {
            return Ok(());
        }
        if let Some(last) = self.extents.last_mut().filter(|last| last.end() == block) {
            match (&mut last.stored, stored) {
                (Stored::Fill(word), Stored::Fill(next)) if *word == next => {
                    last.blocks += blocks;
                    return Ok(());
                }
                (Stored::Data { at, len }, Stored::Data { at: next, len: more }) if *at + *len == next => {
                    last.blocks += blocks;
                    *len += more;
                    return Ok(());
                }
                _ => {}
            }
        }
        if self.extents.len() >= MAX_EXTENTS {
            return Err(SparseError::TooMany { limit: MAX_EXTENTS });
        }
        self.extents.push(Extent { block, blocks, stored });
        Ok(())
    }

    /// Bytes of a block.
    #[must_use]
    pub const fn block_size(&self) -> BlockSize {
        self.block_size
    }

    /// Blocks of the whole image, holes counted.
    #[must_use]
    pub const fn blocks(&self) -> u32 {
        self.blocks
    }

    /// Bytes of the whole image, holes counted: what a partition needs at least.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.block_size.of(self.blocks)
    }

    /// Whether it has no blocks.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.blocks == 0
    }

    /// What it holds, in the order of the blocks; none overlaps another.
    #[must_use]
    pub fn extents(&self) -> &[Extent] {
        &self.extents
    }

    /// Bytes that lie in the file byte for byte: what has to be sent at least.
    #[must_use]
    pub fn data_len(&self) -> u64 {
        let data = self.extents.iter().filter(|extent| matches!(extent.stored, Stored::Data { .. }));
        data.map(|extent| self.block_size.of(extent.blocks)).sum()
    }

    /// Whether blocks are left as they are, so that what a partition holds there is not known.
    #[must_use]
    pub fn has_holes(&self) -> bool {
        self.extents.iter().map(|extent| u64::from(extent.blocks)).sum::<u64>() < u64::from(self.blocks)
    }
}

/// The word of 4 bytes that makes all of `block`.
fn repeated(block: &[u8]) -> Option<[u8; 4]> {
    let word = *block.first_chunk::<4>()?;
    // Every byte equals the one 4 before it: a comparison of memory, which is fast.
    let (shifted, rest) = (block.get(4..)?, block.get(..block.len().checked_sub(4)?)?);
    (shifted == rest).then_some(word)
}
