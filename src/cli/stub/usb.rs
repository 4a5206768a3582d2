//! `hardwire stub usb`, and what all stand-ins on USB share.

use clap::Args;
use firmware_stubs::usb::hostile::{Hostile, HostileDevice};
use firmware_stubs::usb::{self, Device, Port, PortError};
use firmware_stubs::{End, Lifetime};

use super::{announce, ended};
use crate::cli::report::{Outcome, Voice};
use crate::error::{Error, Kind};

const AFTER: &str = "\
What it can do to a host:
  long-configuration, short-configuration, cut   the configuration lies about its length
  loop, overrun                                  a descriptor in it has length 0, or 255
  no-interface, many-alternates                  nothing to speak to, or far too much
  escape-strings, broken-strings, no-strings     strings with terminal sequences, broken UTF-16, stalls
  babble, stall, stall-later, silent             endpoint 0 misbehaves, at once or when configured
  reset, flap, shaky                             it leaves the bus at every transfer, or while it is enumerated

Signals: SIGUSR1 pulls it, SIGUSR2 pushes it in again; SIGTERM and Ctrl-C end it.

Example:
  hardwire stub usb --what escape-strings --port 2";

/// Where a stand-in is plugged in.
#[derive(Debug, Args)]
#[command(next_help_heading = "Bus")]
pub(super) struct Socket {
    /// Port of the kernel's virtual controller (vhci-hcd) to plug it into [default: the first that is free]
    #[arg(long, value_name = "N")]
    port: Option<Port>,
    /// End, too, when standard input ends: then the stub does not outlive who started it
    #[arg(long)]
    until_stdin_ends: bool,
}

impl Socket {
    /// Whether the stub ends when its standard input does.
    pub(super) fn ends_with_stdin(&self) -> bool {
        self.until_stdin_ends
    }

    /// Plug the device in and serve it to its end; `words` are for people.
    pub(super) fn stand(
        &self,
        voice: &Voice,
        kind: &'static str,
        words: &str,
        device: Box<dyn Device>,
    ) -> Result<End, Error> {
        let port = self.port.map_or_else(Port::first_free, Ok).map_err(|error| refuse(error.into()))?;
        let lifetime = if self.ends_with_stdin() { Lifetime::Stdin } else { Lifetime::Signal };
        let ready = |bus_id: &str| {
            let address = format!("usb:{bus_id}");
            announce(voice, kind, Some(&address));
            voice.say(format!("{words} at {address}; Ctrl-C ends it, SIGUSR1 pulls and SIGUSR2 pushes it"));
        };
        usb::stand(device, port, lifetime, ready).map_err(refuse)
    }
}

fn refuse(error: usb::Error) -> Error {
    let (kind, next) = match &error {
        usb::Error::Port(PortError::NoController) => {
            (Kind::NotPermitted, "load vhci-hcd as root, or use the USB bench (CONTRIBUTING.md)")
        }
        usb::Error::Port(PortError::Sysfs { .. }) => (Kind::NotPermitted, "run it as root: it plugs a device in"),
        usb::Error::Port(_) => (Kind::Busy, "choose another --port"),
        _ => (Kind::Storage, ""),
    };
    let error = Error::new(kind, "the stand-in device cannot run").because(error);
    if next.is_empty() { error } else { error.next(next) }
}

/// A USB device that lies, loops, stalls or runs away
#[derive(Debug, Args)]
#[command(after_help = AFTER)]
pub(super) struct UsbStub {
    /// What it does to its host: see below
    #[arg(long, value_name = "KIND")]
    what: Hostile,
    /// Serial number
    #[arg(long, default_value = "HO-0001")]
    serial: String,
    #[command(flatten)]
    socket: Socket,
}

impl UsbStub {
    pub(super) fn run(self, voice: &Voice) -> Outcome {
        let device = HostileDevice::new(self.what, &self.serial);
        let words = format!("hostile unit ({})", self.what);
        Ok(ended(self.socket.stand(voice, "usb", &words, Box::new(device))?))
    }
}
