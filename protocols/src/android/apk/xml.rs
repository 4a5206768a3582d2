//! Android's binary form of XML: chunks, each with its length; a pool of strings, and elements that name strings by number.

use std::collections::BTreeMap;
use thiserror::Error;

/// Why bytes are no binary XML.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum XmlError {
    /// It does not begin like one.
    #[error("it is not in the binary form of XML")]
    NotXml,
    /// A chunk is longer than what it is in, or shorter than its header.
    #[error("the chunk at byte {at} contradicts its length")]
    Chunk {
        /// Where it begins.
        at: usize,
    },
    /// The strings are not where their chunk says.
    #[error("its strings lie outside of their chunk")]
    Strings,
    /// An element ends that did not begin.
    #[error("an element ends at byte {at} that did not begin")]
    End {
        /// Where.
        at: usize,
    },
}

const STRINGS: u16 = 0x0001;
const XML: u16 = 0x0003;
const START: u16 = 0x0102;
const END: u16 = 0x0103;
const NUMBERS: u16 = 0x0180;
/// Bytes of the header that every chunk has.
const HEADER: usize = 8;
/// Strings of a manifest; large ones have some thousand.
const MAX_STRINGS: u32 = 1 << 18;
/// No string.
const NONE: u32 = u32::MAX;

/// A document, its chunks found and its strings decoded.
pub(super) struct Document<'a> {
    bytes: &'a [u8],
    strings: BTreeMap<u32, String>,
    /// Numbers of the attributes whose names are the first strings.
    numbers: Vec<u32>,
    body: usize,
}

/// An element as it begins.
pub(super) struct Element<'d> {
    /// How many elements it is in.
    pub(super) depth: usize,
    pub(super) name: &'d str,
    pub(super) attributes: Vec<Attribute<'d>>,
}

/// An attribute of an element.
pub(super) struct Attribute<'d> {
    pub(super) name: &'d str,
    /// Its number in Android's own namespace, where it is of that.
    pub(super) number: Option<u32>,
    /// What was written, where that was kept.
    pub(super) raw: Option<&'d str>,
    pub(super) value: Value<'d>,
}

/// What an attribute holds.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Value<'d> {
    Text(&'d str),
    Number(u32),
    Boolean(bool),
    /// A resource, or something else that the package alone does not tell.
    Other,
}

/// A chunk: its kind, its header with what is behind the common part, and the bytes behind its header.
struct Chunk<'a> {
    kind: u16,
    at: usize,
    head: &'a [u8],
    body: &'a [u8],
    whole: &'a [u8],
}

impl<'a> Chunk<'a> {
    /// The chunk at `at`, which must not reach beyond `bytes`.
    fn at(bytes: &'a [u8], at: usize) -> Result<Self, XmlError> {
        let wrong = XmlError::Chunk { at };
        let rest = bytes.get(at..).ok_or(wrong)?;
        let kind = u16_at(rest, 0).ok_or(wrong)?;
        let head = usize::from(u16_at(rest, 2).ok_or(wrong)?);
        let len = u32_at(rest, 4).ok_or(wrong)? as usize;
        let whole = rest.get(..len).filter(|_| head >= HEADER && head <= len).ok_or(wrong)?;
        let (head, body) = whole.split_at(head);
        Ok(Self { kind, at, head, body, whole })
    }
}

impl<'a> Document<'a> {
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, XmlError> {
        let document = Chunk::at(bytes, 0).map_err(|_| XmlError::NotXml)?;
        if document.kind != XML {
            return Err(XmlError::NotXml);
        }
        let mut parsed =
            Self { bytes: document.whole, strings: BTreeMap::new(), numbers: Vec::new(), body: document.head.len() };
        for chunk in parsed.chunks() {
            let chunk = chunk?;
            match chunk.kind {
                STRINGS if parsed.strings.is_empty() => parsed.strings = strings(&chunk)?,
                NUMBERS => {
                    parsed.numbers = chunk.body.chunks_exact(4).filter_map(|number| u32_at(number, 0)).collect();
                }
                _ => {}
            }
        }
        Ok(parsed)
    }

    fn chunks(&self) -> impl Iterator<Item = Result<Chunk<'a>, XmlError>> + use<'a> {
        let (bytes, mut at) = (self.bytes, self.body);
        std::iter::from_fn(move || {
            if at >= bytes.len() {
                return None;
            }
            let chunk = Chunk::at(bytes, at);
            at = chunk.as_ref().map_or(bytes.len(), |chunk| at + chunk.whole.len());
            Some(chunk)
        })
    }

