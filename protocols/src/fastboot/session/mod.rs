//! A conversation with a unit: one command, its data, its end.
//!
//! Whoever can reach the unit drives it:
//!
//! ```text
//! loop {
//!     match exchange.next(now) {
//!         Step::Send(bytes) => send them as one packet; then exchange.on_sent(now),
//!         Step::Payload { at, length } => send these bytes of the payload as one packet; then exchange.on_sent(now),
//!         Step::WaitUntil(moment) => wait for bytes until then, and give them to exchange.on_bytes(now, …),
//!         Step::Line(line) => show it,
//!         Step::Data(bytes) => keep them,
//!         Step::Done(reply) | Step::Failed(failure) => leave,
//!     }
//! }
//! ```
//!
//! [`Exchange::next`] must be asked again after every step but the last two. A unit does one thing at a time: one
//! exchange follows another. After one that failed in the middle of a data phase the unit may still wait for the rest;
//! only a restart brings it back.

mod exchange;
mod failure;
mod patience;
#[cfg(test)]
mod tests;

pub use exchange::{Exchange, Line, Reply, Step};
pub use failure::{Cause, Doing, Failure};
pub use patience::Patience;
