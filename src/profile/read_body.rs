//! What stands below a step's kind.

use std::collections::BTreeMap;
use std::time::Duration;

use super::document::{ArtifactKind, ArtifactSpec, BodySpec, FileSpec, Named};
use super::factory::HowFactory;
use super::model::{Answer, Attach, Limit};
use super::node::{Fields, Node, Value, listed, suggestion};
use super::read::MODES;
use super::read_step::duration;
use super::source::At;
use super::template::{Context, Scope, Text, refuse_secret};
use super::tree::Keep;
use super::value::{Typed, hex_bytes, number};
use crate::device::{Activate, InstallOptions, Mode};
use crate::error::Result;

type Artifacts = BTreeMap<String, ArtifactSpec>;

/// Reads what stands below a step's kind; with the timeout that an `ask` may carry itself.
///
/// # Errors
/// `invalid`, with file, line, column and key.
pub(super) fn read_body(
    kind: &str,
    keys: &[&str],
    node: &Node,
    scope: &Scope,
    artifacts: &Artifacts,
) -> Result<(BodySpec, Option<Duration>)> {
    const ANSWER: [(&str, Answer); 3] =
        [("pass-fail", Answer::PassFail), ("done", Answer::Done), ("text", Answer::Text)];
    let nothing = Node { at: node.at.clone(), value: Value::Map(Vec::new()) };
    let node = if matches!(node.value, Value::Null) { &nothing } else { node };
    let fields = node.fields(&format!("`{kind}`"), keys)?;
    let mut timeout = None;
    let open_text = |key: &str| open_text(fields.get(key), &format!("`{key}`"), scope);
    let need_some = |keys: [&str; 2]| {
        if keys.iter().all(|key| fields.get(key).is_none()) {
            return Err(node.at.error(format_args!("`{kind}` does nothing; give it {}", listed(&keys))));
        }
        Ok(())
    };
    let body = match kind {
        "firmware" => read_firmware(&fields, artifacts)?,
        "settings" => {
            need_some(["set", "delete"])?;
            read_settings(&fields, scope)?
        }
        "files" => {
            need_some(["put", "empty"])?;
            let put = fields.get("put").map(|n| read_put(n, scope, artifacts)).transpose()?.unwrap_or_default();
            BodySpec::Files { put, empty: read_empty(fields.get("empty"))? }
        }
        "apps" => {
            need_some(["install", "remove"])?;
            read_apps(&fields, artifacts)?
        }
        "ask" => {
            timeout = fields.get("timeout").map(|n| duration(n, "`timeout`")).transpose()?;
            let say = open_text("say")?.ok_or_else(|| fields.at().error("`ask` lacks its `say`"))?;
            BodySpec::Ask {
                say,
                answer: fields
                    .get("answer")
                    .map(|n| n.choice("`answer`", &ANSWER))
                    .transpose()?
                    .unwrap_or(Answer::PassFail),
            }
        }
        "diagnose" => BodySpec::Diagnose {
            expect: read_expect(fields.get("expect"), scope)?,
            attach: read_attach(fields.get("attach"))?,
        },
        "backup" => BodySpec::Backup { named: read_named(&fields)?, label: open_text("label")? },
        "restore" => {
            let (backup, label) = (open_text("backup")?, open_text("label")?);
            if let (Some(_), Some(node)) = (&backup, fields.get("label")) {
                return Err(node.at.error("`label` chooses the newest backup that has it, and `backup` names one"));
            }
            BodySpec::Restore { backup, label }
        }
        "reboot" => BodySpec::Reboot {
            to: fields.get("to").map(|n| n.choice("`to`", &MODES)).transpose()?.unwrap_or(Mode::Application),
            slot: fields.get("slot").map(|n| n.choice("`slot`", &[("a", 'a'), ("b", 'b')])).transpose()?,
        },
        "console" => {
            let run = fields.need("run")?;
            let text = Text::new(run.raw_text("`run`")?, &run.at, scope)?;
            if let Some(take) = fields.get("take").filter(|_| text.is_secret()) {
                return Err(take.at.error("what a secret command leaves may well repeat it, and cannot be kept"));
            }
            BodySpec::Console {
                run: text,
                expect: open_text("expect")?,
                stage: fields.get("stage").map(|n| artifact(n, artifacts)).transpose()?,
                take: fields.get("take").map(report_name).transpose()?,
            }
        }
        _ => BodySpec::Erase { slot: slot(Some(fields.need("slot")?))?.unwrap_or_default() },
    };
    Ok((body, timeout))
}

