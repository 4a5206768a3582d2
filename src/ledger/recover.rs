//! What becomes of runs that died: their journals are sealed by whoever comes next.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::journal::EXTENSION;
use super::record::{Draft, RecordKind, Subject};
use super::store::{Ledger, Sealed};
use crate::digest::{Algorithm, Digest, canonical};
use crate::durable;
use crate::error::Result;
use crate::home::Home;

/// The most bytes of entries that a record of an interrupted run keeps; steps are kept whatever their number.
const MAX_KEPT: usize = 16 << 20;
/// The longest line that is read as one.
const MAX_LINE: u64 = 16 << 20;

/// What the ledger itself says in each predicate; a header cannot speak for it.
const OWN: [&str; 10] = ["format", "station", "seq", "previous", "kind", "run", "serial", "outcome", "at", "operator"];

/// Seals every journal whose run died, and removes it: with the record that the run had drafted, or else as `error`,
/// `interrupted`, with what the journal holds. The records that were added, oldest journal name first; `now` is when.
///
/// Journals of runs that live are left alone. Several processes may recover at once; each run gets one record.
///
/// # Errors
/// `storage`: a journal cannot be read or removed (the others are sealed all the same), or the ledger cannot be
/// written. What was not sealed stays for the next time.
pub fn recover(home: &Home, now: Timestamp) -> Result<Vec<Sealed>> {
    let dir = home.journals();
    let mut paths = journals(&dir).map_err(|e| durable::storage("journals of earlier runs cannot be read", e))?;
    paths.sort();
    let mut ledger = None;
    let (mut added, mut failed) = (Vec::new(), None);
    for (path, run) in paths {
        let read = take_over(&dir, &path).and_then(|file| file.map(Held::read).transpose());
        let held = match read {
            Ok(Some(held)) => held,
            Ok(None) => continue,
            Err(error) => {
                failed.get_or_insert(durable::storage(format!("the journal of the run {run} cannot be read"), error));
                continue;
            }
        };
        // At most one torn line: the power failed before the run began. More than that is a run whose journal was spoiled.
        if held.whole > 0 || held.unreadable > 1 {
            let ledger = match &mut ledger {
                Some(ledger) => ledger,
                none => none.insert(Ledger::open(home)?),
            };
            let sealed = match &held.draft {
                Some(draft) if draft.run == run && draft.statement(home.station(), 1, None).is_ok() => {
                    ledger.append(draft)
                }
                _ => ledger.append(&held.interrupted(run, now)),
            }?;
            if !sealed.before {
                added.push(sealed);
            }
        }
        if let Err(error) = durable::remove(&path) {
            failed.get_or_insert(durable::storage(format!("the journal of the run {run} cannot be removed"), error));
        }
    }
    failed.map_or(Ok(added), Err)
}

/// The journals in `dir`, and whose they are; what is named otherwise is not ours.
fn journals(dir: &Path) -> io::Result<Vec<(PathBuf, Uuid)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let run = path.file_stem().and_then(OsStr::to_str).and_then(|stem| Uuid::parse_str(stem).ok());
        if let Some(run) = run.filter(|_| path.extension() == Some(OsStr::new(EXTENSION))) {
            found.push((path, run));
        }
    }
    Ok(found)
}

