//! `reboot`: a restart, into a mode.

use super::{Action, Bench, Effect, Observed, Stage, StepKind, lacking};
use crate::device::{Capability, Driver, Mode};
use crate::error::{Error, Kind, Result};
use crate::profile::model::RebootStep;

impl StepKind for RebootStep {
    fn describe(&self) -> String {
        match self.slot {
            Some(slot) => format!("restarting into mode {} from slot {slot}", self.to),
            None => format!("restarting into mode {}", self.to),
        }
    }

    fn needs(&self) -> Option<Capability> {
        Some(Capability::Power)
    }

    fn action(&self) -> Option<Action> {
        Some(Action::Write)
    }

    fn restarts(&self) -> Option<Mode> {
        Some(self.to)
    }

    fn check(&self, driver: &mut dyn Driver) -> Result<()> {
        if self.slot.is_some() && driver.firmware().is_none_or(|firmware| firmware.selected().is_none()) {
            let mode = driver.unit().mode;
            return Err(Error::new(
                Kind::Unsupported,
                format!("in mode {mode} the unit shows no slots to choose from"),
            )
            .next("phones with two slots choose in their bootloader: say `in: bootloader`"));
        }
        let reaches = driver.power().ok_or_else(|| lacking(Capability::Power))?.reaches();
        if reaches.contains(&self.to) {
            return Ok(());
        }
        let known: Vec<String> = reaches.iter().map(ToString::to_string).collect();
        Err(Error::new(
            Kind::Unsupported,
            format!("the unit cannot be told to restart into mode {} (it knows: {})", self.to, known.join(", ")),
        ))
    }

    fn execute(
        &self,
        driver: &mut dyn Driver,
        stage: Stage,
        _: &Observed,
        bench: &mut Bench<'_, '_>,
    ) -> Result<Effect> {
        if stage != Stage::First {
            let mode = driver.unit().mode;
            let verdict = (mode != self.to)
                .then(|| Error::new(Kind::Refused, format!("the unit came back in mode {mode}, not {}", self.to)));
            return Ok(Effect { verdict: verdict.or_else(|| self.fell_back(driver)), ..Effect::default() });
        }
        if let (Some(slot), Some(firmware)) = (self.slot, driver.firmware()) {
            firmware.select(&slot.to_string(), bench.op)?;
        }
        let power = driver.power().ok_or_else(|| lacking(Capability::Power))?;
        let departure = power.restart(self.to, bench.op)?;
        Ok(Effect { away: Some((departure, Stage::Returned)), ..Effect::default() })
    }
}

impl RebootStep {
    /// A unit that cannot start what it was told to start goes back to the slot that ran before.
    fn fell_back(&self, driver: &mut dyn Driver) -> Option<Error> {
        let slot = self.slot?.to_string();
        let runs = driver.firmware()?.selected().filter(|runs| *runs != slot)?;
        let runs = crate::device::UnitText::new(&runs);
        Some(Error::new(
            Kind::Refused,
            format!("the unit runs from slot {runs}, not {slot}: it does not start that one"),
        ))
    }
}