/// One image, or all that a factory archive brings.
fn read_firmware(fields: &Fields<'_>, artifacts: &Artifacts) -> Result<BodySpec> {
    const ACTIVATE: [(&str, Activate); 3] =
        [("none", Activate::None), ("test", Activate::Test), ("confirm", Activate::Confirm)];
    const LAYOUT: [(&str, bool); 2] = [("image", false), ("factory", true)];
    const SLOTS: [(&str, &str); 2] = [("a", "a"), ("b", "b")];
    let artifact = artifact(fields.need("artifact")?, artifacts)?;
    let activate = fields.get("activate").map(|n| n.choice("`activate`", &ACTIVATE)).transpose()?;
    let activate = activate.unwrap_or(Activate::Confirm);
    let is_factory = fields.get("layout").map(|n| n.choice("`layout`", &LAYOUT)).transpose()?.unwrap_or(false);
    let flag = |key: &str| fields.get(key).map(|n| n.bool(&format!("`{key}`"))).transpose();
    let (wipe, loaders) = (flag("wipe")?, flag("loaders")?);
    if !is_factory {
        for key in ["wipe", "loaders"] {
            if let Some(node) = fields.get(key) {
                return Err(node.at.error(format_args!("`{key}` is for a factory archive: say `layout: factory`")));
            }
        }
        return Ok(BodySpec::Firmware { artifact, slot: slot(fields.get("slot"))?, activate });
    }
    if let (Activate::Test, Some(node)) = (activate, fields.get("activate")) {
        return Err(node.at.error("a phone cannot run its images on trial; say `confirm`, or `none`"));
    }
    let slot = fields.get("slot").map(|n| n.choice("`slot` of a factory archive", &SLOTS)).transpose()?;
    let how = HowFactory {
        slot: slot.map(str::to_owned),
        start: activate == Activate::Confirm,
        wipe: wipe.unwrap_or(false),
        loaders: loaders.unwrap_or(false),
    };
    Ok(BodySpec::Factory { artifact, how })
}

/// A text that people read and records keep: it holds no secret.
pub(super) fn open_text(node: Option<&Node>, what: &str, scope: &Scope) -> Result<Option<Text>> {
    let Some(node) = node else { return Ok(None) };
    let text = Text::new(node.raw_text(what)?, &node.at, scope)?;
    refuse_secret(&text, what)?;
    Ok(Some(text))
}

fn slot(node: Option<&Node>) -> Result<Option<String>> {
    let Some(node) = node else { return Ok(None) };
    let text = node.text("`slot`")?;
    if !text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '/' | '.')) {
        return Err(node.at.error(format_args!("`{text}` is no slot; it looks like `secondary` or `1/secondary`")));
    }
    Ok(Some(text.to_owned()))
}

fn artifact(node: &Node, artifacts: &Artifacts) -> Result<String> {
    artifact_of(ArtifactKind::File, node, artifacts)
}

fn artifact_of(kind: ArtifactKind, node: &Node, artifacts: &Artifacts) -> Result<String> {
    let name = node.text("an artifact's name")?;
    match artifacts.get(name) {
        Some(spec) if spec.kind == kind => Ok(name.to_owned()),
        Some(spec) => {
            let (is, wanted) = (spec.kind.key(), kind.key());
            Err(node.at.error(format_args!("artifact `{name}` is a {is}, and a {wanted} is needed here")))
        }
        None => {
            let hint = suggestion(name, artifacts.keys().map(String::as_str));
            Err(node.at.error(format_args!("`{name}` names no artifact{hint}; declare it under `artifacts`")))
        }
    }
}

