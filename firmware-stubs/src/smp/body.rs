//! CBOR bodies as the device sees them: a map of named values in, a map out.
//!
//! On purpose not the codec's typed messages: the device side reads as tolerantly, and writes as loosely
//! (indefinite lengths), as Zephyr does, so that a mistake of the codec is not mirrored here.

use super::fail::Fail;
use super::fail::rc;
use minicbor::Decoder;
use minicbor::data::Type;

/// A request's body: unknown names are ignored, a known one of the wrong type is refused.
pub(super) struct Body<'a> {
    entries: Vec<(&'a str, Value<'a>)>,
}

enum Value<'a> {
    Uint(u64),
    Bool(bool),
    Text(&'a str),
    Bytes(&'a [u8]),
    Array(Vec<Value<'a>>),
    Other,
}

/// More entries than any command has; a body with more is refused rather than collected.
const MOST_ENTRIES: usize = 64;

impl<'a> Body<'a> {
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, Fail> {
        Self::read(bytes).ok_or(Fail::Rc(rc::EINVAL))
    }

    fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut decoder = Decoder::new(bytes);
        let mut left = decoder.map().ok()?;
        let mut entries: Vec<(&str, Value<'_>)> = Vec::new();
        loop {
            match left {
                Some(0) => break,
                Some(n) => left = Some(n - 1),
                None if decoder.datatype().ok()? == Type::Break => break,
                None => {}
            }
            let name = decoder.str().ok()?;
            let value = Value::read(&mut decoder)?;
            if entries.len() == MOST_ENTRIES || entries.iter().any(|(known, _)| *known == name) {
                return None;
            }
            entries.push((name, value));
        }
        Some(Self { entries })
    }

    fn get<T>(&self, name: &str, convert: impl Fn(&Value<'a>) -> Option<T>) -> Result<Option<T>, Fail> {
        match self.entries.iter().find(|(known, _)| *known == name) {
            None => Ok(None),
            Some((_, value)) => convert(value).map(Some).ok_or(Fail::Rc(rc::EINVAL)),
        }
    }

    pub(super) fn uint(&self, name: &str) -> Result<Option<u64>, Fail> {
        self.get(name, |value| if let Value::Uint(n) = value { Some(*n) } else { None })
    }

    pub(super) fn bool(&self, name: &str) -> Result<Option<bool>, Fail> {
        self.get(name, |value| if let Value::Bool(b) = value { Some(*b) } else { None })
    }

    pub(super) fn text(&self, name: &str) -> Result<Option<&'a str>, Fail> {
        self.get(name, |value| if let Value::Text(text) = value { Some(*text) } else { None })
    }

    pub(super) fn bytes(&self, name: &str) -> Result<Option<&'a [u8]>, Fail> {
        self.get(name, |value| if let Value::Bytes(bytes) = value { Some(*bytes) } else { None })
    }

    pub(super) fn texts(&self, name: &str) -> Result<Option<Vec<&'a str>>, Fail> {
        self.get(name, |value| match value {
            Value::Array(items) => {
                items.iter().map(|item| if let Value::Text(text) = item { Some(*text) } else { None }).collect()
            }
            _ => None,
        })
    }

    pub(super) fn uints(&self, name: &str) -> Result<Option<Vec<u64>>, Fail> {
        self.get(name, |value| match value {
            Value::Array(items) => {
                items.iter().map(|item| if let Value::Uint(n) = item { Some(*n) } else { None }).collect()
            }
            _ => None,
        })
    }
}

impl<'a> Value<'a> {
    fn read(decoder: &mut Decoder<'a>) -> Option<Self> {
        match decoder.datatype().ok()? {
            Type::Array | Type::ArrayIndef => Self::read_array(decoder),
            _ => Self::read_plain(decoder),
        }
    }

    fn read_array(decoder: &mut Decoder<'a>) -> Option<Self> {
        let mut left = decoder.array().ok()?;
        let mut items = Vec::new();
        loop {
            match left {
                Some(0) => return Some(Self::Array(items)),
                Some(n) => left = Some(n - 1),
                None if decoder.datatype().ok()? == Type::Break => {
                    decoder.skip().ok()?;
                    return Some(Self::Array(items));
                }
                None => {}
            }
            items.push(Self::read_plain(decoder)?);
        }
    }

    /// No value that a command reads lies deeper than an array of plain ones; deeper ones are stepped over.
    fn read_plain(decoder: &mut Decoder<'a>) -> Option<Self> {
        Some(match decoder.datatype().ok()? {
            Type::U8 | Type::U16 | Type::U32 | Type::U64 => Self::Uint(decoder.u64().ok()?),
            Type::Bool => Self::Bool(decoder.bool().ok()?),
            Type::String => Self::Text(decoder.str().ok()?),
            Type::Bytes => Self::Bytes(decoder.bytes().ok()?),
            Type::Break => return None,
            _ => {
                decoder.skip().ok()?;
                Self::Other
            }
        })
    }
}

