//! `profile lock`: writes the digests of the artifacts into the profile's text, and leaves everything else as it stands.

use std::io::Write;
use std::path::Path;

use super::artifact::Artifact;
use super::document::ArtifactSpec;
use super::edit::{Edit, apply, offset, scalar_end};
use super::node::{Node, Value};
use super::prepare::to_json;
use super::read::{ARTIFACT, TOP, beside, check_format, source_of};
use super::source::Source;
use crate::durable;
use crate::error::{Error, Kind, Result};

/// What was pinned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Locked {
    /// The artifact.
    pub artifact: String,
    /// The variant that it belongs to.
    pub variant: Option<String>,
    /// Its file, as the profile names it.
    pub file: String,
    /// The digest that stood there.
    pub before: Option<String>,
    /// The digest that stands there now, lower-case hex.
    pub after: String,
}

/// Fills in or renews `sha256` of every artifact that the file at `path` itself names; those of a file that it extends are
/// pinned there. Comments and layout stay.
///
/// # Errors
/// `invalid`: an artifact that is missing, or a layout that cannot be edited in place; nothing was changed then.
/// `storage`: the file cannot be written.
pub fn lock(path: impl AsRef<Path>) -> Result<Vec<Locked>> {
    let path = path.as_ref();
    let source = Source::read(path)?;
    let document = source.parse()?;
    check_format(&document)?;
    document.fields("a profile", &TOP)?;
    let mut edits = Vec::new();
    let mut locked = Vec::new();
    for (variant, artifacts) in places(&document)? {
        for (key, node) in artifacts.entries("`artifacts`")? {
            let (entry, edit) = pin(&key.text, variant.clone(), node)?;
            edits.extend(edit);
            locked.push(entry);
        }
    }
    if edits.is_empty() {
        return Ok(locked);
    }
    let text = apply(&source.text, edits);
    verify(path, &document, &text, &locked)?;
    durable::replace(path, |file| file.write_all(text.as_bytes()))
        .map_err(|e| Error::new(Kind::Storage, format!("cannot write {}", path.display())).because(e))?;
    Ok(locked)
}

/// The maps of artifacts, and the variant that each belongs to.
fn places(document: &Node) -> Result<Vec<(Option<String>, &Node)>> {
    let mut places = Vec::new();
    if let Some(artifacts) = document.get("artifacts") {
        places.push((None, artifacts));
    }
    for variant in document.get("variants").map(|n| n.list("`variants`")).transpose()?.unwrap_or_default() {
        let name = variant.get("name").map(|n| n.text("`name` of a variant")).transpose()?.unwrap_or_default();
        if let Some(artifacts) = variant.get("artifacts") {
            places.push((Some(name.to_owned()), artifacts));
        }
    }
    Ok(places)
}

fn pin(name: &str, variant: Option<String>, node: &Node) -> Result<(Locked, Option<Edit>)> {
    let what = format!("artifact `{name}`");
    let fields = node.fields(&what, &ARTIFACT)?;
    let (kind, file_node) = source_of(&what, &fields)?;
    let file = file_node.text(&format!("`{}` of {what}", kind.key()))?.to_owned();
    let path = beside(file_node, &file)?;
    let spec = ArtifactSpec { at: file_node.at.clone(), kind, file: file.clone(), path, sha256: None };
    let after = Artifact::open(name, &spec)?.sha256.to_string();
    let pinned = fields.get("sha256");
    let before = pinned.map(|n| n.raw_text(&format!("`sha256` of {what}"))).transpose()?.map(str::to_owned);
    let text = &node.at.source.text;
    let flow = text[offset(&node.at)..].starts_with('{');
    let edit = match (pinned, &before) {
        (Some(_), Some(before)) if *before == after => None,
        (Some(pinned), _) => {
            let from = offset(&pinned.at);
            Some(Edit { from, to: scalar_end(text, from, flow), with: after.clone() })
        }
        (None, _) => {
            let end = scalar_end(text, offset(&file_node.at), flow);
            Some(if flow {
                Edit { from: end, to: end, with: format!(", sha256: {after}") }
            } else {
                let line_end = text[end..].find('\n').map_or(text.len(), |n| end + n);
                let at = if text[..line_end].ends_with('\r') { line_end - 1 } else { line_end };
                let newline = if at < line_end { "\r\n" } else { "\n" };
                let indent = " ".repeat(column_of(node, kind.key()).saturating_sub(1));
                Edit { from: at, to: at, with: format!("{newline}{indent}sha256: {after}") }
            })
        }
    };
    Ok((Locked { artifact: name.to_owned(), variant, file, before, after }, edit))
}

fn column_of(node: &Node, key: &str) -> usize {
    let Value::Map(entries) = &node.value else { return 1 };
    entries.iter().find(|(k, _)| k.text == key).map_or(1, |(key, _)| key.at.position().1)
}

/// That the new text says the same but for the digests. YAML can be laid out in ways that an edit in place gets wrong.
fn verify(path: &Path, before: &Node, text: &str, locked: &[Locked]) -> Result<()> {
    let mut meant = to_json(before);
    for entry in locked {
        let artifacts = match &entry.variant {
            None => meant.get_mut("artifacts"),
            Some(name) => meant
                .get_mut("variants")
                .and_then(|variants| variants.as_array_mut())
                .and_then(|variants| variants.iter_mut().find(|v| v["name"] == **name))
                .and_then(|variant| variant.get_mut("artifacts")),
        };
        if let Some(artifact) = artifacts.and_then(|artifacts| artifacts.get_mut(&entry.artifact)) {
            artifact["sha256"] = entry.after.clone().into();
        }
    }
    let source = Source::from_bytes(path.display().to_string(), "", text.as_bytes().to_vec())?;
    if source.parse().is_ok_and(|after| to_json(&after) == meant) {
        return Ok(());
    }
    let by_hand: Vec<String> = locked.iter().map(|e| format!("{}: sha256: {}", e.artifact, e.after)).collect();
    let sentence =
        format!("{} is laid out in a way that cannot be edited in place; nothing was changed", path.display());
    Err(Error::new(Kind::Invalid, sentence).next(format!("write the digests by hand: {}", by_hand.join("; "))))
}