/// An application is one artifact, or the list of those of which it is made.
fn read_apps(fields: &Fields<'_>, artifacts: &Artifacts) -> Result<BodySpec> {
    let mut install = Vec::new();
    for node in fields.get("install").map(|n| n.list("`install`")).transpose()?.unwrap_or_default() {
        let files = if let Value::List(files) = &node.value { files.as_slice() } else { std::slice::from_ref(node) };
        let files: Vec<String> = files.iter().map(|n| artifact(n, artifacts)).collect::<Result<_>>()?;
        if files.is_empty() {
            return Err(node.at.error("an application is made of one artifact at least"));
        }
        install.push(files);
    }
    let mut remove = Vec::new();
    for node in fields.get("remove").map(|n| n.list("`remove`")).transpose()?.unwrap_or_default() {
        let is_all = matches!(&node.value, Value::Text(text) if text == "*");
        remove.push(if is_all { "*".to_owned() } else { package(node, "an entry of `remove`")? });
    }
    if install.is_empty() && remove.is_empty() {
        return Err(fields.at().error("`apps` does nothing: nothing is installed or removed"));
    }
    let flag = |key: &str| fields.get(key).map(|n| n.bool(&format!("`{key}`"))).transpose();
    let options =
        InstallOptions { downgrade: flag("downgrade")?.unwrap_or(false), grant: flag("grant")?.unwrap_or(false) };
    Ok(BodySpec::Apps { install, remove, options })
}

fn package(node: &Node, what: &str) -> Result<String> {
    let name = node.text(what)?;
    let is_part = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphabetic())
            && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    if name.len() > 255 || !name.split('.').all(is_part) {
        let shown = name.escape_debug();
        return Err(node.at.error(format_args!("`{shown}` is no package name; it looks like `com.example.app`")));
    }
    Ok(name.to_owned())
}

/// A report by its name, or with the time that it is of.
fn read_attach(node: Option<&Node>) -> Result<Vec<Attach>> {
    let mut attach: Vec<Attach> = Vec::new();
    for node in node.map(|n| n.list("`attach`")).transpose()?.unwrap_or_default() {
        let (name, last) = match &node.value {
            Value::Map(_) => {
                let fields = node.fields("an entry of `attach`", &["report", "last"])?;
                let last = fields.get("last").map(|n| duration(n, "`last`")).transpose()?;
                (fields.need("report")?, last)
            }
            _ => (node, None),
        };
        let report = report_name(name)?;
        if attach.iter().any(|other| other.report == report) {
            return Err(name.at.error(format_args!("report `{report}` is attached twice")));
        }
        attach.push(Attach { report, last });
    }
    Ok(attach)
}

fn report_name(node: &Node) -> Result<String> {
    let report = node.text("the name of a report")?;
    if report.is_empty() || !report.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '/')) {
        let shown = report.escape_debug();
        return Err(node.at.error(format_args!("`{shown}` names no report; it looks like `logcat`")));
    }
    Ok(report.to_owned())
}

fn read_settings(fields: &Fields<'_>, scope: &Scope) -> Result<BodySpec> {
    let (mut set, mut numbers) = (Vec::new(), BTreeMap::new());
    if let Some(node) = fields.get("set") {
        for (key, value) in node.entries("`set`")? {
            setting_key(&key.text, &key.at)?;
            set.push((key.text.clone(), Typed::read(value, &key.text, scope)?));
            numbers.extend(number(value).map(|name| (key.text.clone(), name)));
        }
    }
    let mut delete = Vec::new();
    if let Some(node) = fields.get("delete") {
        for node in node.list("`delete`")? {
            let key = node.text("an entry of `delete`")?;
            setting_key(key, &node.at)?;
            if set.iter().any(|(other, _)| other == key) {
                return Err(node.at.error(format_args!("setting `{key}` is both set and deleted")));
            }
            delete.push(key.to_owned());
        }
    }
    if set.is_empty() && delete.is_empty() {
        return Err(fields.at().error("`settings` does nothing: no key is set or deleted"));
    }
    Ok(BodySpec::Settings { set, delete, numbers })
}

