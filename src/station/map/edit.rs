//! Changes of the bay map in the text of `station.yaml`: comments, layout and what others keep there stay.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::{BaySpec, FILE, Free, Map, PortPattern, Start, read};
use crate::device::BayId;
use crate::durable;
use crate::error::{Error, Kind, Result};
use crate::home::Home;
use crate::profile::edit::{Edit, apply, offset, scalar_end};
use crate::profile::node::{Node, Value};
use crate::profile::to_json;

/// What is learned of a bay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Learned {
    /// Its number.
    pub id: BayId,
    /// The paths of its socket.
    pub ports: Vec<String>,
    /// What begins a run in it; an old entry keeps its own.
    pub start: Option<Start>,
    /// What frees it; an old entry keeps its own.
    pub free: Option<Free>,
}

impl Map {
    /// Takes a bay into use, or out of it, and keeps that in the station's file.
    ///
    /// # Errors
    /// `gone`, absent, when there is no such bay; `invalid` when the file is wrong or laid out so that it cannot be edited
    /// in place; `storage`.
    pub fn set_enabled(home: &Home, id: BayId, enabled: bool) -> Result<Map> {
        change(home, |document, map| {
            let mut wanted = map.clone();
            wanted.add(BaySpec { enabled, ..(**map.bay(id)?).clone() });
            let (node, first) = entry(document, id).ok_or_else(|| Error::absent(format!("there is no bay {id}")))?;
            let edits = match first {
                None => enable_one(node, enabled),
                Some(_) => enable_of_several(node, id, enabled)?,
            };
            Ok((edits.into_iter().collect(), wanted))
        })
    }

    /// Puts a bay on the map, or gives the one with its number these ports.
    ///
    /// # Errors
    /// As [`Map::set_enabled`]; `invalid` when a port belongs to another bay.
    pub fn learn(home: &Home, learned: &Learned) -> Result<Map> {
        change(home, |document, map| {
            let mut wanted = map.clone();
            let ports = learned.ports.iter().map(PortPattern::new).collect();
            let quoted: Vec<String> = learned.ports.iter().map(|port| format!("\"{port}\"")).collect();
            let list = format!("[{}]", quoted.join(", "));
            let edit = match entry(document, learned.id) {
                Some((_, Some(_))) => {
                    return Err(Error::new(Kind::Invalid, format!("bay {} stands in a line for several", learned.id))
                        .next("give it an entry of its own in station.yaml"));
                }
                Some((node, None)) => {
                    wanted.add(BaySpec { ports, ..(**map.bay(learned.id)?).clone() });
                    give_ports(node, &list)
                }
                None => {
                    let start = learned.start.unwrap_or_default();
                    let free = learned.free.unwrap_or(start.usual_end());
                    let (label, link) = (None, crate::profile::LinkOptions::default());
                    wanted.add(BaySpec {
                        id: learned.id,
                        label,
                        ports,
                        serial: None,
                        link,
                        start,
                        free,
                        enabled: true,
                    });
                    append(document, &new_entry(learned, &list))
                }
            };
            Ok((vec![edit], wanted))
        })
    }
}

/// Edits the station's file under its lock, and puts it there only when it then says what was meant.
fn change(home: &Home, make: impl FnOnce(&Node, &Map) -> Result<(Vec<Edit>, Map)>) -> Result<Map> {
    let path = home.root().join(FILE);
    let named = path.display();
    let cannot = |e| durable::storage(format!("{named} cannot be written"), e);
    let _gate = durable::gate(home.root()).map_err(cannot)?;
    let bytes = std::fs::read(&path).map_err(|e| durable::storage(format!("{named} cannot be read"), e))?;
    let document = read::parse(&path, bytes)?;
    let map = read::map(&document)?;
    let (edits, wanted) = make(&document, &map)?;
    if edits.is_empty() {
        return Ok(wanted);
    }
    let text = apply(document.at.text(), edits);
    verify(&path, &document, &text, &wanted)?;
    durable::replace(&path, |file| file.write_all(text.as_bytes())).map_err(cannot)?;
    Ok(wanted)
}

