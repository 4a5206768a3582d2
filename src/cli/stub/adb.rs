//! `hardwire stub adb`.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use clap::{Args, ValueEnum};
use firmware_stubs::Lifetime;
use firmware_stubs::adb::{self, Age, Authorisation, Build, Fault, Prompt};
use firmware_stubs::fastboot;
use firmware_stubs::phone::{self, Addresses, Mode, Options, Phone};
use serde::Serialize;

use super::ended;
use super::folder::{Folder, refuse};
use super::usb::Socket;
use crate::cli::report::{Outcome, Voice};

const AFTER: &str = "\
Faults in Android and recovery (packets of the host and stored bytes are counted from the start of the process; N is 1
when absent):
  unplug-packet:N  the unit is unplugged when the Nth packet comes, nothing of it is done
  unplug-answer:N  the unit is unplugged when the Nth packet was taken and not yet answered
  unplug-byte:N    the unit is unplugged when exactly N bytes of files were stored
  hang:N           the Nth packet, and every one after it, gets no answer
  garbage:N        the answer to the Nth packet begins with what is no packet
  lose-byte        one byte of every file that is sent to the unit is stored wrong
  lie-hash         digests are those of what was sent, whatever was stored
  lie-exit         commands end with 0, whatever they did
  disk-full        storage is full
  huge-payload     the unit says that it takes packets of 4 GiB
  okay-closed      the unit acknowledges streams that were closed
  ignore-window    the unit sends as much as it has, acknowledged or not
  long-data        data of files come in longer records than any may be
  list-escape      folders list names that lead out of them, devices, escapes and broken UTF-8

A unit that a fault unplugged ends the process with status 75. Started again on the same --state, it is as its storage
was left. --fastboot-fault takes the faults of `hardwire stub fastboot`.

Examples:
  hardwire stub adb --tcp 127.0.0.1:0 --state /tmp/ph-1
  hardwire stub adb --port 0 --serial PH-0421 --authorise refuse";

