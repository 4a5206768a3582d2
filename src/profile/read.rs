//! The tree of a profile, checked and turned into its types.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use super::document::{ArtifactKind, ArtifactSpec, From, Input, LinkOptions, Profile, Variant};
use super::facts::{Entries, FIELDS, Match};
use super::model::Identity;
use super::node::{Fields, Node, Value};
use super::read_step::read_steps;
use super::template::{Scope, check_name};
use crate::device::{Level, Mode, Proof};
use crate::error::Result;

/// The keys of a profile.
pub const TOP: [&str; 12] = [
    "format",
    "name",
    "version",
    "extends",
    "match",
    "link",
    "verify",
    "identity",
    "inputs",
    "artifacts",
    "variants",
    "steps",
];
/// The keys of `match`.
pub const MATCH: [&str; 6] = ["model", "hardware", "serial", "driver", "usb", "modes"];
/// The keys of `link`.
pub const LINK: [&str; 5] = ["baud", "flow", "dtr", "rts", "root"];
/// The keys of `identity`.
pub const IDENTITY: [&str; 2] = ["settings", "proof"];
/// How a unit may be known again, by name.
pub const PROOFS: [(&str, Proof); 3] = [("hwid", Proof::Hwid), ("serial", Proof::Serial), ("port", Proof::Port)];
/// The keys of an artifact.
pub const ARTIFACT: [&str; 3] = ["file", "tree", "sha256"];
/// The keys of a variant.
pub const VARIANT: [&str; 3] = ["name", "match", "artifacts"];
/// The keys of an input, by its source; `from`, `secret` and `pattern` stand in each.
pub const SOURCES: [(&str, &[&str]); 6] = [
    ("pool", &["pool", "field"]),
    ("prompt", &["say"]),
    ("scan", &["say"]),
    ("env", &["var"]),
    ("file", &["file"]),
    ("literal", &["value"]),
];
/// The levels by name.
pub const LEVELS: [(&str, Level); 4] =
    [("link", Level::Link), ("digest", Level::Digest), ("readback", Level::Readback), ("booted", Level::Booted)];
/// The modes by name.
pub const MODES: [(&str, Mode); 6] = [
    ("application", Mode::Application),
    ("recovery", Mode::Recovery),
    ("bootloader", Mode::Bootloader),
    ("fastbootd", Mode::Fastbootd),
    ("sideload", Mode::Sideload),
    ("dfu", Mode::Dfu),
];

/// Reads the merged tree of a profile.
///
/// # Errors
/// `invalid`, with file, line, column and key.
pub fn read(document: &Node) -> Result<Profile> {
    let top = document.fields("a profile", &TOP)?;
    let inputs = read_inputs(top.get("inputs"))?;
    let scope: Scope = inputs.iter().map(|(name, input)| (name.clone(), input.secret)).collect();
    let artifacts = read_artifacts(top.get("artifacts"))?;
    let name = short(top.need("name")?, "`name`")?;
    let profile = Profile {
        version: short(top.need("version")?, "`version`")?,
        matches: read_match(top.need("match")?)?,
        link: top.get("link").map(read_link).transpose()?.unwrap_or_default(),
        verify: top.get("verify").map(|n| n.choice("`verify`", &LEVELS)).transpose()?.unwrap_or(Level::Digest),
        identity: top.get("identity").map(read_identity).transpose()?.unwrap_or_default(),
        variants: read_variants(top.get("variants"), &artifacts)?,
        steps: read_steps(top.need("steps")?, &scope, &artifacts)?,
        name,
        inputs,
        artifacts,
        document: document.clone(),
    };
    Ok(profile)
}

/// Checks `format` of one file.
///
/// # Errors
/// `invalid`: missing, or not 1.
pub fn check_format(document: &Node) -> Result<()> {
    let Value::Map(_) = document.value else {
        return Err(document
            .at
            .error(format_args!("a profile is a map that starts with `format: 1`, not {}", document.called())));
    };
    let format = document
        .get("format")
        .ok_or_else(|| document.at.error("a profile lacks its `format`; this Hardwire reads `format: 1`"))?;
    match format.value {
        Value::Int(1) => Ok(()),
        Value::Int(n) if n > 1 => {
            Err(format.at.error(format_args!("format {n} is newer than this Hardwire, which reads 1")))
        }
        _ => Err(format.at.error("`format` is 1")),
    }
}

