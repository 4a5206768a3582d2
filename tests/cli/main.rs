//! The command line as its users meet it: a cleared environment, stdout, stderr and exit code.
#![allow(clippy::unwrap_used, reason = "a test ends where its ground gives way")]

#[path = "../archives/mod.rs"]
mod archives;
#[path = "../noise/mod.rs"]
mod noise;
mod support;

mod batch;
mod bay;
mod demo;
mod detect;
mod factory;
mod fastboot;
mod faults;
mod help;
mod info;
mod ledger;
mod lies;
mod person;
mod phone;
mod profile;
mod runs;
mod usage;
mod vault;
