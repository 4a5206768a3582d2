//! The chunks of a sparse image, one after the other: only their headers are read.

use super::{BlockSize, ChunkHeader, ChunkKind, FileHeader, SparseError};
use crate::android::source::{FileError, Source};

/// A chunk, and where in the image it belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Its first block in the image.
    pub block: u32,
    /// Blocks that it makes; 0 for a checksum.
    pub blocks: u32,
    /// What they hold.
    pub what: What,
}

/// What a chunk makes of its blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// The bytes of the file from `at` on.
    Data {
        /// Offset in the file.
        at: u64,
    },
    /// One word of 4 bytes, repeated.
    Fill([u8; 4]),
    /// Nothing: they may hold anything.
    Hole,
    /// No blocks: CRC-32 over the image before it, holes counted as zeros.
    Checksum(u32),
}

/// Reads chunk after chunk. Ends after the last one, or with the first error.
#[derive(Debug)]
pub struct Chunks<'a, S: ?Sized> {
    file: &'a S,
    header: FileHeader,
    at: u64,
    block: u32,
    left: u32,
    ended: bool,
}

impl<'a, S: Source + ?Sized> Chunks<'a, S> {
    /// Reads the file's header.
    ///
    /// # Errors
    /// When the file cannot be read or is no sparse image.
    pub fn new(file: &'a S) -> Result<Self, FileError<SparseError, S::Error>> {
        let mut bytes = [0; FileHeader::LEN];
        let len = file.len().min(FileHeader::LEN as u64) as usize;
        let start = bytes.get_mut(..len).unwrap_or_default();
        file.read_exact_at(0, start).map_err(FileError::Read)?;
        let header = FileHeader::parse(start).map_err(FileError::Format)?;
        Ok(Self { file, header, at: header.len.into(), block: 0, left: header.chunks, ended: false })
    }

    /// What the file's header says.
    #[must_use]
    pub const fn header(&self) -> &FileHeader {
        &self.header
    }

    /// Bytes of a block.
    #[must_use]
    pub const fn block_size(&self) -> BlockSize {
        self.header.block_size
    }

    fn chunk(&mut self) -> Result<Chunk, FileError<SparseError, S::Error>> {
        let at = self.at;
        let fail = |error| Err(FileError::Format(error));
        let content = at + u64::from(self.header.chunk_header_len);
        if content > self.file.len() {
            return fail(SparseError::Cut { at });
        }
        let mut bytes = [0; ChunkHeader::LEN];
        self.file.read_exact_at(at, &mut bytes).map_err(FileError::Read)?;
        let header = ChunkHeader::parse(&bytes, at).map_err(FileError::Format)?;
        let len = header.kind.content(self.header.block_size, header.blocks);
        let expected = u64::from(self.header.chunk_header_len) + len;
        if u64::from(header.len) != expected {
            return fail(SparseError::ChunkLength { at, claimed: header.len, expected });
        }
        let end = content + len;
        if end > self.file.len() {
            return fail(SparseError::Cut { at });
        }
        // A checksum makes no blocks, whatever it says.
        let blocks = if header.kind == ChunkKind::Crc32 { 0 } else { header.blocks };
        let block = self.block;
        self.block = block
            .checked_add(blocks)
            .filter(|end| *end <= self.header.blocks)
            .ok_or(FileError::Format(SparseError::Beyond { at, blocks: self.header.blocks }))?;
        let what = match header.kind {
            ChunkKind::Raw => What::Data { at: content },
            ChunkKind::Fill => What::Fill(self.word(content)?),
            ChunkKind::DontCare => What::Hole,
            ChunkKind::Crc32 => What::Checksum(u32::from_le_bytes(self.word(content)?)),
        };
        self.at = end;
        Ok(Chunk { block, blocks, what })
    }

    fn word(&self, at: u64) -> Result<[u8; 4], FileError<SparseError, S::Error>> {
        let mut word = [0; 4];
        self.file.read_exact_at(at, &mut word).map_err(FileError::Read)?;
        Ok(word)
    }

    /// Whether the chunks made what the header promised, and nothing is behind them.
    fn finish(&self) -> Result<(), SparseError> {
        let (found, blocks) = (self.block, self.header.blocks);
        if found != blocks {
            return Err(SparseError::Blocks { found, blocks });
        }
        match self.file.len().checked_sub(self.at) {
            Some(0) => Ok(()),
            Some(len) => Err(SparseError::Loose { at: self.at, len }),
            None => Err(SparseError::Cut { at: 0 }),
        }
    }
}

impl<S: Source + ?Sized> Iterator for Chunks<'_, S> {
    type Item = Result<Chunk, FileError<SparseError, S::Error>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let next = if self.left == 0 {
            self.ended = true;
            self.finish().err().map(|error| Err(FileError::Format(error)))?
        } else {
            self.left -= 1;
            self.chunk()
        };
        self.ended |= next.is_err();
        Some(next)
    }
}
