//! Restarting into each of Android's modes.

use std::time::Duration;

use protocols::adb::message::{self, Reboot};

use super::AdbDriver;
use super::wire::Received;
use crate::device::{Departure, Mode, Op, Power, UnitText};
use crate::error::{Error, Kind, Result};

/// The daemon answers, and goes on answering while Android shuts down.
const SETTLE: Duration = Duration::from_secs(2);
/// How long a unit may take to hang up. One that does not has not restarted, or has left without a word.
const HANGS_UP: Duration = Duration::from_secs(5);

impl Power for AdbDriver {
    fn reaches(&self) -> Vec<Mode> {
        super::ALL.to_vec()
    }

    fn restart(&mut self, mode: Mode, op: &mut Op<'_>) -> Result<Departure> {
        let (into, why, within) = match mode {
            Mode::Application => (Reboot::System, "to start Android", self.start_wait),
            Mode::Bootloader => (Reboot::Bootloader, "to reach its bootloader", Duration::from_secs(60)),
            Mode::Fastbootd => (Reboot::Fastboot, "to reach userspace fastboot", Duration::from_secs(90)),
            Mode::Recovery => (Reboot::Recovery, "to reach its recovery", Duration::from_secs(90)),
            Mode::Sideload => (Reboot::Sideload, "to wait for a package in its recovery", Duration::from_secs(90)),
            Mode::Dfu => {
                return Err(Error::new(Kind::Unsupported, format!("nothing brings this unit into mode {mode}")));
            }
        };
        let told = self.wire.with_stream(&message::reboot(into), op, |wire, stream, op| {
            match wire.receive(stream, HANGS_UP, op)? {
                Received::Data(data) => Ok(Some(String::from_utf8_lossy(&data).into_owned())),
                Received::Nothing | Received::Closed => Ok(None),
            }
        });
        match told {
            // It says something only when it cannot.
            Ok(Some(complaint)) => {
                let sentence = format!("the unit does not restart: {}", UnitText::new(complaint.trim()));
                return Err(Error::new(Kind::Refused, sentence));
            }
            Ok(None) => {}
            // It left before its answer was through.
            Err(error) if error.kind() == Kind::Gone => {}
            Err(error) => return Err(error.while_doing(format!("restarting into mode {mode}"))),
        }
        let to = match mode {
            // A unit whose Android does not start ends up in its recovery.
            Mode::Application => vec![Mode::Application, Mode::Recovery],
            other => vec![other],
        };
        Ok(Departure { to, settle: SETTLE, within, why: why.to_owned() })
    }
}
