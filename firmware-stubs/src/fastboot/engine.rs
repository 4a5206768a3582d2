//! What answers: packets in, packets out.

use super::flash::{Fail, flash};
use super::variables::{About, MAX_FETCH};
use super::{Fault, Fetch, Kind, Options, Partition, Slot, Store};
use crate::usb::Stop;
use protocols::fastboot::message::{Command, Lock};
use protocols::fastboot::wire::{MAX_COMMAND, Response, Text};
use protocols::time::Moment;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// How often a unit that is busy says so.
const LINE_EVERY: Duration = Duration::from_secs(1);
/// How long a unit that was told to leave is still there: its host has to take the answer off the bus.
const LEAVES_AFTER: Duration = Duration::from_millis(150);
/// Bytes of a refusal that is too long.
const LONG: usize = 5 * 1024;

/// Which fastboot answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// The bootloader's.
    #[default]
    Bootloader,
    /// Userspace's.
    Fastbootd,
}

/// What the unit does once it has given its last answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It starts its system.
    System,
    /// It starts its bootloader.
    Bootloader,
    /// It starts fastboot in userspace.
    Fastbootd,
    /// It starts its recovery.
    Recovery,
    /// It is off.
    Off,
}

/// What the unit sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Packet {
    /// Bytes.
    Bytes(Vec<u8>),
    /// A stall of the endpoint; on TCP, the end of the connection.
    Stall,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// A command is awaited.
    Command,
    /// So many bytes of a download are awaited; `short` more are lost.
    Taking { left: usize, short: usize },
    /// So many bytes are lost.
    Losing(usize),
}

/// The unit's side of fastboot in one mode or the other.
pub struct Engine {
    options: Options,
    store: Arc<Store>,
    mode: Mode,
    stage: Stage,
    /// A command that is not whole.
    command: Vec<u8>,
    /// What was downloaded.
    data: Vec<u8>,
    /// What can be uploaded.
    staged: Option<Vec<u8>>,
    output: VecDeque<Packet>,
    /// At work until then; then this is said.
    busy: Option<(Moment, Response)>,
    next_line: Moment,
    outcome: Option<(Outcome, Moment)>,
    /// Commands and data phases, since the process started.
    commands: u64,
    phases: u64,
}

impl Engine {
    /// A unit in this mode, which keeps what it is told in `store`.
    #[must_use]
    pub fn new(options: Options, store: Arc<Store>, mode: Mode) -> Self {
        Self {
            options,
            store,
            mode,
            stage: Stage::Command,
            command: Vec::new(),
            data: Vec::new(),
            staged: None,
            output: VecDeque::new(),
            busy: None,
            next_line: Moment::START,
            outcome: None,
            commands: 0,
            phases: 0,
        }
    }

    /// The unit starts in this mode: what is kept stays, all else is forgotten.
    pub fn start(&mut self, mode: Mode) {
        self.mode = mode;
        self.data = Vec::new();
        self.staged = None;
        self.outcome = None;
        self.hang_up();
    }

    /// The host is gone, and another may come: what was under way is over.
    pub fn hang_up(&mut self) {
        self.stage = Stage::Command;
        self.command.clear();
        self.output.clear();
        self.busy = None;
    }

    /// Which fastboot answers.
    #[must_use]
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// What it was told to be.
    #[must_use]
    pub const fn options(&self) -> &Options {
        &self.options
    }

    /// Its partitions, for others to read.
    #[must_use]
    pub const fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// The serial number that it shows in this mode.
    #[must_use]
    pub fn serial(&self) -> String {
        self.about().serial()
    }

