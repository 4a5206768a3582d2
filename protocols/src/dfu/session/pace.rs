//! When to ask about a block: at once, or when the unit is likely to be through with it.

use crate::dfu::message::State;
use crate::dfu::wire::StatusReply;
use std::time::Duration;

/// Learns how long a unit takes for a block.
///
/// A unit that works while it waits to be asked (dfuDNLOAD-SYNC) is asked twice a block: once to hear that it is busy
/// and for how long, and again after that. When it asks for the same time each block, the first question is spared by
/// waiting that long beforehand. A unit that only begins to work when it is asked shows that at the first such attempt,
/// and is never waited for again.
#[derive(Debug, Default)]
pub(super) struct Pace {
    mode: Mode,
    blocks: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Mode {
    #[default]
    New,
    /// It asked for so long, so many times in a row.
    Seen(Duration, u32),
    /// It is waited for before it is asked.
    Waits(Duration),
    /// It begins to work when it is asked.
    Never,
}

/// Blocks in a row that must ask for the same time.
const ALIKE: u32 = 2;
/// A longer time is not guessed at: a wrong guess would cost as much.
const LONGEST: Duration = Duration::from_millis(200);
/// Now and then the unit is asked at once all the same: it may have become faster.
const PROBE: u32 = 64;

impl Pace {
    /// How long to wait before asking about the next block.
    pub(super) fn delay(&self) -> Duration {
        match self.mode {
            Mode::Waits(time) if !self.is_probe() => time,
            _ => Duration::ZERO,
        }
    }

    fn is_probe(&self) -> bool {
        self.blocks % PROBE == PROBE - 1
    }

    /// What the unit said when it was first asked about that block.
    pub(super) fn learn(&mut self, first: StatusReply) {
        let busy = matches!(first.state, State::DownloadBusy | State::DownloadSync);
        let asks = first.poll_timeout.duration();
        let probe = self.is_probe();
        self.blocks = self.blocks.wrapping_add(1);
        self.mode = match self.mode {
            Mode::Never => Mode::Never,
            Mode::Waits(time) if probe && busy && asks == time => Mode::Waits(time),
            Mode::Waits(_) if probe => Mode::New,
            Mode::Waits(_) if busy => Mode::Never,
            Mode::Waits(time) => Mode::Waits(time),
            _ if !busy || asks.is_zero() || asks > LONGEST => Mode::New,
            Mode::Seen(time, times) if time == asks && times + 1 >= ALIKE => Mode::Waits(time),
            Mode::Seen(time, times) if time == asks => Mode::Seen(time, times + 1),
            Mode::New | Mode::Seen(..) => Mode::Seen(asks, 1),
        };
    }
}
