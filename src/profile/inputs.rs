//! The values that differ from unit to unit, from wherever they come.
//!
//! What a person gives wins over what the profile says: `--input DEV/K=V`, then `--input K=V`, then the CSV file, then the
//! input's own source.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use super::document::{From, Input, Profile};
use super::given::{Given, UnitNames};
use crate::error::{Error, Kind, Result};

/// The longest value, in bytes.
pub const MAX_VALUE: u64 = 1024 * 1024;

/// One value; a secret one cannot be printed.
#[derive(Clone, PartialEq, Eq)]
pub struct InputValue {
    text: String,
    secret: bool,
}

impl InputValue {
    /// The value itself, to render or to hash; never to print when it is secret.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.text
    }

    /// Whether it is secret.
    #[must_use]
    pub fn is_secret(&self) -> bool {
        self.secret
    }
}

impl fmt::Debug for InputValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.secret { f.write_str("(secret)") } else { write!(f, "{:?}", self.text) }
    }
}

/// All values for one unit.
#[derive(Debug, Clone, Default)]
pub struct Inputs {
    values: BTreeMap<String, InputValue>,
}

impl Inputs {
    /// The value of `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&InputValue> {
        self.values.get(name)
    }

    /// Names and values, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &InputValue)> {
        self.values.iter().map(|(name, value)| (name.as_str(), value))
    }
}

/// A question to the person at the bench.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    /// The input that needs a value.
    pub input: String,
    /// What to ask.
    pub say: String,
    /// Whether the answer comes from a scanner.
    pub scan: bool,
    /// Whether what is typed must not be shown.
    pub secret: bool,
}

/// Where values may be looked for.
pub struct Sources<'a> {
    /// What was given on the command line.
    pub given: &'a Given,
    /// What this unit is called there.
    pub unit: &'a UnitNames,
    /// An environment variable by name.
    pub env: &'a dyn Fn(&str) -> Option<String>,
    /// Asks a person; `None` when nobody can be asked.
    pub ask: &'a mut dyn FnMut(&Prompt) -> Result<Option<String>>,
}

impl Profile {
    /// Finds a value for every input. People are asked last, when all else is known to be there.
    ///
    /// # Errors
    /// `invalid`: an input without a value, or one that does not suit its pattern; says how to give it.
    pub fn gather(&self, sources: &mut Sources<'_>) -> Result<Inputs> {
        sources.given.check_names(self)?;
        let mut inputs = Inputs::default();
        let mut to_ask = Vec::new();
        for (name, input) in &self.inputs {
            match sources.given.value(name, sources.unit)? {
                Some(text) => inputs.insert(name, input, text)?,
                None => match own_value(name, input, sources.env)? {
                    Some(text) => inputs.insert(name, input, text)?,
                    None => to_ask.push((name, input)),
                },
            }
        }
        for (name, input) in to_ask {
            let prompt = prompt(name, input);
            let text = (sources.ask)(&prompt)?
                .ok_or_else(|| missing(name, input, "it comes from a person, and nobody can be asked"))?;
            inputs.insert(name, input, text)?;
        }
        Ok(inputs)
    }

    /// Why `value` does not suit the input `name`, if it does not.
    #[must_use]
    pub fn unsuited(&self, name: &str, value: &str) -> Option<String> {
        unsuited(self.inputs.get(name)?, value)
    }

    /// Looks for every input before there is a unit, and tells what a person will be asked for each. What may be given for
    /// one unit or another is left until that unit is there.
    ///
    /// # Errors
    /// As [`Profile::gather`], for what no unit could get.
    pub fn foresee(&self, given: &Given, env: &dyn Fn(&str) -> Option<String>) -> Result<Vec<Prompt>> {
        let mut inputs = self.known_inputs(given)?;
        let mut asked = Vec::new();
        for (name, input) in &self.inputs {
            if inputs.get(name).is_some() || given.may_have(name) {
                continue;
            }
            match own_value(name, input, env)? {
                Some(text) => inputs.insert(name, input, text)?,
                None => asked.push(prompt(name, input)),
            }
        }
        Ok(asked)
    }

