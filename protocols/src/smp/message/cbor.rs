//! CBOR as SMP servers write it: maps with text keys, definite or not, unknown keys, every count untrusted.

use super::text::Text;
use minicbor::data::Type;
use minicbor::decode;
use std::collections::BTreeMap;
use thiserror::Error;

/// Most entries that one array or map may hold. A message of 64 KiB could otherwise claim tens of thousands of
/// structures, each many times larger in memory than on the wire.
pub const MAX_ITEMS: usize = 4096;

/// Bytes that are not the message they should be.
#[derive(Debug, Error)]
pub enum DecodeError {
    /// Not CBOR, cut short, or of another type.
    #[error("not valid at byte {at}: {what}")]
    Invalid {
        /// Position in the body.
        at: usize,
        /// What was wrong there.
        what: String,
    },
    /// A key that the message must have is absent.
    #[error("key \"{0}\" is missing")]
    Missing(&'static str),
    /// The value of a key is wrong.
    #[error("key \"{key}\"")]
    Key {
        /// The key.
        key: &'static str,
        /// What is wrong with its value.
        #[source]
        source: Box<DecodeError>,
    },
    /// An array or map with more entries than we take.
    #[error("more than {MAX_ITEMS} entries")]
    TooMany,
}

impl DecodeError {
    fn from_minicbor(error: &decode::Error, at: usize) -> Self {
        Self::Invalid { at: error.position().unwrap_or(at), what: error.to_string() }
    }

    pub(super) fn in_key(self, key: &'static str) -> Self {
        Self::Key { key, source: Box::new(self) }
    }
}

/// Writes CBOR into memory, which cannot fail.
pub struct Writer(minicbor::Encoder<Vec<u8>>);

impl Writer {
    pub(super) fn new() -> Self {
        Self(minicbor::Encoder::new(Vec::new()))
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0.into_writer()
    }

    /// `write` never fails: the sink is a vector.
    fn put(&mut self, write: impl FnOnce(&mut minicbor::Encoder<Vec<u8>>) -> Written<'_>) {
        match write(&mut self.0) {
            Ok(_) => {}
            Err(error) => debug_assert!(false, "writing to memory: {error}"),
        }
    }

    pub(super) fn map(&mut self, entries: usize) {
        self.put(|e| e.map(entries as u64));
    }

    pub(super) fn array(&mut self, entries: usize) {
        self.put(|e| e.array(entries as u64));
    }

    pub(super) fn text(&mut self, text: &str) {
        self.put(|e| e.str(text));
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.put(|e| e.bytes(bytes));
    }

    pub(super) fn unsigned(&mut self, value: u64) {
        self.put(|e| e.u64(value));
    }

    pub(super) fn signed(&mut self, value: i64) {
        self.put(|e| e.i64(value));
    }

    pub(super) fn bool(&mut self, value: bool) {
        self.put(|e| e.bool(value));
    }
}

type Written<'a> =
    Result<&'a mut minicbor::Encoder<Vec<u8>>, minicbor::encode::Error<<Vec<u8> as minicbor::encode::Write>::Error>>;

/// Reads CBOR that may hold anything.
pub struct Reader<'b>(minicbor::Decoder<'b>);

impl<'b> Reader<'b> {
    pub(super) fn new(bytes: &'b [u8]) -> Self {
        Self(minicbor::Decoder::new(bytes))
    }

