//! Strings of a unit, as types that keep what came and do no harm when shown.

use super::cbor::{DecodeError, Reader, Value, Writer};
use crate::text::steers_screen;
use minicbor::data::Type;
use std::fmt::{self, Write as _};
use std::ops::Deref;

/// Text that a unit sent: untrusted, and possibly full of terminal escapes.
///
/// `Display` writes control characters as escapes, so that it may reach a screen; [`Text::raw`] is what came.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text(String);

impl Text {
    /// The text as the unit sent it. Not for a screen.
    #[must_use]
    pub fn raw(&self) -> &str {
        &self.0
    }

    /// At most the first `chars` characters.
    #[must_use]
    pub fn shortened(mut self, chars: usize) -> Self {
        if let Some((end, _)) = self.0.char_indices().nth(chars) {
            self.0.truncate(end);
        }
        self
    }
}

impl<T: Into<String>> From<T> for Text {
    fn from(text: T) -> Self {
        Self(text.into())
    }
}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        self.0 == other
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        self.0 == *other
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for char in self.0.chars() {
            if steers_screen(char) {
                write!(f, "{}", char.escape_default())?;
            } else {
                f.write_char(char)?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl Value for Text {
    fn encode(&self, w: &mut Writer) {
        w.text(&self.0);
    }

    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.text().map(Self)
    }
}

/// A byte string. `Debug` is short: chunks of images are long.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(pub Vec<u8>);

impl Deref for Bytes {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl<T: Into<Vec<u8>>> From<T> for Bytes {
    fn from(bytes: T) -> Self {
        Self(bytes.into())
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 32;
        f.write_str("h'")?;
        for byte in self.0.iter().take(SHOWN) {
            write!(f, "{byte:02x}")?;
        }
        if self.0.len() > SHOWN {
            write!(f, "… {} bytes", self.0.len())?;
        }
        f.write_str("'")
    }
}

impl Value for Bytes {
    fn encode(&self, w: &mut Writer) {
        w.bytes(&self.0);
    }

    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.bytes().map(Self)
    }
}

/// A value that servers send as text or as bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TextOrBytes {
    /// A text string.
    Text(Text),
    /// A byte string.
    Bytes(Bytes),
}

impl Value for TextOrBytes {
    fn encode(&self, w: &mut Writer) {
        match self {
            Self::Text(text) => text.encode(w),
            Self::Bytes(bytes) => bytes.encode(w),
        }
    }

    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match r.kind()? {
            Type::Bytes | Type::BytesIndef => Bytes::decode(r).map(Self::Bytes),
            _ => Text::decode(r).map(Self::Text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_escape_sequence_does_not_reach_the_screen() {
        let text = Text::from("\u{1b}]0;owned\u{7}ok\n\u{202e}");
        assert_eq!(text.to_string(), "\\u{1b}]0;owned\\u{7}ok\\n\\u{202e}");
        assert_eq!(text.raw().len(), 16);
        assert_eq!(Text::from("Ärger 10 µV").to_string(), "Ärger 10 µV");
    }
}