fn short(node: &Node, what: &str) -> Result<String> {
    let text = node.text(what)?;
    if text.chars().count() > 128 {
        return Err(node.at.error(format_args!("{what} is longer than 128 characters")));
    }
    Ok(text.to_owned())
}

fn read_match(node: &Node) -> Result<Match> {
    let fields = node.fields("`match`", &MATCH)?;
    let mut matches = Match { entries: read_entries(node)?, modes: BTreeMap::new() };
    if let Some(modes) = fields.get("modes") {
        let names: Vec<&str> = MODES.iter().map(|(name, _)| *name).collect();
        let what = "`match.modes`";
        modes.fields(what, &names)?;
        for (name, mode) in MODES {
            let Some(entry) = modes.get(name) else { continue };
            entry.fields(&format!("{what}.{name}"), &FIELDS)?;
            matches.modes.insert(mode, read_entries(entry)?);
        }
        if matches.modes.is_empty() {
            return Err(modes.at.error("`match.modes` is empty"));
        }
    }
    if matches.entries.is_empty() && matches.modes.values().all(BTreeMap::is_empty) {
        return Err(node.at.error("`match` is empty and would fit every unit; name a model, a driver or a USB id"));
    }
    Ok(matches)
}

fn read_entries(node: &Node) -> Result<Entries> {
    let mut entries = Entries::new();
    for field in FIELDS {
        let Some(value) = node.get(field) else { continue };
        let what = format!("`match` entry `{field}`");
        let nodes = if let Value::List(items) = &value.value { items.as_slice() } else { std::slice::from_ref(value) };
        let mut good = Vec::new();
        for node in nodes {
            let text = short(node, &what)?;
            good.push(if field == "usb" { usb_id(node, &text)? } else { text });
        }
        if good.is_empty() {
            return Err(value.at.error(format_args!("{what} is an empty list and would fit nothing")));
        }
        entries.insert(field, good);
    }
    Ok(entries)
}

fn usb_id(node: &Node, text: &str) -> Result<String> {
    let hex4 = |part: &str| part.len() == 4 && part.chars().all(|c| c.is_ascii_hexdigit());
    match text.split_once(':') {
        Some((vendor, product)) if hex4(vendor) && hex4(product) => Ok(text.to_ascii_lowercase()),
        _ => Err(node.at.error(format_args!("`{text}` is no USB id; it looks like \"2fe3:0100\""))),
    }
}

