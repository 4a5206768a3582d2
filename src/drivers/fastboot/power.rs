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

/// How the unit is told to enter a mode, how long that may take, and what it does meanwhile. Google gives a bootloader 30 s
/// and fastbootd as long as it takes.
fn way(mode: Mode, start_wait: Duration) -> Option<(Command, Duration, &'static str)> {
    Some(match mode {
        Mode::Application => (Command::Reboot, start_wait, "to start Android"),
        Mode::Bootloader => (Command::RebootBootloader, Duration::from_secs(60), "to start its bootloader"),
        Mode::Fastbootd => (Command::RebootFastbootd, Duration::from_secs(120), "to start fastboot in userspace"),
        Mode::Recovery => (Command::RebootRecovery, Duration::from_secs(120), "to start its recovery"),
        Mode::Sideload | Mode::Dfu => return None,
    })
}

impl Power for FastbootDriver {
    fn reaches(&self) -> Vec<Mode> {
        super::ALL.to_vec()
    }

    fn restart(&mut self, mode: Mode, op: &mut Op<'_>) -> Result<Departure> {
        let (command, within, why) = way(mode, self.start_wait).ok_or_else(|| {
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
