//! Measurements: statistics, tasks, memory pools, and what the unit says of its software.

use std::time::Duration;

use protocols::smp::Group;
use protocols::smp::message::os::{DateTimeGet, OsInfo, Parameters, PoolStatistics, TaskStatistics};
use protocols::smp::message::{Refusal, Request, Text, shell::Execute, statistics};
use protocols::smp::session::RetryPolicy;

use super::SmpDriver;
use super::exchange::QUICK;
use super::text::plain;
use crate::device::{Diagnosis, Diagnostics, Measurement, Op, UnitText};
use crate::error::{Kind, Result};

/// Groups, tasks, pools and counters of a group that are read at most.
const MAX_ENTRIES: usize = 256;
/// Longest name of a group that is asked for, in bytes: it fits the smallest message.
const MAX_NAME: usize = 64;
/// Time for all groups together: a unit may list many and be silent, or slow, on each.
const STATISTICS_WITHIN: Duration = Duration::from_secs(60);
/// Words of Zephyr's stack figures (`mcumgr` counts them in units of 4 bytes).
const STACK_WORD: u64 = 4;
/// Fields of OS information and how they are called. Asked one by one: together they overflow a small buffer.
const FACTS: [(&str, &str); 8] = [
    ("s", "os/kernel"),
    ("r", "os/release"),
    ("v", "os/version"),
    ("b", "os/built"),
    ("m", "os/machine"),
    ("p", "os/processor"),
    ("i", "os/platform"),
    ("o", "os/system"),
];

impl Diagnostics for SmpDriver {
    fn measure(&mut self, op: &mut Op<'_>) -> Result<Diagnosis> {
        let mut found = Diagnosis::default();
        self.facts(&mut found, op)?;
        self.tasks(&mut found, op)?;
        self.pools(&mut found, op)?;
        if self.survey.has(Group::STATISTICS) {
            self.statistics(&mut found, op)?;
        }
        if self.survey.has(Group::SHELL) {
            self.uptime(&mut found, op)?;
        }
        found.measurements.sort_by(|a, b| a.name.cmp(&b.name));
        found.measurements.dedup_by(|a, b| a.name == b.name);
        Ok(found)
    }
}

