//! The steps of a profile, checked one by one and against each other.

use std::collections::BTreeMap;
use std::time::Duration;

use super::document::{ArtifactSpec, BodySpec, StepSpec};
use super::model::{Once, Place};
use super::node::{Node, Value, listed, nearest, suggestion};
use super::read::{LEVELS, MODES};
use super::read_body::{open_text, read_body};
use super::template::{Scope, When};
use crate::error::Result;

/// The keys that any step may carry.
pub const COMMON: [&str; 11] =
    ["name", "when", "verify", "proved_by", "in", "retries", "timeout", "always", "once", "check", "on_fail"];
/// The step kinds and the keys of each.
pub const KINDS: [(&str, &[&str]); 11] = [
    ("firmware", &["artifact", "slot", "activate", "layout", "wipe", "loaders"]),
    ("settings", &["set", "delete"]),
    ("files", &["put", "empty"]),
    ("apps", &["install", "remove", "downgrade", "grant"]),
    ("ask", &["say", "answer", "timeout"]),
    ("diagnose", &["expect", "attach"]),
    ("backup", &["files", "apps", "settings", "firmware", "label"]),
    ("restore", &["backup", "label"]),
    ("reboot", &["to", "slot"]),
    ("console", &["run", "expect", "stage", "take"]),
    ("erase", &["slot"]),
];
/// The most steps of a profile.
const MAX_STEPS: usize = 1000;

type Artifacts = BTreeMap<String, ArtifactSpec>;

/// Reads `steps`.
///
/// # Errors
/// `invalid`, with file, line, column and key.
pub fn read_steps(node: &Node, scope: &Scope, artifacts: &Artifacts) -> Result<Vec<StepSpec>> {
    let nodes = node.list("`steps`")?;
    if nodes.is_empty() {
        return Err(node.at.error("`steps` is empty"));
    }
    if nodes.len() > MAX_STEPS {
        return Err(node.at.error(format_args!("more than {MAX_STEPS} steps")));
    }
    let mut steps = Vec::new();
    for (index, node) in nodes.iter().enumerate() {
        steps.push(read_step(node, index + 1, scope, artifacts)?);
    }
    check_names(&steps)?;
    check_proofs(nodes, &steps)?;
    check_backups(&steps)?;
    Ok(steps)
}

fn read_step(node: &Node, number: usize, scope: &Scope, artifacts: &Artifacts) -> Result<StepSpec> {
    let what = format!("step {number}");
    let kinds = KINDS.map(|(kind, _)| kind);
    let known: Vec<&str> = kinds.iter().chain(&COMMON).copied().collect();
    if let Value::Text(text) = &node.value
        && kinds.contains(&text.as_str())
    {
        return Err(node.at.error(format_args!("{what} must be a map: write `{text}: {{}}`")));
    }
    for (key, _) in node.entries(&what)? {
        if !known.contains(&key.text.as_str()) {
            // A key of the kind that stands at the step's own level is an indentation slip.
            let inner = KINDS.iter().find(|(kind, keys)| node.get(kind).is_some() && keys.contains(&key.text.as_str()));
            if let Some((kind, _)) = inner {
                let key_name = &key.text;
                return Err(key.at.error(format_args!("`{key_name}` belongs below `{kind}`; indent it further")));
            }
        }
    }
    let fields = node.fields(&what, &known)?;
    let mut here = KINDS.iter().filter_map(|(kind, keys)| Some((*kind, *keys, fields.get(kind)?)));
    let (kind, keys, body) = here
        .next()
        .ok_or_else(|| node.at.error(format_args!("{what} has no kind; it is one of {}", listed(&kinds))))?;
    if let Some((second, _, other)) = here.next() {
        return Err(other.at.error(format_args!("{what} is both `{kind}` and `{second}`; make two steps of it")));
    }
    let (body, own_timeout) = read_body(kind, keys, body, scope, artifacts)?;
    if let (BodySpec::Factory { .. }, Some(place)) = (&body, fields.get("in")) {
        return Err(place
            .at
            .error("a factory archive says itself in which mode each image is written; leave `in` out"));
    }
    let text = |key: &str| fields.get(key).map(|n| step_text(n, key)).transpose();
    let timeout = fields.get("timeout").map(|n| duration(n, "`timeout`")).transpose()?;
    if let (Some(_), Some(_), Some(node)) = (timeout, own_timeout, fields.get("timeout")) {
        return Err(node.at.error("`timeout` stands twice: on the step and in its `ask`"));
    }
    const ONCE: [(&str, Once); 3] = [("run", Once::Run), ("unit", Once::Unit), ("tag", Once::Tag)];
    Ok(StepSpec {
        at: node.at.clone(),
        name: text("name")?.unwrap_or_else(|| format!("{number}-{kind}")),
        body,
        when: fields.get("when").map(|n| When::new(n.raw_text("`when`")?, &n.at, scope)).transpose()?,
        verify: fields.get("verify").map(|n| n.choice("`verify`", &LEVELS)).transpose()?,
        proved_by: text("proved_by")?,
        place: fields.get("in").map(place).transpose()?,
        retries: match fields.get("retries") {
            Some(n) => u32::try_from(n.int("`retries`", 0, 100)?).unwrap_or(0),
            None => 0,
        },
        timeout: timeout.or(own_timeout),
        always: fields.get("always").map(|n| n.bool("`always`")).transpose()?.unwrap_or(false),
        check: read_check(fields.get("check"), kind)?,
        once: fields.get("once").map(|n| n.choice("`once`", &ONCE)).transpose()?.unwrap_or_default(),
        on_fail: open_text(fields.get("on_fail"), "`on_fail`", scope)?,
    })
}

