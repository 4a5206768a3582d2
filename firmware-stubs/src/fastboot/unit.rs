//! A unit on USB that has fastboot and nothing to start: told to start its system, it comes back in its bootloader.

use super::{Engine, Error, Mode, Options, Outcome, Port, Store, descriptors};
use crate::usb::{Answer, Descriptors, Device, Reply, Stop, Then, Transfer, chosen, is_enumeration};
use protocols::time::Moment;
use protocols::usb::Setup;
use std::sync::Arc;

/// A unit without its cable.
pub struct Unit {
    port: Port,
    first: Mode,
    face: Descriptors,
    configuration: u8,
}

impl Unit {
    /// A unit that starts in this mode, with its state in the folder of the options.
    ///
    /// # Errors
    /// When the options make no sense or the folder cannot be used.
    pub fn open(options: Options, mode: Mode) -> Result<Self, Error> {
        let store = Store::open(&options)?;
        let engine = Engine::new(options, store, mode);
        let mut unit = Self { port: Port { engine }, first: mode, face: Descriptors::default(), configuration: 0 };
        unit.start(mode);
        Ok(unit)
    }

    /// Which fastboot answers.
    #[must_use]
    pub const fn mode(&self) -> Mode {
        self.port.engine.mode()
    }

    /// Its partitions.
    #[must_use]
    pub const fn store(&self) -> &Arc<Store> {
        self.port.engine.store()
    }

    fn start(&mut self, mode: Mode) {
        let engine = &mut self.port.engine;
        engine.start(mode);
        let options = engine.options();
        self.face = descriptors(options.usb_id, &options.product, &engine.serial(), mode);
        self.configuration = 0;
    }

    /// What follows from what was said.
    fn follow(&mut self, now: Moment) -> Then {
        let Some(outcome) = self.port.engine.outcome(now) else { return Then::Stay };
        self.start(match outcome {
            Outcome::Fastbootd => Mode::Fastbootd,
            Outcome::System | Outcome::Bootloader | Outcome::Recovery | Outcome::Off => Mode::Bootloader,
        });
        Then::Leave { away: self.port.engine.options().boot_time }
    }
}

impl Device for Unit {
    fn power_on(&mut self, _: Moment) -> Result<(), Stop> {
        self.start(self.first);
        Ok(())
    }

    fn control(&mut self, _: Moment, setup: Setup, _: &[u8]) -> Result<Reply, Stop> {
        if is_enumeration(setup) {
            self.configuration = 0;
            self.port.engine.hang_up();
        }
        if let Some(configuration) = chosen(setup) {
            if configuration > 1 {
                return Ok(Answer::Stall.into());
            }
            self.configuration = configuration;
        }
        Ok(self.face.answer(setup, self.configuration).unwrap_or(Answer::Stall).into())
    }

    fn transfer(&mut self, now: Moment, transfer: Transfer<'_>) -> Result<Reply, Stop> {
        let answer = self.port.transfer(now, transfer)?;
        let taken = matches!(answer, Answer::Data(_));
        let then = if taken { self.follow(now) } else { Then::Stay };
        Ok(Reply { answer, then })
    }

    fn tick(&mut self, now: Moment) -> Result<Then, Stop> {
        self.port.engine.tick(now);
        Ok(self.follow(now))
    }

    fn wakes_at(&self) -> Option<Moment> {
        self.port.engine.wakes_at()
    }
}
