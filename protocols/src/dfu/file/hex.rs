//! Intel HEX: lines of records, each with an address and a checksum (Intel's Hexadecimal Object File Format, 1988).

use super::Segment;
use thiserror::Error;

/// Why a file is no Intel HEX.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("line {line}: {fault}")]
pub struct HexError {
    /// Number of the line, from 1 on.
    pub line: usize,
    /// What is wrong with it.
    pub fault: HexFault,
}

/// What is wrong with a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum HexFault {
    /// It does not begin with a colon.
    #[error("a record begins with a colon")]
    NoColon,
    /// It has something that is no hexadecimal digit, or half a byte.
    #[error("what follows the colon is not whole bytes in hexadecimal digits")]
    NotHex,
    /// The record is shorter or longer than it says.
    #[error("the record gives its length as {claimed} bytes and has {present}")]
    Length {
        /// What it says.
        claimed: usize,
        /// Data bytes that it has.
        present: usize,
    },
    /// The checksum is wrong.
    #[error("the checksum is {claimed:02x} and should be {computed:02x}")]
    Checksum {
        /// What the record has.
        claimed: u8,
        /// What it should have.
        computed: u8,
    },
    /// There is no record of this type.
    #[error("there is no record of type {0}")]
    Kind(u8),
    /// The data have not the length that the record's type demands.
    #[error("a record of type {kind} has {len} bytes of data")]
    DataLength {
        /// Type of the record.
        kind: u8,
        /// Bytes that it has.
        len: usize,
    },
    /// Data beyond 32 bits of address.
    #[error("the data end beyond the last address")]
    Beyond,
    /// Data for an address that has some.
    #[error("the address {address:#010x} was given before, in or after line {other}")]
    Overlap {
        /// The address.
        address: u32,
        /// Where the other run of data begins.
        other: usize,
    },
    /// More runs of data than any firmware has.
    #[error("there are more than {limit} separate pieces")]
    TooMany {
        /// How many there may be.
        limit: usize,
    },
    /// Something follows the end record.
    #[error("something follows the end record")]
    AfterEnd,
    /// There is no end record: the file is cut short.
    #[error("the end record is missing: the file is cut short")]
    NoEnd,
}

/// Pieces that are not next to each other.
const MAX_SEGMENTS: usize = 65_536;

/// Whether this is Intel HEX, or was meant to be: its first line is a colon and hexadecimal digits, a record's worth.
pub(super) fn is_hex(file: &[u8]) -> bool {
    const SHORTEST: usize = 10;
    match without_mark(file).trim_ascii_start() {
        [b':', rest @ ..] => rest.get(..SHORTEST).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)),
        _ => false,
    }
}

/// The text behind the mark that some editors put before UTF-8.
fn without_mark(file: &[u8]) -> &[u8] {
    file.strip_prefix(b"\xef\xbb\xbf").unwrap_or(file)
}

/// Data that were given in a row.
struct Run {
    start: u32,
    line: usize,
    bytes: Vec<u8>,
}

impl Run {
    fn end(&self) -> u64 {
        u64::from(self.start) + self.bytes.len() as u64
    }
}

/// How the 16 bits of a record become an address.
#[derive(Clone, Copy)]
enum Base {
    /// They are added to this and go on.
    Linear(u32),
    /// They are added to this and go round at 64 KiB.
    Segment(u32),
}

/// The segments of an Intel HEX file.
pub(super) fn parse(file: &[u8]) -> Result<Vec<Segment>, HexError> {
    let mut runs: Vec<Run> = Vec::new();
    let mut base = Base::Linear(0);
    let mut ended = false;
    let mut last = 1;
    // Empty lines are no records, but they are counted.
    let text = without_mark(file).split(|byte| *byte == b'\n').enumerate();
    for (index, line) in text.map(|(index, line)| (index + 1, line.trim_ascii())).filter(|(_, line)| !line.is_empty()) {
        last = index;
        let fault = |fault| HexError { line: index, fault };
        if ended {
            return Err(fault(HexFault::AfterEnd));
        }
        let record = record(line).map_err(fault)?;
        let [offset0, offset1] = record.offset;
        let offset = u16::from_be_bytes([offset0, offset1]);
        match (record.kind, record.data.as_slice()) {
            (0, data) => store(&mut runs, base, offset, data, index).map_err(fault)?,
            (1, []) => ended = true,
            (2, &[high, low]) => base = Base::Segment(u32::from(u16::from_be_bytes([high, low])) << 4),
            (4, &[high, low]) => base = Base::Linear(u32::from(u16::from_be_bytes([high, low])) << 16),
            // Where to start is no business of whoever writes.
            (3 | 5, [_, _, _, _]) => {}
            (kind @ 1..=5, data) => return Err(fault(HexFault::DataLength { kind, len: data.len() })),
            (kind, _) => return Err(fault(HexFault::Kind(kind))),
        }
    }
    if ended { in_order(runs) } else { Err(HexError { line: last, fault: HexFault::NoEnd }) }
}

