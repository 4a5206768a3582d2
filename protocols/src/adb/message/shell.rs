//! Packets in a stream of `shell,v2`: one byte of kind, four of length, the data (`shell_protocol.h`).

use thiserror::Error;

/// What a packet carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// To the command.
    Stdin,
    /// From the command.
    Stdout,
    /// From the command, its errors.
    Stderr,
    /// The command has ended; one byte: its exit code.
    Exit,
    /// No more comes to the command.
    CloseStdin,
    /// The size of the terminal, `ROWSxCOLS,XPIXELSxYPIXELS`.
    WindowSize,
    /// Nothing that the specification knows.
    Other(u8),
}

impl Kind {
    /// The kind with this number.
    #[must_use]
    pub const fn from_code(code: u8) -> Self {
        match code {
            0 => Self::Stdin,
            1 => Self::Stdout,
            2 => Self::Stderr,
            3 => Self::Exit,
            4 => Self::CloseStdin,
            5 => Self::WindowSize,
            other => Self::Other(other),
        }
    }

    /// Its number on the wire.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Stdin => 0,
            Self::Stdout => 1,
            Self::Stderr => 2,
            Self::Exit => 3,
            Self::CloseStdin => 4,
            Self::WindowSize => 5,
            Self::Other(code) => code,
        }
    }
}

/// Bytes before the data.
pub const HEADER_LEN: usize = 5;
/// Most bytes of data in a packet: what the daemon has room for.
pub const MAX_DATA: usize = crate::adb::wire::MAX_PAYLOAD as usize - HEADER_LEN;

/// The header before `len` bytes of data.
#[must_use]
pub const fn header(kind: Kind, len: u32) -> [u8; HEADER_LEN] {
    let [a, b, c, d] = len.to_le_bytes();
    [kind.code(), a, b, c, d]
}

/// A whole packet. What exceeds [`MAX_DATA`] has to be cut before.
#[must_use]
pub fn packet(kind: Kind, data: &[u8]) -> Vec<u8> {
    let len = u32::try_from(data.len()).unwrap_or(u32::MAX);
    [header(kind, len).as_slice(), data].concat()
}

/// A packet that is longer than any side has room for.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("a shell packet announces {0} bytes, at most {MAX_DATA} can be")]
pub struct TooLong(pub u32);

/// Takes a stream as it comes, gives packets in parts: what came of their data.
#[derive(Debug, Default)]
pub struct Reader {
    head: Vec<u8>,
    /// Kind and bytes still to come of the packet whose data is being read.
    body: Option<(Kind, u32)>,
}

/// Data of a packet, or the first or next part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part<'a> {
    /// What it is.
    pub kind: Kind,
    /// The data; empty for a packet without any.
    pub data: &'a [u8],
}

impl Reader {
    /// The next part in `input`, which is moved past what was taken; `None` when all of it was.
    ///
    /// # Errors
    /// [`TooLong`].
    pub fn next<'a>(&mut self, input: &mut &'a [u8]) -> Result<Option<Part<'a>>, TooLong> {
        let (kind, left) = match self.body {
            Some(body) => body,
            None => {
                let wanted = HEADER_LEN.saturating_sub(self.head.len()).min(input.len());
                let (part, rest) = input.split_at(wanted);
                self.head.extend_from_slice(part);
                *input = rest;
                let Some(&[code, a, b, c, d]) = self.head.first_chunk::<HEADER_LEN>() else { return Ok(None) };
                self.head.clear();
                let len = u32::from_le_bytes([a, b, c, d]);
                if len as usize > MAX_DATA {
                    return Err(TooLong(len));
                }
                let kind = Kind::from_code(code);
                if len == 0 {
                    return Ok(Some(Part { kind, data: &[] }));
                }
                self.body = Some((kind, len));
                (kind, len)
            }
        };
        let (data, rest) = input.split_at((left as usize).min(input.len()));
        *input = rest;
        if data.is_empty() {
            return Ok(None);
        }
        let left = left - data.len() as u32;
        self.body = (left > 0).then_some((kind, left));
        Ok(Some(Part { kind, data }))
    }
}
