//! The SQLite inside: how it is opened, its tables, and the one transaction that appends.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OptionalExtension as _, TransactionBehavior, params};
use serde_json::Value;
use uuid::Uuid;

use super::query::OnceKey;
use super::record::{Draft, RecordKind, time};
use crate::digest::{Algorithm, Digest, canonical};
use crate::durable;
use crate::error::{Error, Kind, Result};
use crate::home::Home;

/// Marks the file as ours among SQLite files (`file` and SQLite itself show it): "HWLG".
const APPLICATION_ID: i64 = 0x4857_4c47;
/// The layout below. A later one adds tables (signatures) and never touches a record.
const SCHEMA_VERSION: i64 = 1;

/// Append-only is enforced inside too, so that no other tool changes a record by mistake. `INSERT OR REPLACE` would
/// delete without a delete trigger, hence the checks before an insert.
const SCHEMA: &str = "
    CREATE TABLE record (
        seq INTEGER PRIMARY KEY,
        digest TEXT NOT NULL UNIQUE,
        previous TEXT,
        kind TEXT NOT NULL,
        run TEXT NOT NULL UNIQUE,
        serial TEXT,
        outcome TEXT NOT NULL,
        at TEXT NOT NULL,
        statement BLOB NOT NULL
    ) STRICT;
    CREATE INDEX record_serial ON record (serial, seq);
    CREATE TABLE done (
        seq INTEGER NOT NULL REFERENCES record (seq),
        unit TEXT NOT NULL,
        profile TEXT NOT NULL,
        step TEXT NOT NULL,
        tags TEXT NOT NULL
    ) STRICT;
    CREATE INDEX done_step ON done (unit, profile, step, tags);
    CREATE TRIGGER record_is_never_changed BEFORE UPDATE ON record
        BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
    CREATE TRIGGER record_is_never_removed BEFORE DELETE ON record
        BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
    CREATE TRIGGER record_is_only_appended BEFORE INSERT ON record
        WHEN NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM record)
            OR NEW.previous IS NOT (SELECT digest FROM record ORDER BY seq DESC LIMIT 1)
            OR EXISTS (SELECT 1 FROM record WHERE run = NEW.run OR digest = NEW.digest)
        BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
    CREATE TRIGGER done_is_never_changed BEFORE UPDATE ON done
        BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
    CREATE TRIGGER done_is_never_removed BEFORE DELETE ON done
        BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
";

/// The names of the triggers in [`SCHEMA`]; `verify` looks for them.
pub(super) const TRIGGERS: [&str; 5] = [
    "done_is_never_changed",
    "done_is_never_removed",
    "record_is_never_changed",
    "record_is_never_removed",
    "record_is_only_appended",
];

/// All records of a station. Several processes and threads may each have one open.
#[derive(Debug)]
pub struct Ledger {
    pub(super) connection: Connection,
    pub(super) station: Uuid,
    wait: Duration,
}

/// A record that is durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// SHA-256 of its bytes: its name.
    pub digest: Digest,
    /// Its number in the ledger, from 1.
    pub seq: u64,
    /// The run it is about.
    pub run: Uuid,
    /// What it is about.
    pub kind: RecordKind,
    /// Whether the run had its record before: then that one is kept, and this call wrote nothing.
    pub before: bool,
}

impl Ledger {
    /// Opens the ledger of `home`, and creates it when there is none.
    ///
    /// # Errors
    /// `storage`: it cannot be read or written, is no ledger, is of a newer version, or another process holds it for
    /// longer than the home's waiting time.
    pub fn open(home: &Home) -> Result<Ledger> {
        let (path, wait) = (home.ledger(), home.ledger_wait());
        let opened = |connection| Ledger { connection, station: home.station(), wait };
        let sql = |e| failed("the ledger cannot be opened", wait, e);
        let ledger = opened(connect(&path, wait).map_err(sql)?);
        if ledger.layout().map_err(sql)? == Layout::Current {
            return Ok(ledger);
        }
        drop(ledger);
        // Two processes that both turn a new file into a write-ahead log get in each other's way without being queued
        // by SQLite; so that is done by one at a time.
        let _gate = durable::gate(home.root()).map_err(|e| durable::storage("the ledger cannot be created", e))?;
        let mut ledger = opened(connect(&path, wait).map_err(sql)?);
        if ledger.layout().map_err(sql)? == Layout::New {
            ledger.create().map_err(|e| failed("the ledger cannot be created", wait, e))?;
            durable::sync_dir(home.root()).map_err(|e| durable::storage("the ledger cannot be created", e))?;
        }
        match ledger.layout().map_err(sql)? {
            Layout::Current => Ok(ledger),
            Layout::New => Err(Error::new(Kind::Storage, "the ledger could not be turned into a write-ahead log")
                .next("put the station's home on a local disk")),
            Layout::Newer(version) => Err(Error::new(
                Kind::Storage,
                format!("the ledger has layout {version}, this Hardwire knows {SCHEMA_VERSION}"),
            )
            .next("use the Hardwire that wrote it, or a newer one")),
        }
    }

