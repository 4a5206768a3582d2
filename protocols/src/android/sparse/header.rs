//! The headers of the file and of its chunks. Numbers are little-endian.

use super::SparseError;

/// Whether a file that begins like this is a sparse image.
#[must_use]
pub fn is_sparse(file: &[u8]) -> bool {
    file.first_chunk() == Some(&FileHeader::MAGIC.to_le_bytes())
}

/// Bytes of a block: a multiple of 4, never 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BlockSize(u32);

impl BlockSize {
    /// What every tool makes.
    pub const USUAL: Self = Self(4096);

    /// Blocks of so many bytes.
    ///
    /// # Errors
    /// When it is 0 or no multiple of 4.
    pub const fn new(bytes: u32) -> Result<Self, SparseError> {
        if bytes == 0 || !bytes.is_multiple_of(4) { Err(SparseError::BlockSize(bytes)) } else { Ok(Self(bytes)) }
    }

    /// In bytes.
    #[must_use]
    pub const fn bytes(self) -> u32 {
        self.0
    }

    /// Bytes of so many blocks.
    #[must_use]
    pub fn of(self, blocks: u32) -> u64 {
        u64::from(self.0) * u64::from(blocks)
    }
}

/// What a file begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[doc(alias = "sparse_header")]
pub struct FileHeader {
    /// Bytes of this header in the file, at least [`FileHeader::LEN`].
    #[doc(alias = "file_hdr_sz")]
    pub len: u16,
    /// Bytes of a chunk's header, at least [`ChunkHeader::LEN`].
    #[doc(alias = "chunk_hdr_sz")]
    pub chunk_header_len: u16,
    /// Bytes of a block.
    #[doc(alias = "blk_sz")]
    pub block_size: BlockSize,
    /// Blocks of the whole image.
    #[doc(alias = "total_blks")]
    pub blocks: u32,
    /// Chunks that follow.
    #[doc(alias = "total_chunks")]
    pub chunks: u32,
}

impl FileHeader {
    /// Its first four bytes.
    pub const MAGIC: u32 = 0xed26_ff3a;
    /// Bytes that version 1.0 has.
    pub const LEN: usize = 28;
    /// The one major version there is.
    const MAJOR: u16 = 1;

    /// A header for this many blocks and chunks.
    #[must_use]
    pub const fn new(block_size: BlockSize, blocks: u32, chunks: u32) -> Self {
        Self { len: Self::LEN as u16, chunk_header_len: ChunkHeader::LEN as u16, block_size, blocks, chunks }
    }

    /// The header at the beginning of a file.
    ///
    /// # Errors
    /// When it is none, of another version, or impossible.
    pub fn parse(file: &[u8]) -> Result<Self, SparseError> {
        if !is_sparse(file) {
            return Err(SparseError::NotSparse);
        }
        let bytes = file.first_chunk::<{ Self::LEN }>().ok_or(SparseError::Cut { at: 0 })?;
        let u16_at = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
        let u32_at = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        if u16_at(4) != Self::MAJOR {
            return Err(SparseError::Version(u16_at(4)));
        }
        let header = Self {
            len: u16_at(8),
            chunk_header_len: u16_at(10),
            block_size: BlockSize::new(u32_at(12))?,
            blocks: u32_at(16),
            chunks: u32_at(20),
        };
        for (claimed, least) in [(header.len, Self::LEN), (header.chunk_header_len, ChunkHeader::LEN)] {
            if usize::from(claimed) < least {
                return Err(SparseError::HeaderSize(claimed));
            }
        }
        Ok(header)
    }

    /// The 28 bytes in the file, of version 1.0.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        bytes[0..4].copy_from_slice(&Self::MAGIC.to_le_bytes());
        bytes[4..6].copy_from_slice(&Self::MAJOR.to_le_bytes());
        bytes[8..10].copy_from_slice(&self.len.to_le_bytes());
        bytes[10..12].copy_from_slice(&self.chunk_header_len.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.block_size.bytes().to_le_bytes());
        bytes[16..20].copy_from_slice(&self.blocks.to_le_bytes());
        bytes[20..24].copy_from_slice(&self.chunks.to_le_bytes());
        bytes
    }
}

/// What a chunk is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChunkKind {
    /// Blocks as they are.
    Raw,
    /// Blocks of one repeated word of 4 bytes.
    Fill,
    /// Blocks that may hold anything.
    DontCare,
    /// A checksum over everything before it.
    Crc32,
}

impl ChunkKind {
    /// Its number in the file.
    #[must_use]
    pub const fn number(self) -> u16 {
        match self {
            Self::Raw => 0xcac1,
            Self::Fill => 0xcac2,
            Self::DontCare => 0xcac3,
            Self::Crc32 => 0xcac4,
        }
    }

    const fn of(number: u16) -> Option<Self> {
        match number {
            0xcac1 => Some(Self::Raw),
            0xcac2 => Some(Self::Fill),
            0xcac3 => Some(Self::DontCare),
            0xcac4 => Some(Self::Crc32),
            _ => None,
        }
    }

    /// Bytes that follow the header of a chunk of this kind and so many blocks.
    #[must_use]
    pub fn content(self, block_size: BlockSize, blocks: u32) -> u64 {
        match self {
            Self::Raw => block_size.of(blocks),
            Self::Fill | Self::Crc32 => 4,
            Self::DontCare => 0,
        }
    }
}

/// What a chunk begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[doc(alias = "chunk_header")]
pub struct ChunkHeader {
    /// What it is.
    #[doc(alias = "chunk_type")]
    pub kind: ChunkKind,
    /// Blocks that it makes.
    #[doc(alias = "chunk_sz")]
    pub blocks: u32,
    /// Bytes in the file, this header included.
    #[doc(alias = "total_sz")]
    pub len: u32,
}

impl ChunkHeader {
    /// Bytes that version 1.0 has.
    pub const LEN: usize = 12;

    /// The header at byte `at` of a file.
    ///
    /// # Errors
    /// When the kind is not known.
    pub fn parse(bytes: &[u8; Self::LEN], at: u64) -> Result<Self, SparseError> {
        let [kind0, kind1, _, _, blocks @ .., a, b, c, d] = *bytes;
        let kind = u16::from_le_bytes([kind0, kind1]);
        let kind = ChunkKind::of(kind).ok_or(SparseError::Kind { at, kind })?;
        Ok(Self { kind, blocks: u32::from_le_bytes(blocks), len: u32::from_le_bytes([a, b, c, d]) })
    }

    /// The 12 bytes in the file.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        bytes[0..2].copy_from_slice(&self.kind.number().to_le_bytes());
        bytes[4..8].copy_from_slice(&self.blocks.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.len.to_le_bytes());
        bytes
    }
}
