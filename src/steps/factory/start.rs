//! The system runs, from the slot that is meant.

use super::super::evidence::{Item, StepOutcome};
use super::super::{Bench, Effect, Observed, Stage, StepKind, lacking};
use crate::device::{Capability, Driver, Level, Mode};
use crate::digest::Algorithm;
use crate::error::{Error, Kind, Result};
use crate::profile::model::StartStep;

impl StepKind for StartStep {
    fn describe(&self) -> String {
        match &self.slot {
            Some(slot) => format!("starting the system from slot {slot}"),
            None => "starting the system".to_owned(),
        }
    }

    fn needs(&self) -> Option<Capability> {
        None
    }

    fn restarts(&self) -> Option<Mode> {
        Some(Mode::Application)
    }

    fn check(&self, driver: &mut dyn Driver) -> Result<()> {
        driver.power().map(|_| ()).ok_or_else(|| lacking(Capability::Power))
    }

    fn observe(&self, driver: &mut dyn Driver, _: Level, _: &mut Bench<'_, '_>) -> Result<Observed> {
        let mode = driver.unit().mode;
        let mut items = vec![item("mode", &Mode::Application.to_string(), &mode.to_string())];
        // Where no slots show there is nothing to compare.
        let selected = driver.firmware().and_then(|firmware| firmware.selected());
        if let (Some(slot), Some(selected)) = (&self.slot, selected) {
            items.push(item("slot", slot, &selected));
        }
        if let (Some(expected), Some(observed)) = (&self.verified, driver.verified()) {
            let item = item("verified boot", &expected.to_string(), &observed);
            items.push(Item { algorithm: Some(Algorithm::Sha256), level: Some(Level::Booted), ..item });
        }
        let why = match items.iter().find(|item| item.outcome == StepOutcome::Failed) {
            Some(item) => format!("its {} is {}", item.path, item.observed.as_deref().unwrap_or("unknown")),
            None => "it runs".to_owned(),
        };
        Ok(Observed { items, why, ..Observed::default() })
    }

    fn execute(
        &self,
        driver: &mut dyn Driver,
        stage: Stage,
        _: &Observed,
        bench: &mut Bench<'_, '_>,
    ) -> Result<Effect> {
        let mode = driver.unit().mode;
        if stage == Stage::Returned {
            let verdict = (mode != Mode::Application).then(|| {
                Error::new(Kind::Refused, format!("the unit came back in mode {mode}: it does not start its system"))
            });
            return Ok(Effect { verdict, ..Effect::default() });
        }
        if let (Some(slot), Some(firmware)) = (&self.slot, driver.firmware())
            && firmware.selected().is_some_and(|selected| selected != *slot)
        {
            // Its loader chooses.
            if mode == Mode::Application && stage == Stage::First {
                let power = driver.power().ok_or_else(|| lacking(Capability::Power))?;
                let away = Some((power.restart(Mode::Bootloader, bench.op)?, Stage::Replace));
                return Ok(Effect { away, ..Effect::default() });
            }
            firmware.select(slot, bench.op)?;
        }
        let power = driver.power().ok_or_else(|| lacking(Capability::Power))?;
        let departure = power.restart(Mode::Application, bench.op)?;
        Ok(Effect { away: Some((departure, Stage::Returned)), ..Effect::default() })
    }
}

fn item(path: &str, expected: &str, observed: &str) -> Item {
    Item {
        path: path.to_owned(),
        algorithm: None,
        expected: Some(expected.to_owned()),
        observed: Some(observed.to_owned()),
        level: None,
        outcome: if expected == observed { StepOutcome::Already } else { StepOutcome::Failed },
    }
}
