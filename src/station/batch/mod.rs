//! The line mode: every unit that arrives in a bay is brought to what one profile says.
//!
//! [`Line`] decides and does nothing: incidents and the time go in, actions come out.

mod line;
mod questions;
mod signals;
mod tally;
#[cfg(test)]
mod tests;

pub use line::{Action, Ending, Haste, Incident, Line, Rules, Shown, Ticket};
pub use questions::{Asked, Bench, Echo, Questions, Turn};
pub use signals::{Commands, Lamp, Signal, words};
pub use tally::{Cause, End, Tally};