/// Whether a step is only looked at: what is no state cannot be.
fn read_check(node: Option<&Node>, kind: &str) -> Result<bool> {
    let Some(node) = node else { return Ok(false) };
    let check = node.bool("`check`")?;
    if check && !matches!(kind, "firmware" | "settings" | "files" | "apps" | "erase" | "restore") {
        return Err(node.at.error(format_args!("`{kind}` is no state that `check` could look at")));
    }
    Ok(check)
}

fn step_text(node: &Node, key: &str) -> Result<String> {
    let text = node.text(&format!("`{key}`"))?;
    if text.chars().count() > 64 {
        return Err(node.at.error(format_args!("`{key}` is longer than 64 characters")));
    }
    Ok(text.to_owned())
}

fn place(node: &Node) -> Result<Place> {
    let text = node.text("`in`")?;
    if let Some((_, mode)) = MODES.iter().find(|(name, _)| *name == text) {
        return Ok(Place::Mode(*mode));
    }
    let names = MODES.map(|(name, _)| name);
    // Short driver names are near to everything; a slip in a long mode name is worth asking about.
    if let Some(mode) = nearest(text, names).filter(|mode| mode.len() > 4) {
        return Err(node.at.error(format_args!("`in` is a mode or a driver, not `{text}` (did you mean `{mode}`?)")));
    }
    if !text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-') {
        return Err(node
            .at
            .error(format_args!("`in` is a mode ({}) or a driver's name, not `{text}`", listed(&names))));
    }
    Ok(Place::Driver(text.to_owned()))
}

/// A span of time such as `500ms`, `60s`, `5m`, `1h`: more than nothing, at most a day.
pub(crate) fn duration(node: &Node, what: &str) -> Result<Duration> {
    let text = match &node.value {
        Value::Text(text) => text.as_str(),
        Value::Int(n) => {
            return Err(node.at.error(format_args!("{what} needs its unit: write `{n}s` for seconds")));
        }
        _ => node.raw_text(what)?,
    };
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let scale: Option<u64> = match unit {
        "ms" => Some(1),
        "s" => Some(1000),
        "m" => Some(60_000),
        "h" => Some(3_600_000),
        _ => None,
    };
    let milliseconds = number.parse::<u64>().ok().zip(scale).and_then(|(n, scale)| n.checked_mul(scale));
    match milliseconds {
        Some(n) if (1..=86_400_000).contains(&n) => Ok(Duration::from_millis(n)),
        Some(_) => Err(node.at.error(format_args!("{what} must be more than nothing and at most 24h"))),
        None => {
            let shown = text.escape_debug();
            Err(node.at.error(format_args!("{what} is a time such as `500ms`, `60s` or `5m`, not `{shown}`")))
        }
    }
}

fn check_names(steps: &[StepSpec]) -> Result<()> {
    for (index, step) in steps.iter().enumerate() {
        if let Some(first) = steps[..index].iter().position(|other| other.name == step.name) {
            let (name, first) = (&step.name, first + 1);
            return Err(step.at.error(format_args!("steps {first} and {} are both called `{name}`", index + 1)));
        }
    }
    Ok(())
}

fn check_proofs(nodes: &[Node], steps: &[StepSpec]) -> Result<()> {
    for (index, step) in steps.iter().enumerate() {
        let Some(prover) = &step.proved_by else { continue };
        let at = nodes[index].get("proved_by").map_or(&step.at, |node| &node.at);
        match steps.iter().position(|other| other.name == *prover) {
            Some(position) if position > index => {}
            Some(position) if position == index => {
                return Err(at.error(format_args!("step `{prover}` cannot prove itself")));
            }
            Some(_) => {
                return Err(
                    at.error(format_args!("`{prover}` runs before `{}`; only a later step can prove one", step.name))
                );
            }
            None => {
                let hint = suggestion(prover, steps[index + 1..].iter().map(|s| s.name.as_str()));
                return Err(at.error(format_args!("`{prover}` names no step{hint}")));
            }
        }
    }
    Ok(())
}

/// Setting keys and file paths that the steps fill with secrets.
pub(super) fn secrets(steps: &[StepSpec]) -> (Vec<&str>, Vec<&str>) {
    let (mut settings, mut files) = (Vec::new(), Vec::new());
    for step in steps {
        match &step.body {
            BodySpec::Settings { set, .. } => {
                settings.extend(set.iter().filter(|(_, v)| v.is_secret()).map(|(key, _)| key.as_str()));
            }
            BodySpec::Files { put, .. } => {
                files.extend(put.iter().filter(|(_, v)| v.is_secret()).map(|(path, _)| path.as_str()));
            }
            _ => {}
        }
    }
    (settings, files)
}

fn check_backups(steps: &[StepSpec]) -> Result<()> {
    let (settings, files) = secrets(steps);
    for step in steps {
        let BodySpec::Backup { named: Some(named), .. } = &step.body else { continue };
        let settings =
            named.settings.iter().filter(|(key, _)| settings.contains(&key.as_str())).map(|e| ("setting", e));
        let files = named.files.iter().filter(|(path, _)| files.contains(&path.as_str())).map(|e| ("file", e));
        if let Some((what, (name, at))) = settings.chain(files).next() {
            return Err(at
                .error(format_args!(
                    "{what} `{name}` holds a secret and cannot be backed up until the vault can encrypt"
                ))
                .next("take it out of this `backup`"));
        }
    }
    Ok(())
}
