//! Measurements and reports.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use serde::Serialize;

use super::super::{Op, UnitText};
use crate::error::{Error, Kind, Result};

/// One measured value. Integers only: a record holds no floats.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Measurement {
    /// Its name, `group/name`.
    pub name: String,
    /// The value in `unit`.
    pub value: i64,
    /// The unit of measure, where there is one: `bytes`, `ms`, `mV`.
    pub unit: Option<&'static str>,
}

/// What was read to judge a unit's health.
#[derive(Debug, Clone, Default)]
pub struct Diagnosis {
    /// The values.
    pub measurements: Vec<Measurement>,
    /// Facts that are text: name to what the unit said.
    pub facts: BTreeMap<String, UnitText>,
    /// What was asked and not answered: name to why.
    pub missing: BTreeMap<String, String>,
}

/// Measurements and reports.
pub trait Diagnostics {
    /// Reads all that the unit measures. What one group refuses is in `missing`, not an error.
    ///
    /// # Errors
    /// Link errors.
    fn measure(&mut self, op: &mut Op<'_>) -> Result<Diagnosis>;

    /// The reports that the unit gives besides, by name: `bugreport`, `logcat`.
    fn reports(&self) -> &[&'static str] {
        &[]
    }

    /// Writes the report `name` into `into`, of the time since `last` ago by the unit's own clock where the report is one
    /// of a time; its length in bytes.
    ///
    /// # Errors
    /// Link errors; `refused`; `unsupported` when not in [`Diagnostics::reports`]; `storage` when `into` cannot be
    /// written.
    fn report(&mut self, name: &str, _last: Option<Duration>, _into: &mut dyn Write, _op: &mut Op<'_>) -> Result<u64> {
        Err(Error::new(Kind::Unsupported, format!("the unit gives no report called {name}")))
    }
}
