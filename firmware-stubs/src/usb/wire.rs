//! The packets of USB/IP 1.1.1 after an import (`Documentation/usb/usbip_protocol.rst` of Linux), both directions.

use protocols::usb::Setup;
use thiserror::Error;

/// Bytes of every packet's header.
pub(super) const HEADER: usize = 48;
/// Most bytes of a transfer: what usbfs allows in all.
pub(super) const MAX_TRANSFER: u32 = 16 * 1024 * 1024;

/// `URB_SHORT_NOT_OK`: less than asked for is an error.
const SHORT_NOT_OK: u32 = 1;

const SUBMIT: u32 = 1;
const UNLINK: u32 = 2;
const RET_SUBMIT: u32 = 3;
const RET_UNLINK: u32 = 4;

/// How a transfer ended, as Linux's error numbers.
pub(super) mod status {
    pub(in super::super) const OK: i32 = 0;
    pub(in super::super) const STALL: i32 = -32;
    pub(in super::super) const OVERFLOW: i32 = -75;
    pub(in super::super) const UNLINKED: i32 = -104;
    pub(in super::super) const SHORT: i32 = -121;
}

/// A request of the host: the data that a [`Request::Submit`] to the device has follow it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Request {
    Submit(Submit),
    Unlink { sequence: u32, target: u32 },
}

/// A transfer that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Submit {
    pub(super) sequence: u32,
    pub(super) direction: Direction,
    pub(super) endpoint: u8,
    pub(super) short: Short,
    /// Bytes that are sent, or that there is room for.
    pub(super) length: usize,
    pub(super) setup: Setup,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    Out,
    In,
}

/// Whether less than asked for is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Short {
    Good,
    Bad,
}

/// What a host may not send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Violation {
    /// A command that no host sends.
    #[error("command {0:#x} is none that a host sends")]
    Command(u32),
    /// Neither in nor out.
    #[error("direction {0:#x} is neither in nor out")]
    Direction(u32),
    /// There are sixteen endpoints each way.
    #[error("there is no endpoint {0}")]
    Endpoint(u32),
    /// A length that no transfer has.
    #[error("a transfer of {0} bytes")]
    Length(u32),
    /// Isochronous transfers are left out.
    #[error("an isochronous transfer of {0} packets")]
    Isochronous(u32),
    /// More transfers wait than a host would leave waiting.
    #[error("too many transfers wait")]
    Waiting,
}

fn word(header: &[u8; HEADER], at: usize) -> u32 {
    let mut bytes = [0; 4];
    bytes.copy_from_slice(&header[at..at + 4]);
    u32::from_be_bytes(bytes)
}

impl Request {
    /// The request in this header.
    pub(super) fn parse(header: &[u8; HEADER]) -> Result<Self, Violation> {
        let sequence = word(header, 4);
        match word(header, 0) {
            SUBMIT => Ok(Self::Submit(Submit::parse(sequence, header)?)),
            UNLINK => Ok(Self::Unlink { sequence, target: word(header, 20) }),
            other => Err(Violation::Command(other)),
        }
    }

    /// The header of this request, as a host sends it.
    pub(super) fn to_bytes(self) -> [u8; HEADER] {
        let mut header = [0; HEADER];
        match self {
            Self::Submit(submit) => {
                let direction = match submit.direction {
                    Direction::Out => 0,
                    Direction::In => 1,
                };
                let flags = if submit.short == Short::Bad { SHORT_NOT_OK } else { 0 };
                let words = [SUBMIT, submit.sequence, 1, direction, u32::from(submit.endpoint), flags];
                put(&mut header, &words);
                put(&mut header[24..], &[submit.length as u32, 0, u32::MAX, 0]);
                header[40..].copy_from_slice(&submit.setup.to_bytes());
            }
            Self::Unlink { sequence, target } => put(&mut header, &[UNLINK, sequence, 1, 0, 0, target]),
        }
        header
    }

    /// Bytes that follow the header.
    pub(super) fn payload(self) -> usize {
        match self {
            Self::Submit(Submit { direction: Direction::Out, length, .. }) => length,
            _ => 0,
        }
    }
}

impl Submit {
    fn parse(sequence: u32, header: &[u8; HEADER]) -> Result<Self, Violation> {
        let direction = match word(header, 12) {
            0 => Direction::Out,
            1 => Direction::In,
            other => return Err(Violation::Direction(other)),
        };
        let endpoint = word(header, 16);
        let length = word(header, 24);
        let packets = word(header, 32);
        if endpoint > 15 {
            return Err(Violation::Endpoint(endpoint));
        }
        if length > MAX_TRANSFER {
            return Err(Violation::Length(length));
        }
        // Older kernels say 0 where the protocol's text wants all ones.
        if !matches!(packets, 0 | u32::MAX) {
            return Err(Violation::Isochronous(packets));
        }
        let short = if word(header, 20) & SHORT_NOT_OK == 0 { Short::Good } else { Short::Bad };
        let mut setup = [0; 8];
        setup.copy_from_slice(&header[40..]);
        Ok(Self {
            sequence,
            direction,
            endpoint: endpoint as u8,
            short,
            length: length as usize,
            setup: Setup::from_bytes(setup),
        })
    }
}

