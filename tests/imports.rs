//! Imports point one way. This test holds the rooms of `src/` to the map in ARCHITECTURE.md.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Rooms that every room may use.
const EVERYONE: [&str; 4] = ["error", "clock", "digest", "durable"];

/// Room to the rooms that it may use besides, as ARCHITECTURE.md has it: `–`, `a, b`, `all` or `all but a, b`.
fn map() -> BTreeMap<String, BTreeSet<String>> {
    let text = include_str!("../ARCHITECTURE.md");
    let rows: Vec<(Vec<&str>, &str)> = text
        .lines()
        .filter_map(|line| {
            let cells: Vec<&str> =
                line.trim_matches('|').split(" | ").map(|cell| cell.trim_matches(['|', ' '])).collect();
            let [rooms, _, uses] = cells[..] else { return None };
            let named = |name: &'static str| name.trim_matches('`').strip_prefix("src/")?.split(['/', '.']).next();
            Some((rooms.split(' ').filter_map(named).collect(), uses))
        })
        .collect();
    let all: BTreeSet<String> = rows.iter().flat_map(|(rooms, _)| rooms).map(ToString::to_string).collect();
    let set = |list: &str| -> BTreeSet<String> { list.split(", ").map(str::to_owned).collect() };
    let allowed = |uses: &str| match uses.split_once("all but ") {
        Some((_, list)) => all.difference(&set(list)).cloned().collect(),
        None if uses == "all" => all.clone(),
        None if uses == "–" => BTreeSet::new(),
        None => set(uses),
    };
    rows.iter().flat_map(|(rooms, uses)| rooms.iter().map(|room| (room.to_string(), allowed(uses)))).collect()
}

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
fn rooms_use_what_the_map_allows_and_the_map_allows_what_they_use() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let map = map();
    let mut used: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut wrong = Vec::new();
    for path in sources(&src) {
        let inside = path.strip_prefix(&src).expect("below src");
        let first = inside.iter().next().and_then(|part| part.to_str()).expect("a name");
        let room = first.trim_end_matches(".rs");
        if room == "lib" || room == "main" {
            continue;
        }
        let Some(allowed) = map.get(room) else {
            wrong.push(format!("{room} is not on the map"));
            continue;
        };
        let rooms = rooms_used(&fs::read_to_string(&path).expect("readable source"));
        let others = rooms.into_iter().filter(|used| used != room && map.contains_key(used));
        for other in others.filter(|used| !EVERYONE.contains(&used.as_str())) {
            if !allowed.contains(&other) {
                wrong.push(format!("{} uses {other}", inside.display()));
            }
            used.entry(room.to_owned()).or_default().insert(other);
        }
    }
    // Where the map names the rooms one by one, a name that is not needed is a door left open.
    for (room, allowed) in map.iter().filter(|(room, _)| !["station", "cli"].contains(&room.as_str())) {
        let used = used.remove(room).unwrap_or_default();
        wrong.extend(allowed.difference(&used).map(|idle| format!("{room} may use {idle}, and does not")));
    }
    assert!(map.len() > 15, "the map was not read: {map:?}");
    assert!(wrong.is_empty(), "imports against the map:\n{}", wrong.join("\n"));
}

#[test]
fn drivers_and_protocols_read_no_clock_no_environment_and_no_file_and_print_nothing() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let forbidden = [
        "Instant::now",
        "SystemTime::now",
        "thread::sleep",
        "std::env::",
        "std::fs",
        "println!",
        "eprintln!",
        "print!(",
    ];
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