struct Record {
    kind: u8,
    offset: [u8; 2],
    data: Vec<u8>,
}

fn record(line: &[u8]) -> Result<Record, HexFault> {
    let digits = line.strip_prefix(b":").ok_or(HexFault::NoColon)?;
    let (pairs, half) = digits.as_chunks::<2>();
    let value = |digit: u8| char::from(digit).to_digit(16).map(|value| value as u8);
    let byte = |[high, low]: &[u8; 2]| Some(value(*high)? << 4 | value(*low)?);
    let bytes: Option<Vec<u8>> = pairs.iter().map(byte).collect();
    let bytes = bytes.filter(|_| half.is_empty()).ok_or(HexFault::NotHex)?;
    let [claimed, offset0, offset1, kind, ref data @ .., checksum] = bytes[..] else {
        return Err(HexFault::Length { claimed: bytes.first().copied().unwrap_or_default().into(), present: 0 });
    };
    if data.len() != usize::from(claimed) {
        return Err(HexFault::Length { claimed: claimed.into(), present: data.len() });
    }
    let sum = bytes.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
    if sum != 0 {
        return Err(HexFault::Checksum { claimed: checksum, computed: checksum.wrapping_sub(sum) });
    }
    Ok(Record { kind, offset: [offset0, offset1], data: data.to_vec() })
}

fn store(runs: &mut Vec<Run>, base: Base, offset: u16, data: &[u8], line: usize) -> Result<(), HexFault> {
    match base {
        Base::Linear(base) => append(runs, u64::from(base) + u64::from(offset), data, line),
        Base::Segment(base) => {
            let room = usize::from(u16::MAX - offset) + 1;
            let (before, after) = data.split_at(room.min(data.len()));
            append(runs, u64::from(base) + u64::from(offset), before, line)?;
            append(runs, base.into(), after, line)
        }
    }
}

fn append(runs: &mut Vec<Run>, start: u64, data: &[u8], line: usize) -> Result<(), HexFault> {
    if data.is_empty() {
        return Ok(());
    }
    if start + data.len() as u64 > 1 << 32 {
        return Err(HexFault::Beyond);
    }
    let many = runs.len();
    match runs.last_mut() {
        Some(run) if run.end() == start => run.bytes.extend_from_slice(data),
        _ if many == MAX_SEGMENTS => return Err(HexFault::TooMany { limit: MAX_SEGMENTS }),
        _ => {
            let start = u32::try_from(start).map_err(|_| HexFault::Beyond)?;
            runs.push(Run { start, line, bytes: data.to_vec() });
        }
    }
    Ok(())
}

/// Runs by address, those that touch made one.
fn in_order(mut runs: Vec<Run>) -> Result<Vec<Segment>, HexError> {
    runs.sort_by_key(|run| run.start);
    let mut merged: Vec<Run> = Vec::new();
    for run in runs {
        match merged.last_mut() {
            Some(last) if last.end() > u64::from(run.start) => {
                let (line, other) = (last.line.max(run.line), last.line.min(run.line));
                return Err(HexError { line, fault: HexFault::Overlap { address: run.start, other } });
            }
            Some(last) if last.end() == u64::from(run.start) => last.bytes.extend_from_slice(&run.bytes),
            _ => merged.push(run),
        }
    }
    Ok(merged.into_iter().map(|run| Segment { address: Some(run.start), bytes: run.bytes }).collect())
}

/// These segments as Intel HEX with linear addresses, 16 bytes a line. Those without an address begin at 0; what would
/// lie beyond the last address is left out.
#[must_use]
pub fn encode_hex(segments: &[Segment]) -> String {
    let mut text = String::new();
    for segment in segments {
        let mut at = u64::from(segment.address.unwrap_or_default());
        let mut high = 0;
        let mut rest = segment.bytes.as_slice();
        while !rest.is_empty() && at < 1 << 32 {
            let [_, _, _, _, h0, h1, o0, o1] = at.to_be_bytes();
            if u16::from_be_bytes([h0, h1]) != high || text.is_empty() || rest.len() == segment.bytes.len() {
                high = u16::from_be_bytes([h0, h1]);
                line(&mut text, [0, 0], 4, &[h0, h1]);
            }
            // A record does not cross 64 KiB: some programs would go round there.
            let room = 0x1_0000 - usize::from(u16::from_be_bytes([o0, o1]));
            let (data, next) = rest.split_at(rest.len().min(16).min(room));
            line(&mut text, [o0, o1], 0, data);
            at += data.len() as u64;
            rest = next;
        }
    }
    line(&mut text, [0, 0], 1, &[]);
    text
}

fn line(text: &mut String, [offset0, offset1]: [u8; 2], kind: u8, data: &[u8]) {
    use std::fmt::Write as _;
    let mut bytes = vec![data.len() as u8, offset0, offset1, kind];
    bytes.extend_from_slice(data);
    bytes.push(bytes.iter().fold(0_u8, |sum, byte| sum.wrapping_sub(*byte)));
    text.push(':');
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02X}");
    }
    text.push('\n');
}
