//! Text from a unit: untrusted until it has been escaped.

use std::fmt;

use protocols::text::steers_screen;
use serde::{Serialize, Serializer};

/// Text that a unit sent. Printing escapes it: no control or bidirectional character reaches a screen.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct UnitText(String);

impl UnitText {
    /// The most that is kept of one text, in characters.
    pub const MAX_CHARS: usize = 4096;

    /// Takes text from a unit, at most [`UnitText::MAX_CHARS`] of it.
    #[must_use]
    pub fn new(text: &str) -> UnitText {
        UnitText(text.chars().take(UnitText::MAX_CHARS).collect())
    }

    /// A text that a unit keeps as bytes, in a setting for one: without the padding around it. `None` when there is
    /// none, or it is not UTF-8.
    #[must_use]
    pub fn padded(bytes: &[u8]) -> Option<UnitText> {
        let text = std::str::from_utf8(bytes).ok()?.trim_matches(['\0', ' ']);
        (!text.is_empty()).then(|| UnitText::new(text))
    }

    /// The text as it came, to compare or to send back; never to print.
    #[must_use]
    pub fn untrusted(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UnitText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            if steers_screen(c) {
                write!(f, "{}", c.escape_unicode())?;
            } else {
                fmt::Write::write_char(f, c)?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for UnitText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl Serialize for UnitText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl From<&str> for UnitText {
    fn from(text: &str) -> UnitText {
        UnitText::new(text)
    }
}

impl From<String> for UnitText {
    fn from(text: String) -> UnitText {
        UnitText::new(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::UnitText;

    #[test]
    fn an_escape_sequence_does_not_reach_the_screen() {
        assert_eq!(UnitText::new("a\x1b[2Jb\u{202e}").to_string(), "a\\u{1b}[2Jb\\u{202e}");
        for c in ['\u{9b}', '\u{61c}', '\u{200b}', '\u{2028}', '\u{2066}', '\u{feff}'] {
            assert!(UnitText::new(&c.to_string()).to_string().is_ascii(), "{c:?}");
        }
        assert_eq!(UnitText::new("Prüfstand 3 µ").to_string(), "Prüfstand 3 µ");
    }
}
