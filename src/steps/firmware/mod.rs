//! `firmware`: an image in a slot, and running when it is activated.
//!
//! Units differ in what they tell. One that lists its images by hash is `listed`; of one that tells nothing, what it
//! holds is read back where that is possible: `unlisted`.

mod listed;
mod unlisted;

use super::{Bench, Effect, Observed, Stage, StepKind, lacking};
use crate::device::{Activate, Capability, Driver, Firmware, Level, Mode, Tells};
use crate::error::{Error, Kind, Result};
use crate::profile::model::FirmwareStep;

impl StepKind for FirmwareStep {
    fn describe(&self) -> String {
        match &self.slot {
            Some(slot) => format!("writing {} to slot {slot}", self.artifact),
            None => format!("writing {}", self.artifact),
        }
    }

    fn needs(&self) -> Option<Capability> {
        Some(Capability::Firmware)
    }

    fn bytes(&self) -> u64 {
        self.image.content.len()
    }

    fn images(&self) -> Vec<(String, String)> {
        let slot = self.slot.clone().unwrap_or_else(|| self.artifact.clone());
        vec![(slot, self.image.sha256.to_string())]
    }

    /// Where a unit reports what it runs, activating always ends in a look at that; whether it can be activated is for
    /// [`StepKind::check`] to say.
    fn reaches(&self, levels: &[Level]) -> Vec<Level> {
        if self.activate != Activate::None && levels.contains(&Level::Booted) {
            return vec![Level::Booted];
        }
        levels.iter().copied().filter(|level| *level != Level::Booted).collect()
    }

    fn provable(&self, levels: &[Level]) -> Vec<Level> {
        levels.iter().copied().filter(|level| *level == Level::Booted).collect()
    }

    /// Reading an image back takes as long as writing it, and what some units give back is not what they were given.
    fn looks_for_free(&self) -> bool {
        false
    }

    fn restarts(&self) -> Option<Mode> {
        (self.activate != Activate::None).then_some(Mode::Application)
    }

    fn foresee(&self, driver: &dyn Driver) -> Result<()> {
        driver.foresee(self.image.content.as_ref())
    }

    fn check(&self, driver: &mut dyn Driver) -> Result<()> {
        let mode = driver.unit().mode;
        let firmware = driver.firmware().ok_or_else(|| lacking(Capability::Firmware))?;
        firmware.allows()?;
        let tells = firmware.tells();
        let slot = self.target(firmware)?;
        if !firmware.takes(&slot) {
            return Err(Error::new(
                Kind::Unsupported,
                format!(
                    "in mode {mode} the unit takes no image in slot {slot} (it takes: {})",
                    firmware.writable().join(", ")
                ),
            )
            .next("name one of these slots in the profile, or the mode with `in:`"));
        }
        firmware.fits(&slot, self.image.content.as_ref())?;
        // A file that is more than the image may be longer than the slot: then its driver judges.
        if let Some(room) = firmware.room(&slot).filter(|room| self.bytes() > *room && tells == Tells::Images) {
            return Err(Error::new(
                Kind::Invalid,
                format!("the image has {} bytes and slot {slot} takes {room}", self.bytes()),
            )
            .next("use an image that fits the slot"));
        }
        let activations = firmware.activations().to_vec();
        self.check_activation(mode, tells, &activations, driver.power().map(|_| ()))
    }

    fn observe(&self, driver: &mut dyn Driver, level: Level, bench: &mut Bench<'_, '_>) -> Result<Observed> {
        match driver.firmware().map(|firmware| firmware.tells()) {
            Some(Tells::Images) => self.observe_listed(driver, bench),
            Some(Tells::Nothing) | None => self.observe_unlisted(driver, level, bench),
        }
    }

    fn execute(
        &self,
        driver: &mut dyn Driver,
        stage: Stage,
        observed: &Observed,
        bench: &mut Bench<'_, '_>,
    ) -> Result<Effect> {
        match driver.firmware().map(|firmware| firmware.tells()) {
            Some(Tells::Images) => self.execute_listed(driver, stage, bench),
            Some(Tells::Nothing) | None => self.execute_unlisted(driver, stage, observed, bench),
        }
    }
}

impl FirmwareStep {
    fn upload(
        &self,
        firmware: &mut dyn Firmware,
        slot: &str,
        bench: &mut Bench<'_, '_>,
        effect: &mut Effect,
    ) -> Result<()> {
        bench.op.check()?;
        let upload = firmware.upload(slot, self.image.content.as_ref(), bench.op)?;
        effect.sent += upload.written.sent;
        effect.away = upload.left.map(|departure| (departure, Stage::Returned));
        match upload.matched {
            Some(false) => Err(Error::new(
                Kind::Mismatch,
                format!("the unit says that what it stored in slot {slot} is not what was sent"),
            )
            .next("apply again; if it happens again the unit's flash is bad")),
            Some(true) => {
                effect.proven = Some(Level::Digest);
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn check_activation(&self, mode: Mode, tells: Tells, takes: &[Activate], power: Option<()>) -> Result<()> {
        let how = self.activate;
        if how == Activate::None {
            return Ok(());
        }
        if power.is_none() {
            let say = "the unit cannot be restarted by command, so nothing can be activated";
            return Err(Error::new(Kind::Unsupported, say).next("use `activate: none` in the profile"));
        }
        match tells {
            Tells::Nothing if !takes.contains(&how) => Err(Error::new(
                Kind::Unsupported,
                format!("this unit starts what it holds or does not, so `activate: {how}` cannot be done"),
            )
            .next("use `activate: confirm`, or `none` to leave it in its loader")),
            // What recovery writes is what boots next: there is nothing to mark.
            Tells::Images if mode == Mode::Application && !takes.contains(&how) => Err(Error::new(
                Kind::Unsupported,
                format!("the unit's build does not let its image state be set, so `activate: {how}` cannot be done"),
            )
            .next(
                "write the image in another mode (`in: recovery`), or use a build with image management's state command",
            )),
            _ => Ok(()),
        }
    }

    /// The slot that the image goes to.
    fn target(&self, firmware: &dyn Firmware) -> Result<String> {
        let slot = self.slot.clone().or_else(|| firmware.usual());
        slot.ok_or_else(|| {
            let slots = firmware.writable().join(", ");
            Error::new(Kind::Unsupported, format!("the unit has several slots ({slots}), and none is named"))
                .next("name the one that is meant with `slot:` in the profile, or --slot")
        })
    }
}