    /// What has not been read yet.
    pub(super) fn rest(&self) -> &'b [u8] {
        self.0.input().get(self.0.position()..).unwrap_or_default()
    }

    fn get<T>(
        &mut self,
        read: impl FnOnce(&mut minicbor::Decoder<'b>) -> Result<T, decode::Error>,
    ) -> Result<T, DecodeError> {
        let at = self.0.position();
        read(&mut self.0).map_err(|error| DecodeError::from_minicbor(&error, at))
    }

    fn invalid(&self, what: &str) -> DecodeError {
        DecodeError::Invalid { at: self.0.position(), what: what.to_owned() }
    }

    pub(super) fn kind(&mut self) -> Result<Type, DecodeError> {
        self.get(|d| d.datatype())
    }

    pub(super) fn unsigned(&mut self) -> Result<u64, DecodeError> {
        self.get(minicbor::Decoder::u64)
    }

    pub(super) fn signed(&mut self) -> Result<i64, DecodeError> {
        self.get(minicbor::Decoder::i64)
    }

    pub(super) fn bool(&mut self) -> Result<bool, DecodeError> {
        self.get(minicbor::Decoder::bool)
    }

    pub(super) fn bytes(&mut self) -> Result<Vec<u8>, DecodeError> {
        self.string(Type::Bytes, Type::BytesIndef)
    }

    /// Text, with whatever is not UTF-8 replaced: units cut their output in the middle of characters.
    pub(super) fn text(&mut self) -> Result<String, DecodeError> {
        let bytes = self.string(Type::String, Type::StringIndef)?;
        Ok(match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
        })
    }

    /// A byte or text string in one piece or in several. The library would refuse text that is not UTF-8.
    fn string(&mut self, definite: Type, indefinite: Type) -> Result<Vec<u8>, DecodeError> {
        let kind = self.kind()?;
        if kind == definite {
            return Ok(self.chunk()?.to_vec());
        }
        if kind != indefinite {
            return Err(self.invalid(&format!("expected {definite}, found {kind}")));
        }
        self.0.set_position(self.0.position() + 1);
        let mut whole = Vec::new();
        loop {
            let kind = self.kind()?;
            if kind == definite {
                whole.extend_from_slice(self.chunk()?);
            } else if kind == Type::Break {
                self.0.set_position(self.0.position() + 1);
                return Ok(whole);
            } else {
                return Err(self.invalid("a piece of a string is not one"));
            }
        }
    }

    /// The content of a string in one piece, whose head lies at the position.
    fn chunk(&mut self) -> Result<&'b [u8], DecodeError> {
        let len = self.head()?.argument.ok_or_else(|| self.invalid("a string in pieces within a string"))?;
        self.take(len)
    }

    fn take(&mut self, len: u64) -> Result<&'b [u8], DecodeError> {
        let rest = self.rest();
        let content = usize::try_from(len).ok().and_then(|len| rest.get(..len));
        let content = content.ok_or_else(|| self.invalid("cut short"))?;
        self.0.set_position(self.0.position() + content.len());
        Ok(content)
    }

    /// What begins at the position, and go past its head.
    fn head(&mut self) -> Result<Head, DecodeError> {
        let [first] = *self.take(1)? else { return Err(self.invalid("cut short")) };
        let argument = match first & 0x1f {
            small @ 0..=23 => Some(u64::from(small)),
            width @ 24..=27 => {
                let digits = self.take(1 << (width - 24))?;
                Some(digits.iter().fold(0, |value, digit| value << 8 | u64::from(*digit)))
            }
            31 => None,
            _ => return Err(self.invalid("a reserved length")),
        };
        Ok(Head { major: first >> 5, argument })
    }

    /// Go past one value of any kind, without a look at what it holds and without recursion.
    pub(super) fn skip(&mut self) -> Result<(), DecodeError> {
        // Values still to come in each open container; `None` until a break.
        let mut open: Vec<Option<u64>> = vec![Some(1)];
        while let Some(left) = open.last_mut() {
            match left {
                Some(0) => {
                    open.pop();
                    continue;
                }
                Some(left) => *left -= 1,
                None => {}
            }
            let indefinite = left.is_none();
            let Head { major, argument } = self.head()?;
            match (major, argument) {
                (0 | 1, Some(_)) | (7, Some(_)) => {}
                (2 | 3, Some(len)) => {
                    self.take(len)?;
                }
                (4, Some(count)) => open.push(Some(count)),
                (5, Some(count)) => open.push(Some(count.saturating_mul(2))),
                // A tag stands before the value that it belongs to.
                (6, Some(_)) => open.push(Some(1)),
                (2..=5, None) => open.push(None),
                (7, None) if indefinite => {
                    open.pop();
                }
                _ => return Err(self.invalid("a break or length out of place")),
            }
        }
        Ok(())
    }

    /// Whether another entry follows in a container that announced `announced` entries and gave `read`.
    fn more(&mut self, announced: Option<u64>, read: usize) -> Result<bool, DecodeError> {
        let more = match announced {
            Some(count) => (read as u64) < count,
            None if self.kind()? == Type::Break => {
                self.0.set_position(self.0.position() + 1);
                false
            }
            None => true,
        };
        if more && read >= MAX_ITEMS { Err(DecodeError::TooMany) } else { Ok(more) }
    }

    pub(super) fn array<T>(
        &mut self,
        mut item: impl FnMut(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<Vec<T>, DecodeError> {
        let announced = self.get(minicbor::Decoder::array)?;
        let mut items = Vec::new();
        while self.more(announced, items.len())? {
            items.push(item(self)?);
        }
        Ok(items)
    }

    /// Read a map, with `entry` called for every text key; it must read or skip the value. Other keys are skipped.
    pub(super) fn map(
        &mut self,
        mut entry: impl FnMut(&mut Self, &str) -> Result<(), DecodeError>,
    ) -> Result<(), DecodeError> {
        let announced = self.get(minicbor::Decoder::map)?;
        let mut read = 0;
        while self.more(announced, read)? {
            read += 1;
            if matches!(self.kind()?, Type::String | Type::StringIndef) {
                let key = self.text()?;
                entry(self, &key)?;
            } else {
                self.skip()?;
                self.skip()?;
            }
        }
        Ok(())
    }

    /// As [`Reader::map`] for a whole body: no byte at all is an empty map, as some servers answer.
    pub(super) fn body(
        bytes: &'b [u8],
        entry: impl FnMut(&mut Self, &str) -> Result<(), DecodeError>,
    ) -> Result<(), DecodeError> {
        if bytes.is_empty() { Ok(()) } else { Self::new(bytes).map(entry) }
    }
}

/// First byte of a value and the number behind it; `None` for "until the break".
struct Head {
    major: u8,
    argument: Option<u64>,
}

/// Something that stands in a message and can be written and read.
pub trait Value: Sized {
    /// Write it.
    fn encode(&self, w: &mut Writer);

    /// Read it.
    ///
    /// # Errors
    /// [`DecodeError`] for whatever is not such a value.
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError>;

    /// What it is when its key is missing; `None` when it may not be.
    #[must_use]
    fn absent() -> Option<Self> {
        None
    }

    /// Whether its key is left out.
    fn is_absent(&self) -> bool {
        false
    }
}

impl<T: Value> Value for Option<T> {
    fn encode(&self, w: &mut Writer) {
        if let Some(value) = self {
            value.encode(w);
        }
    }

    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        if matches!(r.kind()?, Type::Null | Type::Undefined) {
            r.skip()?;
            return Ok(None);
        }
        T::decode(r).map(Some)
    }

    fn absent() -> Option<Self> {
        Some(None)
    }

    fn is_absent(&self) -> bool {
        self.is_none()
    }
}

