//! A profile's text: read within limits, parsed into a tree whose every node knows its line.
//!
//! serde drops positions. Nodes are therefore numbered as they are met, and a position is found again by parsing once
//! more and stopping at that number; it costs a second pass only when there is something to complain about.

use std::cell::Cell;
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::de::{DeserializeSeed, Deserializer, EnumAccess, Error as _, MapAccess, SeqAccess, Visitor};

use super::node::{Key, Node, Value};
use crate::error::{Error, Kind, Result};

/// The longest profile that is read, in bytes.
pub const MAX_BYTES: u64 = 256 * 1024;
/// The most values a profile may unfold to, aliases counted each time.
pub const MAX_NODES: u32 = 20_000;
/// How deep brackets may nest: the scanner underneath takes quadratic time over open ones.
const MAX_BRACKETS: usize = 256;

const STOP: &str = "found";

/// The text of one profile file.
pub struct Source {
    /// The file as the person named it.
    pub shown: String,
    /// The folder that its paths are relative to.
    pub dir: PathBuf,
    /// What stands in it.
    pub text: String,
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Source({})", self.shown)
    }
}

/// A place in a profile file.
#[derive(Debug, Clone)]
pub struct At {
    pub(super) source: Arc<Source>,
    pub(super) id: u32,
}

impl At {
    /// Line and column, both from 1.
    #[must_use]
    pub fn position(&self) -> (usize, usize) {
        let error = self.source.walk(Some(self.id)).err();
        error.and_then(|e| e.location()).map_or((1, 1), |l| (l.line(), l.column()))
    }

    /// The whole text that it is a place of.
    pub(crate) fn text(&self) -> &str {
        &self.source.text
    }

    /// That something is wrong here.
    #[must_use]
    pub fn error(&self, sentence: impl fmt::Display) -> Error {
        let (line, column) = self.position();
        Error::new(Kind::Invalid, format!("{}:{line}:{column}: {sentence}", self.source.shown))
    }
}

impl Source {
    /// Reads `path`.
    ///
    /// # Errors
    /// `invalid`: no such file, not a file, too long, not UTF-8.
    pub fn read(path: &Path) -> Result<Arc<Source>> {
        let shown = path.display().to_string();
        let cannot = |e: std::io::Error| {
            let error = Error::new(Kind::Invalid, format!("cannot read profile {shown}")).because(e);
            error.next("check the path; `hardwire profile new -d DEV` writes a first profile for a unit")
        };
        let file = File::open(path).map_err(cannot)?;
        if !file.metadata().map_err(cannot)?.is_file() {
            return Err(Error::new(Kind::Invalid, format!("profile {shown} is not a file")));
        }
        let mut bytes = Vec::new();
        file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(cannot)?;
        let dir = path.parent().map(Path::to_path_buf).unwrap_or_default();
        Source::from_bytes(shown, dir, bytes)
    }

    /// Takes the text of a profile that would stand in `dir`.
    ///
    /// # Errors
    /// `invalid`: too long, not UTF-8.
    pub fn from_bytes(shown: impl Into<String>, dir: impl Into<PathBuf>, bytes: Vec<u8>) -> Result<Arc<Source>> {
        let shown = shown.into();
        if bytes.len() as u64 > MAX_BYTES {
            let most = MAX_BYTES / 1024;
            return Err(Error::new(Kind::Invalid, format!("profile {shown} is longer than {most} KiB")));
        }
        let text = String::from_utf8(bytes).map_err(|e| {
            let good = &e.as_bytes()[..e.utf8_error().valid_up_to()];
            let line = good.iter().filter(|b| **b == b'\n').count() + 1;
            Error::new(Kind::Invalid, format!("{shown}:{line}: this is not UTF-8 text"))
        })?;
        Ok(Arc::new(Source { shown, dir: dir.into(), text }))
    }

    /// The tree that the text spells.
    ///
    /// # Errors
    /// `invalid`: not YAML, a key twice in one map, a tag, too many values.
    pub fn parse(self: &Arc<Source>) -> Result<Node> {
        self.check_brackets()?;
        self.check_anchors()?;
        let raw = self.walk(None).map_err(|e| self.explain(&e))?;
        Ok(raw.into_node(self))
    }

    /// Counts brackets wherever they stand, also in quotes and comments. That is no proof against text made to deceive it,
    /// whose cost [`MAX_BYTES`] bounds; it stops what is merely broken.
    fn check_brackets(&self) -> Result<()> {
        let mut open = 0usize;
        for (index, byte) in self.text.bytes().enumerate() {
            match byte {
                b'[' | b'{' => open += 1,
                b']' | b'}' => open = open.saturating_sub(1),
                _ => {}
            }
            if open > MAX_BRACKETS {
                let line = self.text.as_bytes()[..index].iter().filter(|b| **b == b'\n').count() + 1;
                let sentence = format!("{}:{line}: brackets nest deeper than {MAX_BRACKETS}", self.shown);
                return Err(Error::new(Kind::Invalid, sentence));
            }
        }
        Ok(())
    }