/// Opens and locks the journal at `path`; `None` when its run lives, or when it was sealed and removed meanwhile.
fn take_over(dir: &Path, path: &Path) -> io::Result<Option<File>> {
    // Whoever begins a journal holds the gate until it is locked.
    let _gate = durable::gate(dir)?;
    let file = match OpenOptions::new().read(true).append(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// What a journal holds.
#[derive(Default)]
struct Held {
    /// Keeps the journal ours until it is sealed.
    lock: Option<File>,
    header: Option<Map<String, Value>>,
    /// The entries as they came, as long as they fit [`MAX_KEPT`].
    entries: Vec<Value>,
    kept: usize,
    /// What the steps that ended came to.
    steps: Vec<Value>,
    /// The last step that an entry named, and the event.
    last_step: Option<(String, String)>,
    last_serial: Option<String>,
    last_at: Option<String>,
    draft: Option<Draft>,
    /// Lines that could be read.
    whole: u64,
    /// Lines that could not, the torn last one included.
    unreadable: u64,
    /// Entries beyond [`MAX_KEPT`].
    beyond: u64,
}

impl Held {
    fn read(file: File) -> io::Result<Held> {
        let mut held = Held::default();
        let mut lines = BufReader::new(&file);
        let mut line = Vec::new();
        loop {
            line.clear();
            if lines.by_ref().take(MAX_LINE).read_until(b'\n', &mut line)? == 0 {
                break;
            }
            match line.strip_suffix(b"\n").and_then(read_line) {
                Some(entry) => held.take(entry, line.len()),
                None => held.unreadable += 1,
            }
        }
        held.lock = Some(file);
        Ok(held)
    }

    fn take(&mut self, mut entry: Value, len: usize) {
        let first = self.whole == 0 && self.unreadable == 0;
        self.whole += 1;
        if first && let Some(Value::Object(header)) = entry.get_mut("header").map(Value::take) {
            self.header = Some(header);
            return;
        }
        if let Some(draft) = entry.get("seal") {
            self.draft = serde_json::from_value(draft.clone()).ok();
            return;
        }
        let text = |key: &str| entry.get(key).and_then(Value::as_str).map(str::to_owned);
        let event = text("event");
        if event.as_deref() == Some("step-finished") {
            self.steps.extend(entry.get("result").filter(|result| result.is_object()).cloned());
        }
        self.last_step = event.zip(text("step")).or(self.last_step.take());
        self.last_serial = text("serial").or(self.last_serial.take());
        self.last_at = text("at").or(self.last_at.take());
        self.kept = self.kept.saturating_add(len);
        if self.kept <= MAX_KEPT {
            self.entries.push(entry);
        } else {
            self.beyond += 1;
        }
    }

    fn interrupted(&self, run: Uuid, now: Timestamp) -> Draft {
        let mut predicate = self.header.clone().unwrap_or_default();
        let text = |key: &str| predicate.get(key).and_then(Value::as_str);
        let kind = text("kind").and_then(|kind| kind.parse().ok()).unwrap_or(RecordKind::Run);
        let operator = text("operator").map(str::to_owned);
        let serial = self.last_serial.clone().or_else(|| text("serial").map(str::to_owned));
        let doing = self.doing();
        let profile = predicate.get("profile").and_then(|profile| {
            let sha256 = Digest::from_hex(Algorithm::Sha256, profile.get("digest")?.as_str()?)?;
            Some(Subject { name: format!("profile:{}", profile.get("name")?.as_str()?), sha256 })
        });
        let address = predicate.get("address").cloned().unwrap_or(Value::Null);
        let unit = serial.as_deref().map_or(address, Value::from);
        let bay = predicate.get("bay").cloned().unwrap_or(Value::Null);
        for own in OWN {
            predicate.remove(own);
        }
        predicate.insert("steps".into(), self.steps.clone().into());
        predicate.insert("finished".into(), self.last_at.clone().into());
        predicate.insert("recovered".into(), super::record::time(now).into());
        predicate.insert(
            "error".into(),
            json!({
                "kind": "interrupted", "bay": bay, "unit": unit, "doing": doing,
                "causes": ["Hardwire or its machine stopped in the middle of the run"],
                "next": "run it again: what already holds is left as it is",
            }),
        );
        predicate.insert(
            "journal".into(),
            json!({"entries": self.entries, "unreadable": self.unreadable, "beyond": self.beyond}),
        );
        Draft {
            kind,
            run,
            serial,
            outcome: "error".into(),
            at: now,
            operator,
            subjects: profile.into_iter().collect(),
            predicate,
        }
    }

    /// What the last entry that names a step was about.
    fn doing(&self) -> String {
        match &self.last_step {
            Some((event, step)) if event == "step-finished" => {
                format!("the run stopped after the step {}", step.escape_debug())
            }
            Some((_, step)) => format!("the run stopped in the step {}", step.escape_debug()),
            None => "the run stopped before its first step".into(),
        }
    }
}

/// One line, when it is one that a journal can hold and a record can take.
fn read_line(line: &[u8]) -> Option<Value> {
    let entry: Value = serde_json::from_slice(line).ok()?;
    // A record nests an entry deeper than the journal does; what a flipped bit made unfit must not stop the sealing.
    canonical::to_bytes(&json!([[[[entry]]]])).ok().map(|_| entry)
}
