//! Images that are written together, in one mode.

use super::super::evidence::{Item, StepOutcome};
use super::super::{Bench, Effect, Observed, Stage, StepKind, lacking, why};
use crate::device::{Capability, Driver, Firmware, Held, Level, Mode};
use crate::digest::Algorithm;
use crate::error::{Error, Kind, Result};
use crate::profile::model::{ImagesStep, SlotImage};

impl StepKind for ImagesStep {
    fn describe(&self) -> String {
        let names: Vec<&str> = self.images.iter().map(|image| image.slot.as_str()).collect();
        format!("writing {} of {}", super::super::listed(&names), self.artifact)
    }

    fn needs(&self) -> Option<Capability> {
        Some(Capability::Firmware)
    }

    fn bytes(&self) -> u64 {
        self.images.iter().map(|image| image.image.content.len()).sum()
    }

    fn images(&self) -> Vec<(String, String)> {
        self.images.iter().map(|image| (image.slot.clone(), image.image.sha256.to_string())).collect()
    }

    fn reaches(&self, levels: &[Level]) -> Vec<Level> {
        levels.iter().copied().filter(|level| *level != Level::Booted).collect()
    }

    fn looks_for_free(&self) -> bool {
        false
    }

    fn foresee(&self, driver: &dyn Driver) -> Result<()> {
        driver.suits(&self.demands)
    }

    fn check(&self, driver: &mut dyn Driver) -> Result<()> {
        driver.suits(&self.demands)?;
        let mode = driver.unit().mode;
        let firmware = driver.firmware().ok_or_else(|| lacking(Capability::Firmware))?;
        firmware.allows()?;
        for image in &self.images {
            // The table may bring what is not there yet.
            if firmware.takes(&image.slot) {
                firmware.fits(&image.slot, image.image.content.as_ref())?;
            } else if self.table.is_none() {
                let sentence = format!("in mode {mode} the unit has no partition for the archive's {}", image.slot);
                return Err(Error::new(Kind::Unsupported, sentence)
                    .next("see that the archive is for this unit; `hardwire info` lists its partitions"));
            }
        }
        Ok(())
    }

    fn observe(&self, driver: &mut dyn Driver, level: Level, bench: &mut Bench<'_, '_>) -> Result<Observed> {
        let mode = driver.unit().mode;
        let firmware = driver.firmware().ok_or_else(|| lacking(Capability::Firmware))?;
        let mut observed = Observed::default();
        let mut differ = Vec::new();
        for image in &self.images {
            bench.op.check()?;
            if !self.looked || level == Level::Link {
                observed.items.push(unseen(image, firmware));
                observed.bytes += image.image.content.len();
                continue;
            }
            let held = firmware.held(&image.slot, image.image.image(), level, bench.op)?;
            let held = held.ok_or_else(|| unshown(mode))?;
            if !held.holds() {
                differ.push(format!("{} holds something else", image.slot));
                observed.bytes += image.image.content.len();
            }
            observed.items.push(seen(image, &held));
        }
        observed.why = match (self.looked, level) {
            (true, Level::Link) => "what they hold does not show in this mode".to_owned(),
            (false, _) => "what they hold is not looked at".to_owned(),
            _ => why(&differ, "they hold exactly these images"),
        };
        Ok(observed)
    }

    fn execute(
        &self,
        driver: &mut dyn Driver,
        stage: Stage,
        observed: &Observed,
        bench: &mut Bench<'_, '_>,
    ) -> Result<Effect> {
        let mut effect = Effect::default();
        if stage != Stage::First {
            return Ok(effect);
        }
        driver.suits(&self.then_demands)?;
        let firmware = driver.firmware().ok_or_else(|| lacking(Capability::Firmware))?;
        if let Some(table) = &self.table {
            effect.sent += firmware
                .retable(table.content.as_ref(), bench.op)
                .map_err(|error| error.while_doing("telling the unit the table of its logical partitions"))?;
        }
        for image in &self.images {
            let held = |item: &&Item| item.path == image.slot && item.outcome == StepOutcome::Already;
            // Behind a new table nothing is where it was.
            if self.table.is_none() && observed.items.iter().any(|item| held(&item)) {
                continue;
            }
            bench.op.check()?;
            let upload = firmware.upload(&image.slot, image.image.content.as_ref(), bench.op)?;
            effect.sent += upload.written.sent;
        }
        if self.restart {
            let power = driver.power().ok_or_else(|| lacking(Capability::Power))?;
            effect.away = Some((power.restart(Mode::Bootloader, bench.op)?, Stage::Returned));
        }
        Ok(effect)
    }
}

/// What is not looked at has to be written.
fn unseen(image: &SlotImage, firmware: &dyn Firmware) -> Item {
    let file = image.image.image();
    // A partition that the table is to bring says nothing yet.
    let expected = firmware.expected(&image.slot, file).unwrap_or_else(|_| file.sha256.clone());
    Item {
        path: image.slot.clone(),
        algorithm: Some(Algorithm::Sha256),
        expected: Some(expected.to_string()),
        observed: None,
        level: Some(Level::Link),
        outcome: StepOutcome::Failed,
    }
}

fn seen(image: &SlotImage, held: &Held) -> Item {
    Item {
        path: image.slot.clone(),
        algorithm: Some(held.expected.algorithm()),
        expected: Some(held.expected.to_string()),
        observed: Some(held.observed.to_string()),
        level: Some(held.level),
        outcome: if held.holds() { StepOutcome::Already } else { StepOutcome::Failed },
    }
}

fn unshown(mode: Mode) -> Error {
    Error::new(Kind::Unsupported, format!("in mode {mode} what partitions hold does not show"))
        .next("say `verify: link` for this step, which takes the unit's word")
}
