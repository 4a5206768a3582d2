//! Group log, as Apache Mynewt serves it. Zephyr has no server of this group.

use super::macros::{record, request};
use super::{Empty, Text, TextOrBytes};
use std::collections::BTreeMap;

request! {
    /// Ask for log entries.
    Show = "show log", Read LOG 0 => ShowReply {
        /// Name of a log; absent means all.
        "log_name" => name: Option<String>,
        /// Entries from this time on, in microseconds since the unit's start; -1 asks for the last one.
        "ts" => timestamp: Option<i64>,
        /// Entries from this index on.
        "index" => index: Option<u64>,
    }
}
record! {
    /// Answer to [`Show`].
    ShowReply {
        /// Index that the next entry will get.
        "next_index" => next_index: Option<u64>,
        /// The logs.
        "logs" => logs: Vec<Log>,
    }
}
record! {
    /// One log.
    Log {
        /// Its name.
        "name" => name: Text,
        /// How it is kept: 0 streamed, 1 memory, 2 storage.
        "type" => kind: Option<u64>,
        /// Its entries; there may be more than fit one answer.
        "entries" => entries: Option<Vec<Entry>>,
    }
}
record! {
    /// One entry of a log.
    Entry {
        /// What it says.
        "msg" => message: TextOrBytes,
        /// How the message is written: `str`, `cbor`, `bin`.
        "type" => kind: Option<Text>,
        /// Microseconds since the unit's start, or since 1970 when its clock is set.
        "ts" => timestamp: i64,
        /// 0 debug, 1 info, 2 warning, 3 error, 4 critical.
        "level" => level: u64,
        /// Index of the entry.
        "index" => index: u64,
        /// Number of the module that wrote it.
        "module" => module: u64,
    }
}

request! {
    /// Empty all logs.
    Clear = "clear log", Write LOG 1 => Empty {}
}

request! {
    /// Ask for the modules that write entries.
    ModuleList = "log module list", Read LOG 3 => ModuleListReply {}
}
record! {
    /// Answer to [`ModuleList`].
    #[derive(Default)]
    ModuleListReply {
        /// Numbers by name.
        "module_map" => modules: BTreeMap<Text, u64>,
    }
}

request! {
    /// Ask for the levels of entries.
    LevelList = "log level list", Read LOG 4 => LevelListReply {}
}
record! {
    /// Answer to [`LevelList`].
    #[derive(Default)]
    LevelListReply {
        /// Numbers by name.
        "level_map" => levels: BTreeMap<Text, u64>,
    }
}

request! {
    /// Ask for the names of the logs.
    List = "log list", Read LOG 5 => ListReply {}
}
record! {
    /// Answer to [`List`].
    #[derive(Default)]
    ListReply {
        /// Names of the logs.
        "log_list" => names: Vec<Text>,
    }
}
