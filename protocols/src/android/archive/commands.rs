//! `fastboot-info.txt`: what is done, in which order.

use super::{Fault, LineError, is_partition, lines};

/// The commands of `fastboot-info.txt`, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Order {
    steps: Vec<(usize, When, Command)>,
}

/// When a command is carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum When {
    /// Always.
    Always,
    /// When the user's data are wiped.
    Wiping,
}

/// Which slot is written, of a partition that has several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Slot {
    /// The one that is meant to run.
    Current,
    /// The other one.
    Other,
}

/// A command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Write an image to a partition.
    Flash {
        /// The partition, without the letter of its slot.
        partition: String,
        /// The image's file in the archive.
        file: String,
        /// Which slot of it.
        slot: Slot,
        /// Whether the flags that the user wants are set in it, as it is metadata of verified boot.
        apply_vbmeta: bool,
    },
    /// Erase a partition.
    Erase(String),
    /// Restart into a mode, or into the system when none is named.
    Reboot(Option<String>),
    /// Tell the unit the new table of logical partitions.
    UpdateSuper,
}

impl Order {
    /// Reads `fastboot-info.txt`.
    ///
    /// # Errors
    /// The first line that is no command, or when the version is missing or not known.
    pub fn parse(text: &[u8]) -> Result<Self, LineError> {
        let mut steps = Vec::new();
        let mut versioned = false;
        for line in lines(text) {
            let (line, text) = line?;
            let words: Vec<_> = text.split_whitespace().collect();
            let fail = |fault| Err(LineError { line, fault });
            match words.as_slice() {
                ["version", "1"] if !versioned && steps.is_empty() => versioned = true,
                ["version", ..] => return fail(Fault::Version),
                _ if !versioned => return fail(Fault::Version),
                ["if-wipe", words @ ..] => match command(words) {
                    Ok(command) => steps.push((line, When::Wiping, command)),
                    Err(fault) => return fail(fault),
                },
                words => match command(words) {
                    Ok(command) => steps.push((line, When::Always, command)),
                    Err(fault) => return fail(fault),
                },
            }
        }
        if versioned { Ok(Self { steps }) } else { Err(LineError { line: 1, fault: Fault::Version }) }
    }

    /// The commands in order, and when each is carried out.
    pub fn commands(&self) -> impl Iterator<Item = (When, &Command)> {
        self.steps.iter().map(|(_, when, command)| (*when, command))
    }

    /// The commands with the numbers of their lines, from 1 on.
    pub fn lines(&self) -> impl Iterator<Item = (usize, &Command)> {
        self.steps.iter().map(|(line, _, command)| (*line, command))
    }
}

fn command(words: &[&str]) -> Result<Command, Fault> {
    match words {
        ["flash", words @ ..] => flash(words),
        ["erase", name] => Ok(Command::Erase(partition(name)?)),
        ["erase", ..] => Err(Fault::Words("erase")),
        ["reboot"] => Ok(Command::Reboot(None)),
        ["reboot", mode @ ("bootloader" | "fastboot" | "recovery")] => Ok(Command::Reboot(Some((*mode).to_owned()))),
        ["reboot", mode] => Err(Fault::Mode((*mode).to_owned())),
        ["reboot", ..] => Err(Fault::Words("reboot")),
        ["update-super"] => Ok(Command::UpdateSuper),
        ["update-super", ..] => Err(Fault::Words("update-super")),
        _ => Err(Fault::NoCommand),
    }
}

fn flash(words: &[&str]) -> Result<Command, Fault> {
    let (mut slot, mut apply_vbmeta) = (Slot::Current, false);
    let mut names = Vec::new();
    for word in words {
        match *word {
            "--slot-other" => slot = Slot::Other,
            "--apply-vbmeta" => apply_vbmeta = true,
            option if option.starts_with('-') => return Err(Fault::Option(option.to_owned())),
            name => names.push(name),
        }
    }
    let (name, file) = match names.as_slice() {
        [name] => (*name, format!("{name}.img")),
        [name, file] => (*name, (*file).to_owned()),
        _ => return Err(Fault::Words("flash")),
    };
    let plain = |part: &str| !part.is_empty() && part != "." && part != "..";
    if !file.split('/').all(plain) || file.contains('\\') {
        return Err(Fault::File(file));
    }
    Ok(Command::Flash { partition: partition(name)?, file, slot, apply_vbmeta })
}

fn partition(name: &str) -> Result<String, Fault> {
    if is_partition(name) { Ok(name.to_owned()) } else { Err(Fault::Partition(name.to_owned())) }
}
