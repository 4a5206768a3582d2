//! `erase`: a slot that is empty.

use super::evidence::{Item, StepOutcome};
use super::person::Consent;
use super::{Bench, Effect, Observed, Stage, StepKind, lacking};
use crate::device::{Capability, Driver, Firmware, Held, Level, Mode, Tells};
use crate::error::{Error, Kind, Result};
use crate::profile::model::EraseStep;

impl StepKind for EraseStep {
    fn describe(&self) -> String {
        format!("erasing slot {}", self.slot)
    }

    fn needs(&self) -> Option<Capability> {
        Some(Capability::Firmware)
    }

    /// Where slots are listed, that one lists no image is the unit's word alone; where nothing is, an acknowledgement.
    fn reaches(&self, _: &[Level]) -> Vec<Level> {
        vec![Level::Link]
    }

    /// A slot that is read whole is read for long.
    fn looks_for_free(&self) -> bool {
        false
    }

    fn check(&self, driver: &mut dyn Driver) -> Result<()> {
        let firmware = driver.firmware().ok_or_else(|| lacking(Capability::Firmware))?;
        firmware.allows()?;
        if firmware.erases(&self.slot) {
            return Ok(());
        }
        let mut writable = firmware.writable();
        writable.retain(|slot| firmware.erases(slot));
        if writable.is_empty() {
            return Err(Error::new(Kind::Unsupported, "this unit lets no slot be erased in this mode"));
        }
        Err(Error::new(
            Kind::Unsupported,
            format!("slot {} cannot be erased (it can be: {})", self.slot, writable.join(", ")),
        ))
    }

    fn observe(&self, driver: &mut dyn Driver, level: Level, bench: &mut Bench<'_, '_>) -> Result<Observed> {
        let mode = driver.unit().mode;
        let firmware = driver.firmware().ok_or_else(|| lacking(Capability::Firmware))?;
        let (item, why) = match (firmware.tells(), level) {
            (Tells::Images, _) => self.listed(firmware, bench)?,
            (Tells::Nothing, Level::Link) => {
                let item = self.item(None, Level::Link, StepOutcome::Failed);
                (item, "what it holds does not show in this mode".to_owned())
            }
            (Tells::Nothing, _) => match firmware.blank(&self.slot, bench.op)? {
                Some(held) => self.read(&held),
                None => return Err(unshown(mode)),
            },
        };
        let mut observed = Observed { why, ..Observed::default() };
        if item.outcome == StepOutcome::Failed {
            observed.consents.push(Consent { say: format!("slot {} would be erased", self.slot) });
        }
        observed.items.push(item);
        Ok(observed)
    }

    fn execute(&self, driver: &mut dyn Driver, _: Stage, _: &Observed, bench: &mut Bench<'_, '_>) -> Result<Effect> {
        driver.firmware().ok_or_else(|| lacking(Capability::Firmware))?.erase(&self.slot, bench.op)?;
        Ok(Effect::default())
    }
}

impl EraseStep {
    fn listed(&self, firmware: &mut dyn Firmware, bench: &mut Bench<'_, '_>) -> Result<(Item, String)> {
        let slots = firmware.slots(bench.op)?;
        let image = slots.iter().find(|slot| slot.slot == self.slot).and_then(|slot| slot.hash.clone());
        let why = image.as_ref().map_or("it is empty".to_owned(), |hash| format!("it holds image {hash}"));
        let outcome = if image.is_none() { StepOutcome::Already } else { StepOutcome::Failed };
        Ok((self.item(image, Level::Link, outcome), why))
    }

    fn read(&self, held: &Held) -> (Item, String) {
        let (outcome, why) = match held.holds() {
            true => (StepOutcome::Already, "it is empty"),
            false => (StepOutcome::Failed, "it holds something"),
        };
        let item = Item {
            algorithm: Some(held.expected.algorithm()),
            expected: Some(held.expected.to_string()),
            ..self.item(Some(held.observed.to_string()), held.level, outcome)
        };
        (item, why.to_owned())
    }

    fn item(&self, observed: Option<String>, level: Level, outcome: StepOutcome) -> Item {
        Item { path: self.slot.clone(), algorithm: None, expected: None, level: Some(level), outcome, observed }
    }
}

fn unshown(mode: Mode) -> Error {
    Error::new(Kind::Unsupported, format!("in mode {mode} nothing shows whether a slot is erased"))
        .next("say `verify: link` for this step, which takes the unit's word")
}
