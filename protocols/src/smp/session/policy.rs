//! How patient to be, and how much to ask of a unit.

use crate::smp::wire::{CONSOLE_OVERHEAD, Framing};
use std::time::Duration;

/// How long to wait for an answer, and how often to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Time for one try, from the moment the request is on the line.
    pub timeout: Duration,
    /// How often to ask in all; at least once.
    pub tries: u32,
}

impl RetryPolicy {
    /// Is anybody there? Zephyr answers an echo in some 20 ms; half a second forgives a busy USB hub, and two tries a
    /// line that held half a command of somebody else.
    pub const PROBE: Self = Self::new(Duration::from_millis(500), 2);

    /// A command that reads or writes a little. Writing settings may make the unit collect garbage in its flash,
    /// which takes a second or two on slow parts.
    pub const COMMAND: Self = Self::new(Duration::from_millis(2500), 3);

    /// A command after which the unit may be gone. Its answer may be lost with it, and a second reset would hit the
    /// unit when it is coming up.
    pub const RESET: Self = Self::new(Duration::from_millis(2500), 1);

    /// A command that erases a slot: 1 MiB in sectors of 4 KiB at 100 ms each is 26 s. Asking again while the unit
    /// is erasing only fills its buffers.
    pub const ERASE: Self = Self::new(Duration::from_secs(40), 1);

    /// This timeout and number of tries.
    #[must_use]
    pub const fn new(timeout: Duration, tries: u32) -> Self {
        Self { timeout, tries }
    }

    /// A hash over `bytes`: slow parts read and hash some 100 kB a second.
    #[must_use]
    pub const fn hash(bytes: u64) -> Self {
        let extra = Duration::from_millis(bytes.saturating_div(100));
        Self::new(Self::COMMAND.timeout.saturating_add(extra), 2)
    }
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self::COMMAND
    }
}

/// What a unit takes: sizes as its parameters command gives them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest message (header and body), in bytes.
    pub message: usize,
    /// Requests that the unit can hold at once, at least 1.
    pub window: usize,
}

impl Limits {
    /// What Zephyr is built with unless told otherwise, for units that do not answer the parameters command: buffers of
    /// 384 bytes, and one request at a time because the number of buffers is unknown.
    pub const DEFAULT: Self = Self { message: 384 - CONSOLE_OVERHEAD, window: 1 };

    /// More requests than this are never kept in flight, whatever the unit says: sequence numbers are one byte, and
    /// an answer must not be taken for that of a request 256 earlier.
    pub const MAX_WINDOW: usize = 64;

    /// Limits of a unit that answers the parameters command with these. The buffer holds the decoded console frame, so
    /// its message is four bytes shorter.
    #[must_use]
    pub fn from_parameters(buf_size: u32, buf_count: u32) -> Self {
        let size = usize::try_from(buf_size).unwrap_or(usize::MAX).min(usize::from(u16::MAX));
        let count = usize::try_from(buf_count).unwrap_or(usize::MAX);
        Self { message: size.saturating_sub(CONSOLE_OVERHEAD), window: count.clamp(1, Self::MAX_WINDOW) }
    }

    /// These limits with messages that fit so many console lines; no change for raw framing.
    ///
    /// For units whose UART driver holds less than the protocol's buffers: a request that comes in one burst of more
    /// lines is dropped without an answer. An echo of full length at the beginning tells.
    #[must_use]
    pub const fn within_lines(self, framing: Framing, lines: usize) -> Self {
        let fits = match framing {
            Framing::Console(line) => (line.payload() * lines).saturating_sub(CONSOLE_OVERHEAD),
            Framing::Raw => return self,
        };
        if fits < self.message { Self { message: fits, ..self } } else { self }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Patience of a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransferPolicy {
    /// For the piece at offset 0, upon which a unit may erase a whole slot before it answers.
    pub first: RetryPolicy,
    /// For every other piece, counted from the last progress. A unit that has answered quickly so far is asked again
    /// sooner than that, but not given up sooner than after all tries at full length.
    pub piece: RetryPolicy,
    /// Least time before a piece is sent again. Flash that erases a sector, or a file system that collects garbage, now
    /// and then takes some tenths of a second longer than usual.
    pub soonest: Duration,
    /// Answers in a row that may bring no progress, such as an offset that we were at before.
    pub max_stalls: u32,
    /// How often in a row the unit may be busy.
    pub max_busy: u32,
    /// Pause before asking a busy unit again.
    pub busy_pause: Duration,
}

impl TransferPolicy {
    /// For image uploads. Erasing takes as in [`RetryPolicy::ERASE`]; a second try of the first piece is harmless, for it
    /// names the same upload. Pieces may each erase a sector.
    pub const IMAGE: Self = Self {
        first: RetryPolicy::new(Duration::from_secs(40), 2),
        piece: RetryPolicy::new(Duration::from_millis(2500), 5),
        soonest: Duration::from_millis(300),
        max_stalls: 8,
        max_busy: 40,
        busy_pause: Duration::from_millis(50),
    };

    /// For files. Nothing is erased at once, but a file system may collect garbage at any piece.
    pub const FILE: Self = Self {
        first: RetryPolicy::new(Duration::from_millis(2500), 5),
        piece: RetryPolicy::new(Duration::from_millis(2500), 5),
        soonest: Duration::from_millis(300),
        max_stalls: 8,
        max_busy: 40,
        busy_pause: Duration::from_millis(50),
    };
}