fn setting_key(key: &str, at: &At) -> Result<()> {
    if key.is_empty() || key.len() > 255 || key.chars().any(char::is_control) || key.contains("{{") {
        let shown = key.escape_debug();
        return Err(at.error(format_args!("`{shown}` is no settings key: 1 to 255 bytes of text, no template")));
    }
    Ok(())
}

/// An absolute path on a unit, without `.`, `..`, empty parts or control characters.
///
/// # Errors
/// `invalid`: it is none.
pub(super) fn unit_path(path: &str, at: &At) -> Result<()> {
    let shown = path.escape_debug();
    let why = if !path.starts_with('/') {
        "must start with /"
    } else if path.len() > 1024 {
        "is too long"
    } else if path.contains("{{") {
        "cannot be a template"
    } else if path.chars().any(char::is_control) {
        "holds a control character"
    } else if path[1..].split('/').any(|part| matches!(part, "" | "." | "..")) {
        "may not hold `.`, `..` or empty parts"
    } else {
        return Ok(());
    };
    Err(at.error(format_args!("the unit's path `{shown}` {why}")))
}

fn read_put(node: &Node, scope: &Scope, artifacts: &Artifacts) -> Result<Vec<(String, FileSpec)>> {
    let entries = node.entries("`put`")?;
    if entries.is_empty() {
        return Err(node.at.error("`put` is empty"));
    }
    let mut put = Vec::new();
    for (key, value) in entries {
        unit_path(&key.text, &key.at)?;
        put.push((key.text.clone(), read_file(value, &key.text, scope, artifacts)?));
    }
    Ok(put)
}

/// Folders that hold no files.
fn read_empty(node: Option<&Node>) -> Result<Vec<String>> {
    let mut empty = Vec::new();
    for node in node.map(|n| n.list("`empty`")).transpose()?.unwrap_or_default() {
        let path = node.text("an entry of `empty`")?;
        unit_path(path, &node.at)?;
        empty.push(path.to_owned());
    }
    Ok(empty)
}

fn read_file(node: &Node, path: &str, scope: &Scope, artifacts: &Artifacts) -> Result<FileSpec> {
    let what = format!("the content of {path}");
    if let Value::Text(text) = &node.value {
        let shown: String = text.escape_debug().take(40).collect();
        let sentence = format!("{what} needs its kind: {{ artifact: NAME }} or {{ text: \"{shown}\" }}");
        return Err(node.at.error(sentence));
    }
    let fields = node.fields(&what, &["artifact", "text", "hex", "tree", "keep"])?;
    if let Some(tree) = fields.get("tree") {
        for key in ["artifact", "text", "hex"] {
            if let Some(other) = fields.get(key) {
                return Err(other
                    .at
                    .error(format_args!("{what} is exactly one of `artifact`, `text`, `hex` or `tree`")));
            }
        }
        return Ok(FileSpec::Tree(artifact_of(ArtifactKind::Tree, tree, artifacts)?, read_keep(fields.get("keep"))?));
    }
    if let Some(keep) = fields.get("keep") {
        return Err(keep.at.error("`keep` says what of a `tree` is kept, and there is none"));
    }
    let Value::Map(entries) = &node.value else { return Err(node.at.error(format_args!("{what} must be a map"))) };
    let [(key, value)] = entries.as_slice() else {
        return Err(node.at.error(format_args!("{what} is exactly one of `artifact`, `text`, `hex` or `tree`")));
    };
    if key.text == "artifact" {
        return Ok(FileSpec::Artifact(artifact(value, artifacts)?));
    }
    let text = Text::new(value.raw_text(&what)?, &value.at, scope)?;
    if key.text == "text" {
        return Ok(FileSpec::Text(text));
    }
    if text.is_plain() {
        let plain = text.render(&Context::new(&super::Facts::default(), &super::Inputs::default()))?;
        hex_bytes(&plain).map_err(|e| value.at.error(e))?;
    }
    Ok(FileSpec::Hex(text))
}

