//! An image cut into sparse images, each with all of the image's blocks, most of them holes: what a unit with a small
//! download buffer is given one after the other.

use super::image::{Extent, Image, Stored};
use super::{ChunkHeader, ChunkKind, FileHeader};
use crate::android::source::Source;
use std::collections::VecDeque;
use thiserror::Error;

const FILE_HEADER: u64 = FileHeader::LEN as u64;
const CHUNK_HEADER: u64 = ChunkHeader::LEN as u64;
const FILL: u64 = CHUNK_HEADER + 4;

/// A piece cannot be so small: it holds no block.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("pieces of {limit} bytes are too small: the smallest has {least}")]
pub struct TooSmall {
    /// The limit that was given.
    pub limit: u64,
    /// The least that works.
    pub least: u64,
}

/// A whole sparse image, made of headers and of parts of the file that the image was read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    parts: Vec<Part>,
    len: u64,
    data: u64,
}

/// What the bytes of a piece are, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// These.
    Bytes(Vec<u8>),
    /// Those of the file.
    File {
        /// Offset in the file.
        at: u64,
        /// How many.
        len: u64,
    },
    /// Zeros that fill the last block.
    Zeros(u64),
}

impl Part {
    const fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File { len, .. } | Self::Zeros(len) => *len,
        }
    }
}

impl Piece {
    /// Bytes of the piece.
    #[must_use]
    pub const fn len(&self) -> u64 {
        self.len
    }

    /// Never: a piece has a header at least.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes of it that come from the file.
    #[must_use]
    pub const fn data_len(&self) -> u64 {
        self.data
    }

    /// Its parts, in order.
    #[must_use]
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Reads it from `file`, the one that the image was read from.
    #[must_use]
    pub fn reader<S: Source + ?Sized>(self, file: &S) -> PieceReader<'_, S> {
        PieceReader { parts: self.parts.into(), at: 0, file }
    }

    /// All of it in memory.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn to_vec<S: Source + ?Sized>(&self, file: &S) -> Result<Vec<u8>, S::Error> {
        let mut bytes = Vec::new();
        let mut reader = self.clone().reader(file);
        let mut buf = vec![0; self.len.clamp(1, 1 << 20) as usize];
        loop {
            match reader.read(&mut buf)? {
                0 => return Ok(bytes),
                n => bytes.extend_from_slice(buf.get(..n).unwrap_or_default()),
            }
        }
    }
}

/// The bytes of a piece, read one after the other.
#[derive(Clone, Debug)]
pub struct PieceReader<'a, S: ?Sized> {
    parts: VecDeque<Part>,
    /// Bytes of the first part that were read.
    at: u64,
    file: &'a S,
}

impl<S: Source + ?Sized> PieceReader<'_, S> {
    /// Fills `buf` with the next bytes; fewer than it holds only at the end, 0 behind it.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn read(&mut self, buf: &mut [u8]) -> Result<usize, S::Error> {
        let mut filled = 0;
        while let Some(part) = self.parts.front().filter(|_| filled < buf.len()) {
            let left = part.len() - self.at;
            let room = buf.get_mut(filled..).unwrap_or_default();
            let n = left.min(room.len() as u64) as usize;
            let room = room.get_mut(..n).unwrap_or_default();
            match part {
                Part::Bytes(bytes) => {
                    let start = self.at as usize;
                    room.copy_from_slice(bytes.get(start..start + n).unwrap_or_default());
                }
                Part::File { at, .. } => self.file.read_exact_at(at + self.at, room)?,
                Part::Zeros(_) => room.fill(0),
            }
            filled += n;
            self.at += n as u64;
            if n as u64 == left {
                self.parts.pop_front();
                self.at = 0;
            }
        }
        Ok(filled)
    }
}

impl Image {
    /// Cuts the image into sparse images of at most `limit` bytes each, made one at a time as they are asked for. There is
    /// at least one, also of an image without content.
    ///
    /// # Errors
    /// When `limit` has no room for one block and the headers around it.
    pub fn pieces(&self, limit: u64) -> Result<Pieces<'_>, TooSmall> {
        let block = u64::from(self.block_size().bytes());
        // A hole before, a hole behind, and the larger of a block and a repeated word.
        let least = FILE_HEADER + 2 * CHUNK_HEADER + (CHUNK_HEADER + block).max(FILL);
        if limit < least {
            return Err(TooSmall { limit, least });
        }
        Ok(Pieces { image: self, limit, next: 0, done: 0, begun: false })
    }

    /// The image as one sparse image.
    #[must_use]
    pub fn whole(&self) -> Piece {
        let all = Pieces { image: self, limit: u64::MAX, next: 0, done: 0, begun: false }.next();
        all.unwrap_or(Piece { parts: Vec::new(), len: 0, data: 0 })
    }
}

