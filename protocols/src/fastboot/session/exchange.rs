//! One command from its first byte to its end.

use super::{Cause, Doing, Failure, Patience};
use crate::fastboot::message::{Command, CommandError};
use crate::fastboot::wire::{Response, Text};
use crate::time::Moment;
use std::collections::VecDeque;
use std::time::Duration;

/// Most bytes of one response that are looked at before it is given up: far more than any may have.
const ENDLESS: usize = 64 << 10;
/// Most lines that are kept for the reply.
const LINES: usize = 4096;
/// Most bytes of a payload in one packet.
const PART: u64 = 1 << 20;

/// What an exchange wants next.
#[derive(Debug)]
pub enum Step {
    /// Send these bytes as one packet.
    Send(Vec<u8>),
    /// Send this part of the payload as one packet.
    Payload {
        /// Where it begins.
        at: u64,
        /// How many bytes.
        length: u64,
        /// How long the unit may take for it.
        within: Duration,
    },
    /// Nothing to do until then but to wait for bytes.
    WaitUntil(Moment),
    /// The unit says this while it works.
    Line(Line),
    /// The unit sent these data.
    Data(Vec<u8>),
    /// Over, and this is what the unit said.
    Done(Reply),
    /// Over without success. Boxed, for it knows a lot.
    Failed(Box<Failure>),
}

/// What a unit says while it works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// A line (`INFO`).
    Info(Text),
    /// A piece of text that may go on in the next (`TEXT`).
    Text(Text),
}

impl Line {
    /// What it says.
    #[must_use]
    pub const fn text(&self) -> &Text {
        match self {
            Self::Info(text) | Self::Text(text) => text,
        }
    }
}

/// What came of an exchange.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    /// What the unit said at the end: the value of a variable.
    pub text: Text,
    /// The lines that it said before, as many as are kept.
    pub lines: Vec<Line>,
    /// Bytes of data that passed.
    pub bytes: u64,
}

/// Which data pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Data {
    None,
    /// To the unit, so many.
    To(u64),
    /// From the unit, at most so many; exactly so many when they were asked for.
    From {
        most: u64,
        exact: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The command is to be sent.
    Start,
    /// An answer is awaited.
    Command,
    /// A part of the payload is to be sent.
    Sending,
    /// Data are awaited, so many more.
    Receiving(u64),
    /// The end is awaited.
    Finishing,
}

/// One command, its data, its end.
#[derive(Debug)]
pub struct Exchange {
    command: String,
    bytes: Vec<u8>,
    data: Data,
    patience: Patience,
    stage: Stage,
    /// Bytes of data that passed.
    done: u64,
    total: u64,
    /// When the command was first to be sent, and when the unit said something last.
    began: Option<Moment>,
    heard: Moment,
    /// A response that is not whole.
    packet: Vec<u8>,
    ready: VecDeque<Step>,
    lines: Vec<Line>,
    end: Option<Result<Text, Cause>>,
    over: bool,
}

impl Exchange {
    /// A command without data.
    ///
    /// # Errors
    /// When no unit would take it.
    pub fn new(command: &Command) -> Result<Self, CommandError> {
        Ok(Self::with(command, command.to_bytes()?, Data::None))
    }

    /// Gives the unit a payload of so many bytes, which the next command is about.
    #[must_use]
    pub fn download(length: u32) -> Self {
        let command = Command::Download(length);
        Self::with(&command, command.to_string().into_bytes(), Data::To(length.into()))
    }

    /// A command that the unit answers with data, `upload` or `fetch`: at most `most` bytes are taken, and of a part of a
    /// partition neither more nor less than was asked for.
    ///
    /// # Errors
    /// As [`Exchange::new`].
    pub fn upload(command: &Command, most: u64) -> Result<Self, CommandError> {
        let data = match command {
            Command::Fetch { part: Some((_, length)), .. } => Data::From { most: *length, exact: true },
            _ => Data::From { most, exact: false },
        };
        Ok(Self::with(command, command.to_bytes()?, data))
    }

    fn with(command: &Command, bytes: Vec<u8>, data: Data) -> Self {
        Self {
            bytes,
            command: command.to_string(),
            data,
            patience: Patience::of(command),
            stage: Stage::Start,
            done: 0,
            total: if let Data::To(total) = data { total } else { 0 },
            began: None,
            heard: Moment::START,
            packet: Vec::new(),
            ready: VecDeque::new(),
            lines: Vec::new(),
            end: None,
            over: false,
        }
    }

    /// The same, of another patience.
    #[must_use]
    pub fn patient(self, patience: Patience) -> Self {
        Self { patience, ..self }
    }

