//! `hardwire stub smp`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::folder::{Folder, refuse};
use super::{announce, ended, usb_id};
use crate::cli::report::{Outcome, Voice};
use clap::{Args, ValueEnum};
use firmware_stubs::Lifetime;
use firmware_stubs::gadget::Shape;
use firmware_stubs::smp::{self, Durability, Fault, Noise, Place, Recovery};
use protocols::smp::wire::LineLength;
use protocols::usb::UsbId;

const FAULTS: &str = "\
Faults (requests and payload bytes are counted from the start of the process; N is 1 when absent):
  drop:N         the Nth request is carried out and gets no answer
  corrupt:N      one bit of its answer is wrong
  stall:N        the device hangs for --stall-time when it takes it up, then answers late
  cut-request:N  power is lost when it was received; nothing of it is stored
  cut-answer:N   power is lost when it was carried out and not yet answered
  cut-byte:N     power is lost when the Nth payload byte is stored (settings: whole or not at all)
  lie-hash       every hash command answers for what was sent, not for what is stored
  lose-byte      flash loses the byte in the middle of every file and image; lengths stay right
  disk-full      writes to files are refused

Power lost ends the process at once with status 75. Started again on the same --state, the
device is as its flash was left.

On USB (--gadget) it leaves the bus when it resets and comes back when its application runs;
SIGUSR1 pulls it, SIGUSR2 pushes it in again. This needs root, and the modules libcomposite and
usb_f_acm.

Examples:
  hardwire stub smp --state /tmp/th-1 --link /tmp/th-1.tty --baud 115200 --fault drop:7
  hardwire stub smp --state /tmp/th-1 --gadget dummy_udc.0 --serial TH-0421";

/// An SMP unit on a pseudo-terminal or USB: Zephyr's server over MCUboot slots
///
/// The device keeps its whole state (image slots, files, saved settings) in a folder, as flash would: it survives
/// being killed at any moment, also in the middle of a write. It runs until SIGTERM or Ctrl-C.
#[derive(Debug, Args)]
#[command(after_help = FAULTS)]
pub(super) struct SmpStub {
    #[command(flatten)]
    folder: Folder,
    /// Symbolic link to the pseudo-terminal, the same across restarts
    #[arg(long, value_name = "PATH")]
    link: Option<PathBuf>,
    /// Be on USB, as a serial gadget on this device controller, instead of a pseudo-terminal
    #[arg(long, value_name = "UDC", conflicts_with = "link")]
    gadget: Option<String>,
    /// Vendor and product number on USB
    #[arg(long, value_name = "ID", default_value = "2fe3:0100", value_parser = usb_id, help_heading = "Identity")]
    usb_id: UsbId,
    /// Serial number: the device id that the shell's `hwinfo devid` prints, as ASCII
    #[arg(long, default_value = "TH-0001", help_heading = "Identity")]
    serial: String,
    /// Board name
    #[arg(long, default_value = "thermostat", help_heading = "Identity")]
    model: String,
    /// Board revision
    #[arg(long, value_name = "REVISION", help_heading = "Identity")]
    hardware: Option<String>,
    /// Bytes of one message buffer; longer requests are dropped
    #[arg(long, value_name = "BYTES", default_value_t = 384, help_heading = "Device")]
    buf_size: u16,
    /// Message buffers; requests that find none free are dropped
    #[arg(long, value_name = "N", default_value_t = 4, help_heading = "Device")]
    buf_count: u8,
    /// Longest console line in bytes, marker and newline included; longer ones are dropped
    #[arg(long, value_name = "BYTES", default_value = "127", value_parser = line_length, help_heading = "Device")]
    line_length: LineLength,
    /// Bytes of an image slot, a multiple of 4096
    #[arg(long, value_name = "BYTES", default_value_t = 524_288, help_heading = "Device")]
    slot_size: u32,
    /// Bytes of the file system
    #[arg(long, value_name = "BYTES", default_value_t = 1_048_576, help_heading = "Device")]
    fs_size: u64,
    /// Have MCUboot's serial recovery: entered by a reset with boot mode 1, and when nothing can run
    #[arg(long, help_heading = "Device")]
    recovery: bool,
    /// When data of a file outlast a power cut: with every chunk, or when it is closed, as on littlefs under Zephyr
    #[arg(long, value_enum, value_name = "WHEN", default_value = "write", help_heading = "Device")]
    durable: Durable,
    /// Line rate in bits a second, ten a byte, each way [default: as fast as it goes]
    #[arg(long, value_name = "N", help_heading = "Line")]
    baud: Option<u32>,
    /// Milliseconds that every answer is delayed, without holding up the next request
    #[arg(long, value_name = "MS", default_value_t = 0, help_heading = "Line")]
    latency: u64,
    /// Microseconds that flash takes for a byte; the device does nothing else meanwhile
    #[arg(long, value_name = "US", default_value_t = 0, help_heading = "Device")]
    write_time: u64,
    /// Put log lines and shell prompts between the frames
    #[arg(long, help_heading = "Line")]
    noise: bool,
    /// Milliseconds from the answer to a reset command to the reset
    #[arg(long, value_name = "MS", default_value_t = 250, help_heading = "Device")]
    reset_delay: u64,
    /// Milliseconds from a reset to the running application
    #[arg(long, value_name = "MS", default_value_t = 150, help_heading = "Device")]
    boot_time: u64,
    /// Milliseconds that the fault `stall` lasts
    #[arg(long, value_name = "MS", default_value_t = 10_000, help_heading = "Faults")]
    stall_time: u64,
    /// What goes wrong: see below; may be given more than once
    #[arg(long = "fault", value_name = "KIND[:N]", help_heading = "Faults")]
    faults: Vec<Fault>,
    /// End, too, when standard input ends: then the stub does not outlive who started it
    #[arg(long)]
    until_stdin_ends: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Durable {
    /// With every chunk that was answered: a cut upload can be continued
    Write,
    /// When the file is closed: until then the old content stays
    Close,
}

fn line_length(text: &str) -> Result<LineLength, String> {
    let bytes: u16 = text.parse().map_err(|_| format!("{text:?} is no number of bytes"))?;
    LineLength::new(bytes).map_err(|error| error.to_string())
}

impl SmpStub {
    pub(super) fn run(self, voice: &Voice) -> Outcome {
        let serial = self.serial.clone();
        let folder = self.folder.open()?;
        let end = smp::run(self.options(folder.path()), |path| ready(voice, &serial, path)).map_err(refuse)?;
        Ok(ended(end))
    }

