//! What a stand-in is told to be.

use super::{Fault, Lifetime};
use crate::gadget::Shape;
use protocols::smp::wire::LineLength;
use std::path::PathBuf;
use std::time::Duration;

/// What a stand-in is, how its line behaves and what it does wrong.
#[derive(Clone, Debug)]
pub struct Options {
    /// Folder that holds everything the device does not forget. Made when it is not there.
    pub state: PathBuf,
    /// Where its terminal is.
    pub place: Place,
    /// Who the device says it is.
    pub identity: Identity,
    /// The device's buffers and flash.
    pub limits: Limits,
    /// Whether the bootloader can be spoken to.
    pub recovery: Recovery,
    /// When data of a file outlast a power cut.
    pub durability: Durability,
    /// The serial line.
    pub line: Line,
    /// Time that the device gives an answer to the reset command before it resets. Zephyr's default is 250 ms.
    pub reset_delay: Duration,
    /// Time from a reset to the running application; bytes that arrive meanwhile are lost.
    pub boot_time: Duration,
    /// How long [`Fault::Stall`] lasts.
    pub stall_time: Duration,
    /// What goes wrong.
    pub faults: Vec<Fault>,
    /// What ends the process, besides SIGTERM and SIGINT.
    pub lifetime: Lifetime,
}

/// Where a device's terminal is.
#[derive(Clone, Debug)]
pub enum Place {
    /// A pseudo-terminal.
    Pty {
        /// Symbolic link to it, replaced at every start, so that a path stays the same.
        link: Option<PathBuf>,
    },
    /// USB: a serial gadget. The device leaves the bus when it resets, and comes back when its application runs.
    Gadget(Shape),
}

/// Who the device says it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Serial number: its ASCII bytes are the device id that the shell's `hwinfo devid` prints.
    pub serial: String,
    /// Board name in the OS group's information.
    pub model: String,
    /// Board revision, printed as `model@revision`.
    pub hardware: Option<String>,
}

impl Identity {
    /// Hardware platform as Zephyr names it: `board` or `board@revision`.
    #[must_use]
    pub fn platform(&self) -> String {
        match &self.hardware {
            Some(revision) => format!("{}@{revision}", self.model),
            None => self.model.clone(),
        }
    }
}

/// Whether the bootloader can be spoken to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Recovery {
    /// No: without an image that can run the device is silent for ever.
    #[default]
    None,
    /// MCUboot's serial recovery: entered by a reset command with boot mode 1, and when nothing can run.
    Serial,
}

/// When data of a file outlast a power cut.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// With every chunk that was answered: a file grows in place, as where the firmware syncs after each write. An
    /// upload that was cut can be continued after a restart.
    #[default]
    Write,
    /// When the file is closed, all at once, as on littlefs under Zephyr: until then status and hash tell of the old
    /// content, and a power cut leaves it. An upload closes with its last byte; one that was resumed, whose length
    /// the device does not know, after four idle seconds or when another transfer begins.
    Close,
}

/// Sizes of the device's buffers and flash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one message buffer, as the OS group's parameters tell it. Longer requests are dropped in silence.
    pub buf_size: u16,
    /// Number of message buffers. Requests that find none free are dropped in silence.
    pub buf_count: u8,
    /// Longest console line, in and out. Longer ones are dropped in silence.
    pub line_length: LineLength,
    /// Bytes of one image slot, a multiple of the flash page.
    pub slot_size: u32,
    /// Bytes of the file system.
    pub fs_size: u64,
}

impl Limits {
    /// Bytes of a flash page: what is erased at once.
    pub const PAGE: u32 = 4096;
    /// Smallest message buffer that holds an answer of the OS group's parameters.
    pub const MIN_BUF_SIZE: u16 = 64;
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            buf_size: 384,
            buf_count: 4,
            line_length: LineLength::default(),
            slot_size: 512 * 1024,
            fs_size: 1024 * 1024,
        }
    }
}

/// How the serial line behaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// Bits a second, ten a byte, in each direction; `None` for as fast as it goes.
    pub baud: Option<u32>,
    /// Every answer arrives this much later. It delays and does not block, as the latency timer of a USB adapter.
    pub latency: Duration,
    /// Time that flash takes for a byte; the device does nothing else meanwhile.
    pub write_time: Duration,
    /// Whether log lines and prompts stand between the frames.
    pub noise: Noise,
}

/// Whether log lines and prompts stand between the frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Noise {
    /// The line carries frames only (and a boot banner after a reset).
    #[default]
    Quiet,
    /// Log lines come by themselves, before and after frames; sometimes a shell prompt stands right before one.
    Chatty,
}

impl Options {
    /// A healthy thermostat with its state in `state`, on a line without limits.
    #[must_use]
    pub fn new(state: PathBuf) -> Self {
        Self {
            state,
            place: Place::Pty { link: None },
            identity: Identity { serial: "TH-0001".into(), model: "thermostat".into(), hardware: None },
            limits: Limits::default(),
            recovery: Recovery::None,
            durability: Durability::Write,
            line: Line::default(),
            reset_delay: Duration::from_millis(250),
            boot_time: Duration::from_millis(150),
            stall_time: Duration::from_secs(10),
            faults: Vec::new(),
            lifetime: Lifetime::Signal,
        }
    }

    /// What makes these options impossible, if anything.
    ///
    /// # Errors
    /// A sentence that names the option.
    pub fn check(&self) -> Result<(), String> {
        let Limits { buf_size, buf_count, slot_size, .. } = self.limits;
        if buf_size < Limits::MIN_BUF_SIZE {
            return Err(format!("a buffer of {buf_size} bytes is too small: at least {}", Limits::MIN_BUF_SIZE));
        }
        if buf_count == 0 {
            return Err("a device without buffers cannot answer: at least 1".into());
        }
        if slot_size < 4 * Limits::PAGE || !slot_size.is_multiple_of(Limits::PAGE) {
            return Err(format!("a slot of {slot_size} bytes: it is a multiple of {}, at least four", Limits::PAGE));
        }
        if self.line.baud == Some(0) {
            return Err("a line of 0 baud carries nothing".into());
        }
        if !self.identity.serial.is_ascii() || self.identity.serial.is_empty() || self.identity.serial.len() > 16 {
            return Err("a serial number is 1 to 16 ASCII characters here: it stands for a chip's device id".into());
        }
        Ok(())
    }
}
