//! `hardwire stub fastboot`.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use clap::{Args, ValueEnum};
use firmware_stubs::Lifetime;
use firmware_stubs::fastboot::{self, Engine, Fault, Fetch, Kind as Lies, Mode, PartitionSpec, Store, Unit};
use protocols::fastboot::message::size;
use protocols::usb::UsbId;

use super::folder::{Folder, refuse};
use super::usb::Socket;
use super::{announce, ended, usb_id};
use crate::cli::report::{Outcome, Voice};

const AFTER: &str = "\
Faults (commands, data phases and stored bytes are counted from the start of the process; N is 1 when absent):
  stall:N           the Nth command makes the endpoint stall (TCP: the connection closes), nothing of it is done
  silence:N         the Nth command gets no answer, nothing of it is done
  drop:N            the Nth command is carried out, and its last answer is lost
  fail:N            the Nth command fails
  long-fail:N       the Nth command fails, in 5 KB of words
  garbage:N         the Nth command is answered with what is no answer
  early-okay:N      the Nth command is answered OKAY at once, nothing of it is done
  data-length:N     the Nth data phase is announced with half of its bytes
  short:N           the Nth data phase ends after half of its bytes, and the unit says that all is well
  flip-byte:N       one bit of the Nth stored byte is wrong, and the unit says that all is well
  unplug-command:N  the unit is unplugged when the Nth command comes, nothing of it is done
  unplug-answer:N   the unit is unplugged when the Nth command was carried out and not yet answered
  unplug-byte:N     the unit is unplugged when exactly N bytes were stored
  no-erase          nothing is erased, and the unit says that all is well
  other-serial      the unit has another serial number in fastbootd
  no-serial         the unit has no serial number

A unit that a fault unplugged ends the process with status 75. Started again on the same --state, it is as its
partitions were left.

Examples:
  hardwire stub fastboot --tcp 127.0.0.1:0 --state /tmp/fb-1
  hardwire stub fastboot --port 0 --partition boot=8388608,slots --partition system=67108864,slots,logical";

