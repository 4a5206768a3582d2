//! Templates: `{{ expression }}` in text, and `when` expressions.
//!
//! Text is cut into literal pieces and expressions here; minijinja sees the expressions only. So there are no loops, no
//! macros and no surprises in `{%` or `{#`, literal bytes stay as they are, and the names an expression uses are all known.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use minijinja::value::ValueKind;
use minijinja::{Environment, UndefinedBehavior};

use super::facts::Facts;
use super::inputs::Inputs;
use super::node::suggestion;
use super::source::At;
use crate::error::Result;

/// The most bytes that one rendered text may have.
pub const MAX_RENDERED: usize = 1024 * 1024;
/// The longest expression, in bytes.
const MAX_EXPRESSION: usize = 1024;

/// What `unit.` can be asked for.
pub const UNIT_FACTS: [&str; 5] = ["serial", "model", "hardware", "mode", "driver"];

/// The names a template may use: inputs, and whether each is secret.
pub type Scope = BTreeMap<String, bool>;

/// Text that may hold templates.
#[derive(Clone)]
pub struct Text {
    at: At,
    pieces: Vec<Piece>,
    uses: Uses,
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Text({} pieces)", self.pieces.len())
    }
}

#[derive(Clone)]
enum Piece {
    Literal(String),
    Expression(String),
}

/// What an expression draws on.
#[derive(Debug, Clone, Default)]
struct Uses {
    inputs: BTreeSet<String>,
    unit: BTreeSet<String>,
    secret: bool,
}

impl Uses {
    /// Checks names and adds them.
    fn add(&mut self, names: impl IntoIterator<Item = String>, scope: &Scope) -> std::result::Result<(), String> {
        for name in names {
            let (first, rest) = name.split_once('.').map_or((name.as_str(), None), |(a, b)| (a, Some(b)));
            match (scope.get(first), rest) {
                (Some(secret), None) => {
                    self.secret |= secret;
                    self.inputs.insert(first.to_owned());
                }
                (Some(_), Some(_)) => return Err(format!("`{first}` is text and has no parts: `{name}`")),
                (None, Some(fact)) if first == "unit" => {
                    if !UNIT_FACTS.contains(&fact) {
                        let hint = suggestion(fact, UNIT_FACTS);
                        return Err(format!("a unit has no `{fact}`{hint}; it has {}", UNIT_FACTS.join(", ")));
                    }
                    self.unit.insert(fact.to_owned());
                }
                (None, None) if first == "unit" => return Err("`unit` needs a part, such as `unit.serial`".into()),
                (None, _) => {
                    let hint = suggestion(first, scope.keys().map(String::as_str).chain(["unit"]));
                    return Err(format!("`{first}` names no input{hint}; declare it under `inputs`"));
                }
            }
        }
        Ok(())
    }

    /// The fact that is used and not known.
    fn unknown<'a>(&'a self, facts: &Facts) -> Option<&'a str> {
        self.unit.iter().map(String::as_str).find(|name| facts.get(name).is_none())
    }
}

impl Text {
    /// Reads `text`, which stands at `at`.
    ///
    /// # Errors
    /// `invalid`: a broken expression, a name that `scope` does not have.
    pub fn new(text: &str, at: &At, scope: &Scope) -> Result<Text> {
        let pieces = cut(text).map_err(|e| at.error(e))?;
        let mut uses = Uses::default();
        for piece in &pieces {
            if let Piece::Expression(expression) = piece {
                let names = check(expression).map_err(|e| at.error(e))?;
                uses.add(names, scope).map_err(|e| at.error(e))?;
            }
        }
        Ok(Text { at: at.clone(), pieces, uses })
    }

    /// Whether it holds no expression.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        !self.pieces.iter().any(|piece| matches!(piece, Piece::Expression(_)))
    }

    /// Whether what it renders to holds a secret.
    #[must_use]
    pub fn is_secret(&self) -> bool {
        self.uses.secret
    }

    /// Where it stands.
    #[must_use]
    pub fn at(&self) -> &At {
        &self.at
    }

    /// The text with every expression replaced by what it says.
    ///
    /// # Errors
    /// `invalid`: an input or fact without a value, an expression that is not text, too long a text.
    pub fn render(&self, context: &Context) -> Result<String> {
        let mut text = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Literal(literal) => text.push_str(literal),
                Piece::Expression(expression) => {
                    let value = context.eval(expression, &self.uses).map_err(|e| self.at.error(e))?;
                    let Some(said) = value.as_str() else {
                        let kind = value.kind();
                        return Err(self.at.error(format_args!("`{{{{ {expression} }}}}` is {kind}, not text")));
                    };
                    if text.len() + said.len() > MAX_RENDERED {
                        return Err(self.at.error(format_args!("the text grows beyond {MAX_RENDERED} bytes")));
                    }
                    text.push_str(said);
                }
            }
        }
        Ok(text)
    }
}

/// A condition over inputs and `unit.*`.
#[derive(Debug, Clone)]
pub struct When {
    at: At,
    expression: String,
    uses: Uses,
}

impl When {
    /// Reads `expression`, which stands at `at`.
    ///
    /// # Errors
    /// As [`Text::new`].
    pub fn new(expression: &str, at: &At, scope: &Scope) -> Result<When> {
        let mut uses = Uses::default();
        if expression.contains("{{") {
            return Err(at.error("`when` is an expression already: leave the {{ }} away"));
        }
        let names = check(expression).map_err(|e| at.error(e))?;
        uses.add(names, scope).map_err(|e| at.error(e))?;
        Ok(When { at: at.clone(), expression: expression.trim().to_owned(), uses })
    }

    /// The expression.
    #[must_use]
    pub fn expression(&self) -> &str {
        &self.expression
    }

