//! Group os: echo, tasks, memory pools, time, reset, parameters, and who the unit is.

use super::cbor::{DecodeError, Reader, Value, Writer};
use super::macros::{record, request};
use super::{Empty, Text};
use crate::smp::header::Header;
use std::collections::BTreeMap;

request! {
    /// Have text sent back: is anybody there?
    Echo = "echo", Write OS 0 => EchoReply {
        /// The text.
        "d" => text: String,
    }
}
impl Echo {
    /// An echo whose message has `limit` bytes, or one less where no length fits exactly.
    ///
    /// Any answer to it, a refusal too, tells that the unit takes messages of that length. None tells that something
    /// before the protocol (a UART driver with a few small buffers) drops them.
    #[must_use]
    pub fn filling(limit: usize) -> Self {
        // Header, a map of one entry, its key, and the head of the text, which grows with its length.
        let room = limit.saturating_sub(Header::LEN + 3);
        let head = match room {
            0..=24 => 1,
            25..=257 => 2,
            _ => 3,
        };
        Self { text: "*".repeat(room.saturating_sub(head)) }
    }
}

record! {
    /// Answer to [`Echo`].
    #[derive(Default)]
    EchoReply {
        /// The text of the request.
        "r" => text: Text,
    }
}

request! {
    /// Ask for the tasks (threads) and their stacks.
    TaskStatistics = "task statistics", Read OS 2 => TaskStatisticsReply {}
}
record! {
    /// Answer to [`TaskStatistics`].
    #[derive(Default)]
    TaskStatisticsReply {
        /// By name of the task; some units number them instead.
        "tasks" => tasks: BTreeMap<Text, Task>,
    }
}
record! {
    /// One task. Zephyr may leave out what its build does not measure.
    #[derive(Default)]
    Task {
        /// Priority; cooperative threads of Zephyr have negative ones, which some builds send as a byte.
        "prio" => priority: i64,
        /// Number of the task.
        "tid" => id: u64,
        /// State bits of the operating system.
        "state" => state: u64,
        /// Most of the stack ever used, in words of 4 bytes (on Zephyr).
        "stkuse" => stack_used: Option<u64>,
        /// Size of the stack, in words of 4 bytes (on Zephyr).
        "stksiz" => stack_size: Option<u64>,
        /// Context switches.
        "cswcnt" => context_switches: Option<u64>,
        /// Run time in ticks or cycles of the unit.
        "runtime" => run_time: Option<u64>,
        /// Last check-in with the watchdog, in ticks.
        "last_checkin" => last_check_in: Option<u64>,
        /// Next check-in with the watchdog, in ticks.
        "next_checkin" => next_check_in: Option<u64>,
    }
}

request! {
    /// Ask for the memory pools.
    PoolStatistics = "memory pool statistics", Read OS 3 => PoolStatisticsReply {}
}

/// Answer to [`PoolStatistics`]: pools by name, at the top of the message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PoolStatisticsReply {
    /// By name of the pool.
    pub pools: BTreeMap<Text, Pool>,
}

record! {
    /// One memory pool.
    #[derive(Default)]
    Pool {
        /// Bytes of a block.
        "blksiz" => block_size: u64,
        /// Blocks in the pool.
        "nblks" => blocks: u64,
        /// Free blocks.
        "nfree" => free: u64,
        /// Fewest free blocks ever.
        "min" => fewest_free: u64,
    }
}

impl Value for PoolStatisticsReply {
    fn encode(&self, w: &mut Writer) {
        self.pools.encode(w);
    }

    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut pools = BTreeMap::new();
        r.map(|r, key| {
            // A good answer may hold `rc` beside the pools, which is no pool.
            if key == "rc" {
                return r.skip();
            }
            pools.insert(Text::from(key), Pool::decode(r)?);
            Ok(())
        })?;
        Ok(Self { pools })
    }
}

request! {
    /// Ask for date and time.
    DateTimeGet = "date and time", Read OS 4 => DateTimeReply {}
}
record! {
    /// Answer to [`DateTimeGet`].
    #[derive(Default)]
    DateTimeReply {
        /// `yyyy-MM-dd'T'HH:mm:ss.SSSSSS`, possibly with an offset.
        "datetime" => datetime: Text,
    }
}
request! {
    /// Set date and time.
    DateTimeSet = "set date and time", Write OS 4 => Empty {
        /// `yyyy-MM-dd'T'HH:mm:ss.SSSSSS`; at most 26 characters on Zephyr.
        "datetime" => datetime: String,
    }
}

