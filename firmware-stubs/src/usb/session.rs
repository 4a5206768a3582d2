//! The device's end of a USB/IP connection, without its socket: bytes in, bytes out, the device in between.

use super::device::{Answer, Device, Reply, Stop, Then, Transfer};
use super::wire::{self, Direction, HEADER, Request, Short, Submit, Violation, status};
use protocols::time::Moment;
use thiserror::Error;

/// Most transfers that wait at once.
const MAX_WAITING: usize = 1024;

/// Why a connection ends.
#[derive(Debug, Error)]
pub(super) enum Failure {
    #[error(transparent)]
    Stop(#[from] Stop),
    #[error("the host broke the protocol")]
    Violation(#[from] Violation),
}

/// A transfer that has no answer yet.
struct Waiting {
    submit: Submit,
    data: Vec<u8>,
    asks: Asks,
}

/// Whether the device is asked again.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asks {
    Again,
    Never,
}

/// One connection to a host.
#[derive(Default)]
pub(super) struct Session {
    input: Vec<u8>,
    output: Vec<u8>,
    waiting: Vec<Waiting>,
}

impl Session {
    /// Bytes came from the host; carry out the requests that they complete, until one makes the unit leave.
    pub(super) fn on_bytes(&mut self, device: &mut dyn Device, now: Moment, bytes: &[u8]) -> Result<Then, Failure> {
        self.input.extend_from_slice(bytes);
        while let Some(header) = self.input.first_chunk::<HEADER>() {
            let request = Request::parse(header)?;
            let end = HEADER + request.payload();
            if self.input.len() < end {
                break;
            }
            let data: Vec<u8> = self.input.drain(..end).skip(HEADER).collect();
            let then = match request {
                Request::Submit(submit) => self.submit(device, now, submit, data)?,
                Request::Unlink { sequence, target } => {
                    self.unlink(sequence, target);
                    Then::Stay
                }
            };
            if then != Then::Stay {
                return Ok(then);
            }
        }
        self.ask_again(device, now)
    }

    /// Time passed: what waits may go on.
    pub(super) fn ask_again(&mut self, device: &mut dyn Device, now: Moment) -> Result<Then, Failure> {
        for waiting in std::mem::take(&mut self.waiting) {
            if waiting.asks == Asks::Never {
                self.waiting.push(waiting);
                continue;
            }
            let then = self.submit(device, now, waiting.submit, waiting.data)?;
            if then != Then::Stay {
                return Ok(then);
            }
        }
        Ok(Then::Stay)
    }

    /// What is to be sent to the host.
    pub(super) fn output(&mut self) -> &mut Vec<u8> {
        &mut self.output
    }

    fn submit(&mut self, device: &mut dyn Device, now: Moment, submit: Submit, data: Vec<u8>) -> Result<Then, Failure> {
        let endpoint = submit.endpoint;
        let Reply { answer, then } = match submit.direction {
            _ if endpoint == 0 => device.control(now, submit.setup, &data)?,
            Direction::In => device.transfer(now, Transfer::In { endpoint, room: submit.length })?,
            Direction::Out => device.transfer(now, Transfer::Out { endpoint, data: &data })?,
        };
        let sequence = submit.sequence;
        match answer {
            Answer::Stall => self.send(wire::ended(sequence, status::STALL, 0, &[])),
            Answer::Ack if submit.direction == Direction::Out => {
                self.send(wire::ended(sequence, status::OK, submit.length, &[]));
            }
            Answer::Ack => self.send_data(submit, &[]),
            Answer::Data(bytes) if submit.direction == Direction::Out => {
                self.send(wire::ended(sequence, status::OK, bytes.len().min(submit.length), &[]));
            }
            Answer::Data(bytes) => self.send_data(submit, &bytes),
            Answer::Babble => {
                let length = if submit.direction == Direction::In { submit.length } else { 0 };
                self.send(wire::ended(sequence, status::OVERFLOW, length, &vec![0xbb; length]));
            }
            Answer::Later if endpoint != 0 => self.wait(Waiting { submit, data, asks: Asks::Again })?,
            Answer::Later | Answer::Never => self.wait(Waiting { submit, data, asks: Asks::Never })?,
        }
        Ok(then)
    }

    fn send_data(&mut self, submit: Submit, bytes: &[u8]) {
        let bytes = &bytes[..bytes.len().min(submit.length)];
        let status = match submit.short {
            Short::Bad if bytes.len() < submit.length => status::SHORT,
            _ => status::OK,
        };
        self.send(wire::ended(submit.sequence, status, bytes.len(), bytes));
    }

    fn send(&mut self, bytes: Vec<u8>) {
        if self.output.is_empty() {
            self.output = bytes;
        } else {
            self.output.extend(bytes);
        }
    }

    fn wait(&mut self, waiting: Waiting) -> Result<(), Violation> {
        if self.waiting.len() >= MAX_WAITING {
            return Err(Violation::Waiting);
        }
        self.waiting.push(waiting);
        Ok(())
    }

    fn unlink(&mut self, sequence: u32, target: u32) {
        let before = self.waiting.len();
        self.waiting.retain(|waiting| waiting.submit.sequence != target);
        let status = if self.waiting.len() < before { status::UNLINKED } else { status::OK };
        self.send(wire::unlinked(sequence, status));
    }
}