    /// The elements in the order in which they begin.
    pub(super) fn elements(&self) -> impl Iterator<Item = Result<Element<'_>, XmlError>> {
        let mut depth = 0_usize;
        self.chunks().filter_map(move |chunk| {
            let chunk = match chunk {
                Ok(chunk) => chunk,
                Err(error) => return Some(Err(error)),
            };
            match chunk.kind {
                START => {
                    depth += 1;
                    Some(self.element(&chunk, depth - 1))
                }
                END => match depth.checked_sub(1) {
                    Some(less) => {
                        depth = less;
                        None
                    }
                    None => Some(Err(XmlError::End { at: chunk.at })),
                },
                _ => None,
            }
        })
    }

    fn element(&self, chunk: &Chunk<'_>, depth: usize) -> Result<Element<'_>, XmlError> {
        let wrong = XmlError::Chunk { at: chunk.at };
        let name = self.string(u32_at(chunk.body, 4).ok_or(wrong)?).unwrap_or_default();
        let [start, size, count] = [8, 10, 12].map(|at| u16_at(chunk.body, at));
        let (start, size, count) = (start.ok_or(wrong)?, usize::from(size.ok_or(wrong)?), count.ok_or(wrong)?);
        if count > 0 && size < 20 {
            return Err(wrong);
        }
        let len = size.checked_mul(count.into()).ok_or(wrong)?;
        let rest = chunk.body.get(usize::from(start)..).and_then(|rest| rest.get(..len)).ok_or(wrong)?;
        let attributes = rest.chunks_exact(size.max(1)).filter_map(|bytes| self.attribute(bytes)).collect();
        Ok(Element { depth, name, attributes })
    }

    fn attribute(&self, bytes: &[u8]) -> Option<Attribute<'_>> {
        let [space, name, raw, _, data] = [0, 4, 8, 12, 16].map(|at| u32_at(bytes, at));
        let name = name?;
        let raw = self.string(raw?);
        let value = match *bytes.get(15)? {
            0x03 => self.string(data?).map_or(Value::Other, Value::Text),
            0x10 | 0x11 => Value::Number(data?),
            0x12 => Value::Boolean(data? != 0),
            _ => Value::Other,
        };
        let number = self.numbers.get(name as usize).copied().filter(|_| space != Some(NONE));
        Some(Attribute { name: self.string(name).unwrap_or_default(), number, raw, value })
    }

    fn string(&self, index: u32) -> Option<&str> {
        self.strings.get(&index).map(String::as_str)
    }
}

/// The strings of a pool. One that is broken is left out: only those that are asked for matter.
fn strings(chunk: &Chunk<'_>) -> Result<BTreeMap<u32, String>, XmlError> {
    const UTF8: u32 = 1 << 8;
    let field = |at: usize| u32_at(chunk.head, at).ok_or(XmlError::Strings);
    let (count, flags, start) = (field(8)?, field(16)?, field(20)? as usize);
    if count > MAX_STRINGS {
        return Err(XmlError::Strings);
    }
    let offsets = chunk.body.get(..count as usize * 4).ok_or(XmlError::Strings)?;
    let pool = chunk.whole.get(start..).ok_or(XmlError::Strings)?;
    // Strings may share bytes, so that few bytes could become many: in all there are no more than these.
    let mut room = pool.len().saturating_mul(4);
    let mut strings = BTreeMap::new();
    for (index, offset) in (0..).zip(offsets.chunks_exact(4)) {
        let bytes = u32_at(offset, 0).and_then(|offset| pool.get(offset as usize..));
        let text = bytes.and_then(|bytes| if flags & UTF8 != 0 { utf8(bytes) } else { utf16(bytes) });
        if let Some(text) = text {
            room = room.checked_sub(text.len()).ok_or(XmlError::Strings)?;
            strings.insert(index, text);
        }
    }
    Ok(strings)
}

/// A string whose length in characters and then in bytes stand before it, each in one byte or two.
fn utf8(bytes: &[u8]) -> Option<String> {
    let (_, bytes) = short_len(bytes)?;
    let (len, bytes) = short_len(bytes)?;
    str::from_utf8(bytes.get(..len)?).ok().map(str::to_owned)
}

fn short_len(bytes: &[u8]) -> Option<(usize, &[u8])> {
    match bytes {
        [high, low, rest @ ..] if high & 0x80 != 0 => Some((usize::from(high & 0x7f) << 8 | usize::from(*low), rest)),
        [len, rest @ ..] => Some((usize::from(*len), rest)),
        [] => None,
    }
}

/// A string whose length in 16-bit units stands before it, in one of them or two.
fn utf16(bytes: &[u8]) -> Option<String> {
    let first = usize::from(u16_at(bytes, 0)?);
    let (len, start) =
        if first & 0x8000 == 0 { (first, 2) } else { ((first & 0x7fff) << 16 | usize::from(u16_at(bytes, 2)?), 4) };
    let bytes = bytes.get(start..)?.get(..len.checked_mul(2)?)?;
    let units: Vec<u16> = bytes.chunks_exact(2).filter_map(|unit| u16_at(unit, 0)).collect();
    String::from_utf16(&units).ok()
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|bytes| u16::from_le_bytes(*bytes))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
}
