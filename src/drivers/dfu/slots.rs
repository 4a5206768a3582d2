//! Alternate settings as named slots.

use std::collections::BTreeMap;

use protocols::dfu::wire::Layout;

use crate::error::{Error, Kind, Result};

/// The most characters of a slot's name.
const MAX_NAME: usize = 40;

/// An alternate setting of the DFU interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Slot {
    /// Its name: made of its string, or `alt0`.
    pub name: String,
    /// The number of the setting.
    pub alternate: u8,
    /// The memory behind it, where the unit speaks DfuSe and shows it.
    pub layout: Option<Layout>,
}

/// Where in which slot.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub slot: &'a Slot,
    /// The address that was named behind the slot.
    pub address: Option<u32>,
}

/// Slots of alternate settings and their strings; `dfuse` says whether the strings hold layouts.
pub(super) fn named(settings: Vec<(u8, Option<String>)>, dfuse: bool) -> Vec<Slot> {
    let mut slots: Vec<Slot> = settings
        .into_iter()
        .map(|(alternate, text)| {
            let layout = text.as_deref().filter(|_| dfuse).and_then(|text| Layout::parse(text).ok());
            let shown = layout.as_ref().map(|layout| layout.name.as_str()).or(text.as_deref());
            let name = slug(shown.unwrap_or_default()).unwrap_or_else(|| format!("alt{alternate}"));
            Slot { name, alternate, layout: layout.filter(|layout| !layout.regions.is_empty()) }
        })
        .collect();
    // Two of one name are told apart by their numbers; a name that looks like that of another then is, too.
    let mut count: BTreeMap<String, usize> = BTreeMap::new();
    for slot in &slots {
        *count.entry(slot.name.clone()).or_default() += 1;
    }
    for slot in slots.iter_mut().filter(|slot| count.get(&slot.name).is_some_and(|count| *count > 1)) {
        slot.name = format!("{}.{}", slot.name, slot.alternate);
    }
    let mut seen = std::collections::BTreeSet::new();
    for slot in &mut slots {
        if !seen.insert(slot.name.clone()) {
            slot.name = format!("alt{}-{}", slot.alternate, slot.name);
            seen.insert(slot.name.clone());
        }
    }
    slots
}

/// A unit's text as a name that a profile can write: letters, digits, `_`, `-` and `.`, all else a dash.
fn slug(text: &str) -> Option<String> {
    let mut name = String::new();
    for c in text.chars().take(MAX_NAME) {
        match c {
            _ if c.is_ascii_alphanumeric() || matches!(c, '_' | '.') => name.push(c.to_ascii_lowercase()),
            _ if !name.is_empty() && !name.ends_with('-') => name.push('-'),
            _ => {}
        }
    }
    let name = name.trim_end_matches('-');
    (!name.is_empty()).then(|| name.to_owned())
}

/// The slot and address that `text` names: `firmware`, `internal-flash/0x08004000`.
pub(super) fn place<'a>(text: &str, slots: &'a [Slot]) -> Result<Place<'a>> {
    if let Some(slot) = slots.iter().find(|slot| slot.name == text) {
        return Ok(Place { slot, address: None });
    }
    let (name, address) = text.split_once('/').unwrap_or((text, ""));
    let address = address
        .strip_prefix("0x")
        .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
        .and_then(|digits| u32::from_str_radix(digits, 16).ok());
    match (slots.iter().find(|slot| slot.name == name), address) {
        (Some(slot), Some(address)) if slot.layout.is_some() => Ok(Place { slot, address: Some(address) }),
        (Some(slot), Some(_)) => Err(Error::new(
            Kind::Unsupported,
            format!("slot {} has no addresses: the unit shows no memory layout for it", slot.name),
        )
        .next("name the slot alone")),
        (Some(_), None) if text.contains('/') => {
            Err(Error::new(Kind::Invalid, format!("`{}` holds no address", text.escape_debug()))
                .next("write SLOT/0xADDRESS, as in internal-flash/0x08004000"))
        }
        _ => {
            let names: Vec<&str> = slots.iter().map(|slot| slot.name.as_str()).collect();
            let sentence = format!("the unit has no slot {} (it has: {})", text.escape_debug(), names.join(", "));
            Err(Error::new(Kind::Unsupported, sentence).next("`hardwire info` lists them"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(texts: &[&str]) -> Vec<String> {
        let settings = (0..).zip(texts).map(|(alternate, text)| (alternate, Some((*text).to_owned()))).collect();
        named(settings, true).into_iter().map(|slot| slot.name).collect()
    }

    #[test]
    fn names_are_unique_and_can_be_written_down_whatever_the_unit_says() {
        assert_eq!(
            names(&["@Internal Flash  /0x08000000/04*016Kg", "@Option Bytes /0x1FFFC000/01*016 e", "firmware"]),
            ["internal-flash", "option-bytes", "firmware"]
        );
        assert_eq!(
            names(&["", "\u{1b}[2J\u{202e}", "app", "APP", "app.2"]),
            ["alt0", "2j", "app.2", "app.3", "alt4-app.2"]
        );
        let long = "x".repeat(200);
        assert_eq!(names(&[&long])[0].len(), MAX_NAME);
        assert_eq!(named(vec![(7, None)], false)[0].name, "alt7");
    }

    #[test]
    fn an_address_may_be_named_behind_a_slot_that_has_any() {
        let text = |text: &str| Some(text.to_owned());
        let slots = named(vec![(0, text("@Flash/0x08000000/04*016Kg")), (1, text("plain"))], true);
        let placed = place("flash/0x08004000", &slots).unwrap();
        assert_eq!((placed.slot.alternate, placed.address), (0, Some(0x0800_4000)));
        assert_eq!(place("plain", &slots).unwrap().slot.alternate, 1);
        for (wrong, kind) in [
            ("plain/0x0", Kind::Unsupported),
            ("flash/8000", Kind::Invalid),
            ("flash/0x100000000", Kind::Invalid),
            ("secondary", Kind::Unsupported),
        ] {
            assert_eq!(place(wrong, &slots).unwrap_err().kind(), kind, "{wrong}");
        }
    }
}