request! {
    /// Restart the unit. It answers before it does.
    Reset = "reset", Write OS 5 => Empty {
        /// 1 restarts a unit that answered "busy" to a reset without this.
        "force" => force: Option<u8>,
        /// Boot mode to leave for the next start: 0 normal, 1 bootloader (Zephyr 4.2 and later, if built in).
        "boot_mode" => boot_mode: Option<u8>,
    }
}

request! {
    /// Ask for the sizes that bound messages to the unit.
    Parameters = "MCUmgr parameters", Read OS 6 => ParametersReply {}
}
record! {
    /// Answer to [`Parameters`].
    #[derive(Default)]
    ParametersReply {
        /// Bytes of a buffer, which holds a decoded frame: on a console four bytes more than the message.
        "buf_size" => buf_size: u32,
        /// Number of such buffers.
        "buf_count" => buf_count: u32,
    }
}

request! {
    /// Ask who the unit is, as `uname` would.
    OsInfo = "OS information", Read OS 7 => OsInfoReply {
        /// Fields to give: `s` kernel name (the default), `n` node, `r` release, `v` version, `b` build time, `m`
        /// machine, `p` processor, `i` hardware platform, `o` operating system, `a` all.
        "format" => format: Option<String>,
    }
}
record! {
    /// Answer to [`OsInfo`].
    #[derive(Default)]
    OsInfoReply {
        /// The fields in the order of the list above, whatever the order asked, separated by spaces.
        "output" => output: Text,
    }
}

request! {
    /// Ask the bootloader's name, or something about it.
    BootloaderInfo = "bootloader information", Read OS 8 => BootloaderInfoReply {
        /// `mode` asks MCUboot how it swaps; nothing asks for the name.
        "query" => query: Option<String>,
    }
}
record! {
    /// Answer to [`BootloaderInfo`]: which keys are there depends on the query.
    #[derive(Default)]
    BootloaderInfoReply {
        /// Name, "MCUboot" usually.
        "bootloader" => bootloader: Option<Text>,
        /// How MCUboot swaps: see [`BootloaderMode`].
        "mode" => mode: Option<BootloaderMode>,
        /// Whether the bootloader refuses older versions.
        "no-downgrade" => no_downgrade: Option<bool>,
    }
}

/// How MCUboot brings an uploaded image to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BootloaderMode {
    /// The unit does not know.
    Unknown,
    /// One slot only: uploads replace the running image.
    SingleApplication,
    /// Swap by a scratch area; an unconfirmed image is reverted.
    SwapScratch,
    /// Overwrite; there is no way back.
    OverwriteOnly,
    /// Swap by moving; an unconfirmed image is reverted.
    SwapMove,
    /// Run in place, no way back.
    DirectXip,
    /// Run in place; an unconfirmed image is reverted.
    DirectXipRevert,
    /// Copied to RAM and run there.
    RamLoad,
    /// A loader for firmware in the other slot.
    FirmwareLoader,
    /// RAM loading with revert.
    RamLoadRevert,
    /// Swap using an offset; an unconfirmed image is reverted.
    SwapOffset,
    /// A mode that the specification did not list.
    Other(i64),
}

impl BootloaderMode {
    const KNOWN: [(i64, Self); 11] = [
        (-1, Self::Unknown),
        (0, Self::SingleApplication),
        (1, Self::SwapScratch),
        (2, Self::OverwriteOnly),
        (3, Self::SwapMove),
        (4, Self::DirectXip),
        (5, Self::DirectXipRevert),
        (6, Self::RamLoad),
        (7, Self::FirmwareLoader),
        (8, Self::RamLoadRevert),
        (9, Self::SwapOffset),
    ];

    /// Whether an image that is not confirmed gives way to the old one at the next restart. `None`: not known.
    #[must_use]
    pub const fn reverts(self) -> Option<bool> {
        match self {
            Self::SwapScratch | Self::SwapMove | Self::SwapOffset | Self::DirectXipRevert | Self::RamLoadRevert => {
                Some(true)
            }
            Self::SingleApplication | Self::OverwriteOnly | Self::DirectXip | Self::RamLoad | Self::FirmwareLoader => {
                Some(false)
            }
            Self::Unknown | Self::Other(_) => None,
        }
    }
}

impl Value for BootloaderMode {
    fn encode(&self, w: &mut Writer) {
        let number = match self {
            Self::Other(number) => *number,
            known => Self::KNOWN.iter().find(|(_, mode)| mode == known).map_or(-1, |(number, _)| *number),
        };
        w.signed(number);
    }

    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let number = r.signed()?;
        let known = Self::KNOWN.iter().find(|(known, _)| *known == number);
        Ok(known.map_or(Self::Other(number), |(_, mode)| *mode))
    }
}