    fn layout(&self) -> rusqlite::Result<Layout> {
        let mode: String = self.connection.pragma_query_value(None, "journal_mode", |row| row.get(0))?;
        let version: i64 = self.connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        Ok(match version {
            SCHEMA_VERSION if mode.eq_ignore_ascii_case("wal") => Layout::Current,
            0 | SCHEMA_VERSION => Layout::New,
            newer => Layout::Newer(newer),
        })
    }

    fn create(&mut self) -> rusqlite::Result<()> {
        self.connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let version: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
        if version == 0 {
            transaction.execute_batch(SCHEMA)?;
            transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
            transaction.pragma_update(None, "user_version", SCHEMA_VERSION)?;
        }
        transaction.commit()
    }

    /// Waits until the ledger can be written, as an append would: to be asked before a unit is touched.
    ///
    /// # Errors
    /// `storage`, as [`Ledger::append`].
    pub fn check_writable(&mut self) -> Result<()> {
        let wait = self.wait;
        self.connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .and_then(rusqlite::Transaction::rollback)
            .map_err(|e| failed("the ledger cannot be written", wait, e))
    }

    /// Appends the record of `draft`; when this returns, a power cut does not take it back. A run that has its record
    /// keeps that one.
    ///
    /// # Errors
    /// `storage`: the disk is full, or another process holds the ledger for longer than the home's waiting time;
    /// nothing was added. `invalid`: the draft holds a float, or contradicts itself.
    pub fn append(&mut self, draft: &Draft) -> Result<Sealed> {
        const DOING: &str = "the record cannot be added to the ledger";
        let (wait, station) = (self.wait, self.station);
        let sql = |e| failed(DOING, wait, e);
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(sql)?;
        let run = draft.run.to_string();
        let held = transaction
            .query_row("SELECT seq, digest, kind FROM record WHERE run = ?1", [&run], |row| {
                Ok((row.get::<_, u64>(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?))
            })
            .optional()
            .map_err(sql)?;
        if let Some((seq, digest, kind)) = held {
            let digest = Digest::from_hex(Algorithm::Sha256, &digest).ok_or_else(|| damaged(seq))?;
            return Ok(Sealed { digest, seq, run: draft.run, kind: kind.parse()?, before: true });
        }
        let last = transaction
            .query_row("SELECT seq, digest FROM record ORDER BY seq DESC LIMIT 1", [], |row| {
                Ok((row.get::<_, u64>(0)?, row.get::<_, String>(1)?))
            })
            .optional()
            .map_err(sql)?;
        let (seq, previous) = last.map_or((1, None), |(seq, digest)| (seq + 1, Some(digest)));
        let statement = draft.statement(station, seq, previous.as_deref())?;
        let digest = Digest::sha256(&statement);
        transaction
            .execute(
                "INSERT INTO record (seq, digest, previous, kind, run, serial, outcome, at, statement)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                params![
                    seq,
                    digest.to_string(),
                    previous,
                    draft.kind.name(),
                    run,
                    draft.serial,
                    draft.outcome,
                    time(draft.at),
                    statement
                ],
            )
            .map_err(sql)?;
        for Done { unit, profile, step, tags } in done(draft.serial.as_deref(), &draft.predicate) {
            transaction
                .execute(
                    "INSERT INTO done (seq, unit, profile, step, tags) VALUES (?1, ?2, ?3, ?4, ?5)",
                    params![seq, unit, profile, step, tags],
                )
                .map_err(sql)?;
        }
        transaction.commit().map_err(sql)?;
        Ok(Sealed { digest, seq, run: draft.run, kind: draft.kind, before: false })
    }