    /// What to do now.
    pub fn next(&mut self, now: Moment) -> Step {
        let began = *self.began.get_or_insert(now);
        if let Some(step) = self.ready.pop_front() {
            return step;
        }
        if self.over {
            return self.fail(Cause::Over);
        }
        if let Some(end) = self.end.take() {
            self.over = true;
            return match end {
                Ok(text) => Step::Done(Reply { text, lines: std::mem::take(&mut self.lines), bytes: self.done }),
                Err(cause) => self.fail(cause),
            };
        }
        match self.stage {
            Stage::Start => Step::Send(self.bytes.clone()),
            Stage::Sending => {
                let length = self.total.saturating_sub(self.done).min(PART);
                Step::Payload { at: self.done, length, within: self.patience.part }
            }
            Stage::Command | Stage::Receiving(_) | Stage::Finishing => {
                let (silence, whole) = (self.heard + self.patience.silence, began + self.patience.whole);
                if now >= whole {
                    self.over = true;
                    return self.fail(Cause::Late(now.saturating_since(began)));
                }
                if now >= silence {
                    self.over = true;
                    return self.fail(Cause::Silence(now.saturating_since(self.heard)));
                }
                Step::WaitUntil(silence.min(whole))
            }
        }
    }

    /// What [`Exchange::next`] asked to be sent is sent.
    pub fn on_sent(&mut self, now: Moment) {
        match self.stage {
            Stage::Start => self.stage = Stage::Command,
            Stage::Sending => {
                self.done += self.total.saturating_sub(self.done).min(PART);
                if self.done >= self.total {
                    self.stage = Stage::Finishing;
                }
            }
            Stage::Command | Stage::Receiving(_) | Stage::Finishing => return,
        }
        self.heard = now;
    }

    /// Bytes came, which follow those before. `ends` says whether a packet ends with them.
    pub fn on_bytes(&mut self, now: Moment, bytes: &[u8], ends: bool) {
        // What comes before the command is of an earlier exchange.
        if self.over || self.end.is_some() || self.stage == Stage::Start {
            return;
        }
        self.heard = now;
        let mut rest = bytes;
        // Data that fill their last packet on the bus are not parted from the response that follows.
        if let Stage::Receiving(left) = self.stage {
            let here = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len());
            let (data, after) = rest.split_at(here);
            let left = left - here as u64;
            self.done += here as u64;
            self.stage = if left == 0 { Stage::Finishing } else { Stage::Receiving(left) };
            if !data.is_empty() {
                self.ready.push_back(Step::Data(data.to_vec()));
            }
            if after.is_empty() {
                return;
            }
            rest = after;
        }
        let room = ENDLESS.saturating_sub(self.packet.len());
        self.packet.extend_from_slice(rest.get(..room).unwrap_or(rest));
        if rest.len() > room {
            self.end = Some(Err(Cause::Endless));
        } else if ends {
            let packet = std::mem::take(&mut self.packet);
            // Packets without a byte are nothing.
            if !packet.is_empty() {
                self.on_packet(&packet);
            }
        }
    }

    fn on_packet(&mut self, packet: &[u8]) {
        match Response::parse(packet) {
            Err(error) => self.end = Some(Err(Cause::Garbage(error))),
            Ok(Response::More) => {}
            Ok(Response::Info(text)) => self.on_line(Line::Info(text)),
            Ok(Response::Text(text)) => self.on_line(Line::Text(text)),
            Ok(Response::Fail(text)) => self.end = Some(Err(Cause::Refused(text))),
            Ok(Response::Okay(text)) => {
                let early = self.data != Data::None && self.stage != Stage::Finishing;
                self.end = Some(if early { Err(Cause::Early) } else { Ok(text) });
            }
            Ok(Response::Data(length)) => {
                if let Err(cause) = self.on_data(length.into()) {
                    self.end = Some(Err(cause));
                }
            }
        }
    }

    fn on_line(&mut self, line: Line) {
        if self.lines.len() < LINES {
            self.lines.push(line.clone());
        }
        self.ready.push_back(Step::Line(line));
    }

    fn on_data(&mut self, announced: u64) -> Result<(), Cause> {
        match self.data {
            _ if self.stage != Stage::Command => return Err(Cause::Unasked(announced)),
            Data::None => return Err(Cause::Unasked(announced)),
            Data::To(expected) if announced != expected => return Err(Cause::Length { announced, expected }),
            Data::To(0) => self.stage = Stage::Finishing,
            Data::To(_) => self.stage = Stage::Sending,
            Data::From { most, exact: true } if announced != most => {
                return Err(Cause::Length { announced, expected: most });
            }
            Data::From { most, .. } if announced > most => return Err(Cause::TooMuch { announced, most }),
            Data::From { .. } => {
                self.total = announced;
                self.stage = if announced == 0 { Stage::Finishing } else { Stage::Receiving(announced) };
            }
        }
        Ok(())
    }

    fn fail(&self, cause: Cause) -> Step {
        let doing = match self.stage {
            Stage::Start | Stage::Command => Doing::Command,
            Stage::Sending => Doing::Sending,
            Stage::Receiving(_) => Doing::Receiving,
            Stage::Finishing => Doing::Finishing,
        };
        Step::Failed(Box::new(Failure {
            command: self.command.clone(),
            doing,
            done: self.done,
            total: self.total,
            said: self.lines.last().map(|line| line.text().text.clone()),
            cause,
        }))
    }
}
