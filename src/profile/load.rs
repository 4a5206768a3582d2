//! From a path to a profile: the file, those it extends, and their merge.
//!
//! What a file gives wins over what it extends. `inputs`, `artifacts` and `link` are merged entry by entry, an entry being
//! replaced whole; everything else (`match`, `variants`, `steps`…) is replaced whole. Paths stay relative to the file they
//! stand in.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::document::Profile;
use super::node::{Key, Node, Value};
use super::read::{TOP, check_format, read};
use super::source::Source;
use crate::error::Result;

/// How many files deep `extends` may reach.
pub const MAX_EXTENDS: usize = 8;

/// Loads the profile at `path`, with what it extends.
///
/// # Errors
/// `invalid`, with file, line, column and key.
pub fn load(path: impl AsRef<Path>) -> Result<Profile> {
    let path = path.as_ref();
    load_source(&Source::read(path)?, path)
}

/// Loads a profile whose text is at hand and would stand at `path`.
///
/// # Errors
/// As [`load()`].
pub fn load_text(text: &str, path: impl AsRef<Path>) -> Result<Profile> {
    let path = path.as_ref();
    let dir = path.parent().map(Path::to_path_buf).unwrap_or_default();
    let source = Source::from_bytes(path.display().to_string(), dir, text.as_bytes().to_vec())?;
    load_source(&source, path)
}

fn load_source(source: &Arc<Source>, path: &Path) -> Result<Profile> {
    read(&merged(source, path, &mut Vec::new())?)
}

fn merged(source: &Arc<Source>, path: &Path, trail: &mut Vec<PathBuf>) -> Result<Node> {
    let document = source.parse()?;
    check_format(&document)?;
    document.fields("a profile", &TOP)?;
    let Some(extends) = document.get("extends") else { return Ok(document) };
    let name = extends.text("`extends`")?;
    if Path::new(name).is_absolute() {
        return Err(extends.at.error("`extends` names a file relative to this one"));
    }
    trail.push(identity(path));
    let base = source.dir.join(name);
    if trail.contains(&identity(&base)) {
        return Err(extends.at.error(format_args!("`extends: {name}` leads back to a file that it came from")));
    }
    if trail.len() > MAX_EXTENDS {
        return Err(extends.at.error(format_args!("`extends` reaches more than {MAX_EXTENDS} files deep")));
    }
    let base_source = Source::read(&base).map_err(|e| {
        let (line, column) = extends.at.position();
        e.while_doing(format!("{}:{line}:{column}: `extends: {name}` cannot be followed", source.shown))
    })?;
    let base = merged(&base_source, &base, trail)?;
    Ok(merge(base, document))
}

/// What tells a file from another, whatever it is called.
fn identity(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_path_buf())
}

fn merge(base: Node, child: Node) -> Node {
    let Node { at, value } = child;
    let (Value::Map(mut below), Value::Map(above)) = (base.value, value) else {
        return Node { at, value: Value::Null };
    };
    below.retain(|(key, _)| key.text != "extends");
    for (key, node) in above {
        if key.text == "extends" {
            continue;
        }
        let place = below.iter().position(|(other, _)| other.text == key.text);
        match place {
            Some(index) if matches!(key.text.as_str(), "inputs" | "artifacts" | "link") => {
                let inherited = below[index].1.clone();
                below[index] = (key, merge_entries(inherited, node));
            }
            Some(index) => below[index] = (key, node),
            None => below.push((key, node)),
        }
    }
    Node { at, value: Value::Map(below) }
}

fn merge_entries(base: Node, child: Node) -> Node {
    match (base.value, child.value) {
        (Value::Map(mut below), Value::Map(above)) => {
            let replaced = |key: &Key| above.iter().any(|(other, _)| other.text == key.text);
            below.retain(|(key, _)| !replaced(key));
            below.extend(above);
            Node { at: child.at, value: Value::Map(below) }
        }
        (_, value) => Node { at: child.at, value },
    }
}
