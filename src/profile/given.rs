//! Inputs that a person gives: `--input [DEV/]K=V` and `--inputs FILE.csv`.
//!
//! The CSV file has a header row. A column is an input; a column `unit`, `bay` or `serial` (the first of these that is
//! there) says which unit a row is for, as `-d` names it, as a bay number, or as a serial number. Without such a column the
//! file has one row, for every unit. A column `serial` that selects is also the input of that name, if there is one. An empty
//! cell gives nothing.

use std::collections::BTreeMap;
use std::path::Path;

use super::document::Profile;
use super::node::suggestion;
use crate::error::{Error, Kind, Result};

/// The longest CSV file, in bytes.
const MAX_CSV: u64 = 16 * 1024 * 1024;
/// The columns that select a row, in order of preference.
const SELECTORS: [&str; 3] = ["unit", "bay", "serial"];

/// What a person gave. Values may be secret: there is no way to print them.
#[derive(Default)]
pub struct Given {
    inputs: Vec<(Option<String>, String, String)>,
    table: Option<Table>,
}

/// What one unit is called on the command line and in a CSV file.
#[derive(Debug, Clone, Default)]
pub struct UnitNames {
    /// Its serial number.
    pub serial: Option<String>,
    /// The number of its bay.
    pub bay: Option<String>,
    /// Its addresses: `tty:/dev/ttyACM0`, a bare path, and what `-d` called it.
    pub addresses: Vec<String>,
}

impl UnitNames {
    /// Whether `name` means this unit.
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        let serial = name.strip_prefix("serial:").unwrap_or(name);
        self.addresses.iter().any(|address| address == name)
            || self.serial.as_deref() == Some(serial)
            || name.strip_prefix("bay:").is_some_and(|bay| self.bay.as_deref() == Some(bay))
    }
}

struct Table {
    shown: String,
    selector: Option<&'static str>,
    columns: Vec<String>,
    rows: Vec<BTreeMap<String, String>>,
}

impl Given {
    /// Adds one `--input [DEV/]K=V`. `K` is an input's name, so a `DEV` may hold slashes and equals signs.
    ///
    /// # Errors
    /// `invalid`: no name, no `=`.
    pub fn add(&mut self, argument: &str) -> Result<()> {
        let name_of = |left: &str| -> Option<(Option<String>, String)> {
            let (unit, name) = left.rsplit_once('/').map_or((None, left), |(unit, name)| (Some(unit), name));
            let good = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
                && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            (good && unit != Some("")).then(|| (unit.map(str::to_owned), name.to_owned()))
        };
        let cut =
            argument.match_indices('=').find_map(|(at, _)| Some((name_of(&argument[..at])?, &argument[at + 1..])));
        // The argument may hold a secret: it is not quoted.
        let ((unit, name), value) = cut.ok_or_else(|| {
            Error::new(Kind::Invalid, "an --input has no NAME=VALUE")
                .next("write --input NAME=VALUE, or --input DEV/NAME=VALUE for one unit")
        })?;
        self.inputs.push((unit, name, value.to_owned()));
        Ok(())
    }

