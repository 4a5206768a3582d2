//! What phones' two families share: partitions by name, and what a file makes of one.
//!
//! Names that there are once a slot, as profiles spell them:
//!
//! `boot` is the one of the slot that runs, `a/boot` the one of slot a, `other/system` the one of the slot that does not
//! run; `boot_a` is a name like any other.

mod image;

pub(super) use image::{Artifact, unreadable};

/// What `slot` may be called on a unit that runs from the slot `current`, the likeliest first.
pub(super) fn candidates(slot: &str, current: Option<&str>) -> Vec<String> {
    match slot.split_once('/') {
        Some(("other", name)) => current.map(|current| format!("{name}_{}", other(current))).into_iter().collect(),
        Some((letter @ ("a" | "b"), name)) => vec![format!("{name}_{letter}"), name.to_owned()],
        _ => std::iter::once(slot.to_owned()).chain(current.map(|current| format!("{slot}_{current}"))).collect(),
    }
}

/// The other of two slots.
fn other(current: &str) -> &'static str {
    if current == "a" { "b" } else { "a" }
}

#[cfg(test)]
mod tests {
    use super::candidates;

    #[test]
    fn a_slot_may_stand_before_a_name() {
        assert_eq!(candidates("boot", Some("b")), ["boot", "boot_b"]);
        assert_eq!(candidates("boot", None), ["boot"]);
        assert_eq!(candidates("a/boot", Some("b")), ["boot_a", "boot"]);
        assert_eq!(candidates("other/system", Some("b")), ["system_a"]);
        assert_eq!(candidates("other/system", None), [""; 0]);
        assert_eq!(candidates("x/boot", Some("a")), ["x/boot", "x/boot_a"]);
    }
}
