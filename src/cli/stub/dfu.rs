//! `hardwire stub dfu`.

use std::path::Path;
use std::time::Duration;

use clap::{Args, ValueEnum};
use firmware_stubs::dfu::{self, Detach, Factory, Fault, Manifestation, Memory, Slot, Unit, Upload};
use protocols::dfu::wire::{Layout, PollTimeout};
use protocols::usb::{Bcd, UsbId};

use super::folder::{Folder, refuse};
use super::usb::Socket;
use super::{ended, firmware, usb_id};
use crate::cli::report::{Outcome, Voice};

const AFTER: &str = "\
Faults (DFU requests and stored bytes are counted from the start of the process; N is 1 when absent):
  stall:N           the Nth request stalls, nothing of it is done
  hang:N            the Nth request gets no answer, nothing of it is done
  short:N           the Nth request carries half of its bytes, in either direction
  garbage-status:N  the Nth answer to DFU_GETSTATUS means nothing
  unplug-control:N  the unit is unplugged when the Nth request comes, nothing of it is done
  unplug-answer:N   the unit is unplugged when the Nth request was carried out and not yet answered
  unplug-byte:N     the unit is unplugged when exactly N bytes were stored
  lie-length        blocks may be twice as long as what the unit keeps of one
  lose-byte:N       the Nth byte of every memory is worn out and reads something else
  lie-upload        uploads give back what was sent, whatever was stored
  other-serial      the unit has another serial number in DFU mode
  no-serial         the unit has no serial number
  stay:N            the unit never gets ready with the Nth block

A unit that a fault unplugged ends the process with status 75. Started again on the same --state, it is as its
memory was left: firmware that is not whole does not run, and the unit stays in DFU mode.

Signals: SIGUSR1 pulls it, SIGUSR2 pushes it in again; SIGTERM and Ctrl-C end it.

Examples:
  hardwire stub dfu --state /tmp/df-1 --port 0 --serial DF-0421 --fault unplug-byte:5000
  hardwire stub dfu --dfuse '@Flash/0x08000000/64*002Kg' --dfu-usb-id 0483:df11";

