//! What a stream may be opened to.

mod shell;
mod sideload;
mod sync;

use super::android::{Restart, System, User, reboot_into};
use super::options::{Build, Runs};
use crate::usb::Stop;
use protocols::adb::message::Features;

/// What a service has to say.
pub(super) enum Output {
    /// Nothing, for now.
    Nothing,
    /// This, and perhaps more.
    Bytes(Vec<u8>),
    /// No more: the stream is to be closed.
    End,
}

/// What is at the unit's end of a stream.
pub(super) trait Service: Send {
    /// Bytes of the host.
    fn input(&mut self, system: &mut System, bytes: &[u8]) -> Result<(), Stop>;

    /// At most `room` bytes for the host.
    fn output(&mut self, system: &mut System, room: usize) -> Result<Output, Stop>;
}

/// Opens a service by its name; `None` when the unit has none of that name.
pub(super) fn open(system: &mut System, name: &[u8], features: &Features) -> Result<Option<Box<dyn Service>>, Stop> {
    let (kind, rest) = match name.iter().position(|byte| *byte == b':') {
        Some(at) => (&name[..at], &name[at + 1..]),
        None => (name, &[][..]),
    };
    let kind = String::from_utf8_lossy(kind);
    let (kind, arguments) = kind.split_once(',').map_or((&*kind, ""), |(kind, arguments)| (kind, arguments));
    let text = String::from_utf8_lossy(rest);
    let sideloads = system.options.runs == Runs::Sideload;
    Ok(match kind {
        "reboot" => match reboot_into(&text) {
            Some(into) => {
                system.restart(Restart::Unit(into));
                Some(said(""))
            }
            None => None,
        },
        "sideload-host" if sideloads => sideload::open(&text),
        _ if sideloads => None,
        "sync" => Some(Box::new(sync::Sync::default())),
        "shell" => Some(shell::open(system, arguments, rest, features)?),
        "exec" => Some(shell::exec(system, rest.to_vec())?),
        "abb_exec" if system.options.runs == Runs::Android => {
            let mut command = b"cmd".to_vec();
            for word in rest.split(|byte| *byte == 0) {
                command.push(b' ');
                command.extend(quoted(word));
            }
            Some(shell::exec(system, command)?)
        }
        "root" => Some(said(root(system))),
        "unroot" => Some(said(unroot(system))),
        _ => None,
    })
}

fn root(system: &mut System) -> &'static str {
    match (system.options.build, system.user) {
        (Build::User, _) => "adbd cannot run as root in production builds\n",
        (_, User::Root) => "adbd is already running as root\n",
        _ => {
            system.user = User::Root;
            system.restart(Restart::Daemon);
            "restarting adbd as root\n"
        }
    }
}

fn unroot(system: &mut System) -> &'static str {
    if system.user == User::Shell {
        return "adbd not running as root\n";
    }
    system.user = User::Shell;
    system.restart(Restart::Daemon);
    "restarting adbd as non root\n"
}

/// A word that a shell takes for one.
fn quoted(word: &[u8]) -> Vec<u8> {
    let mut out = b"'".to_vec();
    for byte in word {
        match byte {
            b'\'' => out.extend(b"'\\''"),
            byte => out.push(*byte),
        }
    }
    out.push(b'\'');
    out
}

/// A service that says one thing.
struct Said(Vec<u8>);

fn said(text: &str) -> Box<dyn Service> {
    Box::new(Said(text.into()))
}

impl Service for Said {
    fn input(&mut self, _: &mut System, _: &[u8]) -> Result<(), Stop> {
        Ok(())
    }

    fn output(&mut self, _: &mut System, _: usize) -> Result<Output, Stop> {
        match std::mem::take(&mut self.0) {
            text if text.is_empty() => Ok(Output::End),
            text => Ok(Output::Bytes(text)),
        }
    }
}

/// Takes at most `room` bytes from the front.
fn part(from: &mut Vec<u8>, room: usize) -> Vec<u8> {
    let rest = from.split_off(from.len().min(room));
    std::mem::replace(from, rest)
}
