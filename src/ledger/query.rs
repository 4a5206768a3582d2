//! Questions to the ledger.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, Row, params, params_from_iter};
use serde_json::Value;
use uuid::Uuid;

use super::record::{RecordKind, time};
use super::store::{Ledger, damaged};
use crate::digest::{Algorithm, Digest, canonical};
use crate::error::{Error, Kind, Result};

/// Which records; the default is all.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Those of this unit.
    pub serial: Option<String>,
    /// Those of this kind.
    pub kind: Option<RecordKind>,
    /// Those that came to this.
    pub outcome: Option<String>,
    /// Those sealed at this time or later.
    pub since: Option<Timestamp>,
    /// Those sealed before this time.
    pub until: Option<Timestamp>,
    /// The one of this run.
    pub run: Option<Uuid>,
    /// Those of this batch.
    pub batch: Option<String>,
    /// Those of the profile with this digest.
    pub profile: Option<String>,
    /// Only the newest so many of them.
    pub limit: Option<u32>,
}

impl Filter {
    /// The question, and the values that it compares with.
    pub(super) fn query(&self) -> (String, Vec<String>) {
        let (conditions, values): (Vec<String>, Vec<String>) = self.conditions().into_iter().unzip();
        let place = if conditions.is_empty() { String::new() } else { format!("WHERE {}", conditions.join(" AND ")) };
        // In SQLite a limit below zero is none.
        let limit = self.limit.map_or(-1, i64::from);
        let query = format!(
            "SELECT {COLUMNS} FROM (SELECT {COLUMNS} FROM record {place} ORDER BY seq DESC LIMIT {limit}) ORDER BY seq"
        );
        (query, values)
    }

    /// What a record must be, and the value that each condition compares with. Conditions that are not asked for are left
    /// away, so that the database finds a unit or a run by its index.
    fn conditions(&self) -> Vec<(String, String)> {
        let (batch, profile) = (format!("{} =", said("batch")), format!("{} =", said("profile.digest")));
        let asked = [
            ("serial =", self.serial.clone()),
            ("kind =", self.kind.map(|kind| kind.name().to_owned())),
            ("outcome =", self.outcome.clone()),
            ("at >=", self.since.map(time)),
            ("at <", self.until.map(time)),
            ("run =", self.run.map(|run| run.to_string())),
            (&batch, self.batch.clone()),
            (&profile, self.profile.clone()),
        ];
        asked.into_iter().filter_map(|(is, value)| Some((format!("{is} ?"), value?))).collect()
    }
}

/// A record as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// SHA-256 of its bytes: its name.
    pub digest: Digest,
    /// Its number in the ledger, from 1.
    pub seq: u64,
    /// What it is about.
    pub kind: RecordKind,
    /// The run.
    pub run: Uuid,
    /// The unit's serial number: text from a unit.
    pub serial: Option<String>,
    /// What it came to.
    pub outcome: String,
    /// When it was sealed.
    pub at: Timestamp,
    /// The statement's exact bytes.
    pub statement: Vec<u8>,
}

impl Record {
    /// The statement, read.
    ///
    /// # Errors
    /// `mismatch`: its bytes are damaged.
    pub fn value(&self) -> Result<Value> {
        serde_json::from_slice(&self.statement).map_err(|e| damaged(self.seq).because(e))
    }

    fn checked(self) -> Result<Record> {
        if Digest::sha256(&self.statement) == self.digest { Ok(self) } else { Err(damaged(self.seq)) }
    }
}

/// Whose action it was that happens once: in the life of a unit, or under the tags of a run.
#[derive(Debug, Clone, Copy, Default)]
pub struct OnceKey<'a> {
    /// The unit's serial number.
    pub serial: Option<&'a str>,
    /// What else tells the unit from its siblings, where it has no serial number.
    pub hwid: Option<&'a str>,
    /// For `once: tag`, the tags of the run; `None` for `once: unit`.
    pub tags: Option<&'a BTreeMap<String, String>>,
}

impl OnceKey<'_> {
    /// How the ledger names the unit; `None` when nothing tells it from its siblings.
    pub(super) fn unit(&self) -> Option<String> {
        self.serial.map(|serial| format!("serial:{serial}")).or_else(|| self.hwid.map(|hwid| format!("hwid:{hwid}")))
    }
}

const COLUMNS: &str = "seq, digest, kind, run, serial, outcome, at, statement";

impl Ledger {
    /// The records that `filter` lets through, oldest first.
    ///
    /// # Errors
    /// `storage`: the ledger cannot be read. `mismatch`: a record's columns are damaged.
    pub fn list(&self, filter: &Filter) -> Result<Vec<Record>> {
        let mut records = Vec::new();
        self.each(filter, |record| {
            records.push(record);
            Ok(())
        })?;
        Ok(records)
    }

    /// Hands the records that `filter` lets through to `take`, oldest first, one at a time.
    ///
    /// # Errors
    /// As [`Ledger::list`], and what `take` returns.
    pub fn each(&self, filter: &Filter, mut take: impl FnMut(Record) -> Result<()>) -> Result<()> {
        const DOING: &str = "the ledger cannot be read";
        let (query, values) = filter.query();
        let mut statement = self.ask(DOING, |c| c.prepare(&query))?;
        let mut rows = self.ask(DOING, |_| statement.query(params_from_iter(values)))?;
        while let Some(row) = self.ask(DOING, |_| rows.next())? {
            take(record(row)?)?;
        }
        Ok(())
    }