/// A unit that takes firmware over USB DFU, plain or DfuSe
///
/// It is plugged into the kernel's virtual controller (vhci-hcd), which needs root. While its firmware runs it can be told
/// to detach, and comes back to the same port in DFU mode. Release (bcdDevice) and interface name then tell version
/// and digest of the firmware; `hardwire stub firmware` makes some.
#[derive(Debug, Args)]
#[command(after_help = AFTER)]
pub(super) struct DfuStub {
    #[command(flatten)]
    folder: Folder,
    /// Serial number, in both modes
    #[arg(long, default_value = "DF-0001", help_heading = "Identity")]
    serial: String,
    /// Product name
    #[arg(long, default_value = "thermostat", help_heading = "Identity")]
    model: String,
    /// Vendor and product number while the firmware runs
    #[arg(long, value_name = "ID", default_value = "1209:0001", value_parser = usb_id, help_heading = "Identity")]
    usb_id: UsbId,
    /// Vendor and product number in DFU mode
    #[arg(long, value_name = "ID", default_value = "1209:0002", value_parser = usb_id, help_heading = "Identity")]
    dfu_usb_id: UsbId,
    /// Version of the firmware that a new unit holds
    #[arg(long, value_name = "MAJOR.MINOR", default_value = "1.00", value_parser = firmware::version)]
    #[arg(help_heading = "Memory")]
    firmware: Bcd,
    /// Hold no firmware when new, and start in DFU mode
    #[arg(long, conflicts_with = "firmware", help_heading = "Memory")]
    blank: bool,
    /// Slot of plain DFU; may be given more than once [default: firmware=1048576]
    #[arg(long = "slot", value_name = "NAME=BYTES", value_parser = slot, help_heading = "Memory")]
    slots: Vec<Slot>,
    /// Speak DfuSe, with memory of this layout; may be given more than once
    #[arg(long, value_name = "LAYOUT", value_parser = layout, conflicts_with = "slots", help_heading = "Memory")]
    dfuse: Vec<Layout>,
    /// Most bytes of a block
    #[arg(long, value_name = "BYTES", default_value_t = 1024, help_heading = "Transfer")]
    transfer_size: u16,
    /// Refuse to be read
    #[arg(long, help_heading = "Transfer")]
    no_upload: bool,
    /// Milliseconds that the unit wants to be left alone after a block
    #[arg(long, value_name = "MS", default_value_t = 0, help_heading = "Transfer")]
    poll_timeout: u32,
    /// Milliseconds that a block takes [default: as --poll-timeout]
    #[arg(long, value_name = "MS", help_heading = "Transfer")]
    write_time: Option<u64>,
    /// How the unit leaves its firmware when it is told to
    #[arg(long, value_enum, value_name = "HOW", default_value = "itself", help_heading = "Modes")]
    detach: HowDetached,
    /// Milliseconds that it waits for a reset then
    #[arg(long, value_name = "MS", default_value_t = 1000, help_heading = "Modes")]
    detach_timeout: u16,
    /// What the unit does once new firmware is in place
    #[arg(long, value_enum, value_name = "WHAT", default_value = "leaves", help_heading = "Modes")]
    manifestation: HowManifested,
    /// Milliseconds that it is away from the bus when it changes its mode
    #[arg(long, value_name = "MS", default_value_t = 100, help_heading = "Modes")]
    boot_time: u64,
    /// What goes wrong: see below; may be given more than once
    #[arg(long = "fault", value_name = "KIND[:N]", help_heading = "Faults")]
    faults: Vec<Fault>,
    #[command(flatten)]
    socket: Socket,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum HowDetached {
    /// It leaves the bus and comes back (bitWillDetach)
    Itself,
    /// It waits for a bus reset
    Reset,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum HowManifested {
    /// It stays in DFU mode and answers (bitManifestationTolerant); a bus reset starts the firmware
    Tolerant,
    /// It only tells its state and waits for a bus reset
    Reset,
    /// It leaves the bus and starts the firmware
    Leaves,
}

fn layout(text: &str) -> Result<Layout, String> {
    Layout::parse(text).map_err(|error| error.to_string())
}

fn slot(text: &str) -> Result<Slot, String> {
    let wrong = || format!("{text:?} is no slot: a name and its bytes, as firmware=65536");
    let (name, bytes) = text.split_once('=').ok_or_else(wrong)?;
    Ok(Slot { name: name.to_owned(), size: bytes.parse().map_err(|_| wrong())? })
}

impl DfuStub {
    pub(super) fn run(self, voice: &Voice) -> Outcome {
        let folder = self.folder.open()?;
        let words = format!("DFU unit {}", self.serial);
        let unit = Unit::open(self.options(folder.path())).map_err(refuse)?;
        let end = self.socket.stand(voice, "dfu", &words, Box::new(unit));
        Ok(ended(end?))
    }

    fn options(&self, state: &Path) -> dfu::Options {
        let usual = dfu::Options::new(state.to_owned());
        dfu::Options {
            serial: self.serial.clone(),
            model: self.model.clone(),
            runtime_id: self.usb_id,
            dfu_id: self.dfu_usb_id,
            memory: match (self.slots.is_empty(), self.dfuse.is_empty()) {
                (_, false) => Memory::Addressed(self.dfuse.clone()),
                (false, _) => Memory::Slots(self.slots.clone()),
                _ => usual.memory,
            },
            transfer_size: self.transfer_size,
            upload: if self.no_upload { Upload::Refused } else { Upload::Possible },
            detach: match self.detach {
                HowDetached::Itself => Detach::ByItself,
                HowDetached::Reset => Detach::AtReset,
            },
            detach_timeout: self.detach_timeout,
            manifestation: match self.manifestation {
                HowManifested::Tolerant => Manifestation::Tolerant,
                HowManifested::Reset => Manifestation::AwaitsReset,
                HowManifested::Leaves => Manifestation::Leaves,
            },
            poll_timeout: PollTimeout::from_millis(self.poll_timeout),
            write_time: self.write_time.map(Duration::from_millis),
            boot_time: Duration::from_millis(self.boot_time),
            factory: if self.blank { Factory::Blank } else { Factory::Firmware(self.firmware) },
            faults: self.faults.clone(),
            state: usual.state,
        }
    }
}
