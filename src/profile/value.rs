//! Typed settings: what a profile says, as the bytes that a unit stores.

use super::node::{Node, Value};
use super::source::At;
use super::template::{Context, Scope, Text};
use crate::error::Result;

/// How a value is laid out in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// UTF-8 as it is, without a terminator.
    Str,
    /// The bytes that hex digits spell; `:`, `-` and blanks between bytes do not count.
    Hex,
    /// A whole number of this many bytes, least significant first.
    Int {
        /// 1, 2, 4 or 8.
        bytes: u8,
        /// Whether it can be negative (two's complement).
        signed: bool,
    },
    /// IEEE 754 single precision, least significant byte first.
    F32,
    /// One byte, 1 or 0.
    Bool,
    /// Compact JSON with sorted keys.
    Json,
}

/// The types by name.
pub const TYPES: [(&str, Layout); 13] = [
    ("str", Layout::Str),
    ("hex", Layout::Hex),
    ("u8", Layout::Int { bytes: 1, signed: false }),
    ("u16le", Layout::Int { bytes: 2, signed: false }),
    ("u32le", Layout::Int { bytes: 4, signed: false }),
    ("u64le", Layout::Int { bytes: 8, signed: false }),
    ("i8", Layout::Int { bytes: 1, signed: true }),
    ("i16le", Layout::Int { bytes: 2, signed: true }),
    ("i32le", Layout::Int { bytes: 4, signed: true }),
    ("i64le", Layout::Int { bytes: 8, signed: true }),
    ("f32le", Layout::F32),
    ("bool", Layout::Bool),
    ("json", Layout::Json),
];

/// A value of a setting, before its templates are rendered.
#[derive(Debug, Clone)]
pub enum Typed {
    /// Bytes that are known.
    Bytes(Vec<u8>),
    /// Text that is rendered and then laid out.
    Text(Layout, Text),
    /// JSON whose texts are rendered.
    Json(Tree),
}

/// JSON with templates in its texts.
#[derive(Debug, Clone)]
pub enum Tree {
    /// A value without templates.
    Fixed(serde_json::Value),
    /// Text.
    Text(Text),
    /// An array.
    List(Vec<Tree>),
    /// An object.
    Map(Vec<(String, Tree)>),
}

/// The type of a value that is laid out as a number, as the profile names it: units whose settings are text hold none.
pub fn number(node: &Node) -> Option<&'static str> {
    let Value::Map(entries) = &node.value else { return None };
    let [(key, _)] = entries.as_slice() else { return None };
    let (name, layout) = TYPES.iter().find(|(name, _)| *name == key.text)?;
    matches!(layout, Layout::Int { .. } | Layout::F32 | Layout::Bool).then_some(*name)
}

impl Typed {
    /// Reads the value of setting `key`.
    ///
    /// # Errors
    /// `invalid`: an unknown type, a bare number, a value out of its type's range.
    pub fn read(node: &Node, key: &str, scope: &Scope) -> Result<Typed> {
        let what = format!("setting `{key}`");
        match &node.value {
            Value::Text(text) => Typed::text(Layout::Str, Text::new(text, &node.at, scope)?),
            Value::Int(n) => Err(node.at.error(format_args!(
                "{what}: a bare number says nothing about its width; write {{ u32le: {n} }} or the like, or \"{n}\" for text"
            ))),
            Value::Float(n) => Err(node.at.error(format_args!(
                "{what}: a bare number says nothing about its layout; write {{ f32le: {n} }}, or \"{n}\" for text"
            ))),
            Value::Bool(b) => Err(node
                .at
                .error(format_args!("{what}: a bare {b} has no layout; write {{ bool: {b} }}, or \"{b}\" for text"))),
            Value::Null | Value::List(_) => {
                Err(node.at.error(format_args!("{what} must be text or a typed value, not {}", node.called())))
            }
            Value::Map(entries) => {
                let names: Vec<&str> = TYPES.iter().map(|(name, _)| *name).collect();
                node.fields(&what, &names)?;
                let [(name, value)] = entries.as_slice() else {
                    let sentence = format!("{what} takes exactly one type, such as {{ u32le: 1883 }}");
                    return Err(node.at.error(sentence));
                };
                let layout = TYPES.iter().find(|(n, _)| *n == name.text).map_or(Layout::Str, |(_, layout)| *layout);
                Typed::of_type(layout, value, scope)
            }
        }
    }