    /// Whether it holds.
    ///
    /// # Errors
    /// As [`Text::render`]; `invalid` also when it is neither true nor false.
    pub fn holds(&self, context: &Context) -> Result<bool> {
        let value = context.eval(&self.expression, &self.uses).map_err(|e| self.at.error(e))?;
        if value.kind() != ValueKind::Bool {
            let kind = value.kind();
            return Err(self.at.error(format_args!("`when: {}` is {kind}, neither true nor false", self.expression)));
        }
        Ok(value.is_true())
    }
}

/// What templates draw on for one unit.
pub struct Context {
    facts: Facts,
    value: minijinja::Value,
}

impl Context {
    /// A context of a unit's facts and its inputs.
    #[must_use]
    pub fn new(facts: &Facts, inputs: &Inputs) -> Context {
        let unit: BTreeMap<String, minijinja::Value> = UNIT_FACTS
            .iter()
            .filter_map(|name| facts.get(name).map(|value| ((*name).to_owned(), value.into())))
            .collect();
        let mut all: BTreeMap<String, minijinja::Value> =
            inputs.iter().map(|(name, value)| (name.to_owned(), value.reveal().into())).collect();
        all.insert("unit".into(), unit.into());
        Context { facts: facts.clone(), value: all.into() }
    }

    fn eval(&self, expression: &str, uses: &Uses) -> std::result::Result<minijinja::Value, String> {
        let failed = |e: &minijinja::Error| {
            if let Some(fact) = uses.unknown(&self.facts) {
                return format!("`{expression}` needs unit.{fact}, which this unit does not show as it is now");
            }
            // The detail may quote a value.
            let detail = e.detail().filter(|_| !uses.secret).unwrap_or("");
            format!(
                "`{expression}` cannot be worked out: {}{}{detail}",
                e.kind(),
                if detail.is_empty() { "" } else { ": " }
            )
        };
        let environment = environment();
        let compiled = environment.compile_expression(expression).map_err(|e| failed(&e))?;
        let value = compiled.eval(self.value.clone()).map_err(|e| failed(&e))?;
        if value.is_undefined() {
            return Err(failed(&minijinja::ErrorKind::UndefinedError.into()));
        }
        Ok(value)
    }
}

/// No loops, functions or globals; of filters and tests those that cannot make much out of little.
fn environment() -> Environment<'static> {
    let mut environment = Environment::empty();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_debug(false);
    environment.add_filter("upper", |text: String| text.to_uppercase());
    environment.add_filter("lower", |text: String| text.to_lowercase());
    environment.add_filter("trim", |text: String| text.trim().to_owned());
    environment.add_test("defined", |value: &minijinja::Value| !value.is_undefined());
    environment
}

/// Compiles an expression; the names it uses.
fn check(expression: &str) -> std::result::Result<BTreeSet<String>, String> {
    if expression.trim().is_empty() {
        return Err("an expression is empty".into());
    }
    if expression.len() > MAX_EXPRESSION {
        return Err(format!("an expression is longer than {MAX_EXPRESSION} bytes"));
    }
    if expression.contains('*') {
        return Err(format!("`{}` multiplies; values are text", expression.trim()));
    }
    let environment = environment();
    let compiled = environment.compile_expression(expression).map_err(|e| {
        let detail = e.detail().map_or_else(|| e.kind().to_string(), str::to_owned);
        format!("`{}` is no expression: {detail}", expression.trim())
    })?;
    Ok(compiled.undeclared_variables(true).into_iter().collect())
}

/// Cuts text at `{{` and `}}`; quotes inside an expression hide its end.
fn cut(text: &str) -> std::result::Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find("{{") {
        if start > 0 {
            pieces.push(Piece::Literal(rest[..start].to_owned()));
        }
        let inside = &rest[start + 2..];
        let end = end_of(inside).ok_or("`{{` has no `}}`; literal braces are written {{ \"{{\" }}")?;
        pieces.push(Piece::Expression(inside[..end].trim().to_owned()));
        rest = &inside[end + 2..];
    }
    if !rest.is_empty() {
        pieces.push(Piece::Literal(rest.to_owned()));
    }
    Ok(pieces)
}

fn end_of(inside: &str) -> Option<usize> {
    let bytes = inside.as_bytes();
    let (mut quote, mut index) = (None, 0);
    while let Some(byte) = bytes.get(index) {
        match (quote, byte) {
            (Some(_), b'\\') => index += 1,
            (Some(open), byte) if open == *byte => quote = None,
            (Some(_), _) => {}
            (None, b'"' | b'\'') => quote = Some(*byte),
            (None, b'}') if bytes.get(index + 1) == Some(&b'}') => return Some(index),
            (None, _) => {}
        }
        index += 1;
    }
    None
}

/// A name for an input: a letter or `_`, then letters, digits and `_`.
///
/// # Errors
/// `invalid`: it is none, or a word that expressions keep for themselves.
pub fn check_name(name: &str, at: &At) -> Result<()> {
    const TAKEN: [&str; 13] =
        ["unit", "true", "false", "none", "True", "False", "None", "and", "or", "not", "in", "is", "if"];
    let good = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if !good || TAKEN.contains(&name) || name == "else" || name.len() > 64 {
        let shown = name.escape_debug();
        return Err(at.error(format_args!("`{shown}` cannot name an input: use letters, digits and _, and no keyword")));
    }
    Ok(())
}

/// That `what` may not hold a secret.
///
/// # Errors
/// `invalid` when `text` does.
pub fn refuse_secret(text: &Text, what: &str) -> Result<()> {
    if text.is_secret() {
        return Err(text.at().error(format_args!("{what} would show a secret")));
    }
    Ok(())
}
