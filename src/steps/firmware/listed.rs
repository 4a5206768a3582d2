//! A unit that lists its images (MCUboot).
//!
//! What a slot lists is the hash in the image's trailer, not one over its content: a corrupt image looks fine until the
//! bootloader refuses it. So a listed hash alone is `link`, and only the running image proves anything.

use super::super::evidence::{Item, StepOutcome};
use super::super::person::Consent;
use super::super::{Bench, Effect, Observed, Stage, lacking};
use crate::device::{Activate, Capability, Driver, ImageIdentity, Level, Mode, SlotState};
use crate::digest::Algorithm;
use crate::error::{Error, Kind, Result};
use crate::profile::model::FirmwareStep;

impl FirmwareStep {
    pub(super) fn observe_listed(&self, driver: &mut dyn Driver, bench: &mut Bench<'_, '_>) -> Result<Observed> {
        let mode = driver.unit().mode;
        let firmware = driver.firmware().ok_or_else(|| lacking(Capability::Firmware))?;
        let target = self.target(firmware)?;
        let image = firmware.identify(&target, self.image.content.as_ref())?;
        let slots = firmware.slots(bench.op)?;
        let running = running(&slots, &target, mode);
        let (held, level) = match (self.activate, running) {
            (Activate::None, Some(slot)) if slot.hash.as_deref() == Some(&image.hash) => (Some(slot), Level::Booted),
            (Activate::None, _) => (slots.iter().find(|slot| slot.slot == target), Level::Link),
            (_, running) => (running, Level::Booted),
        };
        let same = held.is_some_and(|slot| slot.hash.as_deref() == Some(&image.hash));
        let unconfirmed = self.activate == Activate::Confirm && held.is_some_and(|slot| !slot.is("confirmed"));
        let holds = same && !unconfirmed;
        let mut observed = Observed {
            why: why(&image, held, running, unconfirmed),
            bytes: if same { 0 } else { self.image.content.len() },
            ..Observed::default()
        };
        observed.items.push(Item {
            path: target.clone(),
            algorithm: Some(Algorithm::Sha256),
            expected: Some(image.hash.clone()),
            observed: held.and_then(|slot| slot.hash.clone()),
            level: Some(level),
            outcome: if holds { StepOutcome::Already } else { StepOutcome::Failed },
        });
        if let Some(old) = running.and_then(|slot| slot.version.as_ref())
            && !same
            && self.activate != Activate::None
            && older(&image.version, old.untrusted())
        {
            let say = format!("version {} runs now and would be downgraded to {}", old, image.version);
            observed.consents.push(Consent { say });
        }
        Ok(observed)
    }

    pub(super) fn execute_listed(
        &self,
        driver: &mut dyn Driver,
        stage: Stage,
        bench: &mut Bench<'_, '_>,
    ) -> Result<Effect> {
        let mode = driver.unit().mode;
        let firmware = driver.firmware().ok_or_else(|| lacking(Capability::Firmware))?;
        let target = self.target(firmware)?;
        let image = firmware.identify(&target, self.image.content.as_ref())?;
        let mut effect = Effect::default();
        if self.activate == Activate::None {
            self.upload(firmware, &target, bench, &mut effect)?;
            return Ok(effect);
        }
        let slots = firmware.slots(bench.op)?;
        let running = running(&slots, &target, mode);
        if running.is_some_and(|slot| slot.hash.as_deref() == Some(&image.hash)) {
            if self.activate == Activate::Confirm && running.is_some_and(|slot| !slot.is("confirmed")) {
                firmware.activate(&image.hash, Activate::Confirm, bench.op)?;
            }
            return Ok(effect);
        }
        if stage == Stage::Returned {
            return Err(refused_at_boot(&image, running, mode));
        }
        // An image that is listed complete was cut off between its last byte and its restart. Should the bootloader
        // refuse it all the same, it is written once more.
        let waiting = slots.iter().any(|slot| slot.slot == target && slot.hash.as_deref() == Some(&image.hash));
        let trusted = waiting && mode == Mode::Application && stage == Stage::First;
        if !trusted {
            self.upload(firmware, &target, bench, &mut effect)?;
        }
        if mode == Mode::Application {
            firmware.activate(&image.hash, Activate::Test, bench.op)?;
        }
        let power = driver.power().ok_or_else(|| lacking(Capability::Power))?;
        let departure = power.restart(Mode::Application, bench.op)?;
        effect.away = Some((departure, if trusted { Stage::Replace } else { Stage::Returned }));
        Ok(effect)
    }
}

/// The image that runs, of the same image number as `target`; a loader that runs alone shows none.
fn running<'a>(slots: &'a [SlotState], target: &str, mode: Mode) -> Option<&'a SlotState> {
    if mode != Mode::Application {
        return None;
    }
    let image = |slot: &str| slot.rsplit_once('/').map(|(image, _)| image.to_owned());
    slots.iter().find(|slot| slot.is("active") && image(&slot.slot) == image(target))
}

fn why(image: &ImageIdentity, held: Option<&SlotState>, running: Option<&SlotState>, unconfirmed: bool) -> String {
    let version = |slot: &SlotState| slot.version.as_ref().map_or("an unknown version".to_owned(), ToString::to_string);
    match (held, running) {
        (Some(held), _) if held.hash.as_deref() == Some(&image.hash) && unconfirmed => {
            format!("version {} runs and is not confirmed", image.version)
        }
        (Some(held), _) if held.hash.as_deref() == Some(&image.hash) => format!("it holds version {}", image.version),
        (_, Some(running)) => format!("version {} runs, {} is wanted", version(running), image.version),
        (Some(held), None) => format!("it holds {}, {} is wanted", version(held), image.version),
        (None, None) => format!("version {} is wanted, and what runs is not known in this mode", image.version),
    }
}

fn refused_at_boot(image: &ImageIdentity, running: Option<&SlotState>, mode: Mode) -> Error {
    let wanted = format!("version {} ({})", image.version, image.hash);
    let Some(old) = running else {
        return Error::new(
            Kind::Mismatch,
            format!(
                "after the restart the unit is in mode {mode} and does not run {wanted}: the bootloader refused it"
            ),
        )
        .next(
            "apply again to write it once more; if it happens again check the image's signing key and the unit's flash",
        );
    };
    let version = old.version.as_ref().map_or("of unknown version".to_owned(), |version| format!("version {version}"));
    let hash = old.hash.as_deref().unwrap_or("no hash");
    Error::new(
        Kind::Mismatch,
        format!("after the restart the old image, {version} ({hash}), runs and not {wanted}: the bootloader refused or reverted it"),
    )
    .next("the old image runs on; apply again, and if it happens again check the image's signing key and the unit's flash")
}

/// Whether version `a` comes before `b`, part by part as numbers. What is no number does not compare.
fn older(a: &str, b: &str) -> bool {
    let parts =
        |text: &str| -> Vec<Option<u64>> { text.split(['.', '+', '-']).map(|part| part.parse().ok()).collect() };
    for (a, b) in parts(a).iter().zip(&parts(b)) {
        match (a, b) {
            (Some(a), Some(b)) if a != b => return a < b,
            (Some(_), Some(_)) => {}
            _ => return false,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::older;

    #[test]
    fn versions_compare_as_numbers() {
        assert!(older("1.9.0", "1.10.0"));
        assert!(!older("2.0.0", "1.10.0"));
        assert!(!older("1.0.0", "1.0.0+0"));
        assert!(older("1.0.0+3", "1.0.0+12"));
        assert!(!older("dev", "1.0.0"));
    }
}
