//! What the unit answers.

use super::request::{Follow, Request, record};
use super::stat::{Entry, Stat};
use super::{Gather, MAX_DATA, MAX_FAIL, MAX_NAME, Numbers, SyncError, Version, bounded, id};

/// What was asked, which decides what may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// [`Request::Stat`].
    Stat(Version, Follow),
    /// [`Request::List`].
    List(Version),
    /// [`Request::Send`], ended.
    Send,
    /// [`Request::Receive`].
    Receive,
}

/// An answer, or a part of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply<'a> {
    /// What is there of the file. Ends the answer.
    Stat(Stat),
    /// One name in the folder.
    Entry(Entry),
    /// Data of the file, as it came: compressed if that was asked for.
    Data(&'a [u8]),
    /// The listing or the file is whole, or was taken. Ends the answer.
    Done,
    /// The unit says no, and why: untrusted text. Ends the answer.
    Failed(Vec<u8>),
}

impl Reply<'_> {
    /// Whether the next answer belongs to the next request.
    #[must_use]
    pub fn is_last(&self) -> bool {
        !matches!(self, Self::Entry(_) | Self::Data(_))
    }
}

/// The header of a `DATA` record.
#[must_use]
pub const fn data_header(len: u32) -> [u8; 8] {
    let [a, b, c, d] = len.to_le_bytes();
    let [i, j, k, l] = id::DATA;
    [i, j, k, l, a, b, c, d]
}

/// The answer to a file that was taken.
#[must_use]
pub fn okay() -> Vec<u8> {
    let mut bytes = Vec::new();
    record(&mut bytes, id::OKAY, &[]);
    bytes
}

/// The answer that says no.
#[must_use]
pub fn fail(why: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    record(&mut bytes, id::FAIL, why);
    bytes
}

/// The end of a file that was asked for.
#[must_use]
pub fn done() -> Vec<u8> {
    let mut bytes = Vec::new();
    record(&mut bytes, id::DONE, &[]);
    bytes
}

/// Reads the unit's side of the stream. After an error it is of no use.
#[derive(Debug, Default)]
pub struct Replies {
    gather: Gather,
    /// Bytes still to come of a `DATA` record.
    data: u32,
}

impl Replies {
    /// The next answer in `input`, which is moved past what was taken; `None` when all of it was.
    ///
    /// # Errors
    /// [`SyncError`].
    pub fn next<'a>(&mut self, asked: Asked, input: &mut &'a [u8]) -> Result<Option<Reply<'a>>, SyncError> {
        loop {
            if self.data > 0 {
                let (data, rest) = input.split_at((self.data as usize).min(input.len()));
                *input = rest;
                self.data -= data.len() as u32;
                return Ok((!data.is_empty()).then_some(Reply::Data(data)));
            }
            let Some(letters) = self.gather.up_to(4, input) else { return Ok(None) };
            let found: [u8; 4] = Numbers(letters).bytes();
            if found == id::FAIL {
                return self.failed(input);
            }
            match asked {
                Asked::Stat(version, follow) => {
                    return self.stat(found, version, follow, input);
                }
                Asked::List(version) => return self.entry(found, version, input),
                Asked::Send | Asked::Receive => {
                    let Some(head) = self.gather.up_to(8, input) else { return Ok(None) };
                    let mut numbers = Numbers(head.get(4..).unwrap_or_default());
                    let len = numbers.u32();
                    self.gather.clear();
                    match (asked, found) {
                        // What the length says is ignored: old daemons leave it unset.
                        (Asked::Send, id::OKAY) | (Asked::Receive, id::DONE) => return Ok(Some(Reply::Done)),
                        (Asked::Receive, id::DATA) => {
                            bounded("DATA", len, MAX_DATA)?;
                            self.data = len;
                        }
                        (Asked::Receive, _) => {
                            return Err(SyncError::Unexpected { found, expected: "DATA or DONE" });
                        }
                        _ => return Err(SyncError::Unexpected { found, expected: "OKAY" }),
                    }
                }
            }
        }
    }

    fn failed(&mut self, input: &mut &[u8]) -> Result<Option<Reply<'static>>, SyncError> {
        let Some(head) = self.gather.up_to(8, input) else { return Ok(None) };
        let len = Numbers(head.get(4..).unwrap_or_default()).u32();
        let len = bounded("FAIL", len, MAX_DATA)?;
        let Some(whole) = self.gather.up_to(8 + len, input) else { return Ok(None) };
        let why = whole.get(8..8 + len.min(MAX_FAIL)).unwrap_or_default().to_vec();
        self.gather.clear();
        Ok(Some(Reply::Failed(why)))
    }

    fn stat(
        &mut self,
        found: [u8; 4],
        version: Version,
        follow: Follow,
        input: &mut &[u8],
    ) -> Result<Option<Reply<'static>>, SyncError> {
        if found != Request::stat_id(version, follow) {
            return Err(SyncError::Unexpected { found, expected: "the answer to a stat" });
        }
        let Some(whole) = self.gather.up_to(4 + Stat::len(version), input) else { return Ok(None) };
        let stat = Stat::parse(version, &mut Numbers(whole.get(4..).unwrap_or_default()));
        self.gather.clear();
        Ok(Some(Reply::Stat(stat)))
    }

    fn entry(
        &mut self,
        found: [u8; 4],
        version: Version,
        input: &mut &[u8],
    ) -> Result<Option<Reply<'static>>, SyncError> {
        let fixed = 4 + Stat::len(version) + 4;
        let wanted = if version == Version::V1 { id::DENT } else { id::DENT2 };
        if found != wanted && found != id::DONE {
            return Err(SyncError::Unexpected { found, expected: "an entry of the folder or DONE" });
        }
        let Some(head) = self.gather.up_to(fixed, input) else { return Ok(None) };
        let mut numbers = Numbers(head.get(4..).unwrap_or_default());
        let stat = Stat::parse(version, &mut numbers);
        let len = numbers.u32();
        if found == id::DONE {
            self.gather.clear();
            return Ok(Some(Reply::Done));
        }
        let len = bounded("a name", len, MAX_NAME)?;
        let Some(whole) = self.gather.up_to(fixed + len, input) else { return Ok(None) };
        let name = whole.get(fixed..).unwrap_or_default().to_vec();
        self.gather.clear();
        Ok(Some(Reply::Entry(Entry { name, stat })))
    }
}
