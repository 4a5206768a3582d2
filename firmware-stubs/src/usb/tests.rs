//! A small device on the memory transport, and on a real socket pair.

use super::host::{Host, Trouble};
use super::*;
use protocols::time::Moment;
use protocols::usb::Setup;
use std::time::Duration;

/// Keeps what it is sent on endpoint 1 and gives it back on endpoint 2; tells its requests.
#[derive(Default)]
struct Echo {
    kept: Vec<u8>,
    starts: u32,
    leaves_at: Option<Moment>,
}

const READ: u8 = 0xc0;
const WRITE: u8 = 0x40;

fn vendor(request_type: u8, request: u8, length: u16) -> Setup {
    Setup { request_type, request, value: 0, index: 0, length }
}

impl Device for Echo {
    fn power_on(&mut self, _: Moment) -> Result<(), Stop> {
        self.starts += 1;
        Ok(())
    }

    fn control(&mut self, now: Moment, setup: Setup, data: &[u8]) -> Result<Reply, Stop> {
        Ok(match (setup.request_type, setup.request) {
            (READ, 1) => Answer::Data(vec![1; 300]).into(),
            (WRITE, 2) => {
                self.kept = data.to_vec();
                Answer::Ack.into()
            }
            (READ, 3) => Answer::Babble.into(),
            (READ, 4) => Answer::Never.into(),
            (WRITE, 5) => Reply { answer: Answer::Ack, then: Then::Leave { away: Duration::from_millis(7) } },
            (WRITE, 6) => {
                self.leaves_at = Some(now + Duration::from_secs(1));
                Answer::Ack.into()
            }
            (WRITE, 7) => return Err(Stop::Unplugged),
            (0x80, 6) => Answer::Data(vec![18, 1]).into(),
            (0x00, 9) => Answer::Ack.into(),
            _ => Answer::Stall.into(),
        })
    }

    fn transfer(&mut self, _: Moment, transfer: Transfer<'_>) -> Result<Reply, Stop> {
        Ok(match transfer {
            Transfer::Out { endpoint: 1, data } => {
                self.kept = data.to_vec();
                Answer::Ack.into()
            }
            Transfer::In { endpoint: 2, .. } if self.kept.is_empty() => Answer::Later.into(),
            Transfer::In { endpoint: 2, .. } => Answer::Data(std::mem::take(&mut self.kept)).into(),
            _ => Answer::Stall.into(),
        })
    }

    fn tick(&mut self, now: Moment) -> Result<Then, Stop> {
        if self.leaves_at.is_some_and(|at| at <= now) {
            self.leaves_at = None;
            return Ok(Then::Leave { away: Duration::from_millis(1) });
        }
        Ok(Then::Stay)
    }

    fn wakes_at(&self) -> Option<Moment> {
        self.leaves_at
    }
}

fn host() -> Host<Echo> {
    Host::plug(Echo::default()).unwrap()
}

#[test]
fn control_transfers_carry_data_both_ways() {
    let mut host = host();
    assert_eq!(host.control(vendor(READ, 1, 64), &[]).unwrap(), [1; 64], "no more than asked for");
    assert_eq!(host.control(vendor(READ, 1, 400), &[]).unwrap(), [1; 300]);
    host.control(vendor(WRITE, 2, 3), &[4, 5, 6]).unwrap();
    assert_eq!(host.device.kept, [4, 5, 6]);
    assert!(matches!(host.control(vendor(READ, 9, 1), &[]), Err(Trouble::Stall)));
    assert!(matches!(host.control(vendor(READ, 3, 8), &[]), Err(Trouble::Babble)));
    assert!(matches!(host.control(vendor(READ, 4, 8), &[]), Err(Trouble::Silence)));
    assert_eq!(host.control(vendor(READ, 1, 1), &[]).unwrap(), [1], "what was given up does not answer later");
}