/// A phone: Android that speaks ADB, with recovery, bootloader and fastbootd to restart into
///
/// It is plugged into the kernel's virtual controller (vhci-hcd), which needs root, or listens on TCP, for ADB and for
/// fastboot in turn. Files are in `files` of the state folder, partitions in `partitions`.
#[derive(Debug, Args)]
#[command(after_help = AFTER)]
pub(super) struct AdbStub {
    #[command(flatten)]
    folder: Folder,
    /// Listen here for ADB instead of being on USB; port 0 for one that is free
    #[arg(long, value_name = "ADDR:PORT", conflicts_with = "port")]
    tcp: Option<SocketAddr>,
    /// Listen here for fastboot
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:0", requires = "tcp")]
    fastboot_tcp: SocketAddr,
    /// Mode in which it starts
    #[arg(long, value_enum, value_name = "MODE", default_value = "android")]
    mode: StartsIn,
    /// Serial number
    #[arg(long, default_value = "PH-0001", help_heading = "Identity")]
    serial: String,
    /// Model
    #[arg(long, default_value = "Kiosk One", help_heading = "Identity")]
    model: String,
    /// Product name, by which factory archives know it
    #[arg(long, default_value = "kiosk", help_heading = "Identity")]
    product: String,
    /// Ask who comes for a key, and do this about one that is not known [default: ask for none]
    #[arg(long, value_enum, value_name = "WHAT", help_heading = "Rights")]
    authorise: Option<Answers>,
    /// How much its shell may do
    #[arg(long, value_enum, value_name = "BUILD", default_value = "eng", help_heading = "Rights")]
    build: BuildOf,
    /// Its bootloader takes no images
    #[arg(long, help_heading = "Rights")]
    locked: bool,
    /// Speak ADB as before Android 7: no exit codes, checksums
    #[arg(long, help_heading = "System")]
    old: bool,
    /// Property beside the usual ones, or instead of them; may be given more than once
    #[arg(long = "property", value_name = "NAME=VALUE", value_parser = property, help_heading = "System")]
    properties: Vec<(String, String)>,
    /// Account that is logged in: with one, nobody becomes the device's owner
    #[arg(long = "account", value_name = "NAME", help_heading = "System")]
    accounts: Vec<String>,
    /// Milliseconds that it is away when it restarts
    #[arg(long, value_name = "MS", default_value_t = 200, help_heading = "System")]
    boot_time: u64,
    /// What goes wrong in Android and recovery: see below; may be given more than once
    #[arg(long = "fault", value_name = "KIND[:N]", help_heading = "Faults")]
    faults: Vec<Fault>,
    /// What goes wrong in fastboot; may be given more than once
    #[arg(long = "fastboot-fault", value_name = "KIND[:N]", help_heading = "Faults")]
    fastboot_faults: Vec<fastboot::Fault>,
    #[command(flatten)]
    socket: Socket,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum StartsIn {
    /// Its system
    Android,
    /// Recovery
    Recovery,
    /// Recovery, waiting for a package
    Sideload,
    /// The bootloader's fastboot
    Bootloader,
    /// Userspace's fastboot
    Fastbootd,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Answers {
    /// Accept it, for good
    Accept,
    /// Refuse it
    Refuse,
    /// Nobody is there
    Ignore,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum BuildOf {
    /// The shell is root
    Eng,
    /// The shell is root when asked to be
    Userdebug,
    /// The shell is never root
    User,
}

#[derive(Serialize)]
struct Ready<'a> {
    r#type: &'static str,
    kind: &'static str,
    address: &'a str,
    fastboot: &'a str,
}

fn property(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or_else(|| format!("{text:?} is no property: write NAME=VALUE"))?;
    Ok((name.to_owned(), value.to_owned()))
}

impl AdbStub {
    pub(super) fn run(self, voice: &Voice) -> Outcome {
        let folder = self.folder.open()?;
        let words = format!("phone {}", self.serial);
        let options = self.options(folder.path());
        let end = match self.tcp {
            Some(adb) => {
                let lifetime = if self.socket.ends_with_stdin() { Lifetime::Stdin } else { Lifetime::Signal };
                let ready = |at: Addresses| {
                    let (address, fastboot) = (format!("tcp:{}", at.adb), format!("tcp:{}", at.fastboot));
                    voice.object(&Ready { r#type: "stub", kind: "adb", address: &address, fastboot: &fastboot });
                    voice.say(format!("{words} at {address}, in fastboot at {fastboot}; Ctrl-C ends it"));
                };
                let addresses = Addresses { adb, fastboot: self.fastboot_tcp };
                phone::serve(options, addresses, lifetime, ready).map_err(refuse)?
            }
            None => {
                let phone = Phone::open(options).map_err(refuse)?;
                self.socket.stand(voice, "adb", &words, Box::new(phone))?
            }
        };
        Ok(ended(end))
    }

    fn options(&self, state: &Path) -> Options {
        let usual = Options::new(state.to_owned());
        let boot_time = Duration::from_millis(self.boot_time);
        Options {
            adb: adb::Options {
                serial: self.serial.clone(),
                model: self.model.clone(),
                product: self.product.clone(),
                authorisation: match self.authorise {
                    None => Authorisation::None,
                    Some(Answers::Accept) => Authorisation::Keys(Prompt::Accept),
                    Some(Answers::Refuse) => Authorisation::Keys(Prompt::Refuse),
                    Some(Answers::Ignore) => Authorisation::Keys(Prompt::Ignore),
                },
                build: match self.build {
                    BuildOf::Eng => Build::Eng,
                    BuildOf::Userdebug => Build::UserDebug,
                    BuildOf::User => Build::User,
                },
                age: if self.old { Age::Old } else { Age::New },
                properties: self.properties.clone(),
                accounts: self.accounts.clone(),
                boot_time,
                faults: self.faults.clone(),
                ..usual.adb
            },
            fastboot: fastboot::Options {
                unlocked: !self.locked,
                boot_time,
                faults: self.fastboot_faults.clone(),
                ..usual.fastboot
            },
            first: match self.mode {
                StartsIn::Android => Mode::Android,
                StartsIn::Recovery => Mode::Recovery,
                StartsIn::Sideload => Mode::Sideload,
                StartsIn::Bootloader => Mode::Bootloader,
                StartsIn::Fastbootd => Mode::Fastbootd,
            },
        }
    }
}
