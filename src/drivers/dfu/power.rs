//! Between the application and the loader.

use std::time::Duration;

use protocols::dfu::session::{After, Detach, Leave, Policy, Prepare};

use super::DfuDriver;
use super::exchange::Ended;
use crate::device::{Departure, Mode, Op, Power};
use crate::error::{Error, Kind, Result};

/// A unit that was told to leave is still there for a moment.
const SETTLE: Duration = Duration::from_millis(50);
/// Re-enumeration takes a second or two, a slow start of the application ten.
const BACK: Duration = Duration::from_secs(15);

impl Power for DfuDriver {
    fn reaches(&self) -> Vec<Mode> {
        match self.unit.mode {
            Mode::Application => vec![Mode::Dfu],
            _ => vec![Mode::Application],
        }
    }

    fn restart(&mut self, mode: Mode, op: &mut Op<'_>) -> Result<Departure> {
        match (self.unit.mode, mode) {
            (Mode::Application, Mode::Dfu) => self.detach(op)?,
            (Mode::Dfu, Mode::Application) => return self.start_application(op),
            _ => return Err(Error::new(Kind::Unsupported, format!("nothing brings this unit into mode {mode}"))),
        }
        Ok(Departure { to: vec![Mode::Dfu], settle: SETTLE, within: BACK, why: "to start its loader".to_owned() })
    }
}

/// The unit starts its application. One that does not start what it holds comes back as a loader, or stays one.
pub(super) fn to_application() -> Departure {
    let why = "to start its application".to_owned();
    Departure { to: vec![Mode::Application], settle: SETTLE, within: BACK, why }
}

impl DfuDriver {
    fn detach(&mut self, op: &mut Op<'_>) -> Result<()> {
        let session = Detach::new(self.wire.interface, self.survey.functional, Policy::DEFAULT);
        let detached = self.wire.require(session, None, op)?;
        // At once: it waits for the reset no longer than it said.
        if detached.after == After::BusReset { self.reset() } else { Ok(()) }
    }

    /// A unit with addresses is told where to start; another starts at a bus reset (appendix A.1).
    fn start_application(&mut self, op: &mut Op<'_>) -> Result<Departure> {
        let prepared = match self.wire.drive(Prepare::new(self.wire.interface, Policy::DEFAULT), None, op) {
            Ok(_) => Ok(()),
            // One that waits for a reset after a download, or cannot be made idle, gets its reset all the same.
            Err(Ended::Failed(failure, _)) if !failure.cause.is_gone() => Err(()),
            Err(ended) => return Err(self.wire.explain(ended)),
        };
        let layout = self.survey.slots.iter().find_map(|slot| slot.layout.as_ref());
        let start = self.start.or_else(|| layout?.regions.first().map(|region| region.start()));
        if let (Ok(()), Some(start), true) = (prepared, start, layout.is_some()) {
            let attributes = self.survey.attributes();
            let session = Leave::new(self.wire.interface, Some(start), attributes, Policy::DEFAULT);
            if self.wire.require(session, None, op)? != After::BusReset {
                return Ok(to_application());
            }
        }
        self.reset()?;
        Ok(to_application())
    }
}
