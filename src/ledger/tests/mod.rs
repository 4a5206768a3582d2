use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::*;
use crate::digest::Digest;
use crate::durable;
use crate::error::Kind;
use crate::home::Home;

mod chain;
mod dying;
mod processes;

fn home(root: &Path) -> Home {
    Home::open(Some(root.to_owned())).unwrap().with_ledger_wait(Duration::from_millis(200))
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("{other} is no object"),
    }
}

fn draft(serial: &str) -> Draft {
    Draft {
        kind: RecordKind::Run,
        run: Uuid::new_v4(),
        serial: Some(serial.to_owned()),
        outcome: "pass".to_owned(),
        at: at(0),
        operator: Some("Ada".to_owned()),
        subjects: vec![Subject { name: "app".to_owned(), sha256: Digest::sha256(b"app") }],
        predicate: object(json!({
            "type": "run", "record": null, "serial": serial,
            "profile": {"name": "thermostat", "version": "1.0.0"},
            "tags": {"lot": "7"},
            "steps": [
                {"name": "1-erase", "kind": "erase", "outcome": "done"},
                {"name": "2-files", "kind": "files", "outcome": "already"},
            ],
        })),
    }
}

/// The journals that lie there.
fn journals(home: &Home) -> usize {
    let is = |name: &std::ffi::OsStr| name.to_string_lossy().ends_with(".jsonl");
    fs::read_dir(home.journals()).unwrap().filter(|entry| is(&entry.as_ref().unwrap().file_name())).count()
}
