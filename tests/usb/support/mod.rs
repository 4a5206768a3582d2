//! What tests on the USB bench share.
#![allow(dead_code, reason = "not every test needs all of it")]

pub mod adbd;
pub mod bench;
pub mod chance;
pub mod gadget;
pub mod kernel;
pub mod monitor;
pub mod person;
pub mod phone;
pub mod stand_in;
pub mod station;
pub mod stub;
pub mod uevents;
pub mod unit;

use std::time::{Duration, Instant};

use crate::devices::station::Station;

/// Gives a station that has none its bays, as they stand in its file.
pub fn bays(station: &Station, bays: &str) {
    hardwire::home::Home::open(Some(station.home().to_owned())).expect("the station's home is made");
    let path = station.home().join("station.yaml");
    let text = std::fs::read_to_string(&path).expect("the station's own file");
    std::fs::write(path, format!("{text}\nbays:\n{bays}")).expect("the map is written");
}

/// Looks until `look` finds something; fails after `limit`.
pub fn wait_for<T>(what: &str, limit: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + limit;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < until, "no {what} within {limit:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
