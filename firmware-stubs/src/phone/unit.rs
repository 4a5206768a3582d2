//! The phone on USB.

use super::system::{Half, after, open, start, started};
use super::{Mode, Options};
use crate::Error;
use crate::adb::{self, ENDPOINT, Link, Restart, System};
use crate::fastboot::{self, Port, Store};
use crate::usb::{Answer, Descriptors, Device, Reply, Stop, Then, Transfer, chosen, is_enumeration};
use protocols::time::Moment;
use protocols::usb::Setup;
use std::sync::Arc;
use std::time::Duration;

/// How long a unit that was told to restart goes on with what was under way.
const GRACE: Duration = Duration::from_millis(50);

/// A phone without its cable.
pub struct Phone {
    mode: Mode,
    first: Mode,
    system: System,
    link: Link,
    port: Port,
    face: Descriptors,
    configuration: u8,
    leaves: Option<Moment>,
    /// What fastboot was told to start: once its answer has reached the host, or was not taken.
    starts: Option<Mode>,
}

impl Phone {
    /// Opens the phone's state, making a new phone where there is none.
    ///
    /// # Errors
    /// When the options make no sense or the folder cannot be used.
    pub fn open(options: Options) -> Result<Self, Error> {
        let first = options.first;
        let (system, engine) = open(options)?;
        let port = Port { engine };
        let (link, face) = (Link::default(), Descriptors::default());
        let mut phone =
            Self { mode: first, first, system, link, port, face, configuration: 0, leaves: None, starts: None };
        phone.start(first)?;
        Ok(phone)
    }

    /// What it is at this moment.
    #[must_use]
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// Its partitions.
    #[must_use]
    pub const fn store(&self) -> &Arc<Store> {
        self.port.engine.store()
    }

    fn start(&mut self, mode: Mode) -> Result<(), Error> {
        self.mode = mode;
        start(mode, &mut self.system, &mut self.port.engine)?;
        self.hang_up();
        let engine = &self.port.engine;
        self.face = match mode.half() {
            Half::Adb(_) => adb::descriptors(self.system.options()),
            Half::Fastboot(mode) => {
                let options = engine.options();
                fastboot::descriptors(options.usb_id, &options.product, &engine.serial(), mode)
            }
        };
        (self.leaves, self.starts) = (None, None);
        Ok(())
    }

    /// Whoever spoke to it is gone.
    fn hang_up(&mut self) {
        self.configuration = 0;
        self.link = Link::default();
        self.port.engine.hang_up();
    }

    /// The mode that follows, once its time has come.
    fn next(&mut self, now: Moment) -> Option<Mode> {
        if let Half::Fastboot(_) = self.mode.half() {
            self.starts = self.starts.or_else(|| self.port.engine.outcome(now).map(started));
            self.starts?;
            // A unit that is gone with its answer has not answered, for some hosts.
            let leaves = *self.leaves.get_or_insert(now + GRACE);
            return self.starts.filter(|_| leaves <= now);
        }
        let restart = self.system.restarts()?;
        let leaves = *self.leaves.get_or_insert(now + GRACE);
        if leaves > now {
            return None;
        }
        if !self.link.is_between() {
            // Not within a packet; the rest of it may never come, where the cable was cut.
            self.leaves = Some(now + GRACE);
            return None;
        }
        if restart == Restart::Daemon {
            self.system.restarted();
        }
        Some(after(restart, self.mode))
    }

    fn follow(&mut self, now: Moment) -> Result<Then, Stop> {
        let Some(next) = self.next(now) else { return Ok(Then::Stay) };
        if next == self.mode && self.system.restarts().is_none() && matches!(next.half(), Half::Adb(_)) {
            // The daemon alone begins anew: what the shell may do stays.
            self.hang_up();
            self.leaves = None;
        } else {
            self.start(next).map_err(|error| Stop::Broken(error.into()))?;
        }
        Ok(Then::Leave { away: self.system.options().boot_time })
    }
}

impl Device for Phone {
    fn power_on(&mut self, _: Moment) -> Result<(), Stop> {
        let first = self.first;
        self.start(first).map_err(|error| Stop::Broken(error.into()))
    }

    fn control(&mut self, _: Moment, setup: Setup, _: &[u8]) -> Result<Reply, Stop> {
        if is_enumeration(setup) {
            self.hang_up();
        }
        if let Some(configuration) = chosen(setup) {
            if configuration > 1 {
                return Ok(Answer::Stall.into());
            }
            self.hang_up();
            self.configuration = configuration;
        }
        Ok(self.face.answer(setup, self.configuration).unwrap_or(Answer::Stall).into())
    }

    fn transfer(&mut self, now: Moment, transfer: Transfer<'_>) -> Result<Reply, Stop> {
        if let Half::Fastboot(_) = self.mode.half() {
            let answer = self.port.transfer(now, transfer)?;
            let then = if matches!(answer, Answer::Data(_)) { self.follow(now)? } else { Then::Stay };
            return Ok(Reply { answer, then });
        }
        let answer = match transfer {
            Transfer::Out { endpoint: ENDPOINT, data } => {
                if self.link.take(&mut self.system, data)?.is_err() {
                    self.link = Link::default();
                }
                Answer::Ack
            }
            Transfer::In { endpoint: ENDPOINT, room } => {
                self.link.give(&mut self.system, room)?.map_or(Answer::Later, Answer::Data)
            }
            _ => Answer::Stall,
        };
        if self.system.restarts().is_some() {
            self.leaves.get_or_insert(now + GRACE);
        }
        Ok(answer.into())
    }

    fn tick(&mut self, now: Moment) -> Result<Then, Stop> {
        self.port.engine.tick(now);
        self.follow(now)
    }

    fn wakes_at(&self) -> Option<Moment> {
        match self.mode.half() {
            Half::Adb(_) => self.leaves,
            Half::Fastboot(_) => self.port.engine.wakes_at().into_iter().chain(self.leaves).min(),
        }
    }
}
