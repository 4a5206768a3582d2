//! Group settings: values by key. The protocol knows bytes only; what they mean is the reader's affair.

use super::macros::{record, request};
use super::{Bytes, Empty};

request! {
    /// Read a value.
    ReadSetting = "read setting", Read SETTINGS 0 => ReadSettingReply {
        /// The key.
        "name" => name: String,
        /// Most bytes to answer.
        "max_size" => max_size: Option<u32>,
    }
}
record! {
    /// Answer to [`ReadSetting`].
    #[derive(Default)]
    ReadSettingReply {
        /// The value.
        "val" => value: Bytes,
        /// Most bytes that the unit can answer, when that is less than was asked: the value may be cut.
        "max_size" => max_size: Option<u32>,
    }
}

request! {
    /// Set a value, in memory until it is committed and saved.
    WriteSetting = "write setting", Write SETTINGS 0 => Empty {
        /// The key.
        "name" => name: String,
        /// The value.
        "val" => value: Bytes,
    }
}

request! {
    /// Remove a key.
    DeleteSetting = "delete setting", Write SETTINGS 1 => Empty {
        /// The key.
        "name" => name: String,
    }
}

request! {
    /// Make what was written take effect.
    Commit = "commit settings", Write SETTINGS 2 => Empty {}
}

request! {
    /// Take all values from storage.
    Load = "load settings", Read SETTINGS 3 => Empty {}
}

request! {
    /// Put values into storage.
    Save = "save settings", Write SETTINGS 3 => Empty {
        /// Only the subtree under this key (Zephyr 4.0 and later); absent means all.
        "name" => name: Option<String>,
    }
}
