//! The line mode: every unit that arrives in a bay is brought to what one profile says.
//!
//! [`Line`] decides and does nothing: incidents and the time go in, actions come out.

mod conduct;
mod crew;
mod foresight;
mod line;
mod post;
mod questions;
mod settings;
mod signals;
mod tally;
#[cfg(test)]
mod tests;
mod used;

pub use conduct::{Audience, Batch, Crew, Inbox, Job, News, Summary, Told, View, Wire, Worked, conduct, wire};
pub use crew::{Meant, Shop};
pub use foresight::foresee;
pub use line::{Action, Ending, Haste, Incident, Line, Rules, Shown, Ticket};
pub use post::{Post, posts};
pub use questions::{Asked, Bench, Echo, Questions, Turn};
pub use settings::Settings;
pub use signals::{Commands, Lamp, Signal, words};
pub use tally::{Cause, End, Tally};
pub use used::Used;