    pub(super) fn ask<'a, T>(
        &'a self,
        doing: &str,
        question: impl FnOnce(&'a Connection) -> rusqlite::Result<T>,
    ) -> Result<T> {
        question(&self.connection).map_err(|e| failed(doing, self.wait, e))
    }
}

/// What lies where the ledger should.
#[derive(PartialEq, Eq)]
enum Layout {
    /// Nothing yet, or an unfinished beginning.
    New,
    /// What this version reads and writes.
    Current,
    /// What a newer one wrote.
    Newer(i64),
}

fn connect(path: &Path, wait: Duration) -> rusqlite::Result<Connection> {
    #[cfg(unix)]
    private(path);
    let connection = Connection::open(path)?;
    connection.busy_timeout(wait)?;
    // Each commit reaches the disk before it returns; `fullfsync` is what macOS needs for that to be true.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "fullfsync", true)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    Ok(connection)
}

/// SQLite would create the file by the user's umask. What cannot be created here, SQLite reports.
#[cfg(unix)]
fn private(path: &Path) {
    use std::os::unix::fs::OpenOptionsExt as _;
    let _ = std::fs::OpenOptions::new().create_new(true).write(true).mode(0o600).open(path);
}

/// One row of `done`: an action that was completed, as the record says.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Done {
    pub unit: String,
    pub profile: String,
    pub step: String,
    pub tags: String,
}

/// What the table `done` holds of a record: derived from its predicate, and from nothing else.
pub(super) fn done(serial: Option<&str>, predicate: &serde_json::Map<String, Value>) -> Vec<Done> {
    let hwid = predicate.get("hwid").and_then(Value::as_str);
    let Some(unit) = (OnceKey { serial, hwid, tags: None }).unit() else { return Vec::new() };
    let Some(profile) = predicate.get("profile").and_then(|profile| profile.get("name")).and_then(Value::as_str) else {
        return Vec::new();
    };
    let none = Value::Object(serde_json::Map::new());
    let tags = canonical::to_bytes(predicate.get("tags").filter(|tags| tags.is_object()).unwrap_or(&none));
    let Some(tags) = tags.ok().and_then(|bytes| String::from_utf8(bytes).ok()) else { return Vec::new() };
    let steps = predicate.get("steps").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let row = |step: &Value| {
        let name = step.get("name")?.as_str()?;
        (step.get("outcome")?.as_str()? == "done").then(|| Done {
            unit: unit.clone(),
            profile: profile.to_owned(),
            step: name.to_owned(),
            tags: tags.clone(),
        })
    };
    steps.iter().filter_map(row).collect()
}

/// The error for a record whose columns make no sense.
pub(super) fn damaged(seq: u64) -> Error {
    Error::new(Kind::Mismatch, format!("record {seq} of the ledger is damaged"))
        .next("run `hardwire ledger verify`, and put the ledger back from a copy")
}

/// A `storage` error for what SQLite says, with the remedy that fits.
pub(super) fn failed(doing: &str, wait: Duration, error: rusqlite::Error) -> Error {
    let (why, next) = match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => (
            Some(format!("another process holds the ledger; waited {} ms", wait.as_millis())),
            "end the other process that uses this station's ledger, then run it again",
        ),
        Some(ErrorCode::DiskFull) => {
            (None, "free some space at the station, then run it again; nothing that was kept is lost")
        }
        Some(ErrorCode::SystemIoFailure) => (None, "see that the station's disk is sound and has space left"),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => (
            None,
            "keep the file aside and put the ledger back from a copy; `hardwire ledger verify` says what is damaged",
        ),
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            (None, "see that this user may write the station's home")
        }
        _ => (None, "run `hardwire ledger verify`"),
    };
    let cause = match why {
        Some(why) => Error::new(Kind::Storage, why).because(error),
        None => return Error::new(Kind::Storage, doing).because(error).next(next),
    };
    Error::new(Kind::Storage, doing).because(cause).next(next)
}
