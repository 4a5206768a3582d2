//! `erase`: a slot that is empty.

use super::evidence::{Item, StepOutcome};
use super::person::Consent;
use super::{Bench, Effect, Observed, Stage, StepKind, lacking};
use crate::device::{Capability, Driver, Level, Tells};
use crate::error::{Error, Kind, Result};
use crate::profile::model::EraseStep;

impl StepKind for EraseStep {
    fn describe(&self) -> String {
        format!("erasing slot {}", self.slot)
    }

    fn needs(&self) -> Option<Capability> {
        Some(Capability::Firmware)
    }

    /// That a slot lists no image is the unit's word alone.
    fn reaches(&self, _: &[Level]) -> Vec<Level> {
        vec![Level::Link]
    }

    fn check(&self, driver: &mut dyn Driver) -> Result<()> {
        let writable = driver.firmware().ok_or_else(|| lacking(Capability::Firmware))?.writable();
        if writable.contains(&self.slot) {
            return Ok(());
        }
        Err(Error::new(
            Kind::Unsupported,
            format!("slot {} cannot be erased (it can be: {})", self.slot, writable.join(", ")),
        ))
    }

    fn observe(&self, driver: &mut dyn Driver, _: Level, bench: &mut Bench<'_, '_>) -> Result<Observed> {
        let firmware = driver.firmware().ok_or_else(|| lacking(Capability::Firmware))?;
        if firmware.tells() == Tells::Nothing {
            return Err(Error::new(Kind::Unsupported, "this unit shows nothing by which an erased slot could be told"));
        }
        let slots = firmware.slots(bench.op)?;
        let image = slots.iter().find(|slot| slot.slot == self.slot).and_then(|slot| slot.hash.clone());
        let mut observed = Observed {
            why: image.as_ref().map_or("it is empty".to_owned(), |hash| format!("it holds image {hash}")),
            ..Observed::default()
        };
        if image.is_some() {
            observed.consents.push(Consent { say: format!("slot {} would be erased", self.slot) });
        }
        observed.items.push(Item {
            path: self.slot.clone(),
            algorithm: None,
            expected: None,
            level: Some(Level::Link),
            outcome: if image.is_none() { StepOutcome::Already } else { StepOutcome::Failed },
            observed: image,
        });
        Ok(observed)
    }

    fn execute(&self, driver: &mut dyn Driver, _: Stage, _: &Observed, bench: &mut Bench<'_, '_>) -> Result<Effect> {
        driver.firmware().ok_or_else(|| lacking(Capability::Firmware))?.erase(&self.slot, bench.op)?;
        Ok(Effect::default())
    }
}
