//! Answers: `OKAY`, perhaps with text behind it, or `FAIL` and why.

use super::{ServerError, length, with_length};

/// What follows an `OKAY`: only whoever asked knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Follows {
    /// Nothing, or the bytes of a stream.
    Nothing,
    /// Text behind its length.
    Text,
}

/// What a server says to a request. Untrusted text: units name themselves in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is so.
    Okay,
    /// What was asked for.
    Text(Vec<u8>),
    /// No, and why.
    Failed(Vec<u8>),
}

impl Answer {
    /// The bytes on the wire.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let (status, text) = match self {
            Answer::Okay => return b"OKAY".to_vec(),
            Answer::Text(text) => (b"OKAY", text),
            Answer::Failed(why) => (b"FAIL", why),
        };
        [status.as_slice(), &with_length(text)].concat()
    }
}

/// Takes a connection as it comes, up to the end of an answer.
#[derive(Debug, Default)]
pub struct Answers {
    held: Vec<u8>,
}

impl Answers {
    /// The answer in `input`, which is moved past what was taken; `None` when all of it was. What is behind the answer is
    /// left where it is: it may be the stream's.
    ///
    /// # Errors
    /// [`ServerError`].
    pub fn next(&mut self, follows: Follows, input: &mut &[u8]) -> Result<Option<Answer>, ServerError> {
        let Some(status) = self.fill(4, input) else { return Ok(None) };
        let failed = match &status {
            b"OKAY" if follows == Follows::Nothing => {
                self.held.clear();
                return Ok(Some(Answer::Okay));
            }
            b"OKAY" => false,
            b"FAIL" => true,
            other => return Err(ServerError::Status(*other)),
        };
        let Some(digits) = self.fill(8, input) else { return Ok(None) };
        let end = 8 + length(digits)?;
        if self.fill(end, input).is_none() {
            return Ok(None);
        }
        let text = self.held.split_off(8);
        self.held.clear();
        Ok(Some(if failed { Answer::Failed(text) } else { Answer::Text(text) }))
    }

    /// Holds `count` bytes, at least four; the last four of them once they are there.
    fn fill(&mut self, count: usize, input: &mut &[u8]) -> Option<[u8; 4]> {
        let wanted = count.saturating_sub(self.held.len()).min(input.len());
        let (part, rest) = input.split_at(wanted);
        self.held.extend_from_slice(part);
        *input = rest;
        self.held.get(..count)?.last_chunk().copied()
    }
}
