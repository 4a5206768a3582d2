//! Health, as Android's own tools tell it. All of it is asked in one command; what a unit does not tell is `missing`.

use std::io::Write;
use std::time::Duration;

use super::AdbDriver;
use super::health;
use super::shell::{QUICK, SLOW, quoted};
use crate::device::{Diagnosis, Diagnostics, Op, Progress, UnitText};
use crate::error::{Error, Kind, Result};

/// Stands between the parts of the answer.
const MARK: &str = "-hardwire-";
/// What is asked, in order. Each is bounded by the unit's own deadline for such commands.
const QUESTIONS: [&str; 7] = [
    "dumpsys battery",
    "df -k /data",
    "cat /proc/meminfo",
    "cat /proc/uptime",
    "dumpsys thermalservice",
    "service call iphonesubinfo 1 s16 com.android.shell",
    "tradeinmode getstatus",
];
/// Properties that are facts of a diagnosis.
const FACTS: [(&str, &str); 9] = [
    ("build/fingerprint", "ro.build.fingerprint"),
    ("build/release", "ro.build.version.release"),
    ("build/sdk", "ro.build.version.sdk"),
    ("build/security-patch", "ro.build.version.security_patch"),
    ("build/baseband", "gsm.version.baseband"),
    ("build/bootloader", "ro.bootloader"),
    ("boot/verified", "ro.boot.verifiedbootstate"),
    ("boot/locked", "ro.boot.flash.locked"),
    ("boot/vbmeta-digest", "ro.boot.vbmeta.digest"),
];

impl Diagnostics for AdbDriver {
    fn measure(&mut self, op: &mut Op<'_>) -> Result<Diagnosis> {
        let mut found = Diagnosis::default();
        for (name, property) in FACTS {
            if let Some(value) = self.survey.property(property) {
                found.facts.insert(name.to_owned(), UnitText::new(value));
            }
        }
        let script: String =
            QUESTIONS.iter().map(|question| format!("{question} 2>/dev/null; echo; echo {MARK}; ")).collect();
        let output = self.wire.exec(&script, SLOW, op)?;
        let text = output.text().replace("\r\n", "\n");
        // What a unit prints of its own accord could hold the mark: only a line of its own counts.
        let mark = format!("\n{MARK}\n");
        let mut parts = text.split(&mark).map(|part| part.trim_start_matches('\n'));
        let mut part = || parts.next().unwrap_or_default();
        group(&mut found, "battery", part(), health::battery);
        group(&mut found, "storage", part(), health::storage);
        group(&mut found, "memory", part(), health::memory);
        group(&mut found, "uptime", part(), health::uptime);
        health::thermal(part(), &mut found);
        match health::imei(part()) {
            Some(imei) => drop(found.facts.insert("imei/1".to_owned(), UnitText::new(&imei))),
            None => {
                let why = "the unit's shell may not read it, or it has no modem";
                found.missing.insert("imei".to_owned(), why.to_owned());
            }
        }
        if self.survey.has("tradeinmode")
            && let Err(why) = health::trade_in(part(), &mut found)
        {
            found.missing.insert("trade-in".to_owned(), format!("{why}: it answers on a unit that nobody set up"));
        }
        Ok(found)
    }

    fn reports(&self) -> &[&'static str] {
        match (self.survey.has("bugreportz"), self.survey.has("logcat")) {
            (true, true) => &["bugreport", "logcat"],
            (true, false) => &["bugreport"],
            (false, true) => &["logcat"],
            (false, false) => &[],
        }
    }

    fn report(&mut self, name: &str, last: Option<Duration>, into: &mut dyn Write, op: &mut Op<'_>) -> Result<u64> {
        if !self.reports().contains(&name) {
            return Err(Error::new(Kind::Unsupported, format!("the unit gives no report called {name}")));
        }
        if name == "logcat" { self.logcat(last, into, op) } else { self.bugreport(into, op) }
    }
}

/// Reads a group, which is missing when nothing of it was understood.
fn group(found: &mut Diagnosis, name: &str, text: &str, read: fn(&str, &mut Diagnosis)) {
    let before = found.measurements.len();
    read(text, found);
    if found.measurements.len() == before {
        found.missing.insert(name.to_owned(), "the unit does not tell".to_owned());
    }
}

impl AdbDriver {
    fn logcat(&mut self, last: Option<Duration>, into: &mut dyn Write, op: &mut Op<'_>) -> Result<u64> {
        let since = match last {
            None => String::new(),
            Some(last) => {
                // By the unit's own clock, in seconds: no time zone has a say then.
                let now = self.wire.exec("date +%s", QUICK, op)?;
                let now: u64 = now.text().trim().parse().map_err(|_| {
                    Error::new(Kind::Refused, format!("the unit does not tell its time: {}", now.complaint()))
                })?;
                format!(" -T {}.000", now.saturating_sub(last.as_secs()))
            }
        };
        self.copy(&format!("logcat -d -v threadtime -v year{since}"), QUICK, into, op)
    }

    fn bugreport(&mut self, into: &mut dyn Write, op: &mut Op<'_>) -> Result<u64> {
        // It takes minutes, and says how far it is when asked to.
        let output = self.wire.exec("bugreportz -p", SLOW, op)?;
        let text = output.text().into_owned();
        let path = text.lines().find_map(|line| line.trim().strip_prefix("OK:")).filter(|path| path.starts_with('/'));
        let path = path.ok_or_else(|| {
            let why = text.lines().find_map(|line| line.trim().strip_prefix("FAIL:")).unwrap_or("it does not say why");
            Error::new(Kind::Refused, format!("the unit makes no bug report: {}", UnitText::new(why)))
                .next("free storage on the unit, and see that no other report is being made")
        })?;
        let path = quoted(path);
        let copied = self.copy(&format!("cat {path}"), QUICK, into, op);
        // It was made for us, and is large. That it stays is no failure of what was read.
        self.wire.exec(&format!("rm -f {path}"), QUICK, op).ok();
        copied
    }

    /// Writes what a command prints into `into`, byte for byte; how much it was.
    pub(super) fn copy(
        &mut self,
        command: &str,
        silent: Duration,
        into: &mut dyn Write,
        op: &mut Op<'_>,
    ) -> Result<u64> {
        let service = format!("exec:{command}");
        self.wire.with_stream(service.as_bytes(), op, |wire, stream, op| {
            let mut len = 0;
            while let Some(data) = wire.more(stream, silent, op)? {
                op.check()?;
                into.write_all(&data)
                    .map_err(|error| Error::new(Kind::Storage, "what was read cannot be written").because(error))?;
                len += data.len() as u64;
                (op.progress)(Progress { bytes: len, total: len });
            }
            Ok(len)
        })
    }
}