    /// The values that are known without a unit and without a person: those given for all, and literal ones.
    ///
    /// # Errors
    /// As [`Profile::gather`].
    pub fn known_inputs(&self, given: &Given) -> Result<Inputs> {
        given.check_names(self)?;
        let mut inputs = Inputs::default();
        for (name, input) in &self.inputs {
            let text = match (given.for_all(name), &input.from) {
                (Some(text), _) => text,
                (None, From::Literal { value }) => value.clone(),
                (None, _) => continue,
            };
            inputs.insert(name, input, text)?;
        }
        Ok(inputs)
    }
}

impl Inputs {
    fn insert(&mut self, name: &str, input: &Input, text: String) -> Result<()> {
        if text.len() as u64 > MAX_VALUE {
            return Err(input.at.error(format_args!("the value of input `{name}` is longer than {MAX_VALUE} bytes")));
        }
        if let Some(why) = unsuited(input, &text) {
            return Err(Error::new(Kind::Invalid, format!("input `{name}`: {why}")).next(how_to_give(name)));
        }
        self.values.insert(name.to_owned(), InputValue { text, secret: input.secret });
        Ok(())
    }
}

fn unsuited(input: &Input, value: &str) -> Option<String> {
    let pattern = input.pattern.as_ref().filter(|pattern| !pattern.is_match(value))?;
    let shown = if input.secret { "(secret)".into() } else { format!("`{}`", value.escape_debug()) };
    let pattern = pattern.as_str().trim_start_matches("^(?:").trim_end_matches(")$");
    Some(format!("{shown} does not match its pattern `{pattern}`"))
}

/// The value from the input's own source; `None` when that is a person.
fn own_value(name: &str, input: &Input, env: &dyn Fn(&str) -> Option<String>) -> Result<Option<String>> {
    match &input.from {
        From::Prompt { .. } | From::Scan { .. } => Ok(None),
        From::Literal { value } => Ok(Some(value.clone())),
        From::Env { var } => match env(var) {
            Some(value) if !value.is_empty() => Ok(Some(value)),
            _ => {
                let error = missing(name, input, &format!("the environment variable {var} is not set"));
                Err(error.next(format!("set {var}, or {}", how_to_give(name))))
            }
        },
        From::File { file, path } => read_value(path).map(Some).map_err(|e| {
            e.while_doing(input.at.error(format_args!("input `{name}` has no value: see {file}")).to_string())
        }),
        From::Pool { pool, .. } => {
            Err(missing(name, input, &format!("identity pools are not available yet (pool `{pool}`)")))
        }
    }
}

fn read_value(path: &Path) -> Result<String> {
    use std::io::Read;
    let file = std::fs::File::open(path).map_err(|e| super::artifact::unreadable(path, e))?;
    let mut text = String::new();
    file.take(MAX_VALUE + 2).read_to_string(&mut text).map_err(|e| super::artifact::unreadable(path, e))?;
    let trimmed = text.strip_suffix('\n').map_or(text.as_str(), |t| t.strip_suffix('\r').unwrap_or(t));
    Ok(trimmed.to_owned())
}

fn prompt(name: &str, input: &Input) -> Prompt {
    let (say, scan) = match &input.from {
        From::Scan { say } => (say.clone(), true),
        From::Prompt { say } => (say.clone(), false),
        _ => (None, false),
    };
    let say = say.unwrap_or_else(|| if scan { format!("Scan {name}") } else { name.to_owned() });
    Prompt { input: name.to_owned(), say, scan, secret: input.secret }
}

fn missing(name: &str, input: &Input, why: &str) -> Error {
    input.at.error(format_args!("input `{name}` has no value: {why}")).next(how_to_give(name))
}

fn how_to_give(name: &str) -> String {
    format!("give it with `--input {name}=VALUE`, or in a column `{name}` of `--inputs FILE.csv`")
}