    /// The record that `name` names: a digest, a prefix of one that no other record has, a run, or `latest`. Its bytes
    /// are checked against its digest.
    ///
    /// # Errors
    /// `invalid`: no record or more than one has this name. `mismatch`: the record is damaged. `storage`: the ledger
    /// cannot be read.
    pub fn get(&self, name: &str) -> Result<Record> {
        let shown = name.escape_debug();
        let unknown =
            |sentence: String| Error::new(Kind::Invalid, sentence).next("`hardwire ledger list` shows the records");
        if name == "latest" {
            let latest = self.list(&Filter { limit: Some(1), ..Filter::default() })?.pop();
            return latest.ok_or_else(|| unknown("the ledger is empty".into()))?.checked();
        }
        if let Ok(run) = Uuid::parse_str(name) {
            let found = self.list(&Filter { run: Some(run), ..Filter::default() })?.pop();
            return found.ok_or_else(|| unknown(format!("no record of the run {run}")))?.checked();
        }
        let prefix = name.to_ascii_lowercase();
        if prefix.is_empty() || !prefix.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(unknown(format!("`{shown}` is no digest of a record")));
        }
        let query = "SELECT seq FROM record WHERE substr(digest, 1, ?2) = ?1 ORDER BY seq LIMIT 2";
        let found: Vec<u64> = self.ask("the ledger cannot be read", |c| {
            c.prepare(query)?.query_map(params![prefix, prefix.len()], |row| row.get(0))?.collect()
        })?;
        match found[..] {
            [seq] => self.numbered(seq)?.checked(),
            [] => Err(unknown(format!("no record begins with {shown}"))),
            _ => Err(unknown(format!("more than one record begins with {shown}")).next("give more of its digest")),
        }
    }

    fn numbered(&self, seq: u64) -> Result<Record> {
        let query = format!("SELECT {COLUMNS} FROM record WHERE seq = ?1");
        self.ask("the ledger cannot be read", |c| c.query_row(&query, [seq], |row| Ok(record(row))))?
    }

    /// The paths and setting keys of the unit `serial` under which a run put a secret: those whose digest is keyed.
    ///
    /// # Errors
    /// `storage`: the ledger cannot be read.
    pub fn secrets(&self, serial: &str) -> Result<BTreeSet<String>> {
        let mut paths = BTreeSet::new();
        let filter = Filter { serial: Some(serial.to_owned()), ..Filter::default() };
        self.each(&filter, |record| {
            let statement = record.value()?;
            let parts = |value: &Value, key: &str| value[key].as_array().cloned().unwrap_or_default();
            let items = parts(&statement["predicate"], "steps").into_iter().flat_map(|step| parts(&step, "items"));
            let keyed = items.filter(|item| item["algorithm"] == "hmac-sha256");
            paths.extend(keyed.filter_map(|item| item["path"].as_str().map(str::to_owned)));
            Ok(())
        })?;
        Ok(paths)
    }

    /// Whether the step `step` of the profile named `profile` was done on this unit before. Runs that died count
    /// with the steps that they had finished.
    ///
    /// # Errors
    /// `storage`: the ledger cannot be read.
    pub fn completed(&self, profile: &str, step: &str, key: OnceKey<'_>) -> Result<bool> {
        let Some(unit) = key.unit() else { return Ok(false) };
        let tags = match key.tags {
            None => None,
            Some(tags) => {
                let tags = tags.iter().map(|(key, value)| (key.clone(), Value::from(value.as_str()))).collect();
                let bytes = canonical::to_bytes(&Value::Object(tags))
                    .map_err(|e| Error::new(Kind::Invalid, "these tags cannot be looked up").because(e))?;
                Some(String::from_utf8_lossy(&bytes).into_owned())
            }
        };
        let query = "SELECT 1 FROM done
            WHERE unit = ?1 AND profile = ?2 AND step = ?3 AND (?4 IS NULL OR tags = ?4) LIMIT 1";
        self.ask("the ledger cannot be read", |c| {
            Ok(c.query_row(query, params![unit, profile, step, tags], |_| Ok(())).optional()?.is_some())
        })
    }
}

/// What a statement says at `path` of its predicate; nothing where it is damaged.
fn said(path: &str) -> String {
    let text = "CAST(statement AS TEXT)";
    format!("CASE WHEN json_valid({text}) THEN json_extract({text}, '$.predicate.{path}') END")
}

fn record(row: &Row<'_>) -> Result<Record> {
    let seq: u64 = row.get(0).map_err(|e| damaged(0).because(e))?;
    let read = || -> rusqlite::Result<_> {
        Ok((
            row.get::<_, String>(1)?,
            row.get::<_, String>(2)?,
            row.get::<_, String>(3)?,
            row.get::<_, Option<String>>(4)?,
            row.get::<_, String>(5)?,
            row.get::<_, String>(6)?,
            row.get::<_, Vec<u8>>(7)?,
        ))
    };
    let (digest, kind, run, serial, outcome, at, statement) = read().map_err(|e| damaged(seq).because(e))?;
    Ok(Record {
        digest: Digest::from_hex(Algorithm::Sha256, &digest).ok_or_else(|| damaged(seq))?,
        seq,
        kind: kind.parse().map_err(|e: Error| damaged(seq).because(e))?,
        run: Uuid::parse_str(&run).map_err(|e| damaged(seq).because(e))?,
        serial,
        outcome,
        at: at.parse().map_err(|e: jiff::Error| damaged(seq).because(e))?,
        statement,
    })
}
