//! Memory layouts: what a DfuSe unit writes into the string of an alternate setting.
//!
//! `@Internal Flash  /0x08000000/04*016Kg,01*064Kg,07*128Kg`: a name, and for each area its address and runs of pages
//! of one size. The letter tells what may be done with them: its low three bits are read, erase and write. Described in
//! ST's UM0424, "DFU mode descriptor set"; units in the field take liberties, so all that can be read is read.

mod parse;

use std::fmt;
use thiserror::Error;

/// What may be done with memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Access(u8);

impl Access {
    /// It can be read.
    pub const READ: Self = Self(1);
    /// It can be erased, page by page.
    pub const ERASE: Self = Self(2);
    /// It can be written.
    pub const WRITE: Self = Self(4);
    /// All three: flash memory.
    pub const ALL: Self = Self(7);

    /// The access that a letter from `a` to `g` stands for.
    #[must_use]
    pub const fn from_letter(letter: char) -> Option<Self> {
        match letter {
            'a'..='g' | 'A'..='G' => Some(Self(letter as u8 & 7)),
            _ => None,
        }
    }

    /// The letter that stands for it.
    #[must_use]
    pub const fn letter(self) -> char {
        (b'`' + self.0) as char
    }

    /// Both this and the other.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether it allows all that `wanted` does.
    #[must_use]
    pub const fn allows(self, wanted: Self) -> bool {
        self.0 & wanted.0 == wanted.0
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = [(Self::READ, "read"), (Self::ERASE, "erased"), (Self::WRITE, "written")];
        let words: Vec<_> = words.iter().filter(|(bit, _)| self.allows(*bit)).map(|(_, word)| *word).collect();
        f.write_str(&words.join(" and "))
    }
}

/// A run of pages of one size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Region {
    start: u32,
    page: u32,
    count: u32,
    access: Access,
}

impl Region {
    /// `count` pages of `page` bytes from `start` on; `None` when there are none, or some beyond 32 bits of address.
    #[must_use]
    pub const fn new(start: u32, page: u32, count: u32, access: Access) -> Option<Self> {
        let region = Self { start, page, count, access };
        if page == 0 || count == 0 || region.end() > 1 << 32 { None } else { Some(region) }
    }

    /// Address of its first byte.
    #[must_use]
    pub const fn start(self) -> u32 {
        self.start
    }

    /// The address behind its last byte, at most 2³².
    #[must_use]
    pub const fn end(self) -> u64 {
        // Both factors have 32 bits, so that the sum may be too much for 64 only if both are almost the greatest.
        (self.page as u64 * self.count as u64).saturating_add(self.start as u64)
    }

    /// Bytes of a page.
    #[must_use]
    pub const fn page_size(self) -> u32 {
        self.page
    }

    /// How many pages there are.
    #[must_use]
    pub const fn pages(self) -> u32 {
        self.count
    }

    /// What may be done with it.
    #[must_use]
    pub const fn access(self) -> Access {
        self.access
    }

    const fn holds(self, address: u64) -> bool {
        self.start as u64 <= address && address < self.end()
    }

    const fn page_at(self, address: u64) -> Page {
        let index = (address - self.start as u64) / self.page as u64;
        Page { start: self.start as u64 + index * self.page as u64, len: self.page, access: self.access }
    }
}

/// A page: what is erased at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Page {
    /// Address of its first byte, below 2³².
    pub start: u64,
    /// Bytes.
    pub len: u32,
    /// What may be done with it.
    pub access: Access,
}

impl Page {
    /// The address behind its last byte.
    #[must_use]
    pub const fn end(self) -> u64 {
        self.start + self.len as u64
    }
}

/// Memory that a layout does not have, or does not allow to be used so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum OutOfLayout {
    /// There is no memory.
    #[error("there is no memory at {address:#010x}")]
    Nothing {
        /// The first address that is missing.
        address: u64,
    },
    /// The memory is not for that.
    #[error("the memory at {address:#010x} cannot be {wanted}")]
    Forbidden {
        /// The first address of its kind.
        address: u64,
        /// What was wanted.
        wanted: Access,
    },
}

