//! The journal of a run: what it did, line by line, until its record is sealed.
//!
//! A journal lies in `journals/<run>.jsonl` and is locked for as long as its run lives; one whose lock is free belongs
//! to a run that died. Lines are canonical JSON: first the header, then entries, at last the draft of the record, so that
//! a death between the end of a run and its record does not change what the run came to.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
#[cfg(unix)]
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use serde_json::{Value, json};
use uuid::Uuid;

use super::record::Draft;
use super::store::{Ledger, Sealed};
use crate::digest::canonical;
use crate::durable;
use crate::error::{Error, Kind, Result};
use crate::home::Home;

pub(super) const FORMAT: u64 = 1;
pub(super) const EXTENSION: &str = "jsonl";

/// The journal of a run that lives. Dropped without [`Journal::seal`], it is what is left of a run that died.
#[derive(Debug)]
pub struct Journal {
    home: Home,
    run: Uuid,
    path: PathBuf,
    file: File,
    /// The end of the last whole line.
    len: u64,
    /// A line was cut short and could not be taken back.
    torn: bool,
}

impl Journal {
    /// Begins the journal of `run`. `header` is an object: what the record will say of the run as far as it is known
    /// (`kind`, `serial`, `operator`, `profile`, `started`…); a run that dies is sealed with it.
    ///
    /// # Errors
    /// `storage`: it cannot be written, or the run has one. `invalid`: `header` is no object, or holds a float.
    #[expect(clippy::needless_pass_by_value, reason = "a journal owns what it begins with")]
    pub fn create(home: &Home, run: Uuid, header: Value) -> Result<Journal> {
        if !header.is_object() {
            return Err(Error::new(Kind::Invalid, "the header of a journal is an object"));
        }
        let line = line(&json!({
            "format": FORMAT, "run": run.to_string(), "station": home.station().to_string(), "header": header,
        }))?;
        let dir = home.journals();
        let path = dir.join(format!("{run}.{EXTENSION}"));
        let begin = || -> io::Result<Journal> {
            // Whoever recovers holds the gate while it looks: it never sees a journal that is not locked yet.
            let _gate = durable::gate(&dir)?;
            let mut options = OpenOptions::new();
            options.create_new(true).append(true);
            #[cfg(unix)]
            options.mode(0o600);
            let file = options.open(&path)?;
            file.try_lock().map_err(io::Error::from)?;
            let mut journal = Journal { home: home.clone(), run, path: path.clone(), file, len: 0, torn: false };
            let begun = journal.write(&line).and_then(|()| durable::sync_dir(&dir));
            match begun {
                Ok(()) => Ok(journal),
                Err(error) => {
                    let _ = durable::remove(&path);
                    Err(error)
                }
            }
        };
        begin().map_err(|e| durable::storage(format!("the journal of the run {run} cannot be begun"), e))
    }

    /// Adds one entry; it is on the disk when this returns. When it fails, what was there before stays whole.
    ///
    /// An entry whose `event` is `step-finished` and whose `result` is an object brings that as a step into the record
    /// of a run that dies; the last `serial` and `at` seen are the record's.
    ///
    /// # Errors
    /// `storage`: it cannot be written. `invalid`: it holds a float.
    pub fn append(&mut self, entry: &Value) -> Result<()> {
        let line = line(entry)?;
        let run = self.run;
        self.write(&line).map_err(|e| durable::storage(format!("the journal of the run {run} cannot be written"), e))
    }

    /// Forgets the run: nothing was written to the unit, so there is nothing to record.
    ///
    /// # Errors
    /// `storage`: the file cannot be removed; the next recovery seals it as interrupted.
    pub fn discard(self) -> Result<()> {
        durable::remove(&self.path)
            .map_err(|e| durable::storage(format!("the journal of the run {} cannot be removed", self.run), e))
    }

    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        if self.torn {
            return Err(io::Error::other("an earlier entry was cut short"));
        }
        if let Err(error) = self.file.write_all(line) {
            self.torn = self.file.set_len(self.len).is_err();
            return Err(error);
        }
        self.len += line.len() as u64;
        self.file.sync_data()
    }

    /// Ends the journal: its record stands in the ledger, and only then the file is gone. Dying at any moment in
    /// between, the run has this record after the next [`recover`](super::recover), once.
    ///
    /// # Errors
    /// `storage`: the ledger cannot be written; the journal stays, and the next recovery adds the record.
    /// `invalid`: the draft holds a float, contradicts itself, or is of another run.
    pub fn seal(mut self, draft: &Draft) -> Result<Sealed> {
        if draft.run != self.run {
            return Err(Error::new(Kind::Invalid, format!("the record of {} is not that of {}", draft.run, self.run)));
        }
        // Refused here rather than by every recovery from now on.
        draft.statement(self.home.station(), u64::MAX, None)?;
        let last = serde_json::to_value(draft)
            .map_err(|e| Error::new(Kind::Invalid, "this cannot be recorded").because(e))
            .and_then(|draft| self.append(&json!({ "seal": draft })));
        if let Err(error) = last {
            // The ledger may still have room: it is what counts.
            tracing::warn!(run = %self.run, causes = ?error.causes(), "{error}");
        }
        let sealed = Ledger::open(&self.home).and_then(|mut ledger| ledger.append(draft)).map_err(|e| {
            let remedy = e.remedy().map(str::to_owned);
            let wider = e.while_doing(format!("the record of the run {} is not in the ledger yet", self.run));
            wider.next(match remedy {
                Some(remedy) => {
                    format!("{remedy}; the run's journal is kept, the next start of Hardwire adds its record")
                }
                None => "the run's journal is kept, the next start of Hardwire adds its record".into(),
            })
        })?;
        if let Err(error) = durable::remove(&self.path) {
            // Harmless: the next recovery finds the record in the ledger and removes it.
            tracing::warn!(run = %self.run, %error, "the journal of a sealed run stays");
        }
        Ok(sealed)
    }
}

fn line(entry: &Value) -> Result<Vec<u8>> {
    let mut line = canonical::to_bytes(entry)
        .map_err(|e| Error::new(Kind::Invalid, "this cannot be written to the journal").because(e))?;
    line.push(b'\n');
    Ok(line)
}
