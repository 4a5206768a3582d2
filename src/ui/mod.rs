//! Draws the event stream for people: progress bars on a terminal, plain lines elsewhere, and a verdict that stays.
//!
//! Consumes events and reports only; nothing here can change what a run does.

mod bars;
mod board;
mod keyboard;
mod lines;
mod person;
mod summary;
#[cfg(unix)]
mod terminal;

pub use bars::Bars;
pub use board::Board;
pub use keyboard::{Keyboard, Shows};
pub use lines::{bytes, line, verdict};
pub use person::{Asking, AtTerminal};
pub use summary::{items, summary};

use crate::device::UnitText;
use crate::run::event::Event;

/// How a unit is called on the screen: its serial number, else where it is.
fn unit(event: &Event) -> String {
    let name = event.serial.as_ref().map_or_else(|| safe(&event.address), ToString::to_string);
    match event.bay {
        Some(bay) => format!("bay {bay}, {name}"),
        None => name,
    }
}

/// That a person is waited for: at a step of the profile, or for what has to be done at the unit before it can go on.
fn waits(event: &Event) -> String {
    match (&event.step, &event.say) {
        (None, Some(say)) => safe(say),
        (step, _) => format!("{}: waits for a person", safe(step.as_deref().unwrap_or("the run"))),
    }
}

/// Text from anywhere, escaped for a terminal.
fn safe(text: &str) -> String {
    UnitText::new(text).to_string()
}

/// Said while a unit is away.
#[cfg(test)]
const AWAITED: &str = "waits for the unit to start Android, up to 300 s (it was in mode bootloader)";
