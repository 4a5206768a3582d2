//! The unit: an application that can detach, a bootloader, memory, and what goes wrong with them.

use super::loader::Loader;
use super::memory::Memory;
use super::{Detach, Error, Fault, Firmware, Manifestation, Options, face};
use crate::usb::{Answer, Descriptors, Device, Reply, Stop, Then, chosen, is_enumeration};
use protocols::dfu::message::{State, Status};
use protocols::dfu::wire::{PollTimeout, Request, StatusReply};
use protocols::time::Moment;
use protocols::usb::{Recipient, RequestKind, Setup, standard};
use std::time::Duration;

/// A DFU unit without its cable.
///
/// What it keeps lies in the state folder, written as it happens: a unit that is dropped at any moment, or whose process is
/// killed, is found by the next [`Unit::open`] as flash would be found after a power cut.
pub struct Unit {
    options: Options,
    memory: Memory,
    mode: Mode,
    face: Descriptors,
    configuration: u8,
    /// DFU requests taken since the last enumeration: a reset before any is part of one.
    spoken: u64,
    /// DFU requests taken, and times that the status was asked for, since the process started.
    taken: u64,
    asked: u64,
}

enum Mode {
    Runtime { detaching: Option<Moment> },
    Dfu(Loader),
}

impl Unit {
    /// A unit with its state in the folder of the options, or a new one.
    ///
    /// # Errors
    /// When the options make no sense or the folder cannot be used.
    pub fn open(options: Options) -> Result<Self, Error> {
        options.check().map_err(Error::Options)?;
        let memory = Memory::open(&options)?;
        let mut unit = Self {
            memory,
            mode: Mode::Runtime { detaching: None },
            face: Descriptors::default(),
            configuration: 0,
            spoken: 0,
            taken: 0,
            asked: 0,
            options,
        };
        unit.boot();
        Ok(unit)
    }

    /// The firmware that runs; `None` in DFU mode.
    #[must_use]
    pub fn running(&self) -> Option<Firmware> {
        match self.mode {
            Mode::Runtime { .. } => self.memory.firmware(),
            Mode::Dfu(_) => None,
        }
    }

    /// Start what is in memory, or the bootloader when it is not whole.
    fn boot(&mut self) {
        match self.memory.firmware() {
            Some(firmware) => {
                self.face = face::runtime(&self.options, &firmware);
                self.mode = Mode::Runtime { detaching: None };
                self.configuration = 0;
                self.spoken = 0;
            }
            // DFU 1.1 A.1: a unit whose firmware is corrupt starts in dfuERROR; ST's bootloaders do not tell.
            None if self.is_addressed() => self.enter(Status::Ok),
            None => self.enter(Status::Firmware),
        }
    }

    fn enter(&mut self, status: Status) {
        let mut loader = Loader::new(status);
        loader.choose(0, &self.memory);
        self.face = face::dfu(&self.options);
        self.mode = Mode::Dfu(loader);
        self.configuration = 0;
        self.spoken = 0;
    }

    fn is_addressed(&self) -> bool {
        matches!(self.options.memory, super::Memory::Addressed(_))
    }

    fn leave(&self) -> Then {
        Then::Leave { away: self.options.boot_time }
    }

    /// A reset of the port.
    fn reset(&mut self, now: Moment) {
        let starts = match &self.mode {
            Mode::Runtime { detaching: Some(until) } if now <= *until => return self.enter(Status::Ok),
            Mode::Runtime { .. } => false,
            Mode::Dfu(loader) if loader.state == State::ManifestWaitReset => true,
            Mode::Dfu(_) => self.spoken > 0 && !self.is_addressed(),
        };
        if starts {
            self.boot();
        }
        self.spoken = 0;
        self.configuration = 0;
    }

    fn standard(&mut self, setup: Setup) -> Answer {
        let [low, _] = setup.value.to_le_bytes();
        let alternates = match &self.mode {
            Mode::Runtime { .. } => 1,
            Mode::Dfu(_) => match &self.options.memory {
                super::Memory::Slots(slots) => slots.len(),
                super::Memory::Addressed(layouts) => layouts.len(),
            },
        };
        if setup.recipient() == Recipient::Interface {
            let ours = setup.index == u16::from(face::INTERFACE);
            return match (setup.request, &mut self.mode) {
                (standard::GET_INTERFACE, Mode::Dfu(loader)) if ours => Answer::Data(vec![loader.alternate]),
                (standard::GET_INTERFACE, Mode::Runtime { .. }) if ours => Answer::Data(vec![0]),
                (standard::SET_INTERFACE, mode) if ours && usize::from(low) < alternates => {
                    if let Mode::Dfu(loader) = mode {
                        loader.choose(low, &self.memory);
                    }
                    Answer::Ack
                }
                (standard::GET_STATUS, _) if ours => Answer::Data(vec![0, 0]),
                _ => Answer::Stall,
            };
        }
        if let Some(configuration) = chosen(setup) {
            if configuration > 1 {
                return Answer::Stall;
            }
            self.configuration = configuration;
        }
        self.face.answer(setup, self.configuration).unwrap_or(Answer::Stall)
    }

