//! What is plugged in and out, told as it happens.
//!
//! A [`Wake`] says that something may have changed; then, and only then, all is listed again, and the difference is
//! told. So nothing depends on what a notification says, and none can be lost for good: the next one brings it up.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use protocols::time::Moment;

use super::{Access, Awaits, Found};
use crate::clock::Clock;

#[cfg(target_os = "linux")]
mod uevents;
mod wake;

#[cfg(target_os = "linux")]
pub use uevents::Uevents;
pub use wake::{Paths, Poll, Wake, Woken};

/// Between a notification and the look: a device with several interfaces is announced in a burst.
const SETTLE: Duration = Duration::from_millis(25);
/// Between two looks at what is not settled yet.
pub(super) const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// How long a device may be without the serial port that the kernel should make of it before it is told without.
const PORT_COMES: Duration = Duration::from_millis(150);
/// How long a device may keep its strings to itself before it is told without.
const TEXTS_COME: Duration = Duration::from_secs(2);
/// How long a new device may be denied: udev's rules come after the node.
pub(super) const RULES_COME: Duration = Duration::from_secs(2);

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Something was plugged in. Its access is known, but for a program that took its serial port at once.
    Arrived(Box<Found>),
    /// Something was there and is no more. Leaving and coming back within an instant is a departure and an arrival.
    Departed(Box<Found>),
}

/// Tells what is plugged in and out. To stop, stop asking; dropping it frees what it listens with.
pub trait Watch: Send {
    /// What is there: what was when the watch began, and what [`Watch::next`] told since.
    fn there(&self) -> Vec<Found>;

    /// Waits up to `within` for the next change, and sleeps meanwhile; `None` when there was none.
    fn next(&mut self, within: Duration) -> Option<Change>;

    /// What the watch cannot do on this machine, for people: it has to look again and again, for one.
    fn notes(&self) -> &[String];
}

/// Where a [`Watcher`] looks.
pub trait Look: Send {
    /// What is there now, its access not looked at yet.
    fn places(&mut self) -> Vec<Found>;

    /// Looks whether these can be opened.
    fn access(&mut self, found: &mut [&mut Found]);

    /// The same of what came this instant: quickly.
    fn access_of_arrivals(&mut self, found: &mut [&mut Found]) {
        self.access(found);
    }
}

/// A watch over whatever a [`Look`] lists.
pub struct Watcher {
    clock: Arc<dyn Clock>,
    wake: Box<dyn Wake>,
    look: Box<dyn Look>,
    notes: Vec<String>,
    there: BTreeMap<String, Found>,
    changes: VecDeque<Change>,
    /// When to look next.
    due: Option<Moment>,
    /// Arrivals that are not settled yet, and since when they are there.
    unsettled: BTreeMap<String, (Found, Moment)>,
}

impl Watcher {
    /// A watch that begins now. `wake` must have begun to listen already, so that nothing falls between.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, wake: Box<dyn Wake>, mut look: Box<dyn Look>) -> Watcher {
        let mut there = look.places();
        look.access(&mut there.iter_mut().collect::<Vec<_>>());
        let there = there.into_iter().map(|found| (found.address.clone(), found)).collect();
        let notes = wake.note().into_iter().collect();
        let (changes, unsettled) = (VecDeque::new(), BTreeMap::new());
        Watcher { clock, wake, look, notes, there, changes, due: None, unsettled }
    }

    fn look(&mut self) {
        self.due = None;
        let now = self.clock.now();
        let mut seen: BTreeMap<String, Found> =
            self.look.places().into_iter().map(|found| (found.address.clone(), found)).collect();
        let known = self.there_after_changes();
        for (address, old) in known {
            match seen.get(&address) {
                Some(found) if is_same(found, &old) => {
                    let found = seen.remove(&address).filter(|_| old.awaits.is_some());
                    // What it kept to itself when it was told may have come since.
                    if let (Some(found), Some(there)) = (found, self.there.get_mut(&address)) {
                        *there = Found { access: there.access, ..found };
                    }
                }
                // Another unit on the same port, or the same one that left in between: both are told.
                _ => self.changes.push_back(Change::Departed(Box::new(old))),
            }
        }
        // What remains is new.
        let earlier = std::mem::take(&mut self.unsettled);
        let since = |found: &Found| match earlier.get(&found.address) {
            Some((before, since)) if is_same(before, found) => *since,
            _ => now,
        };
        // What is not to be told yet need not be looked at.
        let is_ripe = |found: &&mut Found| found.awaits.is_none() || now >= since(found) + patience(found);
        self.look.access_of_arrivals(&mut seen.values_mut().filter(is_ripe).collect::<Vec<_>>());
        for (address, found) in seen {
            let since = since(&found);
            if now < since + patience(&found) {
                self.unsettled.insert(address, (found, since));
            } else {
                self.changes.push_back(Change::Arrived(Box::new(found)));
            }
        }
        let took = self.clock.now().saturating_since(now);
        tracing::debug!(?took, there = self.there.len(), unsettled = self.unsettled.len(), "looked");
        if !self.unsettled.is_empty() {
            self.due = Some(now + LOOK_AGAIN);
        }
    }

    /// What is there once every change that was found is told.
    fn there_after_changes(&self) -> BTreeMap<String, Found> {
        let mut there = self.there.clone();
        for change in &self.changes {
            apply(change, &mut there);
        }
        there
    }
}

impl Watch for Watcher {
    fn there(&self) -> Vec<Found> {
        self.there.values().cloned().collect()
    }

    fn next(&mut self, within: Duration) -> Option<Change> {
        let until = self.clock.now() + within;
        loop {
            if let Some(change) = self.changes.pop_front() {
                apply(&change, &mut self.there);
                return Some(change);
            }
            let now = self.clock.now();
            if self.due.is_some_and(|due| due <= now) {
                self.look();
                continue;
            }
            if now >= until {
                return None;
            }
            let next = self.due.map_or(until, |due| until.min(due));
            if self.wake.wait(next.saturating_since(now)) == Woken::Changed {
                let settled = self.clock.now() + SETTLE;
                self.due = Some(self.due.map_or(settled, |due| due.min(settled)));
            }
        }
    }

    fn notes(&self) -> &[String] {
        &self.notes
    }
}

fn apply(change: &Change, there: &mut BTreeMap<String, Found>) {
    match change {
        Change::Arrived(found) => _ = there.insert(found.address.clone(), (**found).clone()),
        Change::Departed(found) => _ = there.remove(&found.address),
    }
}

/// Whether `found` is what was there before, and did not leave in between.
fn is_same(found: &Found, before: &Found) -> bool {
    let place = |found: &Found| found.usb.as_ref().map(|usb| (usb.port.clone(), usb.number, usb.id.clone()));
    place(found) == place(before)
}

/// How long to look again before an arrival like this is told.
fn patience(found: &Found) -> Duration {
    if let Some(awaits) = found.awaits {
        match awaits {
            Awaits::Port => PORT_COMES,
            Awaits::Texts => TEXTS_COME,
        }
    } else if found.access == Access::Denied && (found.driver.is_some() || found.path().is_some()) {
        RULES_COME
    } else {
        Duration::ZERO
    }
}

#[cfg(test)]
mod tests;
