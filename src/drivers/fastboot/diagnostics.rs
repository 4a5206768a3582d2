//! What the unit says of itself: all that `getvar all` lists.

use protocols::fastboot::message::{partition_size, size};

use super::FastbootDriver;
use super::open;
use crate::device::{Diagnosis, Diagnostics, Measurement, Op, UnitText};
use crate::error::Result;

/// What is told of each partition: facts by the hundred that no one judges a unit by.
const OF_PARTITIONS: &[&str] = &["partition-size", "partition-type", "has-slot", "is-logical"];

impl Diagnostics for FastbootDriver {
    fn measure(&mut self, op: &mut Op<'_>) -> Result<Diagnosis> {
        let variables = open::variables(&mut self.wire, op)?;
        let mut found = Diagnosis::default();
        let mut measure = |name: String, value: Option<u64>, unit| {
            let value = value.and_then(|value| i64::try_from(value).ok());
            found.measurements.extend(value.map(|value| Measurement { name, value, unit }));
        };
        // A few write the unit of measure behind the number.
        let volts = variables.get("battery-voltage").map(|text| text.trim_end_matches("mV"));
        measure("battery/voltage".to_owned(), volts.and_then(size), Some("mV"));
        measure("download/max".to_owned(), variables.get("max-download-size").and_then(size), Some("bytes"));
        for (slot, count) in variables.each("slot-retry-count") {
            measure(format!("slot/{slot}/retries"), size(count), None);
        }
        for (partition, text) in variables.each("partition-size") {
            measure(format!("partition/{partition}/size"), partition_size(text), Some("bytes"));
        }
        let is_told_elsewhere =
            |name: &str| name.split_once(':').is_some_and(|(name, _)| OF_PARTITIONS.contains(&name));
        for (name, value) in variables.iter().filter(|(name, _)| !is_told_elsewhere(name)) {
            found.facts.insert(format!("fastboot/{}", name.replace(':', "/")), UnitText::new(value));
        }
        Ok(found)
    }
}