    fn about(&self) -> About<'_> {
        About { options: &self.options, store: &self.store, mode: self.mode }
    }

    /// Bytes from the host, which follow those before. `ends` says whether a packet ends with them.
    ///
    /// # Errors
    /// [`Stop`] when the unit is unplugged, or cannot go on.
    pub fn on_bytes(&mut self, now: Moment, bytes: &[u8], ends: bool) -> Result<(), Stop> {
        match self.stage {
            Stage::Taking { left, short } => {
                let (taken, rest) = bytes.split_at(left.min(bytes.len()));
                self.data.extend_from_slice(taken);
                let left = left - taken.len();
                self.stage = Stage::Taking { left, short };
                if left == 0 {
                    self.say(&Response::Okay(Text::default()));
                    self.lose(short, rest.len());
                }
                Ok(())
            }
            Stage::Losing(left) => {
                self.lose(left, bytes.len());
                Ok(())
            }
            Stage::Command => {
                let room = (MAX_COMMAND + 1).saturating_sub(self.command.len());
                self.command.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
                if !ends {
                    return Ok(());
                }
                let command = std::mem::take(&mut self.command);
                // Packets without a byte are nothing.
                if command.is_empty() { Ok(()) } else { self.on_command(now, &command) }
            }
        }
    }

    /// Of `left` bytes that are to be lost, `gone` came.
    fn lose(&mut self, left: usize, gone: usize) {
        let left = left.saturating_sub(gone);
        self.stage = if left == 0 { Stage::Command } else { Stage::Losing(left) };
    }

    /// The next packet to the host.
    pub fn next_packet(&mut self) -> Option<Packet> {
        self.output.pop_front()
    }

    /// A packet of which the host took only a part: the rest is sent next.
    pub fn give_back(&mut self, rest: Vec<u8>) {
        self.output.push_front(Packet::Bytes(rest));
    }

    /// Whether it was told to leave, and has not left yet.
    #[must_use]
    pub const fn is_leaving(&self) -> bool {
        self.outcome.is_some()
    }

    /// What the unit does now that it had time for its answer; once.
    pub fn outcome(&mut self, now: Moment) -> Option<Outcome> {
        let (outcome, _) = self.outcome.filter(|(_, until)| *until <= now)?;
        self.outcome = None;
        Some(outcome)
    }

    /// Time passed.
    pub fn tick(&mut self, now: Moment) {
        match self.busy.take() {
            Some((until, answer)) if until <= now => self.say(&answer),
            Some(busy) => {
                if self.next_line <= now {
                    self.next_line = now + LINE_EVERY;
                    self.say(&Response::Info(Text::from("still writing")));
                }
                self.busy = Some(busy);
            }
            None => {}
        }
    }

    /// When [`Engine::tick`] should be called at the latest.
    #[must_use]
    pub fn wakes_at(&self) -> Option<Moment> {
        let busy = self.busy.as_ref().map(|(until, _)| (*until).min(self.next_line));
        let leaves = self.outcome.map(|(_, until)| until);
        busy.into_iter().chain(leaves).min()
    }

    fn say(&mut self, response: &Response) {
        self.output.push_back(Packet::Bytes(response.to_bytes()));
    }

    /// Says what it was told to say.
    fn chat(&mut self) {
        for _ in 0..self.options.chatter {
            for line in self.options.says.clone() {
                self.say(&Response::Info(Text::from(line.as_str())));
            }
        }
    }

    fn fail(text: impl AsRef<str>) -> Response {
        Response::Fail(Text::from(text.as_ref()))
    }

    fn on_command(&mut self, now: Moment, bytes: &[u8]) -> Result<(), Stop> {
        self.commands += 1;
        let n = self.commands;
        let hit = |fault| self.options.has(fault);
        if hit(Fault::UnplugCommand(n)) {
            return Err(Stop::Unplugged);
        }
        if hit(Fault::Silence(n)) {
            return Ok(());
        }
        let instead = match () {
            () if hit(Fault::Stall(n)) => Some(Packet::Stall),
            () if hit(Fault::Fail(n)) => Some(Packet::Bytes(b"FAILtold to fail".to_vec())),
            () if hit(Fault::LongFail(n)) => Some(Packet::Bytes([&b"FAIL"[..], &vec![b'!'; LONG]].concat())),
            () if hit(Fault::Garbage(n)) => Some(Packet::Bytes(b"\x1b[2J\xff\xfe\0".to_vec())),
            () if hit(Fault::EarlyOkay(n)) => Some(Packet::Bytes(b"OKAY".to_vec())),
            () => None,
        };
        if let Some(packet) = instead {
            self.output.push_back(packet);
            return Ok(());
        }
        let (drops, unplugs) = (hit(Fault::Drop(n)), hit(Fault::UnplugAnswer(n)));
        let before = self.output.len();
        let answer = match Command::parse(bytes) {
            Ok(command) => match self.carry_out(now, &command) {
                Ok(answer) => answer,
                Err(Fail::Refused(why)) => Some(Self::fail(why)),
                Err(Fail::Stop(stop)) => return Err(stop),
            },
            Err(error) => Some(Self::fail(error.to_string())),
        };
        if unplugs {
            return Err(Stop::Unplugged);
        }
        if let Some(answer) = answer {
            self.say(&answer);
        }
        if drops && self.output.len() > before {
            self.output.pop_back();
        }
        Ok(())
    }

    /// Carries a command out; `None` when its last answer comes later.
    fn carry_out(&mut self, now: Moment, command: &Command) -> Result<Option<Response>, Fail> {
        let okay = Ok(Some(Response::Okay(Text::default())));
        match command {
            Command::GetVar(name) if name == "all" => {
                for line in self.about().all() {
                    self.say(&Response::Info(Text::from(line.as_str())));
                }
                okay
            }
            Command::GetVar(name) => {
                let value = self.about().get(name).ok_or_else(|| Fail::Refused("Unknown variable".to_owned()))?;
                Ok(Some(Response::Okay(Text::from(value.as_str()))))
            }
            Command::Download(length) => self.download(*length),
            Command::Upload => {
                let staged = self.staged.take().ok_or_else(|| Fail::Refused("nothing is staged".to_owned()))?;
                Ok(self.upload(&staged))
            }
            Command::Fetch { partition, part } => self.fetch(partition, *part),
            Command::Flash(name) => {
                let partition = self.writable(name)?;
                if self.data.is_empty() {
                    return Err(Fail::Refused("no image was downloaded".to_owned()));
                }
                self.chat();
                let image = std::mem::take(&mut self.data);
                let written = flash(&self.store, name, &partition, &image);
                let length = image.len() as u64;
                self.data = image;
                written?;
                Ok(self.after(now, length))
            }
            Command::Erase(name) => {
                let partition = self.writable(name)?;
                self.chat();
                if !self.options.has(Fault::NoErase) {
                    partition.erase()?;
                }
                okay
            }
            Command::SetActive(name) => {
                self.allow()?;
                let slot = Slot::parse(name).filter(|_| self.store.has_slots());
                self.store.set_active(slot.ok_or_else(|| Fail::Refused("Bad slot suffix".to_owned()))?)?;
                okay
            }
            Command::Continue | Command::Reboot => Ok(Some(self.leave(now, Outcome::System))),
            Command::RebootBootloader => Ok(Some(self.leave(now, Outcome::Bootloader))),
            Command::RebootFastbootd => Ok(Some(self.leave(now, Outcome::Fastbootd))),
            Command::RebootRecovery => Ok(Some(self.leave(now, Outcome::Recovery))),
            Command::PowerDown => Ok(Some(self.leave(now, Outcome::Off))),
            Command::Flashing(lock) => self.flashing(*lock),
            Command::Oem(what) => self.oem(what),
            Command::CreateLogical(name, size) => {
                self.allow_logical(name)?;
                if self.store.partition(name).is_some() {
                    return Err(Fail::Refused("Partition already exists".to_owned()));
                }
                self.store.resize(name, *size)?;
                okay
            }
            Command::ResizeLogical(name, size) => {
                self.allow_logical(name)?;
                self.logical(name)?;
                self.store.resize(name, *size)?;
                okay
            }
            Command::DeleteLogical(name) => {
                self.allow_logical(name)?;
                self.logical(name)?;
                self.store.remove(name)?;
                okay
            }
            // Where each logical partition is a file there is no table to be written.
            Command::UpdateSuper { .. } if self.mode == Mode::Fastbootd => okay,
            Command::UpdateSuper { .. } | Command::Other(_) => Err(Fail::Refused("unknown command".to_owned())),
        }
    }

    fn download(&mut self, length: u32) -> Result<Option<Response>, Fail> {
        let most = self.about().max_download();
        if length > most {
            return Err(Fail::Refused(format!("data too large: at most {most:#x} bytes")));
        }
        self.phases += 1;
        let whole = length as usize;
        let short = if self.options.has(Fault::Short(self.phases)) { whole / 2 } else { 0 };
        self.data = Vec::new();
        self.stage = Stage::Taking { left: whole - short, short };
        if length == 0 {
            self.stage = Stage::Command;
        }
        let announced = if self.options.has(Fault::DataLength(self.phases)) { length / 2 } else { length };
        self.say(&Response::Data(announced));
        Ok((length == 0).then(|| Response::Okay(Text::default())))
    }

    fn upload(&mut self, bytes: &[u8]) -> Option<Response> {
        self.phases += 1;
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let announced = if self.options.has(Fault::DataLength(self.phases)) { length / 2 } else { length };
        let sent = if self.options.has(Fault::Short(self.phases)) { bytes.len() / 2 } else { bytes.len() };
        self.say(&Response::Data(announced));
        if sent > 0 {
            self.output.push_back(Packet::Bytes(bytes.get(..sent).unwrap_or_default().to_vec()));
        }
        Some(Response::Okay(Text::default()))
    }

    fn fetch(&mut self, name: &str, part: Option<(u64, u64)>) -> Result<Option<Response>, Fail> {
        let allowed = match self.options.fetch {
            _ if self.mode == Mode::Bootloader => false,
            Fetch::None => false,
            Fetch::VendorBoot => name.starts_with("vendor_boot"),
            Fetch::All => true,
        };
        if !allowed {
            return Err(Fail::Refused(format!("Fetch is not allowed on {name}")));
        }
        let partition = self.known(name)?;
        let (offset, length) = part.unwrap_or((0, partition.size()));
        let fits = length <= MAX_FETCH.into() && offset.checked_add(length).is_some_and(|end| end <= partition.size());
        if !fits {
            return Err(Fail::Refused(format!("Cannot fetch {length} bytes at {offset}")));
        }
        let bytes = partition.read(offset, usize::try_from(length).unwrap_or(usize::MAX))?;
        Ok(self.upload(&bytes))
    }

    fn flashing(&mut self, lock: Lock) -> Result<Option<Response>, Fail> {
        if self.mode == Mode::Fastbootd && lock != Lock::GetUnlockAbility {
            return Err(Fail::Refused("Command not supported in userspace".to_owned()));
        }
        match lock {
            Lock::GetUnlockAbility => self.say(&Response::Info(Text::from("get_unlock_ability: 1"))),
            Lock::Unlock if self.store.is_unlocked() => return Err(Fail::Refused("already unlocked".to_owned())),
            Lock::Lock if !self.store.is_unlocked() => return Err(Fail::Refused("already locked".to_owned())),
            Lock::Unlock | Lock::UnlockCritical => self.store.set_unlocked(true)?,
            Lock::Lock | Lock::LockCritical => self.store.set_unlocked(false)?,
        }
        Ok(Some(Response::Okay(Text::default())))
    }

    fn oem(&mut self, what: &str) -> Result<Option<Response>, Fail> {
        self.chat();
        match what {
            "device-info" => {
                let unlocked = self.store.is_unlocked();
                self.say(&Response::Info(Text::from(format!("Device unlocked: {unlocked}").as_str())));
                self.say(&Response::Info(Text::from("Charger screen enabled: true")));
            }
            // What clients of before 2023 do not know.
            "verity-mode" => {
                self.say(&Response::Text(Text::from("Verity mode: ")));
                self.say(&Response::Text(Text::from("true\n")));
            }
            "give-back" => self.staged = Some(std::mem::take(&mut self.data)),
            "stage-variables" => self.staged = Some(self.about().all().join("\n").into_bytes()),
            _ => return Err(Fail::Refused("unknown oem command".to_owned())),
        }
        Ok(Some(Response::Okay(Text::default())))
    }

    /// The answer to a write, at once or when it has taken its time.
    fn after(&mut self, now: Moment, bytes: u64) -> Option<Response> {
        let okay = Response::Okay(Text::default());
        let mib = u32::try_from(bytes.div_ceil(1 << 20)).unwrap_or(u32::MAX);
        let time = self.options.write_time.saturating_mul(mib);
        if time.is_zero() {
            return Some(okay);
        }
        self.next_line = now + LINE_EVERY;
        self.busy = Some((now + time, okay));
        None
    }

    fn leave(&mut self, now: Moment, outcome: Outcome) -> Response {
        self.outcome = Some((outcome, now + LEAVES_AFTER));
        Response::Okay(Text::default())
    }

    fn allow(&self) -> Result<(), Fail> {
        if self.store.is_unlocked() {
            return Ok(());
        }
        Err(Fail::Refused("Flashing is not allowed in Lock State".to_owned()))
    }

    fn allow_logical(&self, name: &str) -> Result<(), Fail> {
        self.allow()?;
        let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
        if self.mode == Mode::Fastbootd && is_name {
            return Ok(());
        }
        Err(Fail::Refused("Logical partitions are not known here".to_owned()))
    }

    fn known(&self, name: &str) -> Result<Arc<Partition>, Fail> {
        let found = self.store.partition(name).filter(|partition| self.about().shows(partition.kind()));
        found.ok_or_else(|| Fail::Refused(format!("No such partition: {name}")))
    }

    fn writable(&self, name: &str) -> Result<Arc<Partition>, Fail> {
        self.allow()?;
        self.known(name)
    }

    fn logical(&self, name: &str) -> Result<(), Fail> {
        if self.known(name)?.kind() == Kind::Logical {
            return Ok(());
        }
        Err(Fail::Refused(format!("{name} is not a logical partition")))
    }
}