    /// Refuses an alias to an anchor that stands twice: the parser underneath then takes the value of another anchor.
    fn check_anchors(&self) -> Result<()> {
        let mut anchors = std::collections::HashMap::new();
        let mut twice = std::collections::HashMap::new();
        let mut aliases = std::collections::HashSet::new();
        for (index, line) in self.text.lines().enumerate() {
            for word in line.split(|c: char| c.is_whitespace() || matches!(c, ',' | '[' | ']' | '{' | '}')) {
                if let Some(name) = word.strip_prefix('&').filter(|name| !name.is_empty()) {
                    if anchors.insert(name, index).is_some() {
                        twice.entry(name).or_insert(index + 1);
                    }
                } else if let Some(name) = word.strip_prefix('*') {
                    aliases.insert(name);
                }
            }
        }
        let Some((name, line)) = twice.into_iter().filter(|(name, _)| aliases.contains(name)).min_by_key(|(_, l)| *l)
        else {
            return Ok(());
        };
        let sentence = format!("{}:{line}: the anchor `&{}` stands here again", self.shown, name.escape_debug());
        Err(Error::new(Kind::Invalid, sentence).next("give every anchor a name of its own"))
    }

    fn walk(&self, stop_at: Option<u32>) -> std::result::Result<Raw, serde_yaml::Error> {
        let counter = Counter { next: Cell::new(0), stop_at };
        Seed(&counter).deserialize(serde_yaml::Deserializer::from_str(&self.text))
    }

    fn explain(&self, error: &serde_yaml::Error) -> Error {
        let (line, column) = error.location().map_or((1, 1), |l| (l.line(), l.column()));
        if let Some((line, column)) = self.tab_before(line) {
            let place = format!("{}:{line}:{column}", self.shown);
            return Error::new(Kind::Invalid, format!("{place}: a tab: YAML indents with spaces only"))
                .next("put spaces where the tab is");
        }
        let mut said = error.to_string();
        // Our own place stands in front already.
        while let Some(at) = said.find(" at line ") {
            let place = &said[at + " at line ".len()..];
            let rest = place.find(|c: char| !c.is_ascii_digit() && !" column".contains(c)).unwrap_or(place.len());
            said.drain(at..at + " at line ".len() + rest);
        }
        if let Some(ours) = said.find(OURS) {
            said.drain(..ours + OURS.len());
        }
        let said = match said.as_str() {
            "deserializing from YAML containing more than one document is not supported" => {
                "a profile is one document; a line `---` starts a second"
            }
            "did not find expected key, while parsing a block mapping" => {
                "this line does not fit those above it; check its indentation"
            }
            "mapping values are not allowed in this context" => {
                "a `:` that cannot stand here; put text that holds one in quotes, or check the indentation"
            }
            "unknown anchor" => "an alias to no anchor; quote text that starts with `*`",
            "found character that cannot start any token, while scanning for the next token" => {
                "text cannot start with this character; put it in quotes"
            }
            "repetition limit exceeded" => "aliases unfold to too much",
            "recursion limit exceeded" => "values nest too deep",
            other => other,
        };
        Error::new(Kind::Invalid, format!("{}:{line}:{column}: {said}", self.shown))
    }

    /// The first tab among the blanks that start a line, down to `last`.
    fn tab_before(&self, last: usize) -> Option<(usize, usize)> {
        self.text.lines().take(last).enumerate().find_map(|(index, line)| {
            let blanks = line.len() - line.trim_start_matches([' ', '\t', '-']).len();
            line[..blanks].find('\t').map(|at| (index + 1, at + 1))
        })
    }
}

/// Marks a sentence as ours among what serde puts around it.
const OURS: &str = "\u{2063}";

struct Counter {
    next: Cell<u32>,
    stop_at: Option<u32>,
}

impl Counter {
    fn enter<E: serde::de::Error>(&self) -> std::result::Result<u32, E> {
        let id = self.next.get();
        if self.stop_at == Some(id) {
            return Err(E::custom(STOP));
        }
        if id >= MAX_NODES {
            return Err(E::custom(format!("{OURS}more than {MAX_NODES} values, aliases unfolded")));
        }
        self.next.set(id + 1);
        Ok(id)
    }
}

/// A node before it knows its file.
struct Raw {
    id: u32,
    value: RawValue,
}

enum RawValue {
    Leaf(Value),
    List(Vec<Raw>),
    Map(Vec<(u32, String, Raw)>),
}

impl Raw {
    fn into_node(self, source: &Arc<Source>) -> Node {
        let at = |id| At { source: Arc::clone(source), id };
        let value = match self.value {
            RawValue::Leaf(value) => value,
            RawValue::List(items) => Value::List(items.into_iter().map(|raw| raw.into_node(source)).collect()),
            RawValue::Map(entries) => Value::Map(
                entries.into_iter().map(|(id, text, raw)| (Key { at: at(id), text }, raw.into_node(source))).collect(),
            ),
        };
        Node { at: at(self.id), value }
    }
}

