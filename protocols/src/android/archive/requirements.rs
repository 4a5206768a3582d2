//! `android-info.txt`: what a unit must be before anything is written to it.

use super::{Fault, LineError, is_partition, lines};
use std::fmt;
use thiserror::Error;

/// What a unit must be, or must not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    /// Number of its line, from 1 on.
    pub line: usize,
    /// The product that it holds for; `None` when it holds for every one.
    pub product: Option<String>,
    /// What is demanded.
    pub demand: Demand,
}

/// What a requirement demands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Demand {
    /// A variable of the bootloader has one of these values; one that ends in `*` holds for all that begin so.
    OneOf {
        /// The variable.
        variable: String,
        /// The values.
        values: Vec<String>,
    },
    /// It has none of them.
    NoneOf {
        /// The variable.
        variable: String,
        /// The values.
        values: Vec<String>,
    },
    /// There is a partition of this name.
    Partition(String),
}

/// What a unit says of itself.
pub trait Reports {
    /// The value of a variable of its bootloader; `None` when it has none by that name.
    fn variable(&self, name: &str) -> Option<&str>;

    /// Whether there is a partition of this name, without the letter of a slot.
    fn has_partition(&self, name: &str) -> bool;
}

/// A requirement that a unit does not meet.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("line {line} of android-info.txt demands {demand}; the unit has {}", found.as_deref().unwrap_or("none"))]
pub struct Unmet {
    /// Number of the line, from 1 on.
    pub line: usize,
    /// What is demanded.
    pub demand: Demand,
    /// What the unit says instead. Untrusted text.
    pub found: Option<String>,
}

impl Demand {
    /// The variable that it is about.
    #[must_use]
    pub fn variable(&self) -> Option<&str> {
        match self {
            Self::OneOf { variable, .. } | Self::NoneOf { variable, .. } => Some(variable),
            Self::Partition(_) => None,
        }
    }
}

impl fmt::Display for Demand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OneOf { variable, values } => write!(f, "{variable}={}", values.join("|")),
            Self::NoneOf { variable, values } => write!(f, "{variable} other than {}", values.join("|")),
            Self::Partition(name) => write!(f, "a partition {name}"),
        }
    }
}

impl Requirement {
    /// Reads `android-info.txt`.
    ///
    /// # Errors
    /// The first line that is no requirement.
    pub fn parse_all(text: &[u8]) -> Result<Vec<Self>, LineError> {
        lines(text)
            .map(|line| {
                let (line, text) = line?;
                Self::parse(line, text).map_err(|fault| LineError { line, fault })
            })
            .collect()
    }

    fn parse(line: usize, text: &str) -> Result<Self, Fault> {
        let (head, values) = text.split_once('=').ok_or(Fault::NoRequirement)?;
        let (product, head) = match head.strip_prefix("require-for-product:") {
            Some(rest) => {
                let (product, rest) = rest.trim_start().split_once(char::is_whitespace).ok_or(Fault::NoRequirement)?;
                (Some(product.to_owned()), rest)
            }
            None => (None, head),
        };
        let words: Vec<_> = head.split_whitespace().collect();
        // Without a word before it, a line requires.
        let (rejects, variable) = match words.as_slice() {
            ["reject", variable] if product.is_none() => (true, *variable),
            ["require", variable] if product.is_none() => (false, *variable),
            [variable] if !matches!(*variable, "require" | "reject") => (false, *variable),
            _ => return Err(Fault::NoRequirement),
        };
        let values: Vec<_> = values.split('|').map(|value| value.trim().to_owned()).collect();
        if variable.is_empty() || values.iter().any(String::is_empty) {
            return Err(Fault::NoRequirement);
        }
        let demand = match (variable, values.as_slice()) {
            ("partition-exists", [partition]) if !rejects => {
                let partition = Some(partition).filter(|name| is_partition(name));
                Demand::Partition(partition.ok_or_else(|| Fault::Partition(values.join("|")))?.clone())
            }
            ("partition-exists", _) => return Err(Fault::NoRequirement),
            (variable, _) => {
                // An old name for the same variable.
                let variable = if variable == "board" { "product" } else { variable }.to_owned();
                if rejects { Demand::NoneOf { variable, values } } else { Demand::OneOf { variable, values } }
            }
        };
        Ok(Self { line, product, demand })
    }

    /// Holds a unit against it.
    ///
    /// # Errors
    /// When the unit does not meet it.
    pub fn check(&self, unit: &impl Reports) -> Result<(), Unmet> {
        if self.product.as_deref().is_some_and(|product| unit.variable("product") != Some(product)) {
            return Ok(());
        }
        let (met, found) = match &self.demand {
            Demand::Partition(name) => (unit.has_partition(name), None),
            Demand::OneOf { variable, values } => {
                let found = unit.variable(variable);
                (found.is_some_and(|found| values.iter().any(|value| fits(value, found))), found)
            }
            Demand::NoneOf { variable, values } => {
                let found = unit.variable(variable);
                (found.is_some_and(|found| !values.iter().any(|value| fits(value, found))), found)
            }
        };
        if met {
            return Ok(());
        }
        Err(Unmet { line: self.line, demand: self.demand.clone(), found: found.map(str::to_owned) })
    }
}

fn fits(value: &str, found: &str) -> bool {
    match value.strip_suffix('*') {
        Some(beginning) => found.starts_with(beginning),
        None => value == found,
    }
}
