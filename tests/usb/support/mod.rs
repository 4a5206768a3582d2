//! What tests on the USB bench share.
#![allow(dead_code, reason = "not every test needs all of it")]

pub mod bench;
pub mod gadget;
pub mod kernel;
pub mod monitor;
pub mod person;

use std::time::{Duration, Instant};

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
