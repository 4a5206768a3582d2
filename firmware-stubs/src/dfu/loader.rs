//! The unit in DFU mode: the state machine of DFU 1.1 appendix A, with DfuSe's commands.
//!
//! It is strict where units in the field are not always: a request that a state does not allow stalls and leads to
//! dfuERROR, and so does a unit that is asked before the time that it asked for is over.

use super::memory::{Fail, Memory};
use super::options::Memory as Kind;
use super::{Fault, Manifestation, Options, Upload};
use crate::usb::{Answer, Stop};
use protocols::dfu::message::{State, Status};
use protocols::dfu::wire::{BlockNumber, Command, PollTimeout, Request, StatusReply};
use protocols::time::Moment;

/// Commands of DfuSe that the unit knows.
const COMMANDS: [u8; 3] = [Command::GET_COMMANDS, Command::SET_ADDRESS, Command::ERASE];
/// Blocks from this number on are data, in DfuSe.
const FIRST_DATA: u16 = 2;
/// What a transfer comes to, or the status that the unit stops with.
type Outcome = Result<Answer, Fail>;

/// The bootloader.
pub(super) struct Loader {
    pub(super) state: State,
    pub(super) alternate: u8,
    status: Status,
    /// A block that was received and is not yet stored.
    pending: Option<(BlockNumber, Vec<u8>)>,
    /// The block that has to come next, and where it goes in a slot.
    next: BlockNumber,
    position: usize,
    /// Where block 2 lies, in DfuSe.
    pointer: u32,
    /// Until when the unit wants to be left alone, and until when it is busy.
    quiet_until: Moment,
    busy_until: Option<Moment>,
    /// Blocks taken since power came.
    blocks: u64,
}

impl Loader {
    /// DFU mode, with `status` as what led there.
    pub(super) fn new(status: Status) -> Self {
        Self {
            state: if status == Status::Ok { State::Idle } else { State::Error },
            alternate: 0,
            status,
            pending: None,
            next: BlockNumber(0),
            position: 0,
            pointer: 0,
            quiet_until: Moment::START,
            busy_until: None,
            blocks: 0,
        }
    }

    /// Choose an alternate setting, which ends whatever was under way.
    pub(super) fn choose(&mut self, alternate: u8, memory: &Memory) {
        self.alternate = alternate;
        self.pending = None;
        self.pointer = memory.layout(alternate).and_then(|layout| layout.regions.first()).map_or(0, |r| r.start());
        if self.state != State::Error {
            self.state = State::Idle;
        }
    }

    /// When the unit goes on by itself: to put new firmware in place takes a while.
    pub(super) fn wakes_at(&self) -> Option<Moment> {
        if self.state == State::Manifest { self.busy_until } else { None }
    }

    /// The unit did what it had to do in dfuMANIFEST; returns whether it leaves to start the firmware.
    pub(super) fn tick(&mut self, now: Moment, options: &Options) -> bool {
        let done = self.wakes_at().is_some_and(|at| at <= now);
        match options.manifestation {
            _ if !done => return false,
            Manifestation::Leaves => return true,
            Manifestation::AwaitsReset => self.state = State::ManifestWaitReset,
            // It waits to be asked.
            Manifestation::Tolerant => {}
        }
        self.busy_until = None;
        false
    }

    /// Carry a request out. `data` are those of a download.
    pub(super) fn handle(
        &mut self,
        now: Moment,
        request: Request,
        data: &[u8],
        memory: &mut Memory,
        options: &Options,
    ) -> Result<Answer, Stop> {
        let outcome = match request {
            Request::GetStatus => self.tell(now, memory, options),
            Request::GetState => Ok(Answer::Data(vec![self.state.code()])),
            Request::ClearStatus if self.state == State::Error => {
                self.state = State::Idle;
                self.status = Status::Ok;
                Ok(Answer::Ack)
            }
            Request::Abort => self.abort(),
            Request::Download { block, .. } => self.download(block, data, memory, options),
            Request::Upload { block, length } => self.upload(block, usize::from(length), memory, options),
            Request::Detach { .. } | Request::ClearStatus => Err(refused()),
        };
        match outcome {
            Ok(answer) => Ok(answer),
            Err(Fail::Stop(stop)) => Err(stop),
            // It does not listen while it puts firmware in place, and loses nothing by being asked.
            Err(Fail::Status(_)) if matches!(self.state, State::Manifest | State::ManifestWaitReset) => {
                Ok(Answer::Stall)
            }
            Err(Fail::Status(status)) => {
                self.state = State::Error;
                self.status = status;
                self.pending = None;
                Ok(Answer::Stall)
            }
        }
    }

    fn abort(&mut self) -> Outcome {
        match self.state {
            State::Idle | State::DownloadSync | State::DownloadIdle | State::ManifestSync | State::UploadIdle => {
                self.state = State::Idle;
                self.pending = None;
                Ok(Answer::Ack)
            }
            _ => Err(refused()),
        }
    }

    fn download(&mut self, block: BlockNumber, data: &[u8], memory: &mut Memory, options: &Options) -> Outcome {
        let addressed = matches!(options.memory, Kind::Addressed(_));
        match self.state {
            State::Idle if data.is_empty() && !addressed => return Err(refused()),
            State::Idle | State::DownloadIdle if data.is_empty() => {
                self.state = State::ManifestSync;
                return Ok(Answer::Ack);
            }
            State::Idle | State::DownloadIdle => {}
            _ => return Err(refused()),
        }
        let limit = usize::from(options.transfer_size);
        if data.len() > limit && !options.has(Fault::LieLength) {
            return Err(refused());
        }
        if self.state == State::Idle && !addressed {
            memory.erase_slot(self.alternate)?;
            self.next = BlockNumber(0);
        }
        if !addressed && block != self.next {
            return Err(Fail::Status(Status::Address));
        }
        self.next = block.next();
        self.pending = Some((block, data[..data.len().min(limit)].to_vec()));
        self.state = State::DownloadSync;
        Ok(Answer::Ack)
    }

