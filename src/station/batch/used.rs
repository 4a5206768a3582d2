//! Which scanned values are used up: by a unit that passed, or by one that is being worked on.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::Ticket;
use crate::error::Result;
use crate::home::Home;
use crate::ledger::{Filter, Ledger, RecordKind};

/// The values of one profile's inputs, as keyed digests: a label may hold a secret.
pub struct Used(Mutex<BTreeMap<(String, String), By>>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum By {
    /// A unit that passed; its serial number, where it has one.
    Passed(Option<String>),
    /// A run that is on.
    Run(Ticket),
}

impl Used {
    /// What records of the profile named `profile` say was used.
    ///
    /// # Errors
    /// `storage`: the ledger cannot be read.
    pub fn on_record(ledger: &Ledger, profile: &str) -> Result<Used> {
        let mut used = BTreeMap::new();
        let filter = Filter { kind: Some(RecordKind::Run), outcome: Some("pass".to_owned()), ..Filter::default() };
        ledger.each(&filter, |record| {
            let statement = record.value()?;
            let predicate = &statement["predicate"];
            if predicate["profile"]["name"] == profile {
                for (input, digest) in predicate["scans"].as_object().into_iter().flatten() {
                    let digest = digest.as_str().unwrap_or_default().to_owned();
                    used.insert((input.clone(), digest), By::Passed(record.serial.clone()));
                }
            }
            Ok(())
        })?;
        Ok(Used(Mutex::new(used)))
    }

    /// Takes a value for a run; its keyed digest, or `None` when it is another unit's. A unit that passed with it may
    /// be repaired with it.
    pub fn take(&self, home: &Home, ticket: Ticket, input: &str, value: &str, serial: Option<&str>) -> Option<String> {
        let digest = home.keyed(format!("scan\0{input}\0{value}").as_bytes()).to_string();
        let mut used = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (input.to_owned(), digest.clone());
        match used.get(&key) {
            Some(By::Run(other)) if *other != ticket => return None,
            Some(By::Passed(unit)) if unit.is_none() || unit.as_deref() != serial => return None,
            Some(_) => {}
            None => _ = used.insert(key, By::Run(ticket)),
        }
        Some(digest)
    }

    /// The run is over: what it took is free again, unless the unit passed.
    pub fn settle(&self, ticket: Ticket, passed: Option<Option<&str>>) {
        let mut used = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match passed {
            Some(serial) => {
                for by in used.values_mut().filter(|by| **by == By::Run(ticket)) {
                    *by = By::Passed(serial.map(str::to_owned));
                }
            }
            None => used.retain(|_, by| *by != By::Run(ticket)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_one_units_own() {
        let root = tempfile::tempdir().unwrap();
        let home = Home::open(Some(root.path().to_owned())).unwrap();
        let used = Used::on_record(&Ledger::open(&home).unwrap(), "p").unwrap();
        let take = |ticket, value, serial| used.take(&home, Ticket(ticket), "label", value, serial).is_some();
        assert!(take(1, "A", None) && take(1, "A", None));
        // By a unit that is worked on; not by one that failed.
        assert!(!take(2, "A", None));
        used.settle(Ticket(1), None);
        assert!(take(2, "A", None));
        used.settle(Ticket(2), Some(Some("TH-2")));
        assert!(!take(3, "A", Some("TH-3")) && !take(3, "A", None));
        // The unit that passed with it is repaired with it.
        assert!(take(4, "A", Some("TH-2")));
        used.settle(Ticket(4), None);
        assert!(!take(5, "A", Some("TH-3")));
    }
}