    fn of_type(layout: Layout, value: &Node, scope: &Scope) -> Result<Typed> {
        let fixed =
            |bytes: std::result::Result<Vec<u8>, String>| bytes.map(Typed::Bytes).map_err(|e| value.at.error(e));
        match (layout, &value.value) {
            (Layout::Json, _) => Ok(Typed::Json(Tree::read(value, scope)?)),
            (_, Value::Text(text)) => Typed::text(layout, Text::new(text, &value.at, scope)?),
            (Layout::Int { .. }, Value::Int(n)) => fixed(int_bytes(layout, *n)),
            (Layout::F32, Value::Int(n)) => fixed(f32_bytes(*n as f64)),
            (Layout::F32, Value::Float(n)) => fixed(f32_bytes(*n)),
            (Layout::Bool, Value::Bool(b)) => Ok(Typed::Bytes(vec![u8::from(*b)])),
            _ => Err(value.at.error(format_args!("{} cannot hold {}", layout.name(), value.called()))),
        }
    }

    fn text(layout: Layout, text: Text) -> Result<Typed> {
        if text.is_plain() {
            let plain = text.render(&Context::new(&super::Facts::default(), &super::Inputs::default()))?;
            return Ok(Typed::Bytes(layout.encode(&plain, text.at(), false)?));
        }
        Ok(Typed::Text(layout, text))
    }

    /// Whether its bytes hold a secret.
    #[must_use]
    pub fn is_secret(&self) -> bool {
        match self {
            Typed::Bytes(_) => false,
            Typed::Text(_, text) => text.is_secret(),
            Typed::Json(tree) => tree.is_secret(),
        }
    }

    /// The bytes for a unit.
    ///
    /// # Errors
    /// `invalid`: what was rendered does not suit the type.
    pub fn render(&self, context: &Context) -> Result<Vec<u8>> {
        match self {
            Typed::Bytes(bytes) => Ok(bytes.clone()),
            Typed::Text(layout, text) => layout.encode(&text.render(context)?, text.at(), text.is_secret()),
            Typed::Json(tree) => Ok(tree.render(context)?.to_string().into_bytes()),
        }
    }
}

impl Layout {
    fn name(self) -> &'static str {
        TYPES.iter().find(|(_, layout)| *layout == self).map_or("str", |(name, _)| *name)
    }

    /// `text` in this layout; a refusal quotes it unless it is secret.
    pub(super) fn encode(self, text: &str, at: &At, secret: bool) -> Result<Vec<u8>> {
        let shown = if secret { "(secret)".to_owned() } else { format!("`{}`", text.escape_debug()) };
        let bytes = match self {
            Layout::Str | Layout::Json => Ok(text.as_bytes().to_vec()),
            Layout::Hex => hex_bytes(text),
            Layout::Int { .. } => parse_int(text).ok_or_else(String::new).and_then(|n| int_bytes(self, n)),
            Layout::F32 => text.trim().parse().map_err(|_| String::new()).and_then(f32_bytes),
            Layout::Bool => match text.trim() {
                "true" => Ok(vec![1]),
                "false" => Ok(vec![0]),
                _ => Err("; it is true or false".to_owned()),
            },
        };
        bytes.map_err(|why| {
            let why = if secret { String::new() } else { why };
            at.error(format_args!(
                "{shown} does not suit {}{}{why}",
                self.name(),
                if why.is_empty() || why.starts_with(';') { "" } else { ": " }
            ))
        })
    }
}

/// Decimal, or hex after `0x`.
fn parse_int(text: &str) -> Option<i128> {
    let text = text.trim();
    match text.strip_prefix("0x") {
        Some(digits) if digits.starts_with(|c: char| c.is_ascii_hexdigit()) => i128::from_str_radix(digits, 16).ok(),
        Some(_) => None,
        None => text.parse().ok(),
    }
}

fn int_bytes(layout: Layout, n: i128) -> std::result::Result<Vec<u8>, String> {
    let Layout::Int { bytes, signed } = layout else { return Err(String::new()) };
    let bits = u32::from(bytes) * 8;
    let (least, most) =
        if signed { (-(1i128 << (bits - 1)), (1i128 << (bits - 1)) - 1) } else { (0, (1i128 << bits) - 1) };
    if n < least || n > most {
        return Err(format!("{n} is not within {} ({least} to {most})", layout.name()));
    }
    Ok(n.to_le_bytes()[..usize::from(bytes)].to_vec())
}

fn f32_bytes(n: f64) -> std::result::Result<Vec<u8>, String> {
    let single = n as f32;
    if !single.is_finite() {
        return Err(format!("{n} is not within f32le"));
    }
    Ok(single.to_le_bytes().to_vec())
}

/// The bytes that hex digits spell; `:`, `-` and blanks do not count.
pub(super) fn hex_bytes(text: &str) -> std::result::Result<Vec<u8>, String> {
    let digits: String = text.chars().filter(|c| !matches!(c, ':' | '-') && !c.is_ascii_whitespace()).collect();
    hex::decode(digits).map_err(|_| "hex is pairs of 0-9 and a-f".to_owned())
}

