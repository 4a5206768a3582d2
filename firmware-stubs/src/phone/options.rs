//! What a phone is told to be.

use crate::{adb, fastboot};
use std::path::PathBuf;

/// What a phone is at a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Its system.
    #[default]
    Android,
    /// Recovery.
    Recovery,
    /// Recovery, waiting for a package.
    Sideload,
    /// Its bootloader.
    Bootloader,
    /// Fastboot in userspace.
    Fastbootd,
}

/// A phone: what it is in each mode. State, serial number and product of both halves are those of `adb`.
#[derive(Clone, Debug)]
pub struct Options {
    /// What speaks ADB.
    pub adb: adb::Options,
    /// What speaks fastboot.
    pub fastboot: fastboot::Options,
    /// What it is when power comes.
    pub first: Mode,
}

impl Options {
    /// A healthy phone with its state in `state`, which runs Android.
    #[must_use]
    pub fn new(state: PathBuf) -> Self {
        let (adb, fastboot) = (adb::Options::new(state.clone()), fastboot::Options::new(state));
        Self { adb, fastboot, first: Mode::Android }
    }
}
