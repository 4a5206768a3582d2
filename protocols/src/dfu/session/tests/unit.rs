//! A unit after the state diagram of appendix A, with time of its own, memory, and ways to misbehave.

use crate::dfu::message::{State, Status};
use crate::dfu::session::{Failure, Session, Step, Transfer, TransferError};
use crate::dfu::wire::{BlockNumber, Command, PollTimeout, Request, StatusReply};
use crate::time::Moment;
use crate::usb::Setup;
use std::time::Duration;

/// What a control transfer takes.
pub const TRANSFER: Duration = Duration::from_millis(1);

/// When a unit begins to work on a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Works {
    /// Once it has it.
    OnReceipt,
    /// Once it is asked for its status, as ST's do.
    OnAsk,
}

/// Something that goes wrong at one request, counted from 0, and once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    Stall,
    TimedOut,
    Gone,
    Short,
    /// The answer is replaced by these bytes, as many as this.
    Garbage([u8; 8], usize),
    /// The block is not written, and the unit says so.
    Fails(Status),
}

pub struct Unit {
    pub state: State,
    pub status: Status,
    pub memory: Vec<u8>,
    /// Address of the first byte of memory; `None` for a unit that knows no addresses.
    pub base: Option<u32>,
    pub page: usize,
    pub transfer_size: usize,
    pub busy: Duration,
    /// What it asks for, when that is not what it needs.
    pub lies: Option<PollTimeout>,
    pub works: Works,
    pub tolerant: bool,
    pub manifest: Duration,
    pub faults: Vec<(usize, Fault)>,
    /// All requests it got.
    pub log: Vec<Request>,
    pub erased: Vec<u32>,
    /// Requests that came before the time that the unit had asked for.
    pub too_early: u32,
    pub pointer: u32,
    pub work: Option<Vec<u8>>,
    pub work_block: u16,
    pub done_at: Moment,
    pub quiet_until: Moment,
    pub cursor: usize,
}

impl Unit {
    pub fn new() -> Self {
        Self {
            state: State::Idle,
            status: Status::Ok,
            memory: vec![0xff; 0x10000],
            base: None,
            page: 0x400,
            transfer_size: 64,
            busy: Duration::ZERO,
            lies: None,
            works: Works::OnReceipt,
            tolerant: true,
            manifest: Duration::ZERO,
            faults: Vec::new(),
            log: Vec::new(),
            erased: Vec::new(),
            too_early: 0,
            pointer: 0,
            work: None,
            work_block: 0,
            done_at: Moment::START,
            quiet_until: Moment::START,
            cursor: 0,
        }
    }

    /// One that speaks DfuSe: memory from 0x08000000 on.
    pub fn dfuse() -> Self {
        Self {
            base: Some(0x0800_0000),
            works: Works::OnAsk,
            tolerant: false,
            busy: Duration::from_millis(3),
            ..Self::new()
        }
    }

    pub fn control(&mut self, now: Moment, transfer: &Transfer) -> Result<Vec<u8>, TransferError> {
        let (request, interface) = Request::parse(transfer.setup).expect("a DFU request");
        assert_eq!(interface, 3);
        if let Request::Download { length, .. } = request {
            assert_eq!(usize::from(length), transfer.data.len());
            assert!(transfer.data.len() <= self.transfer_size);
        }
        let number = self.log.len();
        self.log.push(request);
        let fault = self.faults.iter().find(|(at, _)| *at == number).map(|(_, fault)| *fault);
        match fault {
            Some(Fault::Stall) => {
                (self.state, self.status) = (State::Error, Status::Stalled);
                return Err(TransferError::Stall);
            }
            Some(Fault::TimedOut) => return Err(TransferError::TimedOut),
            Some(Fault::Gone) => {
                // It does not come back.
                self.faults = (number + 1..number + 200).map(|at| (at, Fault::Gone)).collect();
                return Err(TransferError::Gone);
            }
            Some(Fault::Short) => return Err(TransferError::Short { taken: transfer.data.len() / 2 }),
            Some(Fault::Garbage(bytes, len)) if transfer.setup.is_in() => return Ok(bytes[..len].to_vec()),
            Some(Fault::Garbage(..)) => {}
            Some(Fault::Fails(status)) => (self.state, self.status) = (State::Error, status),
            None => {}
        }
        if now < self.quiet_until && request != Request::Abort {
            self.too_early += 1;
        }
        match request {
            Request::GetStatus => Ok(self.answer(now).to_bytes().to_vec()),
            Request::GetState => Ok(vec![self.state.code()]),
            Request::ClearStatus if self.state == State::Error => {
                (self.state, self.status) = (State::Idle, Status::Ok);
                Ok(Vec::new())
            }
            Request::Abort if !matches!(self.state, State::Error | State::ManifestWaitReset) => {
                self.state = State::Idle;
                Ok(Vec::new())
            }
            Request::Download { block, .. } => self.download(now, block, &transfer.data),
            Request::Upload { block, length } => self.upload(block, length.into()),
            Request::Detach { .. } if matches!(self.state, State::AppIdle | State::AppDetach) => {
                self.state = State::AppDetach;
                Ok(Vec::new())
            }
            _ => self.stall(),
        }
    }

    fn stall<T>(&mut self) -> Result<T, TransferError> {
        (self.state, self.status) = (State::Error, Status::Stalled);
        Err(TransferError::Stall)
    }