    /// Reads `--inputs FILE.csv`.
    ///
    /// # Errors
    /// `invalid`: not readable, not CSV, several rows and no column that selects, a unit twice.
    pub fn read_csv(&mut self, path: &Path) -> Result<()> {
        use std::io::Read;
        let file = std::fs::File::open(path).map_err(|e| super::artifact::unreadable(path, e))?;
        let mut bytes = Vec::new();
        file.take(MAX_CSV + 1).read_to_end(&mut bytes).map_err(|e| super::artifact::unreadable(path, e))?;
        let shown = path.display().to_string();
        if bytes.len() as u64 > MAX_CSV {
            return Err(Error::new(Kind::Invalid, format!("{shown} is longer than {} MiB", MAX_CSV >> 20)));
        }
        self.table = Some(Table::read(&shown, bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes))?);
        Ok(())
    }

    /// The units that `--input DEV/K=V` names, so that a caller can refuse those it does not know.
    pub fn units(&self) -> impl Iterator<Item = &str> {
        self.inputs.iter().filter_map(|(unit, ..)| unit.as_deref())
    }

    /// Refuses names that the profile does not have.
    pub(super) fn check_names(&self, profile: &Profile) -> Result<()> {
        let known = || profile.inputs.keys().map(String::as_str);
        let unknown = |name: &str| !profile.inputs.contains_key(name);
        if let Some((_, name, _)) = self.inputs.iter().find(|(_, name, _)| unknown(name)) {
            let hint = suggestion(name, known());
            let sentence = format!("--input {name}: profile {} has no input `{name}`{hint}", profile.name);
            return Err(Error::new(Kind::Invalid, sentence).next("`hardwire profile show PROFILE` lists its inputs"));
        }
        if let Some(table) = &self.table {
            let column = table.columns.iter().find(|c| unknown(c) && table.selector != Some(c.as_str()));
            if let Some(name) = column {
                let hint = suggestion(name, known());
                let sentence = format!("{}:1: profile {} has no input `{name}`{hint}", table.shown, profile.name);
                return Err(Error::new(Kind::Invalid, sentence));
            }
        }
        Ok(())
    }

    /// What was given for input `name` of `unit`.
    ///
    /// # Errors
    /// `invalid`: two rows mean this unit.
    pub(super) fn value(&self, name: &str, unit: &UnitNames) -> Result<Option<String>> {
        let own = |dev: &Option<String>| dev.as_deref().is_some_and(|dev| unit.is(dev));
        let last = |good: &dyn Fn(&Option<String>) -> bool| {
            self.inputs.iter().rev().find(|(dev, n, _)| n == name && good(dev)).map(|(.., value)| value.clone())
        };
        if let Some(value) = last(&own).or_else(|| last(&|dev| dev.is_none())) {
            return Ok(Some(value));
        }
        let row = self.table.as_ref().map(|table| table.row(unit)).transpose()?.flatten();
        Ok(row.and_then(|row| row.get(name)).filter(|cell| !cell.is_empty()).cloned())
    }

    /// Whether some unit may have been given the input `name`.
    pub(super) fn may_have(&self, name: &str) -> bool {
        self.inputs.iter().any(|(_, n, _)| n == name)
            || self.table.as_ref().is_some_and(|table| table.columns.iter().any(|column| column == name))
    }

    /// What was given for input `name` of every unit.
    pub(super) fn for_all(&self, name: &str) -> Option<String> {
        let given = self.inputs.iter().rev().find(|(dev, n, _)| n == name && dev.is_none());
        given.map(|(.., value)| value.clone()).or_else(|| {
            let table = self.table.as_ref().filter(|table| table.selector.is_none())?;
            table.rows.first()?.get(name).filter(|cell| !cell.is_empty()).cloned()
        })
    }
}

impl Table {
    fn read(shown: &str, bytes: &[u8]) -> Result<Table> {
        let bad = |sentence: String| Error::new(Kind::Invalid, sentence);
        let broken = |e: &csv::Error| {
            let line = e.position().map_or(1, csv::Position::line);
            bad(format!("{shown}:{line}: not a CSV row like its header"))
        };
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::Headers).from_reader(bytes);
        let columns: Vec<String> = reader.headers().map_err(|e| broken(&e))?.iter().map(str::to_owned).collect();
        if let Some(twice) = columns.iter().enumerate().find(|(i, c)| columns[..*i].contains(c)) {
            return Err(bad(format!("{shown}:1: column `{}` stands twice", twice.1.escape_debug())));
        }
        let selector = SELECTORS.into_iter().find(|name| columns.iter().any(|c| c == name));
        let mut rows = Vec::new();
        for record in reader.records() {
            let record = record.map_err(|e| broken(&e))?;
            rows.push(columns.iter().cloned().zip(record.iter().map(str::to_owned)).collect());
        }
        if rows.is_empty() {
            return Err(bad(format!("{shown} has no row below its header")));
        }
        if selector.is_none() && rows.len() > 1 {
            return Err(bad(format!("{shown} has {} rows and nothing says which unit each is for", rows.len()))
                .next("add a column `unit`, `bay` or `serial`"));
        }
        Ok(Table { shown: shown.to_owned(), selector, columns, rows })
    }

    fn row(&self, unit: &UnitNames) -> Result<Option<&BTreeMap<String, String>>> {
        let Some(selector) = self.selector else { return Ok(self.rows.first()) };
        let means = |row: &&BTreeMap<String, String>| {
            let cell = row.get(selector).map_or("", |cell| cell.trim());
            match selector {
                _ if cell.is_empty() => false,
                "serial" => unit.serial.as_deref() == Some(cell),
                "bay" => unit.bay.as_deref() == Some(cell.strip_prefix("bay:").unwrap_or(cell)),
                _ => unit.is(cell),
            }
        };
        let mut rows = self.rows.iter().filter(means);
        let first = rows.next();
        if rows.next().is_some() {
            let sentence = format!("{}: two rows are for the same unit", self.shown);
            return Err(Error::new(Kind::Invalid, sentence));
        }
        Ok(first)
    }
}
