//! Looks out for units in fixtures, whose adapters never leave: by asking whether one answers, and by a contact.
//!
//! What is plugged in and out is the watch's to tell ([`World::watch`]); what a person says, the caller's.

mod door;

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use door::{ASK_AGAIN, Door, Question, Turn};

use super::map::{BaySpec, Free, Start};
use super::{PortBay, Selector, World, resolve};
use crate::device::{Bay, Cancel, Op};
use crate::error::{Error, Kind, Result};
use crate::link::{Contact, SerialOptions};

/// How long one question to a port may take: a unit that is there answers in milliseconds.
const PATIENCE: Duration = Duration::from_secs(3);
/// After an error, before the port is tried again.
const RECOVER: Duration = Duration::from_secs(2);

/// What is seen in a fixture.
#[derive(Debug)]
pub enum Sight {
    /// A unit is there.
    Came,
    /// It is there no more.
    Left,
    /// It cannot be looked at; told once, until it can be again.
    Trouble(Error),
}

/// How a unit in the fixture is spoken to.
#[derive(Debug, Clone)]
pub struct Spoken {
    /// Which bay, and what the command line says of it.
    pub selector: Selector,
    /// What a profile says of its link.
    pub defaults: Vec<(&'static str, String)>,
    /// The one driver that the profile's units are spoken to with.
    pub driver: Option<String>,
}

/// A lookout over one bay, on a thread of its own until it is dropped.
pub struct Lookout {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    held: bool,
    over: bool,
    /// A question is under way; asking this ends it.
    asking: Option<Cancel>,
    /// What the caller told meanwhile.
    told: Option<Turn>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }
}

impl Lookout {
    /// Whether there is anything to look out for in a bay that begins and is freed so.
    #[must_use]
    pub fn is_needed(start: Start, free: Free) -> bool {
        matches!(start, Start::Probe | Start::Cts) || matches!(free, Free::Silent(_))
    }

    /// Begins to look; `tell` is called on the lookout's thread.
    ///
    /// # Errors
    /// `storage` when the machine gives no thread.
    pub fn begin(
        bay: &Arc<BaySpec>,
        spoken: Spoken,
        world: Arc<dyn World>,
        tell: impl Fn(Sight) + Send + 'static,
    ) -> Result<Lookout> {
        let shared = Arc::new(Shared::default());
        let door = Door::new(bay.start, bay.free);
        let mut eye = Eye { door, spoken, world, contact: None, in_trouble: false };
        let seen = Arc::clone(&shared);
        let body = move || eye.watch(&seen, &tell);
        let thread = std::thread::Builder::new()
            .name("lookout".into())
            .spawn(body)
            .map_err(|cause| Error::new(Kind::Storage, "this machine gives no more threads").because(cause))?;
        Ok(Lookout { shared, thread: Some(thread) })
    }

    /// Keeps away from the port, because a run is about to open it. Waits until it is free: a moment.
    pub fn hold(&self) {
        let mut state = self.shared.lock();
        state.held = true;
        if let Some(asking) = &state.asking {
            asking.ask();
        }
        let busy = |state: &mut State| state.asking.is_some();
        drop(self.shared.changed.wait_while(state, busy).unwrap_or_else(PoisonError::into_inner));
    }

    /// Looks again: the run has ended.
    pub fn release(&self) {
        self.shared.change(|state| state.held = false);
    }

    /// Somebody else saw a unit come: from now on its silence counts.
    pub fn came(&self) {
        self.shared.change(|state| state.told = Some(Turn::Came));
    }

    /// Somebody else says that the bay is free; the unit that is there still must first be taken out.
    pub fn freed(&self) {
        self.shared.change(|state| state.told = Some(Turn::Left));
    }
}

impl Drop for Lookout {
    fn drop(&mut self) {
        self.shared.change(|state| {
            state.over = true;
            if let Some(asking) = &state.asking {
                asking.ask();
            }
        });
        if let Some(thread) = self.thread.take() {
            // Its fault is its own: nothing here depends on it any more.
            let _ = thread.join();
        }
    }
}

