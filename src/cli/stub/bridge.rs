//! `hardwire stub bridge`.

use std::path::{Path, PathBuf};

use clap::Args;
use firmware_stubs::Lifetime;
use firmware_stubs::gadget::{self, Shape};
use protocols::usb::UsbId;

use super::{announce, ended, usb_id};
use crate::cli::report::{Outcome, Voice};
use crate::error::{Error, Kind};

const AFTER: &str = "\
Ends with status 75 when the unit behind it hangs up. SIGUSR1 pulls the gadget, SIGUSR2 pushes it in again; the unit
behind it lives on. Needs root, and the modules libcomposite and usb_f_acm.

Example:
  hardwire stub bridge --gadget dummy_udc.1 --to /dev/pts/4 --serial ZEPHYR-1";

/// Put another unit's terminal behind a serial gadget on USB
#[derive(Debug, Args)]
#[command(after_help = AFTER)]
pub(super) struct BridgeStub {
    /// Device controller to be plugged into, as /sys/class/udc names it
    #[arg(long, value_name = "UDC")]
    gadget: String,
    /// Terminal of the unit
    #[arg(long, value_name = "PATH")]
    to: PathBuf,
    /// Serial number on USB
    #[arg(long, default_value = "BR-0001")]
    serial: String,
    /// Product name on USB
    #[arg(long, default_value = "bridge")]
    model: String,
    /// Vendor and product number on USB
    #[arg(long, value_name = "ID", default_value = "2fe3:0100", value_parser = usb_id)]
    usb_id: UsbId,
    /// End, too, when standard input ends: then the stub does not outlive who started it
    #[arg(long)]
    until_stdin_ends: bool,
}

impl BridgeStub {
    pub(super) fn run(self, voice: &Voice) -> Outcome {
        let shape = Shape { controller: self.gadget, id: self.usb_id, serial: self.serial, product: self.model };
        let lifetime = if self.until_stdin_ends { Lifetime::Stdin } else { Lifetime::Signal };
        let ready = |path: Option<&Path>| {
            let address = path.map(|path| format!("tty:{}", path.display()));
            announce(voice, "bridge", address.as_deref());
            let place = address.as_deref().unwrap_or("its host's USB");
            voice.say(format!("{} at {place}; Ctrl-C ends it", self.to.display()));
        };
        Ok(ended(gadget::bridge(shape, &self.to, lifetime, ready).map_err(no_gadget)?))
    }
}

/// What to say when there is no gadget.
pub(super) fn no_gadget(error: gadget::Error) -> Error {
    let (kind, next) = match &error {
        gadget::Error::NoController(_) => (Kind::Invalid, "name one of /sys/class/udc; dummy_hcd brings some"),
        gadget::Error::Taken(_) => (Kind::Busy, "name another --gadget"),
        gadget::Error::System { .. } => {
            (Kind::NotPermitted, "be root, with configfs mounted and libcomposite and usb_f_acm loaded")
        }
    };
    Error::new(kind, "the stand-in device cannot run").because(error).next(next)
}
