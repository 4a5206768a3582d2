//! `reboot`: a restart, into a mode.

use super::{Action, Bench, Effect, Observed, Stage, StepKind, lacking};
use crate::device::{Capability, Driver, Mode};
use crate::error::{Error, Kind, Result};
use crate::profile::model::RebootStep;

impl StepKind for RebootStep {
    fn describe(&self) -> String {
        format!("restarting into mode {}", self.to)
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
            return Ok(Effect { verdict, ..Effect::default() });
        }
        let power = driver.power().ok_or_else(|| lacking(Capability::Power))?;
        let departure = power.restart(self.to, bench.op)?;
        Ok(Effect { away: Some((departure, Stage::Returned)), ..Effect::default() })
    }
}