#[test]
fn endpoints_carry_data_and_may_wait() {
    let mut host = host();
    assert!(matches!(host.read(2, 64), Err(Trouble::Silence)));
    host.write(1, b"hello").unwrap();
    assert_eq!(host.read(2, 64).unwrap(), b"hello");
    assert!(matches!(host.write(3, b"x"), Err(Trouble::Stall)));
}

#[test]
fn a_device_leaves_after_its_answer_or_by_itself() {
    let mut host = host();
    host.control(vendor(WRITE, 5, 0), &[]).unwrap();
    assert!(matches!(host.control(vendor(READ, 1, 1), &[]), Err(Trouble::Left)));
    assert_eq!(host.pass(Duration::ZERO).unwrap(), Then::Leave { away: Duration::from_millis(7) });
    host.control(vendor(WRITE, 6, 0), &[]).unwrap();
    assert_eq!(host.pass(Duration::from_millis(999)).unwrap(), Then::Stay);
    assert_ne!(host.pass(Duration::from_millis(1)).unwrap(), Then::Stay);
    host.enumerate().unwrap();
    assert!(matches!(host.control(vendor(WRITE, 7, 0), &[]), Err(Trouble::Unplugged)));
    host.replug().unwrap();
    assert_eq!(host.device.starts, 2);
}

#[test]
fn requests_in_pieces_and_several_at_once_are_carried_out_in_order() {
    use super::session::Session;
    use super::wire::{Direction, HEADER, Request, Response, Short, Submit};
    let submit = |sequence, endpoint, direction, length| {
        let setup = Setup::from_bytes([0; 8]);
        Request::Submit(Submit { sequence, direction, endpoint, short: Short::Good, length, setup }).to_bytes()
    };
    let mut bytes = submit(1, 2, Direction::In, 64).to_vec();
    bytes.extend(submit(2, 2, Direction::In, 64));
    bytes.extend(Request::Unlink { sequence: 3, target: 1 }.to_bytes());
    bytes.extend(submit(4, 1, Direction::Out, 5));
    bytes.extend(b"piece");
    bytes.extend(Request::Unlink { sequence: 5, target: 4 }.to_bytes());
    let (mut session, mut device) = (Session::default(), Echo::default());
    for byte in &bytes {
        session.on_bytes(&mut device, Moment::START, &[*byte]).unwrap();
    }
    let mut out = session.output().as_slice();
    let mut seen = Vec::new();
    while let Some((header, rest)) = out.split_first_chunk::<HEADER>() {
        let response = Response::parse(header).unwrap();
        let carried = match response {
            Response::Ended { sequence: 2, actual, .. } => actual,
            _ => 0,
        };
        out = &rest[carried..];
        seen.push(response);
    }
    // The unlinked transfer gets no answer of its own; the one that waited gets the bytes when they come.
    let expected = [
        Response::Unlinked { sequence: 3, status: -104 },
        Response::Ended { sequence: 4, status: 0, actual: 5 },
        Response::Ended { sequence: 2, status: 0, actual: 5 },
        Response::Unlinked { sequence: 5, status: 0 },
    ];
    assert_eq!(seen, expected);
}

#[test]
fn a_host_that_leaves_too_much_waiting_is_refused() {
    use super::session::{Failure, Session};
    use super::wire::{Direction, Request, Short, Submit};
    let (mut session, mut device) = (Session::default(), Echo::default());
    for sequence in 1.. {
        let setup = Setup::from_bytes([READ, 4, 0, 0, 0, 0, 0, 0]);
        let submit = Submit { sequence, direction: Direction::In, endpoint: 0, short: Short::Good, length: 0, setup };
        let done = session.on_bytes(&mut device, Moment::START, &Request::Submit(submit).to_bytes());
        match done {
            Ok(_) => assert!(sequence < 10_000, "no bound"),
            Err(Failure::Violation(Violation::Waiting)) => return,
            Err(other) => panic!("{other}"),
        }
    }
}
