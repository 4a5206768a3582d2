//! What the host asks for.

use super::{Compression, DryRun, Flags, Gather, MAX_DATA, MAX_PATH, Mode, Numbers, SyncError, Version, bounded, id};

/// Whether a symbolic link is looked at or what it leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Follow {
    /// The link itself.
    No,
    /// What it leads to. The first version knows no such request.
    Yes,
}

/// One request. Paths are bytes as the unit's file system has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// What is there of a file.
    Stat {
        /// Version of request and answer.
        version: Version,
        /// Whether links are followed.
        follow: Follow,
        /// The file.
        path: Vec<u8>,
    },
    /// What is in a folder.
    List {
        /// Version of request and answer.
        version: Version,
        /// The folder.
        path: Vec<u8>,
    },
    /// A file to the unit: `DATA` and `DONE` follow.
    Send {
        /// Version of the request.
        version: Version,
        /// The file.
        path: Vec<u8>,
        /// Its type and permissions.
        mode: Mode,
        /// The first version has none.
        flags: Flags,
    },
    /// A file from the unit.
    Receive {
        /// Version of the request.
        version: Version,
        /// The file.
        path: Vec<u8>,
        /// The first version has none.
        flags: Flags,
    },
    /// No more requests.
    Quit,
}

impl Request {
    pub(super) const fn stat_id(version: Version, follow: Follow) -> [u8; 4] {
        match (version, follow) {
            (Version::V1, _) => id::STAT,
            (Version::V2, Follow::Yes) => id::STAT2,
            (Version::V2, Follow::No) => id::LSTAT2,
        }
    }

    /// Appends it to what is to be sent.
    pub fn write(&self, to: &mut Vec<u8>) {
        match self {
            Self::Stat { version, follow, path } => record(to, Self::stat_id(*version, *follow), path),
            Self::List { version: Version::V1, path } => record(to, id::LIST, path),
            Self::List { version: Version::V2, path } => record(to, id::LIST2, path),
            Self::Send { version: Version::V1, path, mode, .. } => {
                record(to, id::SEND, &[path.as_slice(), b",", mode.0.to_string().as_bytes()].concat());
            }
            Self::Send { version: Version::V2, path, mode, flags } => {
                record(to, id::SEND2, path);
                words(to, id::SEND2, &[mode.0, flags.bits()]);
            }
            Self::Receive { version: Version::V1, path, .. } => record(to, id::RECV, path),
            Self::Receive { version: Version::V2, path, flags } => {
                record(to, id::RECV2, path);
                words(to, id::RECV2, &[flags.bits()]);
            }
            Self::Quit => words(to, id::QUIT, &[0]),
        }
    }

    /// Appends the end of a file that is being sent, with the time of its last change.
    pub fn write_done(mtime: u32, to: &mut Vec<u8>) {
        words(to, id::DONE, &[mtime]);
    }
}

fn words(to: &mut Vec<u8>, id: [u8; 4], words: &[u32]) {
    to.extend_from_slice(&id);
    for word in words {
        to.extend_from_slice(&word.to_le_bytes());
    }
}

pub(super) fn record(to: &mut Vec<u8>, id: [u8; 4], body: &[u8]) {
    words(to, id, &[u32::try_from(body.len()).unwrap_or(u32::MAX)]);
    to.extend_from_slice(body);
}

/// A part of what the host sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestPart<'a> {
    /// A request.
    Request(Request),
    /// Data of the file being sent, as it came.
    Data(&'a [u8]),
    /// The file being sent is whole; the time of its last change, seconds since 1970.
    Done(u32),
}

/// Reads the host's side of the stream. After an error it is of no use.
#[derive(Debug, Default)]
pub struct Requests {
    gather: Gather,
    state: State,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Idle,
    /// In a file that is being sent; so many bytes of the record are still to come.
    Sending(u32),
    /// The second record of a request of the second version.
    SendSetup(Vec<u8>),
    ReceiveSetup(Vec<u8>),
}

