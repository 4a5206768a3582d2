//! Imports point one way. This test holds the rooms of `src/` to the map in ARCHITECTURE.md.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Room, and the rooms that it may use besides `error`, `clock` and `digest`, which every room may.
const MAY_USE: &[(&str, &[&str])] = &[
    ("error", &[]),
    ("clock", &[]),
    ("digest", &[]),
    ("device", &[]),
    ("link", &[]),
    ("home", &[]),
    ("drivers", &["device", "link"]),
    ("profile", &["device"]),
    ("detect", &["device", "link"]),
    ("ledger", &["home"]),
    ("vault", &["home"]),
    ("steps", &["profile", "device"]),
    ("plan", &["steps", "profile", "device"]),
    ("run", &["plan", "steps", "profile", "device", "ledger", "vault", "home"]),
    ("station", &["run", "plan", "steps", "profile", "device", "drivers", "detect", "link", "ledger", "vault", "home"]),
    ("ui", &["run", "plan", "steps", "device", "profile"]),
    (
        "cli",
        &[
            "station", "run", "plan", "steps", "profile", "device", "drivers", "detect", "link", "ledger", "vault",
            "home", "ui",
        ],
    ),
];
const EVERYONE: &[&str] = &["error", "clock", "digest"];

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a readable folder") {
        let path = entry.expect("a readable entry").path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

/// The first path segments behind every `crate::`, groups included.
fn rooms_used(text: &str) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    for (at, _) in text.match_indices("crate::") {
        let rest = &text[at + "crate::".len()..];
        let names = match rest.strip_prefix('{') {
            Some(group) => first_segments(group),
            None => vec![rest],
        };
        let name = |text: &str| text.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        used.extend(names.into_iter().map(name));
    }
    used.remove("");
    used
}

fn first_segments(group: &str) -> Vec<&str> {
    let mut depth = 0;
    let mut parts = Vec::new();
    let mut start = 0;
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                parts.push(&group[start..at]);
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&group[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts
}

#[test]
fn rooms_use_only_what_the_map_allows() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let rooms: BTreeSet<&str> = MAY_USE.iter().map(|(room, _)| *room).collect();
    let mut wrong = Vec::new();
    for path in sources(&src) {
        let inside = path.strip_prefix(&src).expect("below src");
        let first = inside.iter().next().and_then(|part| part.to_str()).expect("a name");
        let room = first.trim_end_matches(".rs");
        if room == "lib" || room == "main" {
            continue;
        }
        let allowed = MAY_USE.iter().find(|(name, _)| *name == room).map(|(_, allowed)| *allowed);
        let Some(allowed) = allowed else {
            wrong.push(format!("{room} is not on the map"));
            continue;
        };
        for used in rooms_used(&fs::read_to_string(&path).expect("readable source")) {
            let fine = used == room || EVERYONE.contains(&used.as_str()) || allowed.contains(&used.as_str());
            if !fine && rooms.contains(used.as_str()) {
                wrong.push(format!("{} uses {used}", inside.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "imports against the map:\n{}", wrong.join("\n"));
}

#[test]
fn drivers_and_protocols_read_no_clock_and_no_environment_and_print_nothing() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let forbidden =
        ["Instant::now", "SystemTime::now", "thread::sleep", "std::env::", "println!", "eprintln!", "print!("];
    let mut wrong = Vec::new();
    for folder in ["src/drivers", "protocols/src"] {
        for path in sources(&root.join(folder)) {
            let text = fs::read_to_string(&path).expect("readable source");
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            if path.iter().any(|part| part == "tests" || part == "tests.rs") {
                continue;
            }
            wrong.extend(
                forbidden.iter().filter(|word| code.contains(**word)).map(|word| format!("{}: {word}", path.display())),
            );
        }
    }
    assert!(wrong.is_empty(), "time is handed in, words are for cli:\n{}", wrong.join("\n"));
}

#[test]
fn stand_ins_never_use_the_station() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for crate_folder in ["protocols", "firmware-stubs"] {
        for path in sources(&root.join(crate_folder).join("src")) {
            let text = fs::read_to_string(&path).expect("readable source");
            assert!(!text.contains("hardwire::"), "{} uses the station", path.display());
        }
    }
}

#[test]
fn the_scanner_sees_groups_and_paths() {
    let text = "use crate::{device::{Unit, Mode}, link}; let x = crate::plan::make();";
    let used = rooms_used(text);
    assert_eq!(used.into_iter().collect::<Vec<_>>(), ["device", "link", "plan"]);
}
