//! The two slots, the lock, and what else the bootloader keeps for itself.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Attempts that a slot has to start.
const RETRIES: u8 = 7;

/// One of the two sets of partitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Slot {
    /// `_a`.
    A,
    /// `_b`.
    B,
}

impl Slot {
    /// Both.
    pub const ALL: [Self; 2] = [Self::A, Self::B];

    /// The slot of this name: `a`, or `_a` as some write it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text.strip_prefix('_').unwrap_or(text) {
            "a" => Some(Self::A),
            "b" => Some(Self::B),
            _ => None,
        }
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::A => "a",
            Self::B => "b",
        })
    }
}

/// What the bootloader knows of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotState {
    /// It has started to its end.
    pub successful: bool,
    /// It is given up.
    pub unbootable: bool,
    /// Attempts that are left.
    pub retry_count: u8,
}

/// What the bootloader keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kept {
    pub(super) current: Slot,
    pub(super) a: SlotState,
    pub(super) b: SlotState,
    pub(super) unlocked: bool,
    pub(super) rollback_index: u64,
}

impl Kept {
    pub(super) fn new(unlocked: bool, rollback_index: u64) -> Self {
        let fresh = SlotState { successful: false, unbootable: false, retry_count: RETRIES };
        Self { current: Slot::A, a: SlotState { successful: true, ..fresh }, b: fresh, unlocked, rollback_index }
    }

    pub(super) fn of(&self, slot: Slot) -> SlotState {
        match slot {
            Slot::A => self.a,
            Slot::B => self.b,
        }
    }

    /// The slot to start from; it has all of its attempts again.
    pub(super) fn activate(&mut self, slot: Slot) {
        let fresh = SlotState { successful: false, unbootable: false, retry_count: RETRIES };
        self.current = slot;
        match slot {
            Slot::A => self.a = fresh,
            Slot::B => self.b = fresh,
        }
    }

    /// The slot that runs has started to its end.
    pub(super) fn succeed(&mut self) {
        let good = SlotState { successful: true, unbootable: false, retry_count: RETRIES };
        match self.current {
            Slot::A => self.a = good,
            Slot::B => self.b = good,
        }
    }
}
