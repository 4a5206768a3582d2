//! How patient to be.

use crate::fastboot::message::Command;
use std::time::Duration;

/// How long a unit may take for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Until its next word: a line that it says while it works counts as one.
    pub silence: Duration,
    /// Until its last word, however much it says in between.
    pub whole: Duration,
    /// Until it has taken a part of a payload.
    pub part: Duration,
}

const fn seconds(silence: u64, whole: u64) -> Patience {
    Patience { silence: Duration::from_secs(silence), whole: Duration::from_secs(whole), part: Duration::from_secs(30) }
}

impl Patience {
    /// What this command may take.
    ///
    /// Google's client waits 30 s for any answer and asks units to send lines in between; bootloaders that say nothing were
    /// seen to take minutes for a large `flash`, and for an `erase` of user data that they discard block by block. A lock
    /// waits for a person to press a key on the unit.
    #[must_use]
    pub const fn of(command: &Command) -> Self {
        match command {
            Command::Flash(_) | Command::UpdateSuper { .. } => seconds(300, 1800),
            Command::Erase(_) => seconds(300, 1800),
            Command::Oem(_) | Command::Other(_) => seconds(120, 1800),
            Command::Flashing(_) => seconds(180, 600),
            // After the last part the unit may still be busy with what it buffered.
            Command::Download(_) | Command::Upload | Command::Fetch { .. } => seconds(60, 1800),
            Command::GetVar(_) => seconds(10, 60),
            _ => seconds(30, 120),
        }
    }
}
