//! The line mode: every unit that arrives in a bay is brought to what one profile says.
//!
//! [`Line`] decides and does nothing: incidents and the time go in, actions come out.

mod audience;
mod bay;
mod conduct;
mod crew;
mod floor;
mod foresight;
mod incident;
mod job;
mod line;
mod post;
mod questions;
mod sentry;
mod settings;
mod signals;
mod tally;
#[cfg(test)]
mod tests;
mod used;
mod wire;

pub use audience::{Audience, News, View};
pub use conduct::{Batch, Summary, conduct};
pub use crew::{Meant, Shop};
pub use foresight::foresee;
pub use incident::{Action, Ending, Haste, Incident, Rules, Shown, Ticket};
pub use job::{Crew, Job, Told, Worked};
pub use line::Line;
pub use post::{Post, posts};
pub use questions::{Asked, Bench, Echo, Questions, Turn};
pub use settings::Settings;
pub use signals::{Commands, Lamp, Signal, words};
pub use tally::{Cause, End, Tally};
pub use used::Used;
pub use wire::{Inbox, Wire, wire};