/// How a link is opened.
pub(crate) fn read_link(node: &Node) -> Result<LinkOptions> {
    const FLOW: [(&str, &str); 3] = [("none", "none"), ("rtscts", "rtscts"), ("xonxoff", "xonxoff")];
    const ROOT: [(&str, &str); 3] = [("keep", "keep"), ("yes", "yes"), ("no", "no")];
    const LINE: [(&str, &str); 3] = [("keep", "keep"), ("on", "on"), ("off", "off")];
    let fields = node.fields("`link`", &LINK)?;
    let choose = |key: &str, choices: &[(&str, &'static str)]| -> Result<Option<String>> {
        let node = fields.get(key);
        node.map(|n| n.choice(&format!("`link.{key}`"), choices).map(str::to_owned)).transpose()
    };
    let baud = fields.get("baud").map(|n| n.int("`link.baud`", 50, 20_000_000)).transpose()?;
    if let (Some("rtscts"), Some(rts)) = (fields.get("flow").and_then(|n| n.raw_text("").ok()), fields.get("rts"))
        && rts.raw_text("").is_ok_and(|rts| rts != "keep")
    {
        return Err(rts.at.error("with `flow: rtscts` the port itself moves the RTS line; leave `rts` away"));
    }
    Ok(LinkOptions {
        baud: baud.and_then(|n| u32::try_from(n).ok()),
        flow: choose("flow", &FLOW)?,
        dtr: choose("dtr", &LINE)?,
        rts: choose("rts", &LINE)?,
        root: choose("root", &ROOT)?,
    })
}

fn read_identity(node: &Node) -> Result<Identity> {
    let fields = node.fields("`identity`", &IDENTITY)?;
    let setting = fields.get("settings").map(|n| short(n, "`identity.settings`")).transpose()?;
    let proof = fields.get("proof").map(|n| n.choice("`identity.proof`", &PROOFS)).transpose()?;
    if setting.is_none() && proof.is_none() {
        return Err(node.at.error("`identity` lacks its `settings` or its `proof`"));
    }
    Ok(Identity { setting, proof: proof.unwrap_or(Proof::Port) })
}

fn read_inputs(node: Option<&Node>) -> Result<BTreeMap<String, Input>> {
    let mut inputs = BTreeMap::new();
    let Some(node) = node else { return Ok(inputs) };
    for (key, value) in node.entries("`inputs`")? {
        check_name(&key.text, &key.at)?;
        inputs.insert(key.text.clone(), read_input(&key.text, value)?);
    }
    Ok(inputs)
}

fn read_input(name: &str, node: &Node) -> Result<Input> {
    let what = format!("input `{name}`");
    let sources: Vec<(&str, &[&str])> = SOURCES.to_vec();
    let from = node.get("from");
    if from.is_none() {
        node.entries(&what)?;
        let names: Vec<&str> = SOURCES.iter().map(|(name, _)| *name).collect();
        let list = super::node::listed(&names);
        return Err(node.at.error(format_args!("{what} lacks its `from`, which is one of {list}")));
    }
    let own = from.map(|n| n.choice(&format!("`from` of {what}"), &sources)).transpose()?.unwrap_or_default();
    let mut known = vec!["from", "secret", "pattern"];
    known.extend_from_slice(own);
    let fields = node.fields(&what, &known)?;
    let text = |key: &str| short(fields.need(key)?, &format!("`{key}` of {what}"));
    let say = || fields.get("say").map(|n| short(n, &format!("`say` of {what}"))).transpose();
    let source = match from.and_then(|n| n.raw_text("`from`").ok()) {
        Some("pool") => From::Pool { pool: text("pool")?, field: text("field")? },
        Some("prompt") => From::Prompt { say: say()? },
        Some("scan") => From::Scan { say: say()? },
        Some("env") => From::Env { var: text("var")? },
        Some("file") => {
            let node = fields.need("file")?;
            let file = text("file")?;
            let path = node.at.source.dir.join(&file);
            From::File { file, path }
        }
        _ => From::Literal { value: fields.need("value")?.raw_text(&format!("`value` of {what}"))?.to_owned() },
    };
    let secret = fields.get("secret").map(|n| n.bool(&format!("`secret` of {what}"))).transpose()?.unwrap_or(false);
    let pattern = fields.get("pattern").map(|n| pattern(n, &what)).transpose()?;
    Ok(Input { at: node.at.clone(), from: source, secret, pattern })
}

fn pattern(node: &Node, what: &str) -> Result<regex::Regex> {
    let text = node.raw_text(&format!("`pattern` of {what}"))?;
    regex::RegexBuilder::new(&format!("^(?:{text})$")).size_limit(1 << 20).build().map_err(|e| {
        let why = e.to_string();
        let last = why.lines().last().unwrap_or_default();
        node.at.error(format_args!("`pattern` of {what} is no regular expression: {}", last.trim()))
    })
}

fn read_artifacts(node: Option<&Node>) -> Result<BTreeMap<String, ArtifactSpec>> {
    let mut artifacts = BTreeMap::new();
    let Some(node) = node else { return Ok(artifacts) };
    for (key, value) in node.entries("`artifacts`")? {
        if key.text.is_empty() || key.text.chars().any(char::is_control) {
            return Err(key.at.error("an artifact needs a name"));
        }
        artifacts.insert(key.text.clone(), read_artifact(&key.text, value)?);
    }
    Ok(artifacts)
}

fn read_artifact(name: &str, node: &Node) -> Result<ArtifactSpec> {
    let what = format!("artifact `{name}`");
    let fields = node.fields(&what, &ARTIFACT)?;
    let (kind, file_node) = source_of(&what, &fields)?;
    let file = file_node.text(&format!("`{}` of {what}", kind.key()))?;
    let path = beside(file_node, file)?;
    let sha256 = match fields.get("sha256") {
        None => None,
        Some(node) => {
            let text = node.text(&format!("`sha256` of {what}"))?;
            if text.len() != 64 || !text.chars().all(|c| c.is_ascii_hexdigit()) {
                return Err(node
                    .at
                    .error(format_args!("`sha256` of {what} must be 64 hex digits"))
                    .next("`hardwire profile lock PROFILE` fills it in"));
            }
            Some(text.to_ascii_lowercase())
        }
    };
    Ok(ArtifactSpec { at: file_node.at.clone(), kind, file: file.to_owned(), path, sha256 })
}

/// What an artifact is, and where that stands.
pub(super) fn source_of<'a>(what: &str, fields: &Fields<'a>) -> Result<(ArtifactKind, &'a Node)> {
    match (fields.get("file"), fields.get("tree")) {
        (Some(_), Some(tree)) => Err(tree.at.error(format_args!("{what} is either a `file` or a `tree`, not both"))),
        (None, Some(tree)) => Ok((ArtifactKind::Tree, tree)),
        _ => Ok((ArtifactKind::File, fields.need("file")?)),
    }
}

