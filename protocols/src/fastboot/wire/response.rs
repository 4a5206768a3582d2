//! What a unit answers: four letters, and what follows them.

use super::MAX_RESPONSE;
use std::fmt;
use thiserror::Error;

/// Letters that every response begins with.
const TAG: usize = 4;
/// Digits of a length.
const DIGITS: usize = 8;

/// Text in a response: the unit's, so anything may stand in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text {
    /// As much of it as the protocol allows, what is no UTF-8 made good.
    pub text: String,
    /// Bytes that were beyond that, and are lost.
    pub cut: usize,
}

impl Text {
    /// Most bytes that are kept.
    pub const MAX: usize = MAX_RESPONSE - TAG;

    fn read(bytes: &[u8]) -> Self {
        let kept = bytes.get(..Self::MAX).unwrap_or(bytes);
        // Some end it with a zero byte, as C does.
        let end = kept.iter().position(|byte| *byte == 0).unwrap_or(kept.len());
        let text = String::from_utf8_lossy(kept.get(..end).unwrap_or_default()).into_owned();
        Self { text, cut: bytes.len().saturating_sub(kept.len()) }
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self::read(text.as_bytes())
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)?;
        if self.cut > 0 {
            write!(f, "… ({} bytes more)", self.cut)?;
        }
        Ok(())
    }
}

/// Bytes of a data phase: 32 bits of length.
pub type Payload = u32;

/// A response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Response {
    /// The command is carried out; a variable's value, or nothing.
    Okay(Text),
    /// The command is refused, or failed, and why.
    Fail(Text),
    /// So many bytes are awaited, or follow.
    Data(Payload),
    /// A line for the person who waits; the end is still to come.
    Info(Text),
    /// The same, without a line's end.
    Text(Text),
    /// U-Boot's mark that lines follow (`getvar all`), which some of its transports let through; it says nothing.
    More,
}

/// Bytes that are no response.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ResponseError {
    /// Fewer than the letters that each begins with.
    #[error("a response of {0} bytes")]
    Short(usize),
    /// Other letters.
    #[error("a response that begins with {}", shown(*.0))]
    Tag([u8; TAG]),
    /// A length that is no number of eight digits.
    #[error("a length that is no number of eight hexadecimal digits")]
    Length,
}

fn shown(tag: [u8; TAG]) -> String {
    format!("\"{}\"", tag.escape_ascii())
}

impl Response {
    /// The response in these bytes, a whole packet. Of one that is longer than it may be the rest is cut off.
    ///
    /// # Errors
    /// When they are none.
    pub fn parse(bytes: &[u8]) -> Result<Self, ResponseError> {
        let Some((tag, rest)) = bytes.split_first_chunk::<TAG>() else {
            return Err(ResponseError::Short(bytes.len()));
        };
        match tag {
            b"OKAY" => Ok(Self::Okay(Text::read(rest))),
            b"FAIL" => Ok(Self::Fail(Text::read(rest))),
            b"INFO" => Ok(Self::Info(Text::read(rest))),
            b"TEXT" => Ok(Self::Text(Text::read(rest))),
            b"DATA" => length(rest).map(Self::Data).ok_or(ResponseError::Length),
            b"MORE" => Ok(Self::More),
            other => Err(ResponseError::Tag(*other)),
        }
    }

    /// The response as a unit sends it, at most [`MAX_RESPONSE`] bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let (tag, text) = match self {
            Self::Okay(text) => ("OKAY", text.text.clone()),
            Self::Fail(text) => ("FAIL", text.text.clone()),
            Self::Info(text) => ("INFO", text.text.clone()),
            Self::Text(text) => ("TEXT", text.text.clone()),
            Self::Data(length) => ("DATA", format!("{length:08x}")),
            Self::More => ("MORE", String::new()),
        };
        let mut bytes = [tag.as_bytes(), text.as_bytes()].concat();
        bytes.truncate(MAX_RESPONSE);
        bytes
    }
}

/// Eight hexadecimal digits, perhaps with zero bytes behind them.
fn length(bytes: &[u8]) -> Option<Payload> {
    let (digits, rest) = bytes.split_first_chunk::<DIGITS>()?;
    // A sign would be read too.
    let is_number = digits.iter().all(u8::is_ascii_hexdigit) && rest.iter().all(|byte| *byte == 0);
    if !is_number {
        return None;
    }
    u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}
