//! A line and a clock that exist in numbers only.

use super::server::Server;
use crate::smp::message::{Refusal, codes, encode_refusal};
use crate::smp::session::{Failure, Line, Progress, Session, Step};
use crate::smp::wire::{Deframer, Framer, Framing, Received};
use crate::smp::{Header, message::Text};
use crate::time::Moment;
use std::collections::{BTreeMap, VecDeque};
use std::num::NonZeroU32;
use std::time::Duration;

/// What goes wrong with one request or its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    None,
    LoseRequest,
    /// The line drops the second half of the request.
    CutRequest,
    LoseAnswer,
    CorruptAnswer,
    TwiceAnswered,
    Late(Duration),
    Busy,
    /// Lost its state before it looks at the request.
    Restart,
    /// Text before the answer.
    Noise(&'static str),
    /// Other bytes instead of the answer.
    Instead(Vec<u8>),
}

pub(super) struct Bench {
    pub(super) framing: Framing,
    pub(super) baud: u32,
    pub(super) latency: Duration,
    /// Time to handle one request.
    pub(super) turnaround: Duration,
    /// Requests that the unit holds at once, the one at work included; more are dropped.
    pub(super) buffers: usize,
    /// A request that takes the last buffer is refused, for want of one to answer in.
    pub(super) refuse_when_full: bool,
    pub(super) server: Server,
    fault: Box<dyn FnMut(usize) -> Fault>,
    pub(super) now: Duration,
    arrived: usize,
    deframer: Deframer,
    out_free: Duration,
    unit_free: Duration,
    in_free: Duration,
    /// When requests that the unit holds are done.
    held: VecDeque<Duration>,
    /// What is on its way to us.
    coming: BTreeMap<(Duration, usize), Vec<u8>>,
    pub(super) noise: Vec<Text>,
    pub(super) progress: Vec<Progress>,
    pub(super) sends: usize,
    pub(super) most_in_flight: usize,
}

impl Bench {
    pub(super) fn new(limit: usize, buffers: usize) -> Self {
        Self::with_framing(Framing::default(), limit, buffers)
    }

    pub(super) fn with_framing(framing: Framing, limit: usize, buffers: usize) -> Self {
        Self {
            framing,
            baud: 921_600,
            latency: Duration::from_millis(1),
            turnaround: Duration::ZERO,
            buffers,
            refuse_when_full: false,
            server: Server { limit, piece: limit.saturating_sub(40), word: 1, ..Server::default() },
            fault: Box::new(|_| Fault::None),
            now: Duration::from_secs(1),
            arrived: 0,
            deframer: Deframer::new(framing, 70_000),
            out_free: Duration::ZERO,
            unit_free: Duration::ZERO,
            in_free: Duration::ZERO,
            held: VecDeque::new(),
            coming: BTreeMap::new(),
            noise: Vec::new(),
            progress: Vec::new(),
            sends: 0,
            most_in_flight: 0,
        }
    }

    /// Decide what goes wrong by the number of the request, from 0.
    pub(super) fn fault(&mut self, fault: impl FnMut(usize) -> Fault + 'static) {
        self.fault = Box::new(fault);
    }

    pub(super) fn line(&self) -> Line {
        Line::new(self.framing).with_bytes_per_second(NonZeroU32::new(self.baud / 10))
    }

    fn on_wire(&self, bytes: usize) -> Duration {
        Duration::from_nanos(bytes as u64 * 10_000_000_000 / u64::from(self.baud))
    }

    pub(super) fn run<S: Session>(&mut self, session: &mut S) -> Result<S::Output, Failure> {
        let mut idle = 0;
        loop {
            idle += 1;
            assert!(idle < 100_000, "a session that neither ends nor waits");
            match session.next(Moment::from_start(self.now)) {
                Step::Send(bytes) => self.send(&bytes),
                Step::Noise(text) => self.noise.push(text),
                Step::Progress(progress) => self.progress.push(progress),
                Step::Done(output) => return Ok(output),
                Step::Failed(failure) => return Err(failure),
                Step::WaitUntil(until) => {
                    let until = until.since_start();
                    assert!(until > self.now, "waiting for what has passed");
                    match self.coming.first_key_value() {
                        Some((&(at, _), _)) if at < until => {
                            let ((at, _), bytes) = self.coming.pop_first().unwrap();
                            self.now = self.now.max(at);
                            session.on_bytes(Moment::from_start(self.now), &bytes);
                            idle = 0;
                        }
                        _ => self.now = until,
                    }
                }
            }
        }
    }

    fn send(&mut self, bytes: &[u8]) {
        self.sends += 1;
        let fault = (self.fault)(self.arrived);
        self.arrived += 1;
        self.out_free = self.out_free.max(self.now) + self.on_wire(bytes.len());
        let arrival = self.out_free + self.latency;
        let bytes = match fault {
            Fault::LoseRequest => &[],
            Fault::CutRequest => &bytes[..bytes.len() / 2],
            _ => bytes,
        };
        for received in self.deframer.push(bytes) {
            if let Received::Frame(message) = received {
                self.handle(arrival, &message, &fault);
            }
        }
    }

    fn handle(&mut self, arrival: Duration, message: &[u8], fault: &Fault) {
        while self.held.front().is_some_and(|done| *done <= arrival) {
            self.held.pop_front();
        }
        if self.held.len() >= self.buffers {
            return;
        }
        self.unit_free = self.unit_free.max(arrival) + self.turnaround;
        self.held.push_back(self.unit_free);
        self.most_in_flight = self.most_in_flight.max(self.held.len());
        let full = self.refuse_when_full && self.held.len() >= self.buffers;
        let answer = match fault {
            _ if full => {
                let header = Header::parse(message).unwrap();
                Some(encode_refusal(&Refusal::common(codes::common::NO_MEMORY), &header).unwrap())
            }
            Fault::Busy => {
                let header = Header::parse(message).unwrap();
                Some(encode_refusal(&Refusal::common(codes::common::NO_MEMORY), &header).unwrap())
            }
            Fault::Restart => {
                self.server.restart();
                self.server.handle(message)
            }
            _ => self.server.handle(message),
        };
        let Some(answer) = answer else { return };
        let mut framed = Framer::new(self.framing).frame(&answer).unwrap();
        let mut delay = Duration::ZERO;
        match fault {
            Fault::LoseAnswer => return,
            Fault::CorruptAnswer => {
                let middle = framed.len() / 2;
                framed[middle] = if framed[middle] == b'A' { b'B' } else { b'A' };
            }
            Fault::TwiceAnswered => framed.extend_from_within(..),
            Fault::Noise(text) => {
                framed.splice(0..0, text.bytes());
            }
            Fault::Instead(bytes) => framed.clone_from(bytes),
            Fault::Late(late) => delay = *late,
            _ => {}
        }
        self.in_free = self.in_free.max(self.unit_free) + self.on_wire(framed.len());
        // In two pieces, as reads come.
        let second = framed.split_off(framed.len() / 2);
        for piece in [framed, second] {
            let key = (self.in_free + self.latency + delay, self.coming.len() + self.arrived * 1000);
            self.coming.insert(key, piece);
        }
    }
}