impl<T: Value> Value for Vec<T> {
    fn encode(&self, w: &mut Writer) {
        w.array(self.len());
        for item in self {
            item.encode(w);
        }
    }

    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.array(T::decode)
    }
}

impl<T: Value> Value for BTreeMap<Text, T> {
    fn encode(&self, w: &mut Writer) {
        w.map(self.len());
        for (key, value) in self {
            w.text(key.raw());
            value.encode(w);
        }
    }

    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut map = Self::new();
        r.map(|r, key| {
            map.insert(Text::from(key), T::decode(r)?);
            Ok(())
        })?;
        Ok(map)
    }
}

macro_rules! unsigned {
    ($($int:ty),*) => {$(
        impl Value for $int {
            fn encode(&self, w: &mut Writer) {
                w.unsigned(u64::from(*self));
            }

            fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
                let value = r.unsigned()?;
                Self::try_from(value).map_err(|_| r.invalid(&format!("{value} is out of range")))
            }
        }
    )*};
}
unsigned!(u8, u16, u32, u64);

impl Value for i64 {
    fn encode(&self, w: &mut Writer) {
        w.signed(*self);
    }

    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.signed()
    }
}

impl Value for bool {
    fn encode(&self, w: &mut Writer) {
        w.bool(*self);
    }

    /// A number is taken too, zero being false: servers differ for the same key.
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        if r.kind()? == Type::Bool { r.bool() } else { Ok(r.signed()? != 0) }
    }
}

impl Value for String {
    fn encode(&self, w: &mut Writer) {
        w.text(self);
    }

    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.text()
    }
}