fn put(target: &mut [u8], words: &[u32]) {
    for (place, word) in target.chunks_exact_mut(4).zip(words) {
        place.copy_from_slice(&word.to_be_bytes());
    }
}

/// How a transfer ended: `data` follow when they go to the host, else `actual` tells how many were taken.
pub(super) fn ended(sequence: u32, status: i32, actual: usize, data: &[u8]) -> Vec<u8> {
    let mut out = vec![0; HEADER];
    // The text wants all ones for the packets of what is not isochronous, its example and Linux's own stub send 0.
    put(&mut out, &[RET_SUBMIT, sequence, 0, 0, 0, status as u32, actual as u32]);
    out.extend_from_slice(data);
    out
}

/// How an unlink ended.
pub(super) fn unlinked(sequence: u32, status: i32) -> Vec<u8> {
    let mut out = vec![0; HEADER];
    put(&mut out, &[RET_UNLINK, sequence, 0, 0, 0, status as u32]);
    out
}

/// An answer, as a host reads it: sequence, status, bytes transferred.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Response {
    Ended { sequence: u32, status: i32, actual: usize },
    Unlinked { sequence: u32, status: i32 },
}

impl Response {
    pub(super) fn parse(header: &[u8; HEADER]) -> Option<Self> {
        let (sequence, status) = (word(header, 4), word(header, 20) as i32);
        match word(header, 0) {
            RET_SUBMIT => Some(Self::Ended { sequence, status, actual: word(header, 24) as usize }),
            RET_UNLINK => Some(Self::Unlinked { sequence, status }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(words: &str) -> [u8; HEADER] {
        let words = words.split_whitespace().map(|word| u32::from_str_radix(word, 16).unwrap());
        let bytes: Vec<u8> = words.flat_map(u32::to_be_bytes).collect();
        bytes.try_into().unwrap()
    }

    /// The example of the protocol's text: interrupt transfers of a HID device.
    const IN: &str = "00000001 00000d05 0001000f 00000001 00000001 00000200 00000040 ffffffff \
                      00000000 00000004 00000000 00000000";
    const OUT: &str = "00000001 00000d06 0001000f 00000000 00000001 00000000 00000040 ffffffff \
                       00000000 00000004 00000000 00000000";

    #[test]
    fn the_example_of_the_specification_is_read() {
        let submit = |text| match Request::parse(&header(text)) {
            Ok(Request::Submit(submit)) => submit,
            other => panic!("{other:?}"),
        };
        let read = submit(IN);
        assert_eq!((read.sequence, read.direction, read.endpoint, read.length), (0xd05, Direction::In, 1, 64));
        assert_eq!((read.short, Request::Submit(read).payload()), (Short::Good, 0));
        let write = submit(OUT);
        assert_eq!((write.sequence, write.direction), (0xd06, Direction::Out));
        assert_eq!(Request::Submit(write).payload(), 64);
    }

    #[test]
    fn answers_are_laid_out_as_in_the_example() {
        let read = "00000003 00000d05 00000000 00000000 00000000 00000000 00000040 ffffffff \
                    00000000 00000000 00000000 00000000";
        let data = [7; 64];
        let answer = ended(0xd05, 0, 64, &data);
        // The frame number, behind these, means nothing here.
        assert_eq!(answer[..28], header(read)[..28]);
        assert_eq!(answer[32..HEADER], header(read)[32..]);
        assert_eq!(answer[HEADER..], data);
        assert_eq!(unlinked(9, -104)[20..24], [0xff, 0xff, 0xff, 0x98]);
    }

    #[test]
    fn what_no_host_sends_is_refused() {
        let changed = |at: usize, value: u32| {
            let mut bytes = header(OUT);
            bytes[at..at + 4].copy_from_slice(&value.to_be_bytes());
            Request::parse(&bytes)
        };
        assert_eq!(changed(0, 3), Err(Violation::Command(3)));
        assert_eq!(changed(12, 2), Err(Violation::Direction(2)));
        assert_eq!(changed(16, 16), Err(Violation::Endpoint(16)));
        assert_eq!(changed(24, u32::MAX), Err(Violation::Length(u32::MAX)));
        assert_eq!(changed(32, 1), Err(Violation::Isochronous(1)));
    }

    #[test]
    fn requests_come_through_unchanged() {
        let setup = Setup { request_type: 0xa1, request: 3, value: 0, index: 2, length: 6 };
        let submit = Submit { sequence: 5, direction: Direction::In, endpoint: 0, short: Short::Bad, length: 6, setup };
        for request in [Request::Submit(submit), Request::Unlink { sequence: 6, target: 5 }] {
            assert_eq!(Request::parse(&request.to_bytes()), Ok(request));
        }
    }
}
