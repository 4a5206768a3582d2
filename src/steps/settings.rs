//! `settings`: keys that hold a value, and keys that are gone.

use super::evidence::{Item, StepOutcome};
use super::{Bench, Effect, Observed, Stage, StepKind, compared, lacking, listed};
use crate::device::{Capability, Driver, Level, Mode, Progress};
use crate::digest::Digest;
use crate::error::{Error, Kind, Result};
use crate::profile::model::SettingsStep;

impl StepKind for SettingsStep {
    fn describe(&self) -> String {
        let keys: Vec<&str> =
            self.set.iter().map(|(key, _)| key.as_str()).chain(self.delete.iter().map(String::as_str)).collect();
        format!("setting {}", listed(&keys))
    }

    fn needs(&self) -> Option<Capability> {
        Some(Capability::Settings)
    }

    fn bytes(&self) -> u64 {
        self.set.iter().map(|(_, value)| value.content.len()).sum()
    }

    /// A unit may keep a deleted value in memory until it restarts, and only then can its absence be seen.
    fn restarts(&self) -> Option<Mode> {
        (!self.delete.is_empty()).then_some(Mode::Application)
    }

    fn reaches(&self, levels: &[Level]) -> Vec<Level> {
        levels.to_vec()
    }

    fn check(&self, driver: &mut dyn Driver) -> Result<()> {
        let settings = driver.settings().ok_or_else(|| lacking(Capability::Settings))?;
        if let Some((key, layout)) = self.numbers.iter().find(|(key, _)| settings.is_text(key)) {
            return Err(Error::new(
                Kind::Invalid,
                format!("setting {key} of this unit holds text, and the profile lays its value out as {layout}"),
            )
            .next(format!("write the value out as text, as in `\"{key}\": \"1\"`")));
        }
        for (key, value) in &self.set {
            let len = value.content.len();
            if let Some(most) = settings.max_value(key)
                && len > most
            {
                return Err(Error::new(
                    Kind::Invalid,
                    format!("the value of setting {key} has {len} bytes and the unit takes at most {most}"),
                )
                .next("shorten the value, or keep it in a file"));
            }
        }
        Ok(())
    }

    fn observe(&self, driver: &mut dyn Driver, _: Level, bench: &mut Bench<'_, '_>) -> Result<Observed> {
        let settings = driver.settings().ok_or_else(|| lacking(Capability::Settings))?;
        let mut observed = Observed::default();
        let mut differ = Vec::new();
        for (key, value) in &self.set {
            let held = settings.read(key, bench.op)?.map(|held| Digest::sha256(&held));
            let item = compared(key, &value.sha256, held.as_ref(), Level::Readback, value.secret, bench);
            if item.outcome != StepOutcome::Already {
                observed.bytes += value.content.len();
                differ.push(key.as_str());
            }
            observed.items.push(item);
        }
        for key in &self.delete {
            let there = settings.read(key, bench.op)?.is_some();
            if there {
                differ.push(key);
            }
            observed.items.push(Item {
                path: key.clone(),
                algorithm: None,
                expected: None,
                observed: there.then(|| "present".to_owned()),
                level: Some(Level::Readback),
                outcome: if there { StepOutcome::Failed } else { StepOutcome::Already },
            });
        }
        observed.why = if differ.is_empty() {
            "every value is what it should be".to_owned()
        } else {
            format!("not as it should be: {}", listed(&differ))
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
        if stage != Stage::First {
            return Ok(Effect::default());
        }
        let settings = driver.settings().ok_or_else(|| lacking(Capability::Settings))?;
        let holds =
            |key: &str| observed.items.iter().any(|item| item.path == key && item.outcome == StepOutcome::Already);
        let mut effect = Effect::default();
        for (key, value) in self.set.iter().filter(|(key, _)| !holds(key)) {
            bench.op.check()?;
            let bytes = value.content.to_vec().map_err(super::unreadable)?;
            settings
                .write(key, &bytes, bench.op)
                .map_err(|error| super::veiled(error, value.secret, &format!("setting {key}")))?;
            effect.sent += value.content.len();
            (bench.op.progress)(Progress { bytes: effect.sent, total: observed.bytes });
        }
        for key in self.delete.iter().filter(|key| !holds(key)) {
            bench.op.check()?;
            settings.delete(key, bench.op)?;
        }
        settings.save(bench.op)?;
        let mut lingers = false;
        for key in &self.delete {
            lingers |= settings.read(key, bench.op)?.is_some();
        }
        if let Some(power) = driver.power().filter(|_| lingers) {
            effect.away = Some((power.restart(Mode::Application, bench.op)?, Stage::Returned));
        }
        Ok(effect)
    }
}
