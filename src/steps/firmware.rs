//! `firmware`: an image in a slot, and running when it is activated.
//!
//! What a slot lists is the hash in the image's trailer, not one over its content: a corrupt image looks fine until the
//! bootloader refuses it. So a listed hash alone is `link`, and only the running image proves anything.

use super::evidence::{Item, StepOutcome};
use super::person::Consent;
use super::{Bench, Effect, Observed, Stage, StepKind, lacking};
use crate::device::{Activate, Capability, Driver, Firmware, ImageIdentity, Level, Mode, SlotState};
use crate::digest::Algorithm;
use crate::error::{Error, Kind, Result};
use crate::profile::model::FirmwareStep;

impl StepKind for FirmwareStep {
    fn describe(&self) -> String {
        format!("writing {} to slot {}", self.artifact, self.slot)
    }

    fn needs(&self) -> Option<Capability> {
        Some(Capability::Firmware)
    }

    fn bytes(&self) -> u64 {
        self.image.content.len()
    }

    /// Activating always ends in a look at what runs; whether it can be activated is for [`StepKind::check`] to say.
    fn reaches(&self, levels: &[Level]) -> Vec<Level> {
        if self.activate == Activate::None {
            return levels.iter().copied().filter(|level| *level != Level::Booted).collect();
        }
        vec![Level::Booted]
    }

    fn provable(&self, _: &[Level]) -> Vec<Level> {
        vec![Level::Booted]
    }

    fn restarts(&self) -> Option<Mode> {
        (self.activate != Activate::None).then_some(Mode::Application)
    }

    fn check(&self, driver: &mut dyn Driver) -> Result<()> {
        let mode = driver.unit().mode;
        let can_restart = driver.power().is_some();
        let firmware = driver.firmware().ok_or_else(|| lacking(Capability::Firmware))?;
        firmware.identify(self.image.content.as_ref())?;
        let writable = firmware.writable();
        if !writable.contains(&self.slot) {
            return Err(Error::new(
                Kind::Unsupported,
                format!(
                    "in mode {mode} the unit takes no image in slot {} (it takes: {})",
                    self.slot,
                    writable.join(", ")
                ),
            )
            .next("name one of these slots in the profile, or the mode with `in:`"));
        }
        if let Some(room) = firmware.room(&self.slot).filter(|room| self.bytes() > *room) {
            return Err(Error::new(
                Kind::Invalid,
                format!("the image has {} bytes and slot {} takes {room}", self.bytes(), self.slot),
            )
            .next("use an image that fits the slot"));
        }
        if self.activate == Activate::None {
            return Ok(());
        }
        if !can_restart {
            return Err(Error::new(
                Kind::Unsupported,
                "the unit cannot be restarted by command, so nothing can be activated",
            )
            .next("use `activate: none` in the profile"));
        }
        // What recovery writes is what boots next: there is nothing to mark.
        if mode == Mode::Application && !firmware.activations().contains(&self.activate) {
            return Err(Error::new(
                Kind::Unsupported,
                format!("the unit's build does not let its image state be set, so `activate: {}` cannot be done", self.activate),
            )
            .next("write the image in another mode (`in: recovery`), or use a build with image management's state command"));
        }
        Ok(())
    }

    fn observe(&self, driver: &mut dyn Driver, _: Level, bench: &mut Bench<'_, '_>) -> Result<Observed> {
        let mode = driver.unit().mode;
        let firmware = driver.firmware().ok_or_else(|| lacking(Capability::Firmware))?;
        let image = firmware.identify(self.image.content.as_ref())?;
        let slots = firmware.slots(bench.op)?;
        let running = running(&slots, &self.slot, mode);
        let (held, level) = match (self.activate, running) {
            (Activate::None, Some(slot)) if slot.hash.as_deref() == Some(&image.hash) => (Some(slot), Level::Booted),
            (Activate::None, _) => (slots.iter().find(|slot| slot.slot == self.slot), Level::Link),
            (_, running) => (running, Level::Booted),
        };
        let same = held.is_some_and(|slot| slot.hash.as_deref() == Some(&image.hash));
        let unconfirmed = self.activate == Activate::Confirm && held.is_some_and(|slot| !slot.is("confirmed"));
        let holds = same && !unconfirmed;
        let mut observed = Observed {
            why: why(&image, held, running, unconfirmed),
            bytes: if same { 0 } else { self.bytes() },
            ..Observed::default()
        };
        observed.items.push(Item {
            path: self.slot.clone(),
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

    fn execute(
        &self,
        driver: &mut dyn Driver,
        stage: Stage,
        _: &Observed,
        bench: &mut Bench<'_, '_>,
    ) -> Result<Effect> {
        let mode = driver.unit().mode;
        let firmware = driver.firmware().ok_or_else(|| lacking(Capability::Firmware))?;
        let image = firmware.identify(self.image.content.as_ref())?;
        let mut effect = Effect::default();
        if self.activate == Activate::None {
            self.upload(firmware, bench, &mut effect)?;
            return Ok(effect);
        }
        let slots = firmware.slots(bench.op)?;
        let running = running(&slots, &self.slot, mode);
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
        let waiting = slots.iter().any(|slot| slot.slot == self.slot && slot.hash.as_deref() == Some(&image.hash));
        let trusted = waiting && mode == Mode::Application && stage == Stage::First;
        if !trusted {
            self.upload(firmware, bench, &mut effect)?;
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

impl FirmwareStep {
    fn upload(&self, firmware: &mut dyn Firmware, bench: &mut Bench<'_, '_>, effect: &mut Effect) -> Result<()> {
        bench.op.check()?;
        let upload = firmware.upload(&self.slot, self.image.content.as_ref(), bench.op)?;
        effect.sent += upload.written.sent;
        match upload.matched {
            Some(false) => Err(Error::new(
                Kind::Mismatch,
                format!("the unit says that what it stored in slot {} is not what was sent", self.slot),
            )
            .next("apply again; if it happens again the unit's flash is bad")),
            Some(true) => {
                effect.proven = Some(Level::Digest);
                Ok(())
            }
            None => Ok(()),
        }
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
