//! Zephyr's basic group.

use super::Empty;
use super::macros::request;

request! {
    /// Erase the storage partition: all settings, and files that live there.
    EraseStorage = "erase storage", Write ZEPHYR_BASIC 0 => Empty {}
}
