//! What a batch left behind, judged by its records and by what reached the units.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use super::BATCH;
use super::batch::Batch;
use super::hand::Done;
use crate::devices::sha256;
use crate::devices::station::Station;

/// All there is to judge by.
pub struct Trial<'a> {
    pub station: &'a Station,
    pub batch: &'a Batch,
    pub units: &'a [Done],
    pub image: &'a [u8],
}

/// What was seen to hold, counted.
#[derive(Debug)]
#[allow(dead_code, reason = "printed")]
pub struct Figures {
    pub passes: usize,
    /// Runs that ended as `error`, `gone`; nothing else is let pass here.
    pub gone: usize,
    /// What came and went before a run began, by kind.
    before_a_run: BTreeMap<String, usize>,
    /// What changed a unit: blocks, and orders to leave the application.
    acts: usize,
}

/// A run, as its record tells it.
struct Run {
    serial: String,
    bay: u64,
    outcome: String,
    kind: Option<String>,
    from: Timestamp,
    to: Timestamp,
}

impl Trial<'_> {
    pub fn hold(&self) -> Figures {
        self.station.run(&["ledger", "verify"]).exits(0);
        let records = self.station.run(&["ledger", "list", "--batch", BATCH]).exits(0);
        let digest = sha256(self.image);
        let runs: Vec<Run> = records.lines.iter().map(|record| read(record, &digest)).collect();
        let board = self.batch.board();
        assert_eq!(runs.len(), board.runs.len(), "a record a run");
        for unit in self.units {
            assert_eq!(unit.memory, self.image, "{} holds the image", unit.serial);
            // A run that waits for a unit which is in another bay by now ends after the one there.
            let last = runs.iter().filter(|run| run.serial == unit.serial).max_by_key(|run| run.from);
            let last = last.unwrap_or_else(|| panic!("{} has a record", unit.serial));
            assert_eq!(last.outcome, "pass", "the last run of {}", last.serial);
        }
        let mut gone = 0;
        for run in runs.iter().filter(|run| run.outcome != "pass") {
            let kind = run.kind.as_deref().unwrap_or("none");
            assert_eq!((run.outcome.as_str(), kind), ("error", "gone"), "{} in bay {}", run.serial, run.bay);
            gone += 1;
        }
        let mut before_a_run = BTreeMap::new();
        for error in &board.errors {
            *before_a_run.entry(error["kind"].as_str().unwrap_or("none").to_owned()).or_default() += 1;
        }
        assert!(before_a_run.keys().all(|kind| kind == "gone"), "{:#?}", board.errors);
        let passes = runs.iter().filter(|run| run.outcome == "pass").count();
        assert_eq!(passes, self.units.len(), "a pass a unit");
        Figures { passes, gone, before_a_run, acts: self.acts_are_planned(&runs) }
    }

    /// Nothing changed a unit but a run that was planned for it, in its bay, while that run was on.
    fn acts_are_planned(&self, runs: &[Run]) -> usize {
        let mut count = 0;
        for unit in self.units {
            let serial = &unit.serial;
            for (at, port) in &unit.acts {
                let bay = u64::from(port.0) + 1;
                let is_its = |run: &&Run| run.serial == *serial && run.bay == bay && (run.from..=run.to).contains(at);
                assert!(
                    runs.iter().any(|run| is_its(&run)),
                    "{serial} was written in bay {bay} at {at} by no run of its own"
                );
                count += 1;
            }
        }
        count
    }
}

/// Reads a record, and holds it to what a record of this profile must say.
fn read(record: &Value, digest: &str) -> Run {
    let said = &record["statement"]["predicate"];
    let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("a text in {record:#}")).to_owned();
    let time = |value: &Value| text(value).parse().unwrap_or_else(|_| panic!("a time in {record:#}"));
    let run = Run {
        serial: text(&said["serial"]),
        bay: said["bay"].as_u64().unwrap_or_else(|| panic!("a bay in {record:#}")),
        outcome: text(&said["outcome"]),
        kind: said["error"]["kind"].as_str().map(str::to_owned),
        from: time(&said["started"]),
        to: time(&said["finished"]),
    };
    if run.outcome == "pass" {
        assert_eq!(said["level"], "readback", "{record:#}");
        let items = said["steps"][0]["items"].as_array().filter(|items| items.len() == 1);
        let item = items.and_then(|items| items.first()).unwrap_or_else(|| panic!("an item in {record:#}"));
        assert_eq!((&item["expected"], &item["observed"]), (&digest.into(), &digest.into()), "{record:#}");
    }
    run
}