    fn download(&mut self, now: Moment, block: BlockNumber, data: &[u8]) -> Result<Vec<u8>, TransferError> {
        if self.state == State::Error && self.status != Status::Ok && self.status != Status::Stalled {
            return Ok(Vec::new());
        }
        if !matches!(self.state, State::Idle | State::DownloadIdle) {
            return self.stall();
        }
        if data.is_empty() {
            self.state = State::ManifestSync;
            self.done_at = now + self.manifest;
            return Ok(Vec::new());
        }
        if self.state == State::Idle {
            self.cursor = 0;
        }
        self.state = State::DownloadSync;
        self.work = Some(data.to_vec());
        self.work_block = block.0;
        if self.works == Works::OnReceipt {
            self.done_at = now + self.busy;
        }
        Ok(Vec::new())
    }

    fn answer(&mut self, now: Moment) -> StatusReply {
        let mut poll = Duration::ZERO;
        if matches!(self.state, State::DownloadSync | State::DownloadBusy) {
            if self.state == State::DownloadSync && self.works == Works::OnAsk {
                self.done_at = now + self.busy;
            }
            if now < self.done_at {
                self.state = State::DownloadBusy;
                poll = self.done_at - now;
            } else {
                self.state = State::DownloadIdle;
                self.carry_out();
            }
        } else if matches!(self.state, State::ManifestSync | State::Manifest) {
            let done = now >= self.done_at && (self.tolerant || self.state == State::Manifest);
            poll = self.manifest;
            self.state = match (done, self.tolerant) {
                (true, true) => State::Idle,
                (true, false) => State::ManifestWaitReset,
                (false, _) => State::Manifest,
            };
        }
        let busy = matches!(self.state, State::DownloadBusy | State::Manifest);
        let rounded = PollTimeout::from_millis(poll.as_micros().div_ceil(1000) as u32);
        let poll_timeout = self.lies.filter(|_| busy).unwrap_or(rounded);
        self.quiet_until = now + poll_timeout.duration();
        StatusReply { status: self.status, poll_timeout, state: self.state, string: 0 }
    }

    fn carry_out(&mut self) {
        let Some(data) = self.work.take() else { return };
        match (self.base, self.work_block) {
            (None, _) => {
                self.store(self.cursor, &data);
                self.cursor += data.len();
            }
            (Some(base), 0) => match Command::parse(&data) {
                Ok(Command::SetAddress(address)) => self.pointer = address,
                Ok(Command::ErasePage(address)) => {
                    let at = (address - base) as usize / self.page * self.page;
                    self.memory[at..at + self.page].fill(0xff);
                    self.erased.push(address);
                }
                Ok(Command::MassErase) => self.memory.fill(0xff),
                _ => (self.state, self.status) = (State::Error, Status::Stalled),
            },
            (Some(base), block) => {
                let at = self.place(block) - base as usize;
                self.store(at, &data);
            }
        }
    }

    fn place(&self, block: u16) -> usize {
        self.pointer as usize + (usize::from(block) - 2) * self.transfer_size
    }

    fn store(&mut self, at: usize, data: &[u8]) {
        match self.memory.get_mut(at..at + data.len()) {
            Some(place) => place.copy_from_slice(data),
            None => (self.state, self.status) = (State::Error, Status::Address),
        }
    }

    fn upload(&mut self, block: BlockNumber, length: usize) -> Result<Vec<u8>, TransferError> {
        if !matches!(self.state, State::Idle | State::UploadIdle) {
            return self.stall();
        }
        let at = match self.base {
            Some(base) => self.place(block.0) - base as usize,
            None => usize::from(block.0) * self.transfer_size,
        };
        let rest = self.memory.get(at..).unwrap_or_default();
        let data = rest.get(..length).unwrap_or(rest).to_vec();
        self.state = if data.len() < length { State::Idle } else { State::UploadIdle };
        Ok(data)
    }
}

/// What came of driving a session.
pub struct Run<T> {
    pub outcome: Result<T, Failure>,
    /// How long it took.
    pub took: Duration,
    pub progress: Vec<(u64, u64)>,
    /// Transfers of which the one that followed had been foretold.
    pub foretold: u32,
}

/// Drive a session against a unit until it ends.
pub fn drive<S: Session>(unit: &mut Unit, session: &mut S) -> Run<S::Output> {
    let mut now = Moment::START;
    let mut progress: Vec<(u64, u64)> = Vec::new();
    let mut foretold: Option<Setup> = None;
    let mut right = 0;
    for _ in 0..1_000_000 {
        match session.next(now) {
            Step::Control(transfer) => {
                right += u32::from(foretold.take() == Some(transfer.setup));
                let reply = unit.control(now, &transfer);
                now += TRANSFER;
                foretold = transfer.then.filter(|_| reply.is_ok());
                session.on_reply(now, reply.as_deref().map_err(|error| *error));
            }
            Step::WaitUntil(until) => {
                assert!(until > now, "waiting for what has passed");
                assert_eq!(foretold, None, "what was foretold did not follow");
                now = until;
            }
            Step::Progress(step) => {
                assert!(step.done <= step.total);
                progress.push((step.done, step.total));
            }
            Step::Done(output) => {
                let took = now.since_start();
                return Run { outcome: Ok(output), took, progress, foretold: right };
            }
            Step::Failed(failure) => {
                assert!(matches!(session.next(now), Step::Failed(_)), "over is over");
                let took = now.since_start();
                return Run { outcome: Err(*failure), took, progress, foretold: right };
            }
        }
    }
    panic!("a session that does not end");
}