    fn class(&mut self, now: Moment, setup: Setup, data: &[u8]) -> Result<Reply, Stop> {
        let request = match Request::parse(setup) {
            Ok((request, face::INTERFACE)) => request,
            _ => return Ok(Answer::Stall.into()),
        };
        self.spoken += 1;
        self.taken += 1;
        let n = self.taken;
        let hit = |fault| self.options.has(fault);
        if hit(Fault::UnplugControl(n)) {
            return Err(Stop::Unplugged);
        }
        if hit(Fault::Stall(n)) {
            return Ok(Answer::Stall.into());
        }
        if hit(Fault::Hang(n)) {
            return Ok(Answer::Never.into());
        }
        let (short, unplugs) = (hit(Fault::Short(n)), hit(Fault::UnplugAnswer(n)));
        let half = &data[..data.len() / 2];
        let mut reply = self.dfu(now, request, if short { half } else { data })?;
        if unplugs {
            return Err(Stop::Unplugged);
        }
        if request == Request::GetStatus {
            self.asked += 1;
            if self.options.has(Fault::GarbageStatus(self.asked)) {
                reply.answer = Answer::Data(vec![0xa5; 6]);
            }
        }
        if short {
            reply.answer = match reply.answer {
                Answer::Data(bytes) => Answer::Data(bytes[..bytes.len() / 2].to_vec()),
                Answer::Ack if !data.is_empty() => Answer::Data(half.to_vec()),
                other => other,
            };
        }
        Ok(reply)
    }

    fn dfu(&mut self, now: Moment, request: Request, data: &[u8]) -> Result<Reply, Stop> {
        let detaching = match &mut self.mode {
            Mode::Dfu(loader) => {
                return Ok(loader.handle(now, request, data, &mut self.memory, &self.options)?.into());
            }
            Mode::Runtime { detaching } => detaching,
        };
        let state = if detaching.is_some() { State::AppDetach } else { State::AppIdle };
        let status = StatusReply { status: Status::Ok, poll_timeout: PollTimeout::ZERO, state, string: 0 };
        match request {
            Request::Detach { timeout } if self.options.detach == Detach::AtReset => {
                let wait = Duration::from_millis(u64::from(timeout.min(self.options.detach_timeout)));
                *detaching = Some(now + wait);
                Ok(Answer::Ack.into())
            }
            Request::Detach { .. } => {
                self.enter(Status::Ok);
                Ok(Reply { answer: Answer::Ack, then: self.leave() })
            }
            Request::GetStatus => Ok(Answer::Data(status.to_bytes().to_vec()).into()),
            Request::GetState => Ok(Answer::Data(vec![state.code()]).into()),
            _ => Ok(Answer::Stall.into()),
        }
    }
}

impl Device for Unit {
    fn power_on(&mut self, _: Moment) -> Result<(), Stop> {
        self.boot();
        Ok(())
    }

    fn control(&mut self, now: Moment, setup: Setup, data: &[u8]) -> Result<Reply, Stop> {
        if is_enumeration(setup) {
            self.reset(now);
        }
        match setup.kind() {
            RequestKind::Standard => Ok(self.standard(setup).into()),
            RequestKind::Class => self.class(now, setup, data),
            RequestKind::Vendor | RequestKind::Reserved => Ok(Answer::Stall.into()),
        }
    }

    fn tick(&mut self, now: Moment) -> Result<Then, Stop> {
        match &mut self.mode {
            Mode::Runtime { detaching } => {
                if detaching.is_some_and(|until| until <= now) {
                    *detaching = None;
                }
            }
            Mode::Dfu(loader) => {
                if loader.tick(now, &self.options) {
                    self.boot();
                    return Ok(self.leave());
                }
            }
        }
        Ok(Then::Stay)
    }

    fn wakes_at(&self) -> Option<Moment> {
        match &self.mode {
            Mode::Runtime { detaching } => *detaching,
            Mode::Dfu(loader) if self.options.manifestation != Manifestation::Tolerant => loader.wakes_at(),
            Mode::Dfu(_) => None,
        }
    }
}