/// The memory behind an alternate setting.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    /// Its name, without the spaces around it. Untrusted text of the unit.
    pub name: String,
    /// Runs of pages in the order of the string. Where two overlap, the first counts. At most [`Self::MAX_REGIONS`].
    pub regions: Vec<Region>,
    /// Why the string was not read to its end, when something in it could not be read.
    pub cut: Option<LayoutError>,
}

/// Why a string is no memory layout, or where it ceases to be one. Positions are in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum LayoutError {
    /// It does not begin with `@`: the setting has a name like any other.
    #[error("it does not begin with @")]
    NotALayout,
    /// Something is not as the format has it.
    #[error("the memory layout cannot be read at character {at}: {wanted} expected")]
    Syntax {
        /// Where.
        at: usize,
        /// What should be there.
        wanted: &'static str,
    },
    /// Pages that are none, or that lie beyond 32 bits of address.
    #[error("the memory layout names impossible pages at character {at}")]
    Impossible {
        /// Where.
        at: usize,
    },
    /// There are more runs of pages than [`Layout::MAX_REGIONS`].
    #[error("the memory layout has too many areas")]
    TooMany,
}

impl Layout {
    /// More runs of pages than a string descriptor could hold.
    pub const MAX_REGIONS: usize = 64;

    /// The page that holds this address.
    #[must_use]
    pub fn page_at(&self, address: u64) -> Option<Page> {
        self.regions.iter().find(|region| region.holds(address)).map(|region| region.page_at(address))
    }

    /// The pages that `len` bytes at `start` touch, as far as there are any without a gap. Where regions overlap, a page
    /// may begin before the one before it ended.
    pub fn pages(&self, start: u32, len: u64) -> impl Iterator<Item = Page> {
        let mut at = u64::from(start);
        let end = at.saturating_add(len);
        std::iter::from_fn(move || {
            let page = if at < end { self.page_at(at) } else { None }?;
            at = page.end();
            Some(page)
        })
    }

    /// How far memory that allows `wanted` reaches without a gap from `start` on: the address behind it, or `start`.
    #[must_use]
    pub fn reach(&self, start: u32, wanted: Access) -> u64 {
        let mut at = u64::from(start);
        // Every round ends a region; a region that was left is never met again.
        while let Some(region) = self.regions.iter().find(|region| region.holds(at)) {
            if !region.access.allows(wanted) {
                break;
            }
            at = region.end();
        }
        at
    }

    /// That `len` bytes at `start` are memory that allows `wanted`.
    ///
    /// # Errors
    /// The first address where it is not so.
    pub fn require(&self, start: u32, len: u64, wanted: Access) -> Result<(), OutOfLayout> {
        let address = self.reach(start, wanted);
        if address >= u64::from(start).saturating_add(len) {
            Ok(())
        } else if self.page_at(address).is_some() {
            Err(OutOfLayout::Forbidden { address, wanted })
        } else {
            Err(OutOfLayout::Nothing { address })
        }
    }

    /// Bytes of memory in all regions.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.regions.iter().map(|region| region.end() - u64::from(region.start)).sum()
    }
}

/// The layout as a unit writes it.
impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "@{}", self.name)?;
        let mut end = None;
        for region in &self.regions {
            if end == Some(u64::from(region.start)) {
                f.write_str(",")?;
            } else {
                write!(f, "/0x{:08X}/", region.start)?;
            }
            end = Some(region.end());
            let (size, unit) = match region.page {
                size if size % (1 << 20) == 0 => (size >> 20, 'M'),
                size if size % (1 << 10) == 0 => (size >> 10, 'K'),
                size => (size, ' '),
            };
            write!(f, "{:02}*{size:03}{unit}{}", region.count, region.access.letter())?;
        }
        Ok(())
    }
}
