//! A unit that tells nothing of what it holds (USB DFU): it is read back where that is possible.
//!
//! A unit may leave when it has taken the image, and answer as its application then. To be read it is brought back; that
//! it ends where the step wants it is for the run to see.

use super::super::evidence::{Item, StepOutcome};
use super::super::{Bench, Effect, Observed, Stage, lacking};
use crate::device::{Capability, Driver, Level, Mode};
use crate::digest::Algorithm;
use crate::error::{Error, Kind, Result};
use crate::profile::model::FirmwareStep;

impl FirmwareStep {
    pub(super) fn observe_unlisted(
        &self,
        driver: &mut dyn Driver,
        level: Level,
        bench: &mut Bench<'_, '_>,
    ) -> Result<Observed> {
        let mode = driver.unit().mode;
        let Some(firmware) = driver.firmware() else {
            // It took the image and runs: at this level there is nothing more to see.
            let path = self.slot.clone().unwrap_or_else(|| self.artifact.clone());
            let expected = self.image.sha256.to_string();
            return if level == Level::Link { Ok(self.unseen(path, expected, "")) } else { Err(unreadable(mode)) };
        };
        let slot = self.target(firmware)?;
        if level == Level::Link {
            let expected = firmware.expected(&slot, self.image.image())?.to_string();
            return Ok(self.unseen(slot, expected, "what it holds is not looked at (`verify: link`)"));
        }
        let Some(held) = firmware.held(&slot, self.image.image(), level, bench.op)? else {
            return Err(unreadable(mode));
        };
        let holds = held.holds();
        let why = if holds { "it holds exactly this image" } else { "it holds something else" };
        let item = Item {
            path: slot,
            algorithm: Some(held.expected.algorithm()),
            expected: Some(held.expected.to_string()),
            observed: Some(held.observed.to_string()),
            level: Some(held.level),
            outcome: if holds { StepOutcome::Already } else { StepOutcome::Failed },
        };
        let bytes = if holds { 0 } else { self.image.content.len() };
        Ok(Observed { items: vec![item], bytes, why: why.to_owned(), ..Observed::default() })
    }

    /// What is not looked at has to be written.
    fn unseen(&self, path: String, expected: String, why: &str) -> Observed {
        let item = Item {
            path,
            algorithm: Some(Algorithm::Sha256),
            expected: Some(expected),
            observed: None,
            level: Some(Level::Link),
            outcome: StepOutcome::Failed,
        };
        Observed { items: vec![item], bytes: self.image.content.len(), why: why.to_owned(), ..Observed::default() }
    }

    pub(super) fn execute_unlisted(
        &self,
        driver: &mut dyn Driver,
        stage: Stage,
        observed: &Observed,
        bench: &mut Bench<'_, '_>,
    ) -> Result<Effect> {
        let mut effect = Effect::default();
        match stage {
            Stage::First => {
                let firmware = driver.firmware().ok_or_else(|| lacking(Capability::Firmware))?;
                let slot = self.target(firmware)?;
                self.upload(firmware, &slot, bench, &mut effect)?;
            }
            Stage::Returned => {
                let is_read = observed.level() == Some(Level::Readback);
                if is_read && driver.firmware().is_none() {
                    let power = driver.power().ok_or_else(|| lacking(Capability::Power))?;
                    let departure = power.restart(Mode::Dfu, bench.op)?;
                    effect.away = Some((departure, Stage::Reread));
                }
            }
            Stage::Replace | Stage::Reread => {}
        }
        Ok(effect)
    }
}

fn unreadable(mode: Mode) -> Error {
    Error::new(Kind::Unsupported, format!("in mode {mode} what the unit holds cannot be read back"))
        .next("say `verify: link` for this step, which takes the unit's word")
}
