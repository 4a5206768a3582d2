//! Group enumeration: which groups the unit has.

use super::Text;
use super::macros::{record, request};

request! {
    /// Ask how many groups there are.
    Count = "group count", Read ENUMERATION 0 => CountReply {}
}
record! {
    /// Answer to [`Count`].
    #[derive(Default)]
    CountReply {
        /// Number of groups.
        "count" => count: u32,
    }
}

request! {
    /// Ask for all group numbers.
    List = "group list", Read ENUMERATION 1 => ListReply {}
}
record! {
    /// Answer to [`List`].
    #[derive(Default)]
    ListReply {
        /// Numbers of the groups.
        "groups" => groups: Vec<u16>,
    }
}

request! {
    /// Ask for one group number.
    Single = "group by index", Read ENUMERATION 2 => SingleReply {
        /// Which one, from 0; absent means the first.
        "index" => index: Option<u32>,
    }
}
record! {
    /// Answer to [`Single`].
    #[derive(Default)]
    SingleReply {
        /// Number of the group.
        "group" => group: u16,
        /// Whether it is the last one; absent means no.
        "end" => end: Option<bool>,
    }
}

request! {
    /// Ask for names and sizes of groups.
    Details = "group details", Read ENUMERATION 3 => DetailsReply {
        /// Only these; absent means all.
        "groups" => groups: Option<Vec<u16>>,
    }
}
record! {
    /// Answer to [`Details`].
    #[derive(Default)]
    DetailsReply {
        /// The groups.
        "groups" => groups: Vec<GroupDetails>,
    }
}
record! {
    /// One group.
    #[derive(Default)]
    GroupDetails {
        /// Its number.
        "group" => group: u16,
        /// Its name.
        "name" => name: Option<Text>,
        /// Number of its commands.
        "handlers" => handlers: Option<u32>,
    }
}
