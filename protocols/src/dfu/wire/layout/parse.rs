//! Reading a layout, and reading on where others give up.

use super::{Access, Layout, LayoutError, Region};

impl Layout {
    /// The layout in the string of an alternate setting.
    ///
    /// Once a run of pages was read, nothing behind it is an error: real units append what was left in a buffer. What
    /// was not read is told by [`Layout::cut`].
    ///
    /// # Errors
    /// When there is not one run of pages.
    pub fn parse(text: &str) -> Result<Self, LayoutError> {
        let rest = text.strip_prefix('@').ok_or(LayoutError::NotALayout)?;
        let (name, _) = rest.split_once('/').ok_or(LayoutError::Syntax { at: text.len(), wanted: "/" })?;
        let mut reader = Reader { bytes: text.as_bytes(), at: 1 + name.len() };
        let mut regions = Vec::new();
        let cut = reader.areas(&mut regions).err();
        match cut {
            Some(error) if regions.is_empty() => Err(error),
            cut => Ok(Self { name: name.trim().to_owned(), regions, cut }),
        }
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn areas(&mut self, regions: &mut Vec<Region>) -> Result<(), LayoutError> {
        while self.at < self.bytes.len() {
            self.expect(b'/', "/")?;
            self.spaces();
            if self.peek() == Some(b'0') && matches!(self.bytes.get(self.at + 1), Some(b'x' | b'X')) {
                self.at += 2;
            }
            let start = self.number(16, "a hexadecimal address")?;
            self.spaces();
            self.expect(b'/', "/")?;
            self.pages(start, regions)?;
        }
        Ok(())
    }

    /// Runs of pages with commas between them.
    fn pages(&mut self, start: u32, regions: &mut Vec<Region>) -> Result<(), LayoutError> {
        let mut start = u64::from(start);
        loop {
            let at = self.at;
            let (count, page, access) = self.run()?;
            let start32 = u32::try_from(start).map_err(|_| LayoutError::Impossible { at })?;
            let region = Region::new(start32, page, count, access).ok_or(LayoutError::Impossible { at })?;
            if regions.len() == Layout::MAX_REGIONS {
                return Err(LayoutError::TooMany);
            }
            regions.push(region);
            start = region.end();
            self.spaces();
            if self.peek() != Some(b',') {
                return Ok(());
            }
            self.at += 1;
        }
    }

    /// `04*016Kg`: how many pages, their bytes, and what may be done with them.
    fn run(&mut self) -> Result<(u32, u32, Access), LayoutError> {
        self.spaces();
        let count = self.number(10, "a number of pages")?;
        self.expect(b'*', "*")?;
        self.spaces();
        let at = self.at;
        let size = self.number(10, "a page size")?;
        // The unit may be missing; B and a letter in its place would be ambiguous, and ST's own are upper case.
        let unit = match self.peek() {
            Some(b'M') => 1 << 20,
            Some(b'K') => 1 << 10,
            Some(b'B' | b' ') => 1,
            _ => 0,
        };
        if unit > 0 {
            self.at += 1;
        }
        self.spaces();
        let letter = self.peek().map(char::from).and_then(Access::from_letter);
        let access = letter.ok_or(LayoutError::Syntax { at: self.at, wanted: "a letter from a to g" })?;
        self.at += 1;
        let page = size.checked_mul(unit.max(1)).ok_or(LayoutError::Impossible { at })?;
        Ok((count, page, access))
    }

    fn number(&mut self, radix: u32, wanted: &'static str) -> Result<u32, LayoutError> {
        let at = self.at;
        let mut value: Option<u32> = None;
        while let Some(digit) = self.peek().and_then(|byte| char::from(byte).to_digit(radix)) {
            let shifted = value.unwrap_or_default().checked_mul(radix).and_then(|value| value.checked_add(digit));
            value = Some(shifted.ok_or(LayoutError::Impossible { at })?);
            self.at += 1;
        }
        value.ok_or(LayoutError::Syntax { at, wanted })
    }

    fn expect(&mut self, byte: u8, wanted: &'static str) -> Result<(), LayoutError> {
        if self.peek() != Some(byte) {
            return Err(LayoutError::Syntax { at: self.at, wanted });
        }
        self.at += 1;
        Ok(())
    }

    fn spaces(&mut self) {
        while self.peek() == Some(b' ') {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }
}