impl SmpDriver {
    /// Asks what may be refused: a refusal is noted under `name`, silence too, and a broken link ends it all.
    fn optional<R: Request + Clone>(
        &mut self,
        name: &str,
        request: &R,
        found: &mut Diagnosis,
        op: &mut Op<'_>,
    ) -> Result<Option<R::Reply>> {
        match self.wire.ask(request, QUICK, op) {
            Ok(Ok(reply)) => Ok(Some(reply)),
            Ok(Err(refusal)) => {
                note(found, name, &refusal);
                Ok(None)
            }
            Err(error) if matches!(error.kind(), Kind::TimedOut | Kind::Garbled) => {
                op.check()?;
                // One command may hang; a unit that answers nothing at all is not asked everything else.
                if self.wire.ask(&Parameters {}, RetryPolicy::PROBE, op).is_err() {
                    return Err(error);
                }
                found.missing.insert(name.to_owned(), error.to_string());
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn facts(&mut self, found: &mut Diagnosis, op: &mut Op<'_>) -> Result<()> {
        for (format, name) in FACTS {
            let info = OsInfo { format: Some(format.to_owned()) };
            let Some(reply) = self.optional(name, &info, found, op)? else { continue };
            found.facts.insert(name.to_owned(), UnitText::new(reply.output.raw()));
        }
        if let Some(reply) = self.optional("os/datetime", &DateTimeGet {}, found, op)? {
            found.facts.insert("os/datetime".to_owned(), UnitText::new(reply.datetime.raw()));
        }
        if let Some(bootloader) = &self.survey.bootloader {
            found.facts.insert("bootloader/name".to_owned(), UnitText::new(bootloader));
        }
        Ok(())
    }

    fn tasks(&mut self, found: &mut Diagnosis, op: &mut Op<'_>) -> Result<()> {
        let Some(reply) = self.optional("tasks", &TaskStatistics {}, found, op)? else { return Ok(()) };
        for (task, figures) in reply.tasks.iter().take(MAX_ENTRIES) {
            let task = word(task);
            let bytes = |words: u64| words.checked_mul(STACK_WORD);
            let stack = [
                ("stack-used", figures.stack_used.and_then(bytes), Some("bytes")),
                ("stack-size", figures.stack_size.and_then(bytes), Some("bytes")),
                ("context-switches", figures.context_switches, None),
                ("run-time", figures.run_time, Some("ticks")),
            ];
            for (name, value, unit) in stack {
                measure(found, format!("task/{task}/{name}"), value, unit);
            }
        }
        Ok(())
    }

    fn pools(&mut self, found: &mut Diagnosis, op: &mut Op<'_>) -> Result<()> {
        let Some(reply) = self.optional("pools", &PoolStatistics {}, found, op)? else { return Ok(()) };
        for (pool, figures) in reply.pools.iter().take(MAX_ENTRIES) {
            let pool = word(pool);
            let figures = [
                ("block-size", figures.block_size, Some("bytes")),
                ("blocks", figures.blocks, None),
                ("free", figures.free, None),
                ("fewest-free", figures.fewest_free, None),
            ];
            for (name, value, unit) in figures {
                measure(found, format!("pool/{pool}/{name}"), Some(value), unit);
            }
        }
        Ok(())
    }

    /// SMP has no command for it, Zephyr's shell has.
    fn uptime(&mut self, found: &mut Diagnosis, op: &mut Op<'_>) -> Result<()> {
        let request = Execute { argv: vec!["kernel".to_owned(), "uptime".to_owned()] };
        let Some(reply) = self.optional("kernel/uptime", &request, found, op)? else { return Ok(()) };
        if reply.ret == 0 {
            measure(found, "kernel/uptime".to_owned(), milliseconds(reply.output.raw()), Some("ms"));
        }
        Ok(())
    }

    fn statistics(&mut self, found: &mut Diagnosis, op: &mut Op<'_>) -> Result<()> {
        let Some(list) = self.optional("statistics", &statistics::List {}, found, op)? else { return Ok(()) };
        let until = op.clock.now() + STATISTICS_WITHIN;
        for group in list.names.iter().take(MAX_ENTRIES) {
            op.check()?;
            if op.clock.now() >= until {
                found
                    .missing
                    .insert(word(group), "it was not asked for: the groups before it took too long".to_owned());
                continue;
            }
            if group.raw().len() > MAX_NAME {
                found.missing.insert(word(group), "its name is too long to ask for".to_owned());
                continue;
            }
            let request = statistics::Data { name: group.raw().to_owned() };
            let Some(reply) = self.optional(&word(group), &request, found, op)? else { continue };
            for (name, value) in reply.fields.iter().take(MAX_ENTRIES) {
                measure(found, format!("{}/{}", word(group), word(name)), Some(*value), None);
            }
        }
        Ok(())
    }
}

fn note(found: &mut Diagnosis, name: &str, refusal: &Refusal) {
    found.missing.insert(name.to_owned(), refusal.to_string());
}

/// A value that does not fit is left out, and said to be.
fn measure(found: &mut Diagnosis, name: String, value: Option<u64>, unit: Option<&'static str>) {
    let Some(value) = value else { return };
    match i64::try_from(value) {
        Ok(value) => found.measurements.push(Measurement { name, value, unit }),
        Err(_) => drop(found.missing.insert(name, format!("the value {value} is out of range"))),
    }
}

/// Reads `Uptime: 5640 ms`.
fn milliseconds(output: &str) -> Option<u64> {
    let output = plain(output);
    output.lines().find_map(|line| line.trim().strip_prefix("Uptime:")?.trim().strip_suffix("ms")?.trim().parse().ok())
}

/// A name as a part of a measurement's: what a unit may call its tasks is no part of a path or a terminal.
fn word(name: &Text) -> String {
    const MAX_CHARS: usize = 64;
    let clean: String = name
        .raw()
        .chars()
        .take(MAX_CHARS)
        .map(|char| if char.is_alphanumeric() || "-_.:#".contains(char) { char } else { '-' })
        .collect();
    if clean.is_empty() { "unnamed".to_owned() } else { clean }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_uptime_is_read_as_zephyr_writes_it() {
        assert_eq!(milliseconds("\r\nUptime: 340 ms\r\n"), Some(340));
        assert_eq!(milliseconds("Uptime: long"), None);
    }

    #[test]
    fn a_name_from_a_unit_is_made_a_word() {
        assert_eq!(word(&"mcumgr smp".into()), "mcumgr-smp");
        assert_eq!(word(&"".into()), "unnamed");
        assert_eq!(word(&"a/b\u{1b}[2J".into()), "a-b--2J");
        assert_eq!(word(&"x".repeat(500).into()).len(), 64);
    }
}