impl Requests {
    /// The next part in `input`, which is moved past what was taken; `None` when all of it was.
    ///
    /// # Errors
    /// [`SyncError`].
    pub fn next<'a>(&mut self, input: &mut &'a [u8]) -> Result<Option<RequestPart<'a>>, SyncError> {
        loop {
            match &mut self.state {
                State::Idle => {
                    let Some(request) = self.request(input)? else { return Ok(None) };
                    if let Some(request) = request {
                        if matches!(request, Request::Send { .. }) {
                            self.state = State::Sending(0);
                        }
                        return Ok(Some(RequestPart::Request(request)));
                    }
                }
                State::Sending(0) => {
                    let Some(head) = self.gather.up_to(8, input) else { return Ok(None) };
                    let mut numbers = Numbers(head);
                    let (found, number) = (numbers.bytes(), numbers.u32());
                    self.gather.clear();
                    match found {
                        id::DATA => {
                            bounded("DATA", number, MAX_DATA)?;
                            self.state = State::Sending(number);
                        }
                        id::DONE => {
                            self.state = State::Idle;
                            return Ok(Some(RequestPart::Done(number)));
                        }
                        _ => return Err(SyncError::Unexpected { found, expected: "DATA or DONE" }),
                    }
                }
                State::Sending(left) => {
                    let (data, rest) = input.split_at((*left as usize).min(input.len()));
                    *input = rest;
                    *left -= data.len() as u32;
                    return Ok((!data.is_empty()).then_some(RequestPart::Data(data)));
                }
                State::SendSetup(path) => {
                    let Some(setup) = self.gather.up_to(12, input) else { return Ok(None) };
                    let mut numbers = Numbers(setup);
                    expect(numbers.bytes(), id::SEND2, "SND2")?;
                    let (mode, flags) = (Mode(numbers.u32()), Flags::from_bits(numbers.u32())?);
                    let path = std::mem::take(path);
                    self.gather.clear();
                    self.state = State::Sending(0);
                    let request = Request::Send { version: Version::V2, path, mode, flags };
                    return Ok(Some(RequestPart::Request(request)));
                }
                State::ReceiveSetup(path) => {
                    let Some(setup) = self.gather.up_to(8, input) else { return Ok(None) };
                    let mut numbers = Numbers(setup);
                    expect(numbers.bytes(), id::RECV2, "RCV2")?;
                    let flags = Flags::from_bits(numbers.u32())?;
                    let path = std::mem::take(path);
                    self.gather.clear();
                    self.state = State::Idle;
                    let request = Request::Receive { version: Version::V2, path, flags };
                    return Ok(Some(RequestPart::Request(request)));
                }
            }
        }
    }

    /// A request, `Some(None)` when it has a second record, `None` when there are too few bytes.
    fn request(&mut self, input: &mut &[u8]) -> Result<Option<Option<Request>>, SyncError> {
        let Some(head) = self.gather.up_to(8, input) else { return Ok(None) };
        let mut numbers = Numbers(head);
        let (found, len) = (numbers.bytes(), numbers.u32());
        // The mode after a path of the first version takes a few more.
        let len = bounded("a path", len, MAX_PATH + 16)?;
        let Some(whole) = self.gather.up_to(8 + len, input) else { return Ok(None) };
        let path = whole.get(8..).unwrap_or_default().to_vec();
        self.gather.clear();
        let (v1, v2) = (Version::V1, Version::V2);
        let none = Flags { compression: Compression::None, dry_run: DryRun::No };
        Ok(Some(Some(match found {
            id::STAT => Request::Stat { version: v1, follow: Follow::No, path },
            id::STAT2 => Request::Stat { version: v2, follow: Follow::Yes, path },
            id::LSTAT2 => Request::Stat { version: v2, follow: Follow::No, path },
            id::LIST => Request::List { version: v1, path },
            id::LIST2 => Request::List { version: v2, path },
            id::SEND => {
                let comma = path.iter().rposition(|byte| *byte == b',').ok_or(SyncError::NoMode)?;
                let (path, mode) = path.split_at(comma);
                let mode = std::str::from_utf8(mode.get(1..).unwrap_or_default()).ok();
                let mode = mode.and_then(|mode| mode.parse().ok()).ok_or(SyncError::NoMode)?;
                Request::Send { version: v1, path: path.to_vec(), mode: Mode(mode), flags: none }
            }
            id::RECV => Request::Receive { version: v1, path, flags: none },
            id::QUIT => Request::Quit,
            id::SEND2 => {
                self.state = State::SendSetup(path);
                return Ok(Some(None));
            }
            id::RECV2 => {
                self.state = State::ReceiveSetup(path);
                return Ok(Some(None));
            }
            _ => return Err(SyncError::Unexpected { found, expected: "a request" }),
        })))
    }
}

fn expect(found: [u8; 4], wanted: [u8; 4], expected: &'static str) -> Result<(), SyncError> {
    if found == wanted { Ok(()) } else { Err(SyncError::Unexpected { found, expected }) }
}
