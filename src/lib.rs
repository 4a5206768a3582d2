//! Hardwire: a wired USB/serial provisioning station.
//!
//! Data flows one way: profile in, plan, run, evidence out. ARCHITECTURE.md has the map.
#![forbid(unsafe_code)]

pub mod cli;
pub mod clock;
pub mod detect;
pub mod device;
pub mod digest;
pub mod drivers;
mod durable;
pub mod error;
pub mod home;
pub mod ledger;
pub mod link;
pub mod plan;
pub mod profile;
pub mod run;
pub mod station;
pub mod steps;
pub mod ui;
pub mod vault;