impl Tree {
    fn read(node: &Node, scope: &Scope) -> Result<Tree> {
        let no = |why: &str| node.at.error(format_args!("json cannot hold {why}"));
        Ok(match &node.value {
            Value::Null => Tree::Fixed(serde_json::Value::Null),
            Value::Bool(b) => Tree::Fixed((*b).into()),
            Value::Int(n) => Tree::Fixed(match (i64::try_from(*n), u64::try_from(*n)) {
                (Ok(n), _) => n.into(),
                (_, Ok(n)) => n.into(),
                _ => return Err(no("so large a number")),
            }),
            Value::Float(n) => {
                Tree::Fixed(serde_json::Number::from_f64(*n).ok_or_else(|| no("a number that is not finite"))?.into())
            }
            Value::Text(text) => Tree::Text(Text::new(text, &node.at, scope)?),
            Value::List(items) => Tree::List(items.iter().map(|item| Tree::read(item, scope)).collect::<Result<_>>()?),
            Value::Map(entries) => {
                let read = |(key, value): &(super::node::Key, Node)| Ok((key.text.clone(), Tree::read(value, scope)?));
                Tree::Map(entries.iter().map(read).collect::<Result<_>>()?)
            }
        })
    }

    fn is_secret(&self) -> bool {
        match self {
            Tree::Fixed(_) => false,
            Tree::Text(text) => text.is_secret(),
            Tree::List(items) => items.iter().any(Tree::is_secret),
            Tree::Map(entries) => entries.iter().any(|(_, tree)| tree.is_secret()),
        }
    }

    fn render(&self, context: &Context) -> Result<serde_json::Value> {
        Ok(match self {
            Tree::Fixed(value) => value.clone(),
            Tree::Text(text) => text.render(context)?.into(),
            Tree::List(items) => items.iter().map(|item| item.render(context)).collect::<Result<Vec<_>>>()?.into(),
            Tree::Map(entries) => {
                let render = |(key, tree): &(String, Tree)| Ok((key.clone(), tree.render(context)?));
                serde_json::Value::Object(entries.iter().map(render).collect::<Result<_>>()?)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::model::Body;
    use super::super::tests::{Bench, HEAD, facts, no_inputs};

    fn bytes(value: &str) -> String {
        let text = format!("{HEAD}steps:\n  - settings: {{ set: {{ k: {value} }} }}\n");
        let resolved = Bench::new(&[("p.yaml", &text)]).prepare().unwrap().resolve(&facts(), &no_inputs()).unwrap();
        let Body::Settings(step) = &resolved.steps[0].body else { panic!() };
        hex::encode(step.set[0].1.content.to_vec().unwrap())
    }

    #[test]
    fn every_type_has_its_bytes() {
        for (value, expected) in [
            ("{ str: é }", "c3a9"),
            ("'1883'", "31383833"),
            ("{ hex: '02:00-0A ff' }", "02000aff"),
            ("{ u8: 255 }", "ff"),
            ("{ u16le: 0x0102 }", "0201"),
            ("{ u32le: '0x5b' }", "5b000000"),
            ("{ u64le: 18446744073709551615 }", "ffffffffffffffff"),
            ("{ i8: -128 }", "80"),
            ("{ i16le: '-2' }", "feff"),
            ("{ i32le: -1 }", "ffffffff"),
            ("{ i64le: -9223372036854775808 }", "0000000000000080"),
            ("{ f32le: 1 }", "0000803f"),
            ("{ f32le: -0.5 }", "000000bf"),
            ("{ bool: true }", "01"),
            ("{ bool: 'false' }", "00"),
            ("{ json: { b: [1, ~, x], a: { c: 1.5 } } }", &hex::encode(r#"{"a":{"c":1.5},"b":[1,null,"x"]}"#)),
            // Rendered values are laid out like written ones.
            ("{ str: '{{ unit.serial }}' }", "5331"),
            ("{ u8: '{{ unit.serial[-1:] }}' }", "01"),
        ] {
            assert_eq!(bytes(value), expected, "{value}");
        }
    }

    #[test]
    fn what_is_out_of_range_is_refused() {
        for value in [
            "{ u8: -1 }",
            "{ u16le: 65536 }",
            "{ u64le: 18446744073709551616 }",
            "{ i8: 128 }",
            "{ u8: 1.5 }",
            "{ u8: '' }",
            "{ u8: '0x' }",
            "{ u8: '0x-1' }",
            "{ f32le: 1e39 }",
            "{ f32le: .nan }",
            "{ bool: 1 }",
            "{ hex: 0g }",
            "{ str: 1 }",
            "{ u8: 1, i8: 1 }",
            "[1]",
            "~",
        ] {
            let text = format!("{HEAD}steps:\n  - settings: {{ set: {{ k: {value} }} }}\n");
            let error = Bench::new(&[("p.yaml", &text)]).load().map(|_| ()).unwrap_err();
            assert!(error.to_string().contains("p.yaml:6:"), "{value}: {error}");
        }
    }
}