/// What looks, apart from the thread that it looks on.
struct Eye {
    door: Door,
    spoken: Spoken,
    world: Arc<dyn World>,
    /// The contact's port, open while it is asked for.
    contact: Option<Box<dyn Contact>>,
    in_trouble: bool,
}

impl Eye {
    fn watch(&mut self, shared: &Shared, tell: &dyn Fn(Sight)) {
        loop {
            let cancel = Cancel::default();
            {
                let mut state = shared.lock();
                loop {
                    match state.told.take() {
                        Some(Turn::Came) => self.door.came(),
                        Some(Turn::Left) => self.door.left(),
                        None => {}
                    }
                    if state.over {
                        return;
                    }
                    if !state.held && self.door.question() != Question::Nothing {
                        break;
                    }
                    state = shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                }
                state.asking = Some(cancel.clone());
            }
            let sight = self.look(&cancel);
            let was_in_trouble = matches!(sight, Some(Sight::Trouble(_)));
            shared.change(|state| {
                state.asking = None;
                if state.held {
                    self.contact = None;
                }
            });
            if let Some(sight) = sight.filter(|_| !cancel.is_asked()) {
                tell(sight);
            }
            let pause = if was_in_trouble || self.in_trouble { RECOVER } else { ASK_AGAIN };
            let state = shared.lock();
            if !state.over && !state.held && state.told.is_none() {
                // Whoever wants something wakes us.
                drop(shared.changed.wait_timeout(state, pause).unwrap_or_else(PoisonError::into_inner));
            }
        }
    }

    /// Asks once, and says what turned.
    fn look(&mut self, cancel: &Cancel) -> Option<Sight> {
        let heard = match self.door.question() {
            Question::Nothing => return None,
            Question::Answer => {
                self.contact = None;
                self.answers(cancel)
            }
            Question::Contact => self.is_closed(),
        };
        if cancel.is_asked() {
            return None;
        }
        match heard {
            Ok(yes) => {
                self.in_trouble = false;
                match self.door.hear(yes, self.world.clock().now())? {
                    Turn::Came => {
                        self.contact = None;
                        Some(Sight::Came)
                    }
                    Turn::Left => Some(Sight::Left),
                }
            }
            Err(_) if self.in_trouble => None,
            Err(error) => {
                self.in_trouble = true;
                self.contact = None;
                Some(Sight::Trouble(error))
            }
        }
    }

    fn answers(&self, cancel: &Cancel) -> Result<bool> {
        let mut quiet = |_| {};
        let mut op = Op::new(&**self.world.clock(), cancel, &mut quiet);
        op.deadline = Some(self.world.clock().now() + PATIENCE);
        let Spoken { selector, defaults, driver } = &self.spoken;
        let opened = resolve(selector, defaults, &*self.world).and_then(|target| {
            PortBay::new(target, Arc::clone(&self.world)).with_driver(driver.as_deref()).open(&mut op).map(drop)
        });
        match opened {
            Ok(()) => Ok(true),
            Err(error) => match error.kind() {
                Kind::Gone | Kind::TimedOut | Kind::Garbled | Kind::Unsupported | Kind::Cancelled => Ok(false),
                _ => Err(error),
            },
        }
    }

    fn is_closed(&mut self) -> Result<bool> {
        let contact = match &mut self.contact {
            Some(contact) => contact,
            None => {
                let Spoken { selector, defaults, .. } = &self.spoken;
                let target = match resolve(selector, defaults, &*self.world) {
                    Err(error) if error.is_absent() => return Ok(false),
                    target => target?,
                };
                let serial: SerialOptions = target.serial;
                match self.world.contact(&target.address, &serial) {
                    Err(error) if error.is_absent() => return Ok(false),
                    contact => self.contact.insert(contact?),
                }
            }
        };
        let closed = contact.is_closed();
        match closed {
            // The adapter was pulled: nobody is there.
            Err(error) if error.kind() == Kind::Gone => {
                self.contact = None;
                Ok(false)
            }
            closed => closed,
        }
    }
}

#[cfg(test)]
mod tests;