/// A file beside the profile or below it, so that a profile and its files can move together.
pub(super) fn beside(node: &Node, file: &str) -> Result<PathBuf> {
    let shown = file.escape_debug();
    for part in Path::new(file).components() {
        match part {
            Component::Normal(_) | Component::CurDir => {}
            Component::ParentDir => {
                return Err(node
                    .at
                    .error(format_args!("`{shown}` leaves the profile's folder (`..`)"))
                    .next("put the file beside the profile or below it"));
            }
            Component::RootDir | Component::Prefix(_) => {
                return Err(node
                    .at
                    .error(format_args!("`{shown}` is absolute; files are named relative to the profile"))
                    .next("put the file, or a symbolic link to it, beside the profile"));
            }
        }
    }
    Ok(node.at.source.dir.join(file))
}

fn read_variants(node: Option<&Node>, base: &BTreeMap<String, ArtifactSpec>) -> Result<Vec<Variant>> {
    let mut variants: Vec<Variant> = Vec::new();
    let Some(node) = node else { return Ok(variants) };
    for node in node.list("`variants`")? {
        let fields = node.fields("a variant", &VARIANT)?;
        let name_node = fields.need("name")?;
        let name = short(name_node, "`name` of a variant")?;
        if variants.iter().any(|variant| variant.name == name) {
            return Err(name_node.at.error(format_args!("two variants are called `{name}`")));
        }
        let artifacts = read_artifacts(fields.get("artifacts"))?;
        if let Some((artifact, spec)) = artifacts.iter().find(|(artifact, _)| !base.contains_key(*artifact)) {
            let hint = super::node::suggestion(artifact, base.keys().map(String::as_str));
            let sentence =
                format!("variant `{name}` replaces artifact `{artifact}`, which the profile does not have{hint}");
            return Err(spec.at.error(sentence));
        }
        if let Some((artifact, spec)) = artifacts.iter().find(|(artifact, spec)| base[*artifact].kind != spec.kind) {
            let (ours, theirs) = (spec.kind.key(), base[artifact].kind.key());
            return Err(spec
                .at
                .error(format_args!("artifact `{artifact}` is a {theirs}, and variant `{name}` makes it a {ours}")));
        }
        variants.push(Variant { name, matches: read_match(fields.need("match")?)?, artifacts });
    }
    Ok(variants)
}
