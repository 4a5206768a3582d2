//! Restarting, and the way between the application and MCUboot's serial recovery.

use std::time::Duration;

use protocols::smp::Group;
use protocols::smp::message::os::Reset;
use protocols::smp::session::{Exchange, RetryPolicy};

use super::SmpDriver;
use super::exchange::{Ended, drive};
use crate::device::{Departure, Mode, Op, Power};
use crate::error::{Error, Kind, Result};

/// An application answers the reset, and goes on answering for a quarter of a second before it leaves.
const SETTLE: Duration = Duration::from_millis(600);
/// A restart takes a second or two, USB and a slow start of the application included ten.
const BACK: Duration = Duration::from_secs(20);
/// Bytes of an image that MCUboot moves a second at the worst: scratch swaps erase and write every sector three times.
const MOVED_PER_SECOND: u64 = 8 << 10;
/// What is moved when nothing is known of the image but that it waits.
const LARGE_IMAGE: u64 = 1 << 20;
/// `boot_mode` of the reset command: MCUboot's serial recovery.
const BOOT_RECOVERY: u8 = 1;

impl Power for SmpDriver {
    /// Recovery is reached by a boot mode that is left for MCUboot. No unit says whether its build looks at it; one
    /// that does not restarts into its application, which is why that is among the departure's modes.
    fn reaches(&self) -> Vec<Mode> {
        match self.unit.mode {
            Mode::Application if self.survey.has(Group::IMAGE) => vec![Mode::Application, Mode::Recovery],
            Mode::Recovery => vec![Mode::Application, Mode::Recovery],
            _ => vec![Mode::Application],
        }
    }

    fn restart(&mut self, mode: Mode, op: &mut Op<'_>) -> Result<Departure> {
        if !self.reaches().contains(&mode) {
            return Err(Error::new(Kind::Unsupported, format!("nothing brings this unit into mode {mode}")));
        }
        let boot_mode = (mode == Mode::Recovery).then_some(BOOT_RECOVERY);
        let mut sent = 0;
        let session = Exchange::new(&mut self.wire.line, Reset { force: None, boot_mode }, RetryPolicy::RESET);
        match drive(&mut self.wire.link, session, &mut sent, op) {
            Ok(_) => {}
            // A unit that left before its answer was through has done what it was told to.
            Err(Ended::Error(error)) if error.kind() == Kind::Gone && sent > 0 => {}
            Err(ended) => return Err(ended.into_error("reset").while_doing(format!("restarting into mode {mode}"))),
        }
        let why = match mode {
            Mode::Recovery => "to start its recovery",
            _ => "to restart",
        };
        // Without an image that can run MCUboot stays in recovery, from wherever it was started.
        let to = match mode {
            Mode::Recovery => vec![Mode::Recovery, Mode::Application],
            _ if self.survey.has(Group::IMAGE) => vec![Mode::Application, Mode::Recovery],
            _ => vec![Mode::Application],
        };
        let within = BACK + Duration::from_secs(self.to_be_moved() / MOVED_PER_SECOND);
        Ok(Departure { to, settle: SETTLE, within, why: why.to_owned() })
    }
}

impl SmpDriver {
    /// Bytes that the bootloader has to move at the next restart.
    fn to_be_moved(&self) -> u64 {
        let waits = self.unit.firmware.iter().any(|slot| slot.is("pending") || slot.is("permanent"));
        if !waits {
            return 0;
        }
        self.uploaded.or_else(|| self.survey.writable.iter().filter_map(|slot| slot.room).max()).unwrap_or(LARGE_IMAGE)
    }
}
