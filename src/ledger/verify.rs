//! Whether the records are what was written: here, and far away from an export.

use std::io::{BufRead, BufReader, Read, Write};

use rusqlite::{ErrorCode, Row};
use serde_json::Value;
use uuid::Uuid;

use super::query::Filter;
use super::record::{FORMAT, RecordKind, STATEMENT};
use super::store::{Done, Ledger, TRIGGERS, done};
use crate::digest::Digest;
use crate::durable;
use crate::error::{Error, Kind, Result};
use crate::home::Home;

/// The longest line that an export may have.
const MAX_LINE: u64 = 64 << 20;

/// One thing that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Damage {
    /// The record's number, where it is about one.
    pub seq: Option<u64>,
    /// What is wrong, in a sentence.
    pub what: String,
}

/// What a verification found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verification {
    /// The records that were looked at.
    pub records: u64,
    /// The first record's number.
    pub first: Option<u64>,
    /// The last record's number.
    pub last: Option<u64>,
    /// The last record's digest: who wrote it down elsewhere sees whether newer records were cut off.
    pub head: Option<Digest>,
    /// The station they are of.
    pub station: Option<Uuid>,
    /// Numbers that an export leaves out, from and to, both included: a filtered one does, a whole one never.
    pub missing: Vec<(u64, u64)>,
    /// What is not as it was written.
    pub damage: Vec<Damage>,
}

impl Verification {
    /// Whether nothing is damaged; an export may still be a part only.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.damage.is_empty()
    }

    /// Whether nothing is damaged and no record between the first and the last is missing.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.is_sound() && self.missing.is_empty()
    }

    fn damaged(&mut self, seq: Option<u64>, what: impl Into<String>) {
        self.damage.push(Damage { seq, what: what.into() });
    }
}

/// What a statement says of itself.
struct Said {
    station: Uuid,
    seq: u64,
    previous: Option<String>,
    kind: RecordKind,
    run: String,
    serial: Option<String>,
    outcome: String,
    at: String,
    predicate: serde_json::Map<String, Value>,
}

impl Said {
    fn read(statement: &[u8]) -> std::result::Result<Said, &'static str> {
        let value: Value = serde_json::from_slice(statement).map_err(|_| "its statement is not JSON")?;
        if value.get("_type").and_then(Value::as_str) != Some(STATEMENT) {
            return Err("it is no in-toto Statement v1");
        }
        let subjects = value.get("subject").and_then(Value::as_array).ok_or("its statement has no subject")?;
        if subjects.is_empty() || !subjects.iter().all(|s| s.pointer("/digest/sha256").is_some_and(Value::is_string)) {
            return Err("a subject of its statement has no digest");
        }
        let predicate = value.get("predicate").and_then(Value::as_object).ok_or("its statement has no predicate")?;
        let text = |key: &str| predicate.get(key).and_then(Value::as_str).map(str::to_owned);
        if predicate.get("format").and_then(Value::as_u64) != Some(FORMAT) {
            return Err("its predicate is of another format");
        }
        let kind: RecordKind =
            text("kind").and_then(|kind| kind.parse().ok()).ok_or("its statement names no kind of record")?;
        if value.get("predicateType").and_then(Value::as_str) != Some(kind.predicate_type()) {
            return Err("its predicate type is not that of its kind");
        }
        Ok(Said {
            station: text("station")
                .and_then(|id| Uuid::parse_str(&id).ok())
                .ok_or("its statement names no station")?,
            seq: predicate.get("seq").and_then(Value::as_u64).ok_or("its statement has no number")?,
            previous: text("previous"),
            kind,
            run: text("run").ok_or("its statement names no run")?,
            serial: text("serial"),
            outcome: text("outcome").ok_or("its statement has no outcome")?,
            at: text("at").ok_or("its statement has no time")?,
            predicate: predicate.clone(),
        })
    }
}

/// One row, with whatever its columns hold.
struct Stored {
    seq: u64,
    digest: String,
    previous: Option<String>,
    kind: String,
    run: String,
    serial: Option<String>,
    outcome: String,
    at: String,
    statement: Vec<u8>,
}

impl Stored {
    fn read(row: &Row<'_>) -> rusqlite::Result<Stored> {
        Ok(Stored {
            seq: row.get(0)?,
            digest: row.get(1)?,
            previous: row.get(2)?,
            kind: row.get(3)?,
            run: row.get(4)?,
            serial: row.get(5)?,
            outcome: row.get(6)?,
            at: row.get(7)?,
            statement: row.get(8)?,
        })
    }

