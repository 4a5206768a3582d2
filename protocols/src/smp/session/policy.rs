use crate::smp::wire::CONSOLE_OVERHEAD;
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
    /// For every other piece. Tries count from the last progress.
    pub piece: RetryPolicy,
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
        max_stalls: 8,
        max_busy: 40,
        busy_pause: Duration::from_millis(100),
    };

    /// For files. Nothing is erased at once, but a file system may collect garbage at any piece.
    pub const FILE: Self = Self {
        first: RetryPolicy::new(Duration::from_millis(5000), 3),
        piece: RetryPolicy::new(Duration::from_millis(2500), 5),
        max_stalls: 8,
        max_busy: 40,
        busy_pause: Duration::from_millis(100),
    };
}