fn verify(path: &Path, before: &Node, text: &str, wanted: &Map) -> Result<()> {
    let by_hand = |cause: Option<Error>| {
        let sentence = format!("{} is laid out in a way that cannot be edited in place", path.display());
        let error = Error::new(Kind::Invalid, sentence).next("nothing was changed; edit its `bays` by hand");
        match cause {
            Some(cause) => error.because(cause),
            None => error,
        }
    };
    let after = read::parse(&PathBuf::from(path), text.as_bytes().to_vec()).map_err(|error| by_hand(Some(error)))?;
    // What a person asked for may be wrong in itself: a port of another bay.
    let map = read::map(&after)?;
    let rest = |document: &Node| {
        let mut json = to_json(document);
        json.as_object_mut().map(|keys| keys.remove("bays"));
        json
    };
    if map == *wanted && rest(before) == rest(&after) { Ok(()) } else { Err(by_hand(None)) }
}

/// The entry of a bay, and the first bay of it when it is one for several.
fn entry(document: &Node, id: BayId) -> Option<(&Node, Option<u32>)> {
    document.get("bays")?.list("`bays`").ok()?.iter().find_map(|node| {
        if let Some(Value::Int(number)) = node.get("bay").map(|node| &node.value) {
            return (*number == i128::from(id.0)).then_some((node, None));
        }
        let Value::Text(range) = &node.get("bays")?.value else { return None };
        let (first, last) = range.split_once('-')?;
        let (first, last) = (first.trim().parse::<u32>().ok()?, last.trim().parse::<u32>().ok()?);
        (first..=last).contains(&id.0).then_some((node, Some(first)))
    })
}

fn enable_one(node: &Node, enabled: bool) -> Option<Edit> {
    match node.get("enabled") {
        Some(old) if matches!(old.value, Value::Bool(value) if value == enabled) => None,
        Some(old) => Some(replace_scalar(node, old, enabled.to_string())),
        None if enabled => None,
        None => Some(insert_behind(node, "bay", "enabled: false")),
    }
}