    fn options(self, state: &Path) -> smp::Options {
        let milliseconds = Duration::from_millis;
        let place = match self.gadget {
            Some(controller) => {
                let (serial, product) = (self.serial.clone(), self.model.clone());
                Place::Gadget(Shape { controller, id: self.usb_id, serial, product })
            }
            None => Place::Pty { link: self.link },
        };
        smp::Options {
            state: state.to_owned(),
            place,
            identity: smp::Identity { serial: self.serial, model: self.model, hardware: self.hardware },
            limits: smp::Limits {
                buf_size: self.buf_size,
                buf_count: self.buf_count,
                line_length: self.line_length,
                slot_size: self.slot_size,
                fs_size: self.fs_size,
            },
            recovery: if self.recovery { Recovery::Serial } else { Recovery::None },
            durability: match self.durable {
                Durable::Write => Durability::Write,
                Durable::Close => Durability::Close,
            },
            line: smp::Line {
                baud: self.baud,
                latency: milliseconds(self.latency),
                write_time: Duration::from_micros(self.write_time),
                noise: if self.noise { Noise::Chatty } else { Noise::Quiet },
            },
            reset_delay: milliseconds(self.reset_delay),
            boot_time: milliseconds(self.boot_time),
            stall_time: milliseconds(self.stall_time),
            faults: self.faults,
            lifetime: if self.until_stdin_ends { Lifetime::Stdin } else { Lifetime::Signal },
        }
    }
}

fn ready(voice: &Voice, serial: &str, path: Option<&Path>) {
    let address = path.map(|path| format!("tty:{}", path.display()));
    announce(voice, "smp", address.as_deref());
    let place = address.as_deref().unwrap_or("its host's USB");
    voice.say(format!("SMP unit {serial} at {place}; Ctrl-C ends it"));
}