    fn tell(&mut self, now: Moment, memory: &mut Memory, options: &Options) -> Outcome {
        let mut wait = PollTimeout::ZERO;
        match self.state {
            State::DownloadSync => {
                if let Some((block, data)) = self.pending.take() {
                    match self.carry_out(block, &data, memory, options) {
                        Ok(()) => wait = self.be_busy(now, options, State::DownloadBusy),
                        Err(Fail::Status(status)) => {
                            self.state = State::Error;
                            self.status = status;
                        }
                        Err(stop) => return Err(stop),
                    }
                }
            }
            State::DownloadBusy | State::Manifest if now < self.quiet_until => return Err(refused()),
            State::DownloadBusy if self.busy_until.is_none_or(|until| now < until) => {
                wait = self.quiet(now, options);
            }
            State::DownloadBusy => self.state = State::DownloadIdle,
            State::ManifestSync => wait = self.be_busy(now, options, State::Manifest),
            State::Manifest if options.manifestation == Manifestation::Tolerant => {
                match self.busy_until.is_some_and(|until| now < until) {
                    true => wait = self.quiet(now, options),
                    false => self.state = State::Idle,
                }
            }
            State::Manifest => return Err(refused()),
            _ => {}
        }
        let reply = StatusReply { status: self.status, poll_timeout: wait, state: self.state, string: 0 };
        Ok(Answer::Data(reply.to_bytes().to_vec()))
    }

    /// Begin to be busy, if the unit takes any time for it; returns how long it wants to be left alone.
    fn be_busy(&mut self, now: Moment, options: &Options, state: State) -> PollTimeout {
        let addressed = matches!(options.memory, Kind::Addressed(_));
        let time = options.block_time();
        let stays = state == State::DownloadBusy && options.has(Fault::Stay(self.blocks));
        self.busy_until = if stays { None } else { Some(now + time) };
        // ST's bootloaders are always busy once.
        if time.is_zero() && !addressed && !stays && state == State::DownloadBusy {
            self.state = State::DownloadIdle;
            return PollTimeout::ZERO;
        }
        self.state = state;
        self.quiet(now, options)
    }

    fn quiet(&mut self, now: Moment, options: &Options) -> PollTimeout {
        self.quiet_until = now + options.poll_timeout.duration();
        options.poll_timeout
    }

    fn carry_out(
        &mut self,
        block: BlockNumber,
        data: &[u8],
        memory: &mut Memory,
        options: &Options,
    ) -> Result<(), Fail> {
        self.blocks += 1;
        match (&options.memory, block.0) {
            (Kind::Slots(_), _) => memory.append(self.alternate, data),
            (Kind::Addressed(_), 0) => match Command::parse(data) {
                Ok(Command::SetAddress(address)) => {
                    let layout = memory.layout(self.alternate);
                    layout
                        .and_then(|layout| layout.page_at(u64::from(address)))
                        .ok_or(Fail::Status(Status::Address))?;
                    self.pointer = address;
                    Ok(())
                }
                Ok(Command::ErasePage(address)) => memory.erase_page(self.alternate, address),
                Ok(Command::MassErase) => memory.mass_erase(self.alternate),
                Ok(Command::ReadUnprotect) | Err(_) => Err(refused()),
            },
            (Kind::Addressed(_), 1) => Err(refused()),
            (Kind::Addressed(_), _) => {
                let address = self.address_of(block, options)?;
                memory.program(self.alternate, address, data)
            }
        }
    }

    fn address_of(&self, block: BlockNumber, options: &Options) -> Result<u32, Fail> {
        let offset = u32::from(block.0 - FIRST_DATA).checked_mul(u32::from(options.transfer_size));
        offset.and_then(|offset| self.pointer.checked_add(offset)).ok_or(Fail::Status(Status::Address))
    }

    fn upload(&mut self, block: BlockNumber, room: usize, memory: &Memory, options: &Options) -> Outcome {
        let starts = match self.state {
            State::Idle => true,
            State::UploadIdle => false,
            _ => return Err(refused()),
        };
        let times = if options.has(Fault::LieLength) { 2 } else { 1 };
        if options.upload == Upload::Refused || room > times * usize::from(options.transfer_size) {
            return Err(refused());
        }
        let bytes = match (&options.memory, block.0) {
            (Kind::Slots(_), _) => {
                if starts {
                    self.next = BlockNumber(0);
                    self.position = 0;
                }
                if block != self.next {
                    return Err(Fail::Status(Status::Address));
                }
                self.next = block.next();
                memory.read_slot(self.alternate, self.position, room)
            }
            (Kind::Addressed(_), 0) => COMMANDS[..COMMANDS.len().min(room)].to_vec(),
            (Kind::Addressed(_), 1) => return Err(refused()),
            (Kind::Addressed(_), _) => memory.read(self.alternate, self.address_of(block, options)?, room)?,
        };
        self.position += bytes.len();
        self.state = if bytes.len() < room { State::Idle } else { State::UploadIdle };
        Ok(Answer::Data(bytes))
    }
}

/// What the state does not allow.
const fn refused() -> Fail {
    Fail::Status(Status::Stalled)
}
