//! What should be true of a unit: schema, loading, inputs, artifacts, templates.

pub mod model;
