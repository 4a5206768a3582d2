//! What should be true of a unit: schema, loading, inputs, artifacts, templates.
//!
//! A profile goes through four hands: [`load()`] reads and checks it, [`Profile::prepare`] opens its artifacts,
//! [`Profile::gather`] finds the inputs of one unit, and [`Prepared::resolve`] makes of all that the [`model::Resolved`]
//! that plans and runs work with. Everything wrong with it is found before a unit is touched, and named by file and line.

mod artifact;
mod document;
mod draft;
pub(crate) mod edit;
mod factory;
mod facts;
mod given;
mod inputs;
mod load;
mod lock;
pub mod model;
pub(crate) mod node;
mod prepare;
mod read;
mod read_body;
mod read_step;
mod resolve;
mod schema;
mod shelf;
mod show;
pub(crate) mod source;
mod template;
#[cfg(test)]
mod tests;
mod tree;
mod value;

pub use artifact::open_file;
pub use document::{From, Input, LinkOptions, Profile};
pub use draft::draft;
pub use factory::{Factory, HowFactory};
pub use facts::{Facts, Fit, Match};
pub use given::{Given, UnitNames};
pub use inputs::{InputValue, Inputs, Prompt, Sources};
pub use load::{load, load_text};
pub use lock::{Locked, lock};
pub use prepare::Prepared;
pub(crate) use prepare::to_json;
pub(crate) use read::read_link;
pub(crate) use read_step::duration as read_duration;
pub use schema::schema;
pub use shelf::{NoShelf, Shelf, Snapshot};
pub use show::Shown;