fn enable_of_several(node: &Node, id: BayId, enabled: bool) -> Result<Option<Edit>> {
    if node.get("enabled").is_some_and(|all| matches!(all.value, Value::Bool(false))) {
        let sentence = format!("bay {id} stands in a line for several bays, all of which are disabled there");
        return Err(node.at.error(sentence).next("edit that line in station.yaml"));
    }
    let old: Vec<i128> = match node.get("disabled").map(|list| &list.value) {
        Some(Value::List(items)) => {
            items.iter().filter_map(|item| if let Value::Int(bay) = item.value { Some(bay) } else { None }).collect()
        }
        _ => Vec::new(),
    };
    let own = i128::from(id.0);
    let mut new: Vec<i128> = old.iter().copied().filter(|bay| *bay != own).collect();
    if !enabled {
        new.push(own);
    }
    new.sort_unstable();
    new.dedup();
    if new.len() == old.len() && new.iter().all(|bay| old.contains(bay)) {
        return Ok(None);
    }
    let list = format!("[{}]", new.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "));
    Ok(Some(match node.get("disabled") {
        Some(_) => replace_list(node, "disabled", &list),
        None => insert_behind(node, "bays", &format!("disabled: {list}")),
    }))
}

fn give_ports(node: &Node, list: &str) -> Edit {
    match node.get("ports") {
        Some(_) => replace_list(node, "ports", list),
        None => insert_behind(node, "bay", &format!("ports: {list}")),
    }
}

fn is_flow(node: &Node) -> bool {
    node.at.text()[offset(&node.at)..].starts_with('{')
}

fn replace_scalar(entry: &Node, old: &Node, with: String) -> Edit {
    let from = offset(&old.at);
    Edit { from, to: scalar_end(old.at.text(), from, is_flow(entry)), with }
}

/// Puts `list` in the place of the value of `key`, which is one scalar or a list in either style.
fn replace_list(entry: &Node, key: &str, list: &str) -> Edit {
    let text = entry.at.text();
    let Some((at, value)) = entry.entries("").ok().and_then(|all| all.iter().find(|(k, _)| k.text == key)) else {
        return insert_behind(entry, "bay", &format!("{key}: {list}"));
    };
    let from = offset(&at.at) + text[offset(&at.at)..].find(':').map_or(0, |colon| colon + 1);
    let start = offset(&value.at);
    let to = match &value.value {
        Value::List(_) if text[start..].starts_with('[') => {
            text[start..].find(']').map_or(start, |end| start + end + 1)
        }
        Value::List(items) => items.last().map_or(start, |last| scalar_end(text, offset(&last.at), false)),
        _ => scalar_end(text, start, is_flow(entry)),
    };
    Edit { from, to, with: format!(" {list}") }
}

/// Puts `line` behind the scalar that `key` has.
fn insert_behind(entry: &Node, key: &str, line: &str) -> Edit {
    let text = entry.at.text();
    let flow = is_flow(entry);
    let Some((at, value)) = entry.entries("").ok().and_then(|all| all.iter().find(|(k, _)| k.text == key)) else {
        return Edit { from: 0, to: 0, with: String::new() };
    };
    let end = scalar_end(text, offset(&value.at), flow);
    if flow {
        return Edit { from: end, to: end, with: format!(", {line}") };
    }
    let line_end = text[end..].find('\n').map_or(text.len(), |n| end + n);
    let indent = " ".repeat(at.at.position().1.saturating_sub(1));
    Edit { from: line_end, to: line_end, with: format!("\n{indent}{line}") }
}

fn new_entry(learned: &Learned, list: &str) -> Vec<String> {
    let mut lines = vec![format!("bay: {}", learned.id), format!("ports: {list}")];
    lines.extend(learned.start.map(|start| format!("start: {start}")));
    lines.extend(learned.free.map(|free| format!("free: {free}")));
    lines
}

/// Puts an entry behind the others, or begins the list.
fn append(document: &Node, lines: &[String]) -> Edit {
    let text = document.at.text();
    let bays = document.entries("").ok().and_then(|all| all.iter().find(|(key, _)| key.text == "bays"));
    let block = |indent: &str| format!("{indent}- {}", lines.join(&format!("\n{indent}  ")));
    let at_end = |with: String| {
        let newline = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
        Edit { from: text.len(), to: text.len(), with: format!("{newline}{with}\n") }
    };
    let Some((key, value)) = bays else { return at_end(format!("bays:\n{}", block("  "))) };
    let start = offset(&value.at);
    match &value.value {
        Value::List(items) if text[start..].starts_with('[') => {
            let entry = format!("{{ {} }}", lines.join(", "));
            // An entry may hold lists of its own: the bracket that closes this one is found by counting.
            let close = closing(&text[start..]).map_or(start, |end| start + end);
            let comma = if items.is_empty() { "" } else { ", " };
            let at = text[..close].trim_end().len();
            Edit { from: at, to: close, with: format!("{comma}{entry}") }
        }
        Value::List(items) if !items.is_empty() => {
            let dash = items[0].at.text()[..offset(&items[0].at)].rfind('-').unwrap_or(start);
            let indent = &text[text[..dash].rfind('\n').map_or(0, |n| n + 1)..dash];
            // Behind the last line that is the list's own: what stands at its margin or left of it is another's.
            let mut end = offset(&items[items.len() - 1].at);
            end = text[end..].find('\n').map_or(text.len(), |n| end + n + 1);
            let mut at = end;
            for line in text[end..].split_inclusive('\n') {
                let bare = line.trim_start_matches(' ');
                let margin = line.len() - bare.len();
                at += line.len();
                if bare.trim().is_empty() || bare.starts_with('#') {
                    continue;
                }
                if margin <= indent.len() {
                    break;
                }
                end = at;
            }
            let newline = if text[..end].ends_with('\n') { "" } else { "\n" };
            Edit { from: end, to: end, with: format!("{newline}{}\n", block(indent)) }
        }
        _ => {
            // `bays:` without anything behind it.
            let from = offset(&key.at) + text[offset(&key.at)..].find(':').map_or(0, |colon| colon + 1);
            let to = text[from..].find('\n').map_or(text.len(), |n| from + n);
            Edit { from, to, with: format!("\n{}", block("  ")) }
        }
    }
}

/// Where the bracket that `text` begins with is closed.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0usize;
    let mut quote = None;
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (Some(open), c) if open == c => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            (None, '[' | '{') => depth += 1,
            (None, ']' | '}') => {
                depth -= 1;
                if depth == 0 {
                    return Some(at);
                }
            }
            (None, _) => {}
        }
    }
    None
}
