//! Commands, in both directions.

use crate::fastboot::wire::MAX_COMMAND;
use std::fmt;
use thiserror::Error;

/// What is done about the lock of the bootloader (`flashing …`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lock {
    /// Closes it; most units erase what they hold.
    Lock,
    /// Opens it; most units erase what they hold, after a person agreed at the unit.
    Unlock,
    /// Closes what the bootloader itself lies in.
    LockCritical,
    /// Opens what the bootloader itself lies in.
    UnlockCritical,
    /// Asks whether it may be opened.
    GetUnlockAbility,
}

impl Lock {
    const ALL: [(Self, &'static str); 5] = [
        (Self::Lock, "lock"),
        (Self::Unlock, "unlock"),
        (Self::LockCritical, "lock_critical"),
        (Self::UnlockCritical, "unlock_critical"),
        (Self::GetUnlockAbility, "get_unlock_ability"),
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Lock => "lock",
            Self::Unlock => "unlock",
            Self::LockCritical => "lock_critical",
            Self::UnlockCritical => "unlock_critical",
            Self::GetUnlockAbility => "get_unlock_ability",
        }
    }
}

/// A command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// `getvar:%s`: what a variable holds; `all` for all of them, in lines.
    GetVar(String),
    /// `download:%08x`: so many bytes follow, for the command after it.
    Download(u32),
    /// `upload`: send what a command left there to be taken.
    Upload,
    /// `fetch:%s:0x%x:0x%x`: send a part of a partition.
    Fetch {
        /// Its name.
        partition: String,
        /// Where the part begins, and its bytes; all of the partition when absent.
        part: Option<(u64, u64)>,
    },
    /// `flash:%s`: write what was downloaded.
    Flash(String),
    /// `erase:%s`.
    Erase(String),
    /// `set_active:%s`: the slot to start from.
    SetActive(String),
    /// `continue`: go on starting.
    Continue,
    /// `reboot`.
    Reboot,
    /// `reboot-bootloader`.
    RebootBootloader,
    /// `reboot-fastboot`: into fastboot in userspace.
    RebootFastbootd,
    /// `reboot-recovery`.
    RebootRecovery,
    /// `powerdown`.
    PowerDown,
    /// `flashing …`: the lock.
    Flashing(Lock),
    /// `oem …`: the vendor's own.
    Oem(String),
    /// `update-super:%s[:wipe]`: the table of logical partitions, as downloaded.
    UpdateSuper {
        /// The partition that holds it.
        partition: String,
        /// Whether what was there goes.
        wipe: bool,
    },
    /// `create-logical-partition:%s:%d`.
    CreateLogical(String, u64),
    /// `delete-logical-partition:%s`.
    DeleteLogical(String),
    /// `resize-logical-partition:%s:%d`.
    ResizeLogical(String, u64),
    /// Any other, as it is written.
    Other(String),
}

/// A command that cannot be sent.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CommandError {
    /// There is nothing in it.
    #[error("a command without a word")]
    Empty,
    /// It is longer than a unit takes.
    #[error("a command of {0} bytes; a unit takes {MAX_COMMAND}")]
    Long(usize),
    /// It holds a character that would end it, or steer a screen.
    #[error("a command with a control character")]
    Control,
    /// It is no text.
    #[error("a command that is no text")]
    Text,
}

impl Command {
    /// The command as it goes to the unit.
    ///
    /// # Errors
    /// When no unit would take it.
    pub fn to_bytes(&self) -> Result<Vec<u8>, CommandError> {
        let text = self.to_string();
        if text.is_empty() {
            return Err(CommandError::Empty);
        }
        if text.len() > MAX_COMMAND {
            return Err(CommandError::Long(text.len()));
        }
        if text.contains(char::is_control) {
            return Err(CommandError::Control);
        }
        Ok(text.into_bytes())
    }

    /// The command in these bytes, as a unit reads it. What is not known is [`Command::Other`].
    ///
    /// # Errors
    /// When a unit takes no such command.
    pub fn parse(bytes: &[u8]) -> Result<Self, CommandError> {
        if bytes.len() > MAX_COMMAND {
            return Err(CommandError::Long(bytes.len()));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| CommandError::Text)?;
        if text.is_empty() {
            return Err(CommandError::Empty);
        }
        if text.contains(char::is_control) {
            return Err(CommandError::Control);
        }
        Ok(Self::known(text).unwrap_or_else(|| Self::Other(text.to_owned())))
    }