/// Makes piece after piece. A clone of it goes over the same pieces: counting them reads no file.
#[derive(Clone, Debug)]
pub struct Pieces<'a> {
    image: &'a Image,
    limit: u64,
    /// The extent that comes next.
    next: usize,
    /// Blocks of it that earlier pieces hold.
    done: u32,
    begun: bool,
}

impl Iterator for Pieces<'_> {
    type Item = Piece;

    fn next(&mut self) -> Option<Piece> {
        if self.begun && self.next >= self.image.extents().len() {
            return None;
        }
        self.begun = true;
        let mut maker = Maker::new(self.image, self.limit);
        while let Some(extent) = self.image.extents().get(self.next) {
            let rest = rest(extent, self.done, self.image);
            let taken = maker.take(&rest);
            if taken < rest.blocks {
                self.done += taken;
                break;
            }
            self.next += 1;
            self.done = 0;
        }
        Some(maker.finish())
    }
}

/// What is left of an extent behind its first `done` blocks.
fn rest(extent: &Extent, done: u32, image: &Image) -> Extent {
    let stored = match extent.stored {
        Stored::Data { at, len } => {
            let before = image.block_size().of(done).min(len);
            Stored::Data { at: at + before, len: len - before }
        }
        fill @ Stored::Fill(_) => fill,
    };
    Extent { block: extent.block + done, blocks: extent.blocks - done, stored }
}

struct Maker<'a> {
    image: &'a Image,
    parts: Vec<Part>,
    chunks: u32,
    /// The block behind the last chunk.
    block: u32,
    len: u64,
    limit: u64,
}

impl<'a> Maker<'a> {
    fn new(image: &'a Image, limit: u64) -> Self {
        // The header is known when all chunks are.
        Self { image, parts: vec![Part::Bytes(Vec::new())], chunks: 0, block: 0, len: FILE_HEADER, limit }
    }

    /// Takes blocks of an extent as long as they fit, with room for a last hole; how many.
    fn take(&mut self, extent: &Extent) -> u32 {
        let gap = if extent.block > self.block { CHUNK_HEADER } else { 0 };
        let room = self.limit.saturating_sub(self.len + gap + CHUNK_HEADER);
        match extent.stored {
            Stored::Fill(word) => {
                if room < FILL {
                    return 0;
                }
                self.hole(extent.block);
                self.chunk(ChunkKind::Fill, extent.blocks);
                self.bytes(&word);
                extent.blocks
            }
            Stored::Data { at, len } => {
                let size = self.image.block_size();
                let mut room = room;
                let mut taken = 0;
                // A chunk counts its bytes in 32 bits, so that a very long extent takes several.
                let longest = (u64::from(u32::MAX) - CHUNK_HEADER) / u64::from(size.bytes());
                while taken < extent.blocks {
                    let fit = room.saturating_sub(CHUNK_HEADER) / u64::from(size.bytes());
                    let blocks = u64::from(extent.blocks - taken).min(fit).min(longest) as u32;
                    if blocks == 0 {
                        break;
                    }
                    self.hole(extent.block + taken);
                    self.chunk(ChunkKind::Raw, blocks);
                    let before = size.of(taken).min(len);
                    let data = (len - before).min(size.of(blocks));
                    self.part(Part::File { at: at + before, len: data });
                    self.part(Part::Zeros(size.of(blocks) - data));
                    taken += blocks;
                    room = self.limit.saturating_sub(self.len + CHUNK_HEADER);
                }
                taken
            }
        }
    }

    /// A hole up to `block`, where there is one.
    fn hole(&mut self, block: u32) {
        if block > self.block {
            self.chunk(ChunkKind::DontCare, block - self.block);
        }
    }

    fn chunk(&mut self, kind: ChunkKind, blocks: u32) {
        let content = kind.content(self.image.block_size(), blocks);
        let len = u32::try_from(CHUNK_HEADER + content).unwrap_or(u32::MAX);
        self.bytes(&ChunkHeader { kind, blocks, len }.to_bytes());
        self.chunks += 1;
        self.block += blocks;
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.len += bytes.len() as u64;
        match self.parts.last_mut() {
            Some(Part::Bytes(last)) => last.extend_from_slice(bytes),
            _ => self.parts.push(Part::Bytes(bytes.to_vec())),
        }
    }

    fn part(&mut self, part: Part) {
        if part.len() > 0 {
            self.len += part.len();
            self.parts.push(part);
        }
    }

    fn finish(mut self) -> Piece {
        self.hole(self.image.blocks());
        let header = FileHeader::new(self.image.block_size(), self.image.blocks(), self.chunks).to_bytes();
        if let Some(Part::Bytes(first)) = self.parts.first_mut() {
            first.splice(0..0, header);
        }
        let data = self.parts.iter().filter(|part| matches!(part, Part::File { .. })).map(Part::len).sum();
        Piece { parts: self.parts, len: self.len, data }
    }
}
