//! Carries a plan out on one unit: progress, verify, retry, cancel, evidence.

pub mod event;
pub mod report;

pub use crate::steps::person;
