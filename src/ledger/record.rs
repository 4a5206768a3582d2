//! What a record says: an in-toto Statement whose predicate is the run's own report.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::digest::{Algorithm, Digest, canonical, sha256_hex};
use crate::error::{Error, Kind, Result};

/// `_type` of every record (in-toto attestation framework, Statement v1).
pub(super) const STATEMENT: &str = "https://in-toto.io/Statement/v1";
/// The predicate's format.
pub(super) const FORMAT: u64 = 1;

/// What a record is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RecordKind {
    /// A plan carried out on one unit.
    Run,
    /// A backup into the vault.
    Backup,
    /// A diagnosis.
    Diagnosis,
    /// A backup put back.
    Restore,
}

impl RecordKind {
    const ALL: [RecordKind; 4] = [RecordKind::Run, RecordKind::Backup, RecordKind::Diagnosis, RecordKind::Restore];

    /// The kind's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            RecordKind::Run => "run",
            RecordKind::Backup => "backup",
            RecordKind::Diagnosis => "diagnosis",
            RecordKind::Restore => "restore",
        }
    }

    /// The statement's `predicateType`.
    #[must_use]
    pub fn predicate_type(self) -> &'static str {
        match self {
            RecordKind::Run => "https://hardwire.dev/run/v1",
            RecordKind::Backup => "https://hardwire.dev/backup/v1",
            RecordKind::Diagnosis => "https://hardwire.dev/diagnosis/v1",
            RecordKind::Restore => "https://hardwire.dev/restore/v1",
        }
    }
}

impl fmt::Display for RecordKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for RecordKind {
    type Err = Error;

    fn from_str(text: &str) -> Result<RecordKind> {
        RecordKind::ALL.into_iter().find(|kind| kind.name() == text).ok_or_else(|| {
            Error::new(Kind::Invalid, format!("`{}` is no kind of record", text.escape_debug()))
                .next("one of run, backup, diagnosis, restore")
        })
    }
}

/// Something that a record is about: a file, an image, a profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// Its name; may come from a profile or a unit.
    pub name: String,
    /// Its SHA-256. Never that of a secret.
    #[serde(with = "sha256_hex")]
    pub sha256: Digest,
}

/// A record that has no number yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draft {
    /// What it is about.
    pub kind: RecordKind,
    /// The run; one record a run.
    pub run: Uuid,
    /// The unit's serial number.
    pub serial: Option<String>,
    /// What it came to: `pass`, `fail`, `error`, `cancelled`.
    pub outcome: String,
    /// When it came to that.
    pub at: Timestamp,
    /// Who was at the bench.
    pub operator: Option<String>,
    /// What was put on or read from the unit. When empty, the unit itself stands in, by a digest over its name:
    /// a statement without a subject is refused by other tools.
    pub subjects: Vec<Subject>,
    /// Everything else, integers only. What stands above and in the ledger's own columns may stand here again when it
    /// is the same; `type` and `record` of a printed line are left out.
    pub predicate: Map<String, Value>,
}

/// The times of records: a fixed width, so that text sorts as time does.
pub(super) fn time(at: Timestamp) -> String {
    format!("{at:.3}")
}

impl Draft {
    /// The bytes of this record as number `seq` of `station`, after the record `previous`.
    ///
    /// # Errors
    /// `invalid`: a float in the predicate, nesting too deep, a key of the ledger's own with another value, or a
    /// subject whose digest is no SHA-256.
    pub(super) fn statement(&self, station: Uuid, seq: u64, previous: Option<&str>) -> Result<Vec<u8>> {
        let mut predicate = self.predicate.clone();
        for printed in ["type", "record"] {
            predicate.remove(printed);
        }
        let own = json!({
            "format": FORMAT,
            "station": station.to_string(),
            "seq": seq,
            "previous": previous,
            "kind": self.kind.name(),
            "run": self.run.to_string(),
            "serial": self.serial,
            "outcome": self.outcome,
            "at": time(self.at),
            "operator": self.operator,
        });
        let Value::Object(own) = own else { unreachable!("an object literal") };
        for (key, value) in own {
            if predicate.get(&key).is_some_and(|given| given != &value) {
                return Err(Error::new(Kind::Invalid, format!("a record's `{key}` was given twice and differs")));
            }
            predicate.insert(key, value);
        }
        let mut subjects: Vec<Value> = Vec::new();
        for Subject { name, sha256 } in &self.subjects {
            if sha256.algorithm() != Algorithm::Sha256 || sha256.as_bytes().len() != 32 {
                let named = name.escape_debug();
                return Err(Error::new(Kind::Invalid, format!("the subject {named} of a record has no SHA-256")));
            }
            let subject = json!({"name": name, "digest": {"sha256": sha256.to_string()}});
            if !subjects.contains(&subject) {
                subjects.push(subject);
            }
        }
        if subjects.is_empty() {
            let name =
                self.serial.as_ref().map_or_else(|| format!("run:{}", self.run), |serial| format!("unit:{serial}"));
            let digest = Digest::sha256(name.as_bytes()).to_string();
            subjects.push(json!({"name": name, "digest": {"sha256": digest}}));
        }
        let statement = json!({
            "_type": STATEMENT,
            "subject": subjects,
            "predicateType": self.kind.predicate_type(),
            "predicate": predicate,
        });
        canonical::to_bytes(&statement).map_err(|e| Error::new(Kind::Invalid, "this cannot be recorded").because(e))
    }
}
