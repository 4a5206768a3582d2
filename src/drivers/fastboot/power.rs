//! From mode to mode.

use std::time::Duration;

use protocols::fastboot::message::Command;

use super::FastbootDriver;
use super::exchange::Ended;
use super::refusal;
use crate::device::{Departure, Mode, Op, Power};
use crate::error::{Error, Kind, Result};

/// A unit that was told to leave is still there for a moment.
const SETTLE: Duration = Duration::from_millis(200);

/// How the unit is told to enter a mode, how long that may take, and what it does meanwhile.
///
/// Google gives a bootloader 30 s and fastbootd as long as it takes; the first start after an update optimises
/// applications for minutes, and one after an erase makes file systems first.
fn way(mode: Mode) -> Option<(Command, Duration, &'static str)> {
    let (command, seconds, why) = match mode {
        Mode::Application => (Command::Reboot, 300, "to start Android"),
        Mode::Bootloader => (Command::RebootBootloader, 60, "to start its bootloader"),
        Mode::Fastbootd => (Command::RebootFastbootd, 120, "to start fastboot in userspace"),
        Mode::Recovery => (Command::RebootRecovery, 120, "to start its recovery"),
        Mode::Dfu => return None,
    };
    Some((command, Duration::from_secs(seconds), why))
}

impl Power for FastbootDriver {
    fn reaches(&self) -> Vec<Mode> {
        super::ALL.to_vec()
    }

    fn restart(&mut self, mode: Mode, op: &mut Op<'_>) -> Result<Departure> {
        let (command, within, why) = way(mode).ok_or_else(|| {
            Error::new(Kind::Unsupported, format!("nothing brings a unit that speaks fastboot into mode {mode}"))
        })?;
        match self.wire.ask(&command, op) {
            Ok(_) => {}
            // It may be gone before its answer was taken.
            Err(Ended::Broken(error)) if error.kind() == Kind::Gone => {}
            Err(ended) => return Err(refusal::error(ended)),
        }
        Ok(Departure { to: vec![mode], settle: SETTLE, within, why: why.to_owned() })
    }
}
