//! A profile as a tree, and the questions that a reader asks it: each answer is checked, each refusal knows its line.

use super::source::At;
use crate::error::{Error, Result};

/// One value of the tree.
#[derive(Debug, Clone)]
pub struct Node {
    /// Where it stands.
    pub at: At,
    /// What it is.
    pub value: Value,
}

/// What a node is.
#[derive(Debug, Clone)]
pub enum Value {
    /// Nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i128),
    /// A number with a fraction.
    Float(f64),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A map, in the order of the text.
    Map(Vec<(Key, Node)>),
}

/// A key of a map.
#[derive(Debug, Clone)]
pub struct Key {
    /// Where it stands.
    pub at: At,
    /// Its text.
    pub text: String,
}

impl Node {
    /// What this is, for a sentence: "… must be text, not a list".
    pub fn called(&self) -> &'static str {
        match self.value {
            Value::Null => "nothing",
            Value::Bool(_) => "true or false",
            Value::Int(_) => "a whole number",
            Value::Float(_) => "a number",
            Value::Text(_) => "text",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }

    fn not(&self, what: &str, expected: &str) -> Error {
        self.at.error(format_args!("{what} must be {expected}, not {}", self.called()))
    }

    /// Text as it stands, which may be empty and may be a template.
    pub fn raw_text(&self, what: &str) -> Result<&str> {
        match &self.value {
            Value::Text(text) => Ok(text),
            Value::Int(_) | Value::Float(_) | Value::Bool(_) => {
                Err(self.at.error(format_args!("{what} must be text, not {}; put it in quotes", self.called())))
            }
            _ => Err(self.not(what, "text")),
        }
    }

    /// Text that means itself: not empty, no template, nothing that disturbs a screen.
    pub fn text(&self, what: &str) -> Result<&str> {
        let text = self.raw_text(what)?;
        if text.is_empty() {
            return Err(self.at.error(format_args!("{what} is empty")));
        }
        if text.contains("{{") {
            return Err(self.at.error(format_args!("{what} cannot be a template")));
        }
        if let Some(bad) = text.chars().find(|c| c.is_control()) {
            return Err(self.at.error(format_args!("{what} holds the control character {}", bad.escape_unicode())));
        }
        Ok(text)
    }

    /// A list.
    pub fn list(&self, what: &str) -> Result<&[Node]> {
        match &self.value {
            Value::List(items) => Ok(items),
            _ => Err(self.not(what, "a list")),
        }
    }

    /// A list of texts that mean themselves.
    pub fn texts(&self, what: &str) -> Result<Vec<String>> {
        self.list(what)?.iter().map(|item| item.text(&format!("an entry of {what}")).map(str::to_owned)).collect()
    }

    /// The entries of a map with free keys.
    pub fn entries(&self, what: &str) -> Result<&[(Key, Node)]> {
        match &self.value {
            Value::Map(entries) => Ok(entries),
            _ => Err(self.not(what, "a map")),
        }
    }

    /// `true` or `false`.
    pub fn bool(&self, what: &str) -> Result<bool> {
        match self.value {
            Value::Bool(value) => Ok(value),
            _ => Err(self.not(what, "true or false")),
        }
    }

    /// A whole number from `least` to `most`.
    pub fn int(&self, what: &str, least: i128, most: i128) -> Result<i128> {
        match self.value {
            Value::Int(value) if (least..=most).contains(&value) => Ok(value),
            Value::Int(value) => {
                Err(self.at.error(format_args!("{what} must be from {least} to {most}, and is {value}")))
            }
            _ => Err(self.not(what, "a whole number")),
        }
    }

    /// One of `choices` by name.
    pub fn choice<T: Copy>(&self, what: &str, choices: &[(&str, T)]) -> Result<T> {
        let text = self.text(what)?;
        if let Some((_, value)) = choices.iter().find(|(name, _)| *name == text) {
            return Ok(*value);
        }
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        let hint = suggestion(text, names.iter().copied());
        Err(self.at.error(format_args!("{what} is one of {}, not `{text}`{hint}", listed(&names))))
    }

    /// A map whose keys are among `known`.
    pub fn fields<'a>(&'a self, what: &str, known: &[&str]) -> Result<Fields<'a>> {
        let entries = match &self.value {
            Value::Map(entries) => entries.as_slice(),
            _ => return Err(self.not(what, "a map")),
        };
        for (key, _) in entries {
            if !known.contains(&key.text.as_str()) {
                let shown = key.text.escape_debug();
                let hint = suggestion(&key.text, known.iter().copied());
                let expected = listed(known);
                return Err(key.at.error(format_args!("{what} knows no key `{shown}`{hint}; it takes {expected}")));
            }
        }
        Ok(Fields { what: what.to_owned(), at: &self.at, entries })
    }

    /// The value under `key`, if this is a map that has it.
    pub fn get(&self, key: &str) -> Option<&Node> {
        match &self.value {
            Value::Map(entries) => entries.iter().find(|(k, _)| k.text == key).map(|(_, node)| node),
            _ => None,
        }
    }
}

/// A map whose keys are all known.
pub struct Fields<'a> {
    what: String,
    at: &'a At,
    entries: &'a [(Key, Node)],
}

impl<'a> Fields<'a> {
    /// The value of `key`; a key without a value counts as absent nowhere: it is `Null`.
    pub fn get(&self, key: &str) -> Option<&'a Node> {
        self.entries.iter().find(|(k, _)| k.text == key).map(|(_, node)| node)
    }

    /// The value of `key`, which must be there.
    pub fn need(&self, key: &str) -> Result<&'a Node> {
        self.get(key).ok_or_else(|| self.at.error(format_args!("{} lacks its `{key}`", self.what)))
    }

    /// Where the map stands.
    pub fn at(&self) -> &'a At {
        self.at
    }
}

/// ", did you mean `…`?" when one of `known` is near `given`, else nothing.
pub fn suggestion<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(given, known).map_or_else(String::new, |name| format!(" (did you mean `{name}`?)"))
}

/// The nearest of `known`, when it is near enough to be meant.
pub fn nearest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if given.len() > 64 {
        return None;
    }
    let given = given.to_lowercase();
    let near = |name: &&str| {
        let name = name.to_lowercase();
        // `u32` is meant to be `u32le`, whatever the number of letters that are missing.
        let begun = given.len() > 1 && name.starts_with(&given);
        let distance = if begun { 1 } else { strsim::damerau_levenshtein(&given, &name) };
        (distance <= 1 + name.chars().count() / 4).then_some(distance)
    };
    known.into_iter().filter_map(|name| Some((near(&name)?, name))).min_by_key(|(d, _)| *d).map(|(_, name)| name)
}

/// "`a`, `b` or `c`".
pub fn listed(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.split_last() {
        None => "nothing".into(),
        Some((only, [])) => only.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
    }
}
