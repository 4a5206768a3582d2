//! Group statistics: counters that the firmware keeps.

use super::Text;
use super::macros::{record, request};
use std::collections::BTreeMap;

request! {
    /// Ask for the counters of one statistics group.
    Data = "statistics data", Read STATISTICS 0 => DataReply {
        /// Name of the statistics group.
        "name" => name: String,
    }
}
record! {
    /// Answer to [`Data`].
    #[derive(Default)]
    DataReply {
        /// Name of the statistics group.
        "name" => name: Option<Text>,
        /// Counters by name; units built without names number them.
        "fields" => fields: BTreeMap<Text, u64>,
    }
}

request! {
    /// Ask for the names of the statistics groups.
    List = "statistics list", Read STATISTICS 1 => ListReply {}
}
record! {
    /// Answer to [`List`].
    #[derive(Default)]
    ListReply {
        /// Names of the statistics groups.
        "stat_list" => names: Vec<Text>,
    }
}