fn read_keep(node: Option<&Node>) -> Result<Keep> {
    const KEEP: [(&str, bool); 2] = [("modes", true), ("times", false)];
    let mut keep = Keep::default();
    for node in node.map(|n| n.list("`keep`")).transpose()?.unwrap_or_default() {
        match node.choice("an entry of `keep`", &KEEP)? {
            true => keep.modes = true,
            false => keep.times = true,
        }
    }
    Ok(keep)
}

fn read_expect(node: Option<&Node>, scope: &Scope) -> Result<BTreeMap<String, (Limit, Option<Text>)>> {
    let mut expect = BTreeMap::new();
    let Some(node) = node else { return Ok(expect) };
    for (key, value) in node.entries("`expect`")? {
        let what = format!("the limits of `{}`", key.text.escape_debug());
        let fields = value.fields(&what, &["min", "max", "is"])?;
        let (least, most) = (i128::from(i64::MIN), i128::from(i64::MAX));
        let int = |key: &str| -> Result<Option<i64>> {
            let Some(node) = fields.get(key) else { return Ok(None) };
            Ok(i64::try_from(node.int(&format!("`{key}`"), least, most)?).ok())
        };
        let (min, max) = (int("min")?, int("max")?);
        if let (Some(low), Some(high)) = (min, max)
            && low > high
        {
            return Err(value.at.error(format_args!("{what}: min {low} is above max {high}")));
        }
        let is = fields.get("is").map(|n| Text::new(n.raw_text("`is`")?, &n.at, scope)).transpose()?;
        if let Some(text) = &is {
            refuse_secret(text, "`is`")?;
        }
        match (min.is_some() || max.is_some(), is.is_some()) {
            (true, true) => return Err(value.at.error(format_args!("{what}: `is` stands alone"))),
            (false, false) => {
                return Err(value.at.error(format_args!("{what} say nothing; give `min`, `max` or `is`")));
            }
            _ => {}
        }
        expect.insert(key.text.clone(), (Limit { min, max, is: None }, is));
    }
    Ok(expect)
}

fn read_named(fields: &Fields<'_>) -> Result<Option<Named>> {
    if ["files", "apps", "settings", "firmware"].iter().all(|key| fields.get(key).is_none()) {
        return Ok(None);
    }
    let mut named = Named::default();
    for node in fields.get("files").map(|n| n.list("`files`")).transpose()?.unwrap_or_default() {
        let path = node.text("an entry of `files`")?;
        unit_path(path, &node.at)?;
        named.files.push((path.to_owned(), node.at.clone()));
    }
    for node in fields.get("apps").map(|n| n.list("`apps`")).transpose()?.unwrap_or_default() {
        let is_all = matches!(&node.value, Value::Text(text) if text == "*");
        named.apps.push(if is_all { "*".to_owned() } else { package(node, "an entry of `apps`")? });
    }
    for node in fields.get("settings").map(|n| n.list("`settings`")).transpose()?.unwrap_or_default() {
        let key = node.text("an entry of `settings`")?;
        setting_key(key, &node.at)?;
        named.settings.push((key.to_owned(), node.at.clone()));
    }
    for node in fields.get("firmware").map(|n| n.list("`firmware`")).transpose()?.unwrap_or_default() {
        named.firmware.extend(slot(Some(node))?);
    }
    let is_empty = named.files.is_empty() && named.apps.is_empty();
    if is_empty && named.settings.is_empty() && named.firmware.is_empty() {
        return Err(fields.at().error("`backup` names nothing; leave the lists away to take what the profile names"));
    }
    Ok(Some(named))
}