/// A phone in its bootloader or in fastbootd
///
/// It is plugged into the kernel's virtual controller (vhci-hcd), which needs root, or listens on TCP. Its partitions are
/// files in `partitions` of the state folder. Told to start its system, it comes back in its bootloader.
#[derive(Debug, Args)]
#[command(after_help = AFTER)]
pub(super) struct FastbootStub {
    #[command(flatten)]
    folder: Folder,
    /// Listen here instead of on USB; port 0 for one that is free
    #[arg(long, value_name = "ADDR:PORT", conflicts_with = "port")]
    tcp: Option<SocketAddr>,
    /// Mode in which it starts
    #[arg(long, value_enum, value_name = "MODE", default_value = "bootloader")]
    mode: StartsIn,
    /// Serial number
    #[arg(long, default_value = "FB-0001", help_heading = "Identity")]
    serial: String,
    /// Product name, by which factory archives know it
    #[arg(long, default_value = "kiosk", help_heading = "Identity")]
    product: String,
    /// Vendor and product number
    #[arg(long, value_name = "ID", default_value = "18d1:4ee0", value_parser = usb_id, help_heading = "Identity")]
    usb_id: UsbId,
    /// Partition of a new unit; may be given more than once [default: boot, vendor_boot, system and others]
    #[arg(long = "partition", value_name = "NAME=BYTES[,slots][,logical]", value_parser = partition)]
    #[arg(help_heading = "Storage")]
    partitions: Vec<PartitionSpec>,
    /// A new unit's bootloader takes no images
    #[arg(long, help_heading = "Storage")]
    locked: bool,
    /// Index below which no vbmeta image starts
    #[arg(long, value_name = "N", default_value_t = 3, help_heading = "Storage")]
    rollback_index: u64,
    /// Partitions that can be read in fastbootd
    #[arg(long, value_enum, value_name = "WHICH", default_value = "vendor-boot", help_heading = "Storage")]
    fetch: WhichFetched,
    /// Most bytes of a download to the bootloader
    #[arg(long, value_name = "BYTES", default_value = "16777216", value_parser = bytes, help_heading = "Transfer")]
    max_download: u32,
    /// Most bytes of a download to fastbootd
    #[arg(long, value_name = "BYTES", default_value = "8388608", value_parser = bytes, help_heading = "Transfer")]
    max_download_userspace: u32,
    /// What it says whenever it writes, erases or carries out an oem command; may be given more than once
    #[arg(long = "says", value_name = "LINE", help_heading = "Words")]
    says: Vec<String>,
    /// How often it says that
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "Words")]
    chatter: u32,
    /// Milliseconds that it writes at a mebibyte
    #[arg(long, value_name = "MS", default_value_t = 0, help_heading = "Transfer")]
    write_time: u64,
    /// Milliseconds that it is away when it changes its mode
    #[arg(long, value_name = "MS", default_value_t = 100, help_heading = "Transfer")]
    boot_time: u64,
    /// What goes wrong: see below; may be given more than once
    #[arg(long = "fault", value_name = "KIND[:N]", help_heading = "Faults")]
    faults: Vec<Fault>,
    #[command(flatten)]
    socket: Socket,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum StartsIn {
    /// The bootloader's fastboot
    Bootloader,
    /// Userspace's fastboot
    Fastbootd,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum WhichFetched {
    /// None
    None,
    /// vendor_boot only, as AOSP has it
    VendorBoot,
    /// All
    All,
}

/// `1048576`, `0x100000`.
fn bytes(text: &str) -> Result<u32, String> {
    let bytes = size(text).and_then(|bytes| u32::try_from(bytes).ok());
    bytes.ok_or_else(|| format!("{text:?} is no number of bytes below 4 GiB"))
}

fn partition(text: &str) -> Result<PartitionSpec, String> {
    let wrong = || format!("{text:?} is no partition: write NAME=BYTES, then ,slots and ,logical as they apply");
    let (name, rest) = text.split_once('=').ok_or_else(wrong)?;
    let mut words = rest.split(',');
    let held = words.next().and_then(size).ok_or_else(wrong)?;
    let mut spec = PartitionSpec::single(name, held);
    for word in words {
        match word {
            "slots" => spec.slotted = true,
            "logical" => spec.kind = Lies::Logical,
            _ => return Err(wrong()),
        }
    }
    Ok(spec)
}

impl FastbootStub {
    pub(super) fn run(self, voice: &Voice) -> Outcome {
        let folder = self.folder.open()?;
        let mode = match self.mode {
            StartsIn::Bootloader => Mode::Bootloader,
            StartsIn::Fastbootd => Mode::Fastbootd,
        };
        let options = self.options(folder.path());
        let words = format!("fastboot unit {}", self.serial);
        let end = match self.tcp {
            Some(address) => {
                let store = Store::open(&options).map_err(refuse)?;
                let lifetime = if self.socket.ends_with_stdin() { Lifetime::Stdin } else { Lifetime::Signal };
                let ready = |place: SocketAddr| {
                    let address = format!("tcp:{place}");
                    announce(voice, "fastboot", Some(&address));
                    voice.say(format!("{words} at {address}; Ctrl-C ends it"));
                };
                fastboot::serve(Engine::new(options, store, mode), address, lifetime, ready).map_err(refuse)?
            }
            None => {
                let unit = Unit::open(options, mode).map_err(refuse)?;
                self.socket.stand(voice, "fastboot", &words, Box::new(unit))?
            }
        };
        Ok(ended(end))
    }

    fn options(&self, state: &Path) -> fastboot::Options {
        let usual = fastboot::Options::new(state.to_owned());
        fastboot::Options {
            serial: self.serial.clone(),
            product: self.product.clone(),
            usb_id: self.usb_id,
            partitions: if self.partitions.is_empty() { usual.partitions } else { self.partitions.clone() },
            max_download: self.max_download,
            max_download_userspace: self.max_download_userspace,
            unlocked: !self.locked,
            rollback_index: self.rollback_index,
            fetch: match self.fetch {
                WhichFetched::None => Fetch::None,
                WhichFetched::VendorBoot => Fetch::VendorBoot,
                WhichFetched::All => Fetch::All,
            },
            says: self.says.clone(),
            chatter: self.chatter,
            write_time: Duration::from_millis(self.write_time),
            boot_time: Duration::from_millis(self.boot_time),
            faults: self.faults.clone(),
            ..usual
        }
    }
}
