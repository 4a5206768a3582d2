//! Hardwire against device software that nobody here wrote. See `support` for what a machine needs.
#![allow(clippy::disallowed_methods, reason = "real devices live in real time")]

mod driver;
mod mcuboot;
mod smoke;
mod support;
mod zephyr;
