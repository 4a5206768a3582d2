use std::sync::Mutex;

use super::*;
use crate::clock::ManualClock;
use crate::detect::{self, Usb};

/// What happens, and when: from each moment on, the scene behind it is what is there. Notifications come with it.
struct Stage {
    clock: Arc<ManualClock>,
    scenes: Vec<(u64, Vec<Found>)>,
    shown: usize,
    looks: Arc<Mutex<u32>>,
}

impl Stage {
    fn scene(&self) -> &[Found] {
        let now = self.clock.now().since_start();
        let scene = self.scenes.iter().rev().find(|(at, _)| Duration::from_millis(*at) <= now);
        scene.map_or(&[], |(_, scene)| scene)
    }
}

impl Wake for Stage {
    fn wait(&mut self, within: Duration) -> Woken {
        let now = self.clock.now().since_start();
        match self.scenes.get(self.shown).map(|(at, _)| Duration::from_millis(*at)) {
            Some(at) if at <= now + within => {
                self.shown += 1;
                self.clock.sleep(at.saturating_sub(now));
                Woken::Changed
            }
            _ => {
                self.clock.sleep(within);
                Woken::Quiet
            }
        }
    }
}

impl Look for Stage {
    fn places(&mut self) -> Vec<Found> {
        *self.looks.lock().unwrap() += 1;
        self.scene().iter().map(|found| Found { access: Access::Ok, ..found.clone() }).collect()
    }

    fn access(&mut self, found: &mut [&mut Found]) {
        let scene = self.scene().to_vec();
        for found in found {
            if let Some(real) = scene.iter().find(|real| real.address == found.address) {
                found.access = real.access;
            }
        }
    }
}

fn unit(address: &str, number: u32) -> Found {
    let mut found = detect::named(address.into());
    found.driver = Some("fake");
    found.usb = Some(Usb { number: Some(number), ..Usb::new(0x2fe3, 0x0100).on("1-1") });
    found
}

/// Everything that is told within ten seconds, with the millisecond, and how often all was listed.
fn told(scenes: &[(u64, Vec<Found>)]) -> (Vec<String>, u32) {
    let clock = Arc::new(ManualClock::new());
    let looks = Arc::new(Mutex::new(0));
    let stage = || Stage { clock: clock.clone(), scenes: scenes.to_vec(), shown: 0, looks: looks.clone() };
    let mut watcher = Watcher::new(clock.clone(), Box::new(stage()), Box::new(stage()));
    let mut told = Vec::new();
    while clock.now().since_start() < Duration::from_secs(10) {
        let (sign, found) = match watcher.next(Duration::from_secs(1)) {
            Some(Change::Arrived(found)) => ('+', found),
            Some(Change::Departed(found)) => ('-', found),
            None => continue,
        };
        let at = clock.now().since_start().as_millis();
        let access = if found.access == Access::Ok { "" } else { " denied" };
        told.push(format!("{at} {sign}{}{access}", found.address));
    }
    assert_eq!(watcher.there().len(), scenes.last().unwrap().1.len());
    let looks = *looks.lock().unwrap();
    (told, looks)
}

#[test]
fn what_comes_and_goes_is_told_once_and_in_time() {
    let (a, b) = (unit("tty:/dev/a", 5), detect::named("tty:/dev/b".into()));
    let (told, looks) =
        told(&[(0, vec![b.clone()]), (1000, vec![a.clone(), b.clone()]), (3000, vec![a, b.clone()]), (5000, vec![b])]);
    assert_eq!(told, ["1025 +tty:/dev/a", "5025 -tty:/dev/a"]);
    // It listed at the start and once a notification: between them it slept.
    assert_eq!(looks, 5);
}

#[test]
fn a_burst_is_one_look() {
    let a = unit("tty:/dev/a", 5);
    let burst = (0..20).map(|n| (1000 + n, vec![a.clone()]));
    let scenes: Vec<_> = [(0, vec![])].into_iter().chain(burst).collect();
    let (told, looks) = told(&scenes);
    assert_eq!(told, ["1025 +tty:/dev/a"]);
    assert!(looks <= 3, "{looks}");
}

#[test]
fn a_unit_that_leaves_and_comes_back_in_an_instant_departed_and_arrived() {
    let (told, _) = told(&[(0, vec![unit("tty:/dev/a", 5)]), (1000, vec![]), (1002, vec![unit("tty:/dev/a", 6)])]);
    assert_eq!(told, ["1025 -tty:/dev/a", "1025 +tty:/dev/a"]);
}

#[test]
fn an_arrival_that_is_denied_is_told_when_the_rules_came_or_after_two_seconds() {
    let denied = |number| Found { access: Access::Denied, ..unit("usb:1-1", number) };
    let (ruled, _) = told(&[(0, vec![]), (1000, vec![denied(5)]), (1800, vec![unit("usb:1-1", 5)])]);
    assert_eq!(ruled, ["1825 +usb:1-1"]);
    let (never, _) = told(&[(0, vec![]), (1000, vec![denied(5)])]);
    assert_eq!(never, ["3025 +usb:1-1 denied"]);
    let (gone, _) = told(&[(0, vec![]), (1000, vec![denied(5)]), (1500, vec![])]);
    assert_eq!(gone, [""; 0], "what was not told to arrive need not depart");
    let (other, _) = told(&[(0, vec![]), (1000, vec![denied(5)]), (2000, vec![denied(6)])]);
    assert_eq!(other, ["4025 +usb:1-1 denied"], "another device has two seconds of its own");
}

#[test]
fn a_device_waits_a_moment_for_the_serial_port_that_the_kernel_makes_of_it() {
    let bare = Found { awaits: Some(Awaits::Port), ..unit("usb:1-1", 5) };
    let (with, _) = told(&[(0, vec![]), (1000, vec![bare.clone()]), (1090, vec![unit("tty:/dev/a", 5)])]);
    assert_eq!(with, ["1115 +tty:/dev/a"]);
    let (without, _) = told(&[(0, vec![]), (1000, vec![bare])]);
    assert_eq!(without, ["1175 +usb:1-1"]);
}
