//! How patient to be.

use std::time::Duration;

/// How long a unit may take for what, and how often to ask.
///
/// A unit says by itself how long it wants to be left alone (`bwPollTimeout`), which is honoured as long as it stays
/// within these; one that asks for more is given up at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// One control transfer.
    pub transfer: Duration,
    /// Writing a block or setting an address, polls included.
    pub block: Duration,
    /// Erasing a page.
    pub erase: Duration,
    /// Erasing all of the memory.
    pub mass_erase: Duration,
    /// Putting the new firmware in place.
    pub manifest: Duration,
    /// Becoming idle from whatever state it was left in.
    pub prepare: Duration,
    /// How often in a row the unit may fail to tell its status.
    pub tries: u32,
    /// Pause before asking a unit again that did not tell its status.
    pub pause: Duration,
    /// Requests that may be spent on bringing a unit to idle.
    pub prepare_requests: u32,
}

impl Policy {
    /// Five seconds a transfer is what USB 2.0 §9.2.6.1 allows a unit at most, and what an STM32F7 was seen to need
    /// while it erases. Flash pages of 128 KiB take two seconds at worst, 2 MiB at once some thirty; manifestation may
    /// copy a whole image.
    pub const DEFAULT: Self = Self {
        transfer: Duration::from_secs(5),
        block: Duration::from_secs(30),
        erase: Duration::from_secs(30),
        mass_erase: Duration::from_secs(120),
        manifest: Duration::from_secs(90),
        prepare: Duration::from_secs(30),
        tries: 4,
        pause: Duration::from_millis(100),
        prepare_requests: 16,
    };

    /// Pause before asking a busy unit again that asks for `wanted`: never shorter, and growing a little for a unit that
    /// asks for none and stays busy, so that it is not asked a thousand times a second.
    pub(super) fn pause_after(wanted: Duration, busy: u32) -> Duration {
        const UNPACED: u32 = 4;
        const LONGEST: u32 = 10;
        wanted.max(Duration::from_millis(u64::from(busy.saturating_sub(UNPACED).min(LONGEST))))
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self::DEFAULT
    }
}
