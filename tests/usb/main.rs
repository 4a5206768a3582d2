//! Hardwire on real USB: each test runs in a small virtual machine whose kernel holds both ends of every cable.
//!
//! A test begins with `if !in_the_bench!() { return; }`. See `support::bench` for what that does and CONTRIBUTING.md
//! for how to run one and look inside.
#![allow(clippy::disallowed_methods, reason = "kernels and devices live in real time")]

mod adbd;
mod agree;
mod apply_dfu;
mod apply_smp;
mod bad_input;
mod bays;
mod cuts;
mod detect;
#[path = "../devices/support/mod.rs"]
mod devices;
mod hub;
mod line;
mod link;
#[path = "../noise/mod.rs"]
mod noise;
mod phone_cuts;
mod phones;
mod smoke;
mod stubs;
mod support;