struct Seed<'a>(&'a Counter);

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Raw;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> std::result::Result<Raw, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Seed<'_> {
    fn leaf<E: serde::de::Error>(&self, value: Value) -> std::result::Result<Raw, E> {
        Ok(Raw { id: self.0.enter()?, value: RawValue::Leaf(value) })
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E: serde::de::Error>(self, v: bool) -> std::result::Result<Raw, E> {
        self.leaf(Value::Bool(v))
    }
    fn visit_i64<E: serde::de::Error>(self, v: i64) -> std::result::Result<Raw, E> {
        self.leaf(Value::Int(v.into()))
    }
    fn visit_u64<E: serde::de::Error>(self, v: u64) -> std::result::Result<Raw, E> {
        self.leaf(Value::Int(v.into()))
    }
    fn visit_i128<E: serde::de::Error>(self, v: i128) -> std::result::Result<Raw, E> {
        self.leaf(Value::Int(v))
    }
    fn visit_u128<E: serde::de::Error>(self, v: u128) -> std::result::Result<Raw, E> {
        let v = i128::try_from(v).map_err(|_| E::custom(format!("{OURS}a number too large for anything")))?;
        self.leaf(Value::Int(v))
    }
    fn visit_f64<E: serde::de::Error>(self, v: f64) -> std::result::Result<Raw, E> {
        self.leaf(Value::Float(v))
    }
    fn visit_str<E: serde::de::Error>(self, v: &str) -> std::result::Result<Raw, E> {
        self.leaf(Value::Text(v.to_owned()))
    }
    fn visit_unit<E: serde::de::Error>(self) -> std::result::Result<Raw, E> {
        self.leaf(Value::Null)
    }
    fn visit_none<E: serde::de::Error>(self) -> std::result::Result<Raw, E> {
        self.leaf(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> std::result::Result<Raw, A::Error> {
        let id = self.0.enter()?;
        let mut items = Vec::new();
        while let Some(item) = access.next_element_seed(Seed(self.0))? {
            items.push(item);
        }
        Ok(Raw { id, value: RawValue::List(items) })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> std::result::Result<Raw, A::Error> {
        let id = self.0.enter()?;
        let mut entries = Vec::new();
        let mut seen = std::collections::HashSet::new();
        while let Some((id, key)) = access.next_key_seed(KeySeed(self.0, &seen))? {
            seen.insert(key.clone());
            let value = access.next_value_seed(Seed(self.0))?;
            entries.push((id, key, value));
        }
        Ok(Raw { id, value: RawValue::Map(entries) })
    }

    fn visit_enum<A: EnumAccess<'de>>(self, _: A) -> std::result::Result<Raw, A::Error> {
        Err(A::Error::custom(format!("{OURS}a tag (`!…`) has no place in a profile; quote text that starts with `!`")))
    }
}

struct KeySeed<'a>(&'a Counter, &'a std::collections::HashSet<String>);

impl<'de> DeserializeSeed<'de> for KeySeed<'_> {
    type Value = (u32, String);

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> std::result::Result<(u32, String), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl KeySeed<'_> {
    fn not_text<E: serde::de::Error, T>(&self) -> std::result::Result<T, E> {
        Err(E::custom(format!("{OURS}a key that is not text; put it in quotes")))
    }
}

impl<'de> Visitor<'de> for KeySeed<'_> {
    type Value = (u32, String);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: serde::de::Error>(self, v: &str) -> std::result::Result<(u32, String), E> {
        let id = self.0.enter()?;
        if self.1.contains(v) {
            return Err(E::custom(format!("{OURS}key `{}` stands here twice", v.escape_debug())));
        }
        Ok((id, v.to_owned()))
    }
    fn visit_bool<E: serde::de::Error>(self, _: bool) -> std::result::Result<(u32, String), E> {
        self.not_text()
    }
    fn visit_i64<E: serde::de::Error>(self, _: i64) -> std::result::Result<(u32, String), E> {
        self.not_text()
    }
    fn visit_u64<E: serde::de::Error>(self, _: u64) -> std::result::Result<(u32, String), E> {
        self.not_text()
    }
    fn visit_f64<E: serde::de::Error>(self, _: f64) -> std::result::Result<(u32, String), E> {
        self.not_text()
    }
    fn visit_unit<E: serde::de::Error>(self) -> std::result::Result<(u32, String), E> {
        self.not_text()
    }
    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> std::result::Result<(u32, String), A::Error> {
        self.not_text()
    }
    fn visit_map<A: MapAccess<'de>>(self, _: A) -> std::result::Result<(u32, String), A::Error> {
        // What YAML makes of an unquoted template: a map with a map for a key.
        Err(A::Error::custom(format!("{OURS}braces in braces; a template stands in quotes: \"{{{{ … }}}}\"")))
    }
    fn visit_enum<A: EnumAccess<'de>>(self, _: A) -> std::result::Result<(u32, String), A::Error> {
        self.not_text()
    }
}
