//! A partition that is emptied because other images are written.
//!
//! What is in it afterwards does not show: Android makes a file system in it when it starts. So the unit's word is all
//! there is.

use super::super::evidence::{Item, StepOutcome};
use super::super::person::Consent;
use super::super::{Bench, Effect, Observed, Stage, StepKind, lacking};
use crate::device::{Capability, Driver, Level};
use crate::error::Result;
use crate::profile::model::WipeStep;

impl StepKind for WipeStep {
    fn describe(&self) -> String {
        format!("erasing partition {}", self.partition)
    }

    fn needs(&self) -> Option<Capability> {
        Some(Capability::Firmware)
    }

    fn reaches(&self, _: &[Level]) -> Vec<Level> {
        vec![Level::Link]
    }

    fn looks_for_free(&self) -> bool {
        false
    }

    fn foresee(&self, driver: &dyn Driver) -> Result<()> {
        driver.suits(&self.demands)
    }

    fn check(&self, driver: &mut dyn Driver) -> Result<()> {
        driver.suits(&self.demands)?;
        driver.firmware().ok_or_else(|| lacking(Capability::Firmware))?.allows()
    }

    fn observe(&self, _: &mut dyn Driver, _: Level, _: &mut Bench<'_, '_>) -> Result<Observed> {
        let item = Item {
            path: self.partition.clone(),
            algorithm: None,
            expected: None,
            observed: None,
            level: Some(Level::Link),
            outcome: StepOutcome::Failed,
        };
        let consents = vec![Consent { say: format!("partition {} would be erased", self.partition) }];
        let why = "other images are written".to_owned();
        Ok(Observed { items: vec![item], consents, why, ..Observed::default() })
    }

    fn execute(&self, driver: &mut dyn Driver, _: Stage, _: &Observed, bench: &mut Bench<'_, '_>) -> Result<Effect> {
        let firmware = driver.firmware().ok_or_else(|| lacking(Capability::Firmware))?;
        // Not every unit has a cache, or keeps its metadata apart.
        if firmware.erases(&self.partition) {
            firmware.erase(&self.partition, bench.op)?;
        }
        Ok(Effect::default())
    }
}