    fn known(text: &str) -> Option<Self> {
        Some(match text {
            "upload" => Self::Upload,
            "continue" => Self::Continue,
            "reboot" => Self::Reboot,
            "reboot-bootloader" => Self::RebootBootloader,
            "reboot-fastboot" => Self::RebootFastbootd,
            "reboot-recovery" => Self::RebootRecovery,
            "powerdown" => Self::PowerDown,
            _ => return Self::with_argument(text),
        })
    }

    fn with_argument(text: &str) -> Option<Self> {
        if let Some(what) = text.strip_prefix("flashing ") {
            return Lock::ALL.iter().find(|(_, name)| *name == what).map(|(lock, _)| Self::Flashing(*lock));
        }
        if let Some(what) = text.strip_prefix("oem ") {
            return Some(Self::Oem(what.to_owned()));
        }
        let (name, argument) = text.split_once(':')?;
        let own = || argument.to_owned();
        let sized = || {
            let (name, size) = argument.rsplit_once(':')?;
            plain(size).map(|size| (name.to_owned(), size))
        };
        Some(match name {
            "getvar" => Self::GetVar(own()),
            "download" => {
                let is_length = argument.len() == 8 && argument.bytes().all(|byte| byte.is_ascii_hexdigit());
                Self::Download(u32::from_str_radix(argument, 16).ok().filter(|_| is_length)?)
            }
            "fetch" => fetch(argument)?,
            "flash" => Self::Flash(own()),
            "erase" => Self::Erase(own()),
            "set_active" => Self::SetActive(own()),
            "update-super" => match argument.strip_suffix(":wipe") {
                Some(partition) => Self::UpdateSuper { partition: partition.to_owned(), wipe: true },
                None => Self::UpdateSuper { partition: own(), wipe: false },
            },
            "create-logical-partition" => sized().map(|(name, size)| Self::CreateLogical(name, size))?,
            "resize-logical-partition" => sized().map(|(name, size)| Self::ResizeLogical(name, size))?,
            "delete-logical-partition" => Self::DeleteLogical(own()),
            _ => return None,
        })
    }
}

/// A decimal number as it is written, and no other way.
fn plain(text: &str) -> Option<u64> {
    text.parse().ok().filter(|number: &u64| number.to_string() == text)
}

fn fetch(argument: &str) -> Option<Command> {
    let hex = |text: &str| {
        let digits = text.strip_prefix("0x")?;
        u64::from_str_radix(digits, 16).ok().filter(|_| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
    };
    let mut fields = argument.split(':');
    let partition = fields.next()?.to_owned();
    let part = match (fields.next(), fields.next(), fields.next()) {
        (None, ..) => None,
        (Some(offset), Some(length), None) => Some((hex(offset)?, hex(length)?)),
        _ => return None,
    };
    Some(Command::Fetch { partition, part })
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::GetVar(name) => write!(f, "getvar:{name}"),
            Self::Download(length) => write!(f, "download:{length:08x}"),
            Self::Upload => f.write_str("upload"),
            Self::Fetch { partition, part: None } => write!(f, "fetch:{partition}"),
            Self::Fetch { partition, part: Some((offset, length)) } => {
                write!(f, "fetch:{partition}:{offset:#010x}:{length:#010x}")
            }
            Self::Flash(partition) => write!(f, "flash:{partition}"),
            Self::Erase(partition) => write!(f, "erase:{partition}"),
            Self::SetActive(slot) => write!(f, "set_active:{slot}"),
            Self::Continue => f.write_str("continue"),
            Self::Reboot => f.write_str("reboot"),
            Self::RebootBootloader => f.write_str("reboot-bootloader"),
            Self::RebootFastbootd => f.write_str("reboot-fastboot"),
            Self::RebootRecovery => f.write_str("reboot-recovery"),
            Self::PowerDown => f.write_str("powerdown"),
            Self::Flashing(lock) => write!(f, "flashing {}", lock.name()),
            Self::Oem(what) => write!(f, "oem {what}"),
            Self::UpdateSuper { partition, wipe: false } => write!(f, "update-super:{partition}"),
            Self::UpdateSuper { partition, wipe: true } => write!(f, "update-super:{partition}:wipe"),
            Self::CreateLogical(name, size) => write!(f, "create-logical-partition:{name}:{size}"),
            Self::DeleteLogical(name) => write!(f, "delete-logical-partition:{name}"),
            Self::ResizeLogical(name, size) => write!(f, "resize-logical-partition:{name}:{size}"),
            Self::Other(text) => f.write_str(text),
        }
    }
}