    fn agrees(&self, said: &Said) -> bool {
        self.seq == said.seq
            && self.previous == said.previous
            && self.kind == said.kind.name()
            && self.run == said.run
            && self.serial == said.serial
            && self.outcome == said.outcome
            && self.at == said.at
    }
}

impl Ledger {
    /// Reads every record again: numbers without a gap, digests over the bytes, links to the record before, statements
    /// that agree with the columns, one station, and the derived table.
    ///
    /// # Errors
    /// `storage`: another process holds the ledger. Whatever else cannot be read is damage, not an error.
    pub fn verify(&self) -> Result<Verification> {
        let mut found = Verification { station: Some(self.station), ..Verification::default() };
        // One transaction: what other processes append meanwhile is not looked at.
        self.ask("the ledger cannot be read", |c| c.execute_batch("BEGIN"))?;
        if let Err(error) = self.verify_rows(&mut found) {
            let next = found.last.map_or(1, |last| last + 1);
            found.damaged(Some(next), format!("the records cannot be read any further: {error}"));
        }
        if let Err(error) = self.verify_file(&mut found) {
            found.damaged(None, format!("the ledger's file cannot be checked: {error}"));
        }
        // Nothing was written: whether this succeeds does not matter.
        let _ = self.connection.execute_batch("ROLLBACK");
        Ok(found)
    }

    fn verify_rows(&self, found: &mut Verification) -> rusqlite::Result<()> {
        let mut statement = self.connection.prepare(
            "SELECT seq, digest, previous, kind, run, serial, outcome, at, statement FROM record ORDER BY seq",
        )?;
        let mut rows = statement.query([])?;
        let mut before: Option<(u64, String)> = None;
        while let Some(row) = rows.next()? {
            found.records += 1;
            let expected = before.as_ref().map_or(1, |(seq, _)| seq + 1);
            let stored = match Stored::read(row) {
                Ok(stored) => stored,
                Err(error) => {
                    let seq = row.get(0).ok();
                    found.damaged(seq, format!("its row cannot be read: {error}"));
                    before = Some((seq.unwrap_or(expected), String::new()));
                    continue;
                }
            };
            let seq = Some(stored.seq);
            found.first = found.first.or(seq);
            found.last = seq;
            if stored.seq != expected {
                found.damaged(seq, format!("record {expected} should stand here"));
            } else if stored.previous.as_deref() != before.as_ref().map(|(_, digest)| digest.as_str()) {
                found.damaged(seq, "it does not follow the record before it");
            }
            let digest = Digest::sha256(&stored.statement);
            if digest.to_string() != stored.digest {
                found.damaged(seq, "its bytes are not those that were recorded");
            }
            match Said::read(&stored.statement) {
                Err(what) => found.damaged(seq, what),
                Ok(said) => self.verify_said(&stored, &said, found)?,
            }
            before = Some((stored.seq, stored.digest));
            found.head = Some(digest);
        }
        Ok(())
    }

    fn verify_said(&self, stored: &Stored, said: &Said, found: &mut Verification) -> rusqlite::Result<()> {
        let seq = Some(stored.seq);
        if !stored.agrees(said) {
            found.damaged(seq, "its statement and its columns do not agree");
        }
        if said.station != self.station {
            found.damaged(seq, format!("it is of another station, {}", said.station));
        }
        let mut query = self.connection.prepare_cached("SELECT unit, profile, step, tags FROM done WHERE seq = ?1")?;
        let row =
            |row: &Row<'_>| Ok(Done { unit: row.get(0)?, profile: row.get(1)?, step: row.get(2)?, tags: row.get(3)? });
        let mut kept = query.query_map([stored.seq], row)?.collect::<rusqlite::Result<Vec<_>>>()?;
        let mut derived = done(said.serial.as_deref(), &said.predicate);
        kept.sort();
        derived.sort();
        if kept != derived {
            found.damaged(seq, "the index of completed steps does not agree with it");
        }
        Ok(())
    }

