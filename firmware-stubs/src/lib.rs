//! The device side: stand-in devices that keep their state across power cuts.
#![forbid(unsafe_code)]