/// An answer's body, written as Zephyr writes it: maps and lists of indefinite length.
#[derive(Default)]
pub(super) struct Out {
    bytes: Vec<u8>,
}

impl Out {
    const UINT: u8 = 0;
    const NEGATIVE: u8 = 1;
    const BYTES: u8 = 2;
    const TEXT: u8 = 3;

    /// An empty map.
    pub(super) fn new() -> Self {
        Self { bytes: vec![0xbf] }
    }

    pub(super) fn finish(mut self) -> Vec<u8> {
        self.bytes.push(0xff);
        self.bytes
    }

    fn head(&mut self, major: u8, value: u64) {
        let major = major << 5;
        match value {
            0..=23 => self.bytes.push(major | value as u8),
            24..=0xff => self.bytes.extend([major | 24, value as u8]),
            0x100..=0xffff => {
                self.bytes.push(major | 25);
                self.bytes.extend((value as u16).to_be_bytes());
            }
            0x1_0000..=0xffff_ffff => {
                self.bytes.push(major | 26);
                self.bytes.extend((value as u32).to_be_bytes());
            }
            _ => {
                self.bytes.push(major | 27);
                self.bytes.extend(value.to_be_bytes());
            }
        }
    }

    /// A name in a map, or a text in a list.
    pub(super) fn key(&mut self, text: &str) -> &mut Self {
        self.head(Self::TEXT, text.len() as u64);
        self.bytes.extend(text.as_bytes());
        self
    }

    pub(super) fn number(&mut self, value: u64) -> &mut Self {
        self.head(Self::UINT, value);
        self
    }

    pub(super) fn uint(&mut self, name: &str, value: u64) -> &mut Self {
        self.key(name).number(value)
    }

    pub(super) fn int(&mut self, name: &str, value: i64) -> &mut Self {
        self.key(name);
        match u64::try_from(value) {
            Ok(value) => self.head(Self::UINT, value),
            Err(_) => self.head(Self::NEGATIVE, value.unsigned_abs() - 1),
        }
        self
    }

    pub(super) fn bool(&mut self, name: &str, value: bool) -> &mut Self {
        self.key(name);
        self.bytes.push(if value { 0xf5 } else { 0xf4 });
        self
    }

    pub(super) fn text(&mut self, name: &str, value: &str) -> &mut Self {
        self.key(name).key(value)
    }

    pub(super) fn byte_string(&mut self, name: &str, value: &[u8]) -> &mut Self {
        self.key(name);
        self.head(Self::BYTES, value.len() as u64);
        self.bytes.extend(value);
        self
    }

    pub(super) fn begin_map(&mut self) -> &mut Self {
        self.bytes.push(0xbf);
        self
    }

    pub(super) fn begin_list(&mut self) -> &mut Self {
        self.bytes.push(0x9f);
        self
    }

    pub(super) fn end(&mut self) -> &mut Self {
        self.bytes.push(0xff);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_out_writes_a_stock_decoder_reads() {
        let mut out = Out::new();
        out.uint("a", 70_000).int("b", -8).bool("c", true).text("d", "x").byte_string("e", &[1; 300]);
        out.key("f").begin_list().number(5).key("y").end();
        let bytes = out.finish();
        let body = Body::parse(&bytes).unwrap_or_else(|_| panic!("not readable"));
        assert!(matches!(body.uint("a"), Ok(Some(70_000))));
        assert!(matches!(body.bool("c"), Ok(Some(true))));
        assert!(matches!(body.bytes("e"), Ok(Some(bytes)) if bytes.len() == 300));
        let mut decoder = Decoder::new(&bytes[1..]);
        decoder.skip().unwrap();
        decoder.skip().unwrap();
        assert_eq!(decoder.str().unwrap(), "b");
        assert_eq!(decoder.i64().unwrap(), -8);
    }

    #[test]
    fn a_wrong_type_a_twin_and_a_cut_are_refused() {
        let mut out = Out::new();
        out.text("off", "12");
        let bytes = out.finish();
        assert!(Body::parse(&bytes).is_ok_and(|body| body.uint("off").is_err()));
        let mut twin = Out::new();
        twin.uint("off", 1).uint("off", 2);
        assert!(Body::parse(&twin.finish()).is_err());
        assert!(Body::parse(&bytes[..bytes.len() - 2]).is_err());
        assert!(Body::parse(&[]).is_err());
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..64)) {
            let _ = Body::parse(&bytes);
        }
    }
}