    fn verify_file(&self, found: &mut Verification) -> rusqlite::Result<()> {
        let mut check = self.connection.prepare("PRAGMA integrity_check(8)")?;
        let complaints = check.query_map([], |row| row.get::<_, String>(0))?.collect::<rusqlite::Result<Vec<_>>>()?;
        for complaint in complaints.into_iter().filter(|complaint| complaint != "ok") {
            found.damaged(None, format!("the ledger's file is damaged: {complaint}"));
        }
        let mut names =
            self.connection.prepare("SELECT name FROM sqlite_schema WHERE type = 'trigger' ORDER BY name")?;
        let names = names.query_map([], |row| row.get::<_, String>(0))?.collect::<rusqlite::Result<Vec<_>>>()?;
        for trigger in TRIGGERS.iter().filter(|trigger| !names.iter().any(|name| name == *trigger)) {
            found.damaged(None, format!("the guard {trigger} was taken out of the ledger"));
        }
        Ok(())
    }

    /// Writes the exact bytes of the records that `filter` lets through, one a line, oldest first; how many.
    /// [`verify_export`] needs nothing else.
    ///
    /// # Errors
    /// `storage`: the ledger cannot be read, or `into` not be written.
    pub fn export(&self, into: &mut dyn Write, filter: &Filter) -> Result<u64> {
        let mut count = 0;
        let sink = |e| durable::storage("the records cannot be exported", e);
        self.each(filter, |record| {
            count += 1;
            into.write_all(&record.statement).and_then(|()| into.write_all(b"\n")).map_err(sink)
        })?;
        into.flush().map_err(sink)?;
        Ok(count)
    }
}

/// Verifies the ledger of `home`, also when it is damaged so that it cannot be opened for anything else.
///
/// # Errors
/// As [`Ledger::verify`].
pub fn verify(home: &Home) -> Result<Verification> {
    match Ledger::open(home) {
        Ok(ledger) => ledger.verify(),
        Err(error) if is_damage(&error) => {
            let mut found = Verification { station: Some(home.station()), ..Verification::default() };
            found.damaged(
                None,
                error.causes().into_iter().fold(error.to_string(), |all, cause| format!("{all}: {cause}")),
            );
            Ok(found)
        }
        Err(error) => Err(error),
    }
}

/// Whether SQLite found that the file is not what it wrote.
fn is_damage(error: &Error) -> bool {
    let sqlite = std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<rusqlite::Error>());
    let code = sqlite.and_then(rusqlite::Error::sqlite_error_code);
    matches!(code, Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
}

/// Checks an export, or the part of one that a filter let through, without the ledger it came from. Records that follow
/// each other must be linked; numbers left out are listed as missing.
///
/// # Errors
/// `storage`: `from` cannot be read. `invalid`: a line is too long to be a record.
pub fn verify_export(from: impl Read) -> Result<Verification> {
    let mut from = BufReader::new(from);
    let mut found = Verification::default();
    let mut before: Option<(u64, String)> = None;
    let mut line = Vec::new();
    for number in 1_u64.. {
        line.clear();
        let read = from.by_ref().take(MAX_LINE).read_until(b'\n', &mut line);
        if read.map_err(|e| durable::storage("the export cannot be read", e))? == 0 {
            break;
        }
        if line.last() == Some(&b'\n') {
            line.pop();
        } else if line.len() as u64 == MAX_LINE {
            return Err(Error::new(Kind::Invalid, format!("line {number} is too long to be a record")));
        }
        found.records += 1;
        let said = match Said::read(&line) {
            Ok(said) => said,
            Err(what) => {
                found.damaged(None, format!("line {number}: {what}"));
                before = None;
                continue;
            }
        };
        let seq = Some(said.seq);
        let digest = Digest::sha256(&line);
        if *found.station.get_or_insert(said.station) != said.station {
            found.damaged(seq, format!("line {number} is of another station, {}", said.station));
        }
        match &before {
            Some((last, _)) if said.seq <= *last => found.damaged(seq, format!("line {number} is out of order")),
            // Which of the two was changed, the chain cannot tell.
            Some((last, digest)) if said.seq - 1 == *last && said.previous.as_ref() != Some(digest) => {
                found.damaged(seq, format!("record {last} is not the one that this record was written after"));
            }
            _ if (said.seq == 1) != said.previous.is_none() => {
                found.damaged(seq, "its number and its link do not agree");
            }
            _ => {}
        }
        let next = found.last.map_or(1, |last| last.saturating_add(1));
        if next < said.seq {
            found.missing.push((next, said.seq - 1));
        }
        found.first = found.first.or(seq);
        found.last = seq;
        found.head = Some(digest.clone());
        before = Some((said.seq, digest.to_string()));
    }
    Ok(found)
}
