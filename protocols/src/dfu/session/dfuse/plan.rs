//! What will be erased and written, before anything is sent.

use crate::dfu::session::PlanError;
use crate::dfu::wire::{Access, BlockNumber, Layout, Page};

/// Bytes for an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece<'a> {
    /// Where the first of them belongs.
    pub address: u32,
    /// The bytes.
    pub bytes: &'a [u8],
}

impl Piece<'_> {
    fn end(&self) -> u64 {
        u64::from(self.address) + self.bytes.len() as u64
    }
}

/// How memory with addresses is cut into blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Blocks {
    size: u16,
    placed: Placed,
}

/// How a unit knows where a block belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Placed {
    /// By its number, which counts whole blocks from the address on.
    ByNumber,
    /// The address is set before each.
    ByAddress,
}

impl Blocks {
    /// Blocks of the transfer size that the unit's functional descriptor gives, with which it computes where they
    /// belong. When the host can send no more than `limit` bytes at once and that is less, of so many, and the address is
    /// set before each.
    #[must_use]
    pub const fn new(transfer_size: u16, limit: u16) -> Self {
        if transfer_size <= limit {
            Self { size: transfer_size, placed: Placed::ByNumber }
        } else {
            Self { size: limit, placed: Placed::ByAddress }
        }
    }

    /// Bytes of a block.
    pub(in crate::dfu::session) const fn size(self) -> u16 {
        self.size
    }

    /// Whether the block after this one needs no address of its own.
    pub(in crate::dfu::session) const fn go_on_after(self, block: BlockNumber) -> bool {
        matches!(self.placed, Placed::ByNumber) && block.0 < u16::MAX
    }
}

/// Blocks of the unit's transfer size.
impl From<u16> for Blocks {
    fn from(transfer_size: u16) -> Self {
        Self::new(transfer_size, transfer_size)
    }
}

/// What to erase before writing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Erase {
    /// The pages that the image touches, as far as they can be erased. What else is in them is lost.
    #[default]
    Touched,
    /// All of the memory behind the alternate setting.
    All,
    /// Nothing: it is blank already, or is no flash.
    Nothing,
}

/// What a download will erase and write, found to fit the unit's memory.
#[derive(Clone, Debug)]
pub struct DfusePlan<'a> {
    pub(super) pieces: Vec<Piece<'a>>,
    pub(super) pages: Vec<Page>,
    pub(super) erase: Erase,
}

impl<'a> DfusePlan<'a> {
    /// More pages than this are erased by no sane image: 128 MiB in pages of 2 KiB.
    pub const MAX_PAGES: usize = 65_536;

    /// Write `pieces` into memory of this layout. Pieces without bytes are left out.
    ///
    /// # Errors
    /// When there is nothing to write, when a piece lies where the layout has no memory that can be written, or where
    /// another piece lies too.
    pub fn new(pieces: &[Piece<'a>], layout: &Layout, erase: Erase) -> Result<Self, PlanError> {
        let mut pieces: Vec<_> = pieces.iter().copied().filter(|piece| !piece.bytes.is_empty()).collect();
        if pieces.is_empty() {
            return Err(PlanError::Empty);
        }
        pieces.sort_by_key(|piece| piece.address);
        for piece in &pieces {
            if piece.end() > 1 << 32 {
                return Err(PlanError::Beyond { address: piece.address });
            }
            layout.require(piece.address, piece.bytes.len() as u64, Access::WRITE)?;
        }
        for pair in pieces.windows(2) {
            if let [first, second] = pair
                && first.end() > u64::from(second.address)
            {
                return Err(PlanError::Overlap { address: second.address });
            }
        }
        let pages = if erase == Erase::Touched { touched(&pieces, layout)? } else { Vec::new() };
        Ok(Self { pieces, pages, erase })
    }

    /// The pages that will be erased, by address; none when all or nothing is.
    #[must_use]
    pub fn pages(&self) -> &[Page] {
        &self.pages
    }

    /// Bytes that will be written.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.pieces.iter().map(|piece| piece.bytes.len() as u64).sum()
    }
}

fn touched(pieces: &[Piece<'_>], layout: &Layout) -> Result<Vec<Page>, PlanError> {
    let limit = DfusePlan::MAX_PAGES;
    let mut pages: Vec<Page> = Vec::new();
    for piece in pieces {
        // The last page of the piece before may be the first of this one.
        for page in layout.pages(piece.address, piece.bytes.len() as u64) {
            if page.access.allows(Access::ERASE) && pages.last() != Some(&page) {
                pages.push(page);
            }
            if pages.len() > limit {
                return Err(PlanError::TooManyPages { limit });
            }
        }
    }
    Ok(pages)
}
