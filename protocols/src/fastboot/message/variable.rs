//! Variables: what a unit says of itself, one by one or all in lines.

use std::collections::BTreeMap;

/// What tools put before a unit's line; a few units send it themselves.
const PREFIX: &str = "(bootloader) ";
/// Variables that are asked with an argument, and so have two colons in a line of `getvar all`.
const WITH_ARGUMENT: &[&str] = &[
    "partition-size",
    "partition-type",
    "has-slot",
    "is-logical",
    "slot-successful",
    "slot-unbootable",
    "slot-retry-count",
    "slot-suffix",
    "rollback-index",
];

/// One line of `getvar all`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// Its name, with its argument: `partition-size:boot_a`.
    pub name: String,
    /// What it holds.
    pub value: String,
}

impl Variable {
    /// The variable in a line, `None` when there is none: units put other things between them.
    #[must_use]
    pub fn parse(line: &str) -> Option<Self> {
        let line = line.strip_prefix(PREFIX).unwrap_or(line).trim();
        let (name, rest) = line.split_once(':')?;
        let name = name.trim();
        let (name, value) = match rest.split_once(':') {
            Some((argument, value)) if WITH_ARGUMENT.contains(&name) => (format!("{name}:{}", argument.trim()), value),
            _ if WITH_ARGUMENT.contains(&name) => return None,
            _ => (name.to_owned(), rest),
        };
        let is_name = !name.is_empty() && !name.contains(char::is_whitespace) && !name.contains(char::is_control);
        is_name.then(|| Self { name, value: value.trim().to_owned() })
    }
}

/// A number of bytes as in `max-download-size`: `0x10000000`, or decimal.
#[must_use]
pub fn size(text: &str) -> Option<u64> {
    let text = text.trim();
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => hex(digits),
        None => text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit())),
    }
}

/// A number of bytes as in `partition-size`: hex, also where the mark is left out, as some units do (hammerhead).
#[must_use]
pub fn partition_size(text: &str) -> Option<u64> {
    let text = text.trim();
    hex(text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text))
}

fn hex(digits: &str) -> Option<u64> {
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    u64::from_str_radix(digits, 16).ok().filter(|_| is_number)
}

/// `yes` or `no`, as units write them; `None` for anything else.
#[must_use]
pub fn yes_no(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "yes" | "true" | "1" => Some(true),
        "no" | "false" | "0" => Some(false),
        _ => None,
    }
}

/// What a unit told of its variables. How many are kept is bounded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Variables(BTreeMap<String, String>);

impl Variables {
    /// Most variables that are kept; a phone has some hundreds.
    pub const MAX: usize = 4096;

    /// Takes a line of `getvar all`; what is no variable is left out. Of two of one name the first counts.
    pub fn add_line(&mut self, line: &str) {
        if let Some(Variable { name, value }) = Variable::parse(line)
            && self.0.len() < Self::MAX
        {
            self.0.entry(name).or_insert(value);
        }
    }

    /// Sets one that was asked for by itself.
    pub fn set(&mut self, name: &str, value: &str) {
        if self.0.len() < Self::MAX || self.0.contains_key(name) {
            self.0.insert(name.to_owned(), value.to_owned());
        }
    }

    /// What a variable holds; one without a value is absent.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// A variable that has an argument: `partition-size` of `boot_a`.
    #[must_use]
    pub fn of(&self, name: &str, argument: &str) -> Option<&str> {
        self.get(&format!("{name}:{argument}"))
    }

    /// All that have this name, by argument: the partitions of `partition-size`.
    pub fn each<'a>(&'a self, name: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.0.iter().filter_map(move |(key, value)| {
            let argument = key.strip_prefix(name)?.strip_prefix(':')?;
            Some((argument, value.as_str()))
        })
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'a> FromIterator<&'a str> for Variables {
    fn from_iter<I: IntoIterator<Item = &'a str>>(lines: I) -> Self {
        let mut variables = Self::default();
        lines.into_iter().for_each(|line| variables.add_line(line));
        variables
    }
}
