//! What is plugged in and out, by looking again and again.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::clock::Clock;
use crate::detect::Found;
use crate::device::Cancel;

/// How often to look. Polling, until hotplug events are listened to: a unit that leaves and comes back faster is missed.
const LOOK: Duration = Duration::from_secs(1);
/// How often a request to stop is looked for meanwhile.
const STOP: Duration = Duration::from_millis(100);

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Something was plugged in.
    Arrived(Box<Found>),
    /// Something was there and is no more.
    Departed(Box<Found>),
}

/// Whether to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Go {
    /// Look again.
    On,
    /// Nobody listens any more.
    Home,
}

/// Tells every change to what `list` lists, `now` being there already, until it is asked to stop.
pub fn watch(
    now: Vec<Found>,
    mut list: impl FnMut() -> Vec<Found>,
    clock: &dyn Clock,
    cancel: &Cancel,
    mut tell: impl FnMut(Change) -> Go,
) {
    let by_address = |found: Vec<Found>| -> BTreeMap<String, Found> {
        found.into_iter().map(|found| (found.address.clone(), found)).collect()
    };
    let mut there = by_address(now);
    loop {
        let next = clock.now() + LOOK;
        while clock.now() < next {
            if cancel.is_asked() {
                return;
            }
            clock.sleep(STOP);
        }
        let seen = by_address(list());
        // Another unit on the same port is a departure and an arrival.
        let is_in = |all: &BTreeMap<String, Found>, found: &Found| {
            all.get(&found.address).is_some_and(|other| other.usb == found.usb)
        };
        let departed = there.values().filter(|found| !is_in(&seen, found)).cloned().map(Box::new).map(Change::Departed);
        let arrived = seen.values().filter(|found| !is_in(&there, found)).cloned().map(Box::new).map(Change::Arrived);
        if departed.chain(arrived).any(|change| tell(change) == Go::Home) {
            return;
        }
        there = seen;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;
    use crate::detect::{self, Usb};

    #[test]
    fn arrivals_and_departures_are_told_once() {
        let port = |name: &str| detect::named(name.to_owned());
        let mut other = port("tty:/dev/b");
        other.usb = Some(Usb::new(0x2fe3, 0x0100).on("1-1"));
        let mut scenes = vec![
            vec![other.clone()],
            vec![port("tty:/dev/a"), port("tty:/dev/b")],
            vec![port("tty:/dev/a"), port("tty:/dev/b")],
        ];
        let cancel = Cancel::default();
        let mut told = Vec::new();
        watch(
            vec![port("tty:/dev/b")],
            || {
                if scenes.len() == 1 {
                    cancel.ask();
                }
                scenes.pop().unwrap_or_default()
            },
            &ManualClock::new(),
            &cancel,
            |change| {
                told.push(match change {
                    Change::Arrived(found) => format!("+{}", found.address),
                    Change::Departed(found) => format!("-{}", found.address),
                });
                Go::On
            },
        );
        assert_eq!(told, ["+tty:/dev/a", "-tty:/dev/a", "-tty:/dev/b", "+tty:/dev/b"]);
    }
}
