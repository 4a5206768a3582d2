//! What a unit has, asked in one command: programs, properties, partitions.

use std::collections::{BTreeMap, BTreeSet};

use protocols::adb::message::SystemKind;

use super::shell::QUICK;
use super::wire::Wire;
use crate::device::Op;
use crate::error::{Kind, Result};

/// Programs that are looked for.
const PROGRAMS: &[&str] = &[
    "bugreportz",
    "cat",
    "chmod",
    "cmd",
    "content",
    "dd",
    "dpm",
    "dumpsys",
    "getprop",
    "head",
    "logcat",
    "mkdir",
    "mv",
    "pm",
    "rm",
    "setprop",
    "settings",
    "sha256sum",
    "stat",
    "touch",
    "tradeinmode",
];
/// Properties that are kept: Android has about a thousand.
const MOST_PROPERTIES: usize = 8192;
/// Where Android shows partitions by name.
pub(super) const PARTITIONS: &str = "/dev/block/by-name";
/// Where it shows those that lie within `super`, as they are mapped.
pub(super) const LOGICAL: &str = "/dev/block/mapper";
/// Stands between the parts of the answer.
const MARK: &str = "-hardwire-";

/// What a unit was seen to have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Survey {
    /// Whether commands can be run at all.
    pub shell: bool,
    /// Whether they tell exit codes.
    pub tells_exit_codes: bool,
    /// Whether commands run as root.
    pub root: bool,
    /// Programs by name.
    pub programs: BTreeSet<String>,
    /// Properties of Android. Untrusted text.
    pub properties: BTreeMap<String, String>,
    /// Partitions by name, as far as they show. Untrusted text.
    pub partitions: Vec<String>,
    /// Logical ones.
    pub logical: Vec<String>,
}

impl Survey {
    /// Asks the unit.
    pub(super) fn of(wire: &mut Wire, op: &mut Op<'_>) -> Result<Survey> {
        if wire.banner().system == SystemKind::Sideload || wire.banner().system == SystemKind::Rescue {
            return Ok(Survey::default());
        }
        let script = format!(
            "for p in {}; do command -v $p >/dev/null 2>&1 && echo $p; done; echo {MARK}; id -u 2>/dev/null; echo {MARK}; \
             ls {PARTITIONS} 2>/dev/null; echo {MARK}; getprop 2>/dev/null; echo {MARK}; ls {LOGICAL} 2>/dev/null",
            PROGRAMS.join(" ")
        );
        let output = match wire.exec(&script, QUICK, op) {
            Ok(output) => output,
            Err(error) if error.kind() == Kind::Unsupported => return Ok(Survey::default()),
            Err(error) => return Err(error.while_doing("asking the unit what it has")),
        };
        let tells_exit_codes = wire.tells_exit_codes();
        Ok(Survey { tells_exit_codes, ..Survey::read(&output.text()) })
    }

    fn read(text: &str) -> Survey {
        let mut parts = text.split(MARK);
        let mut lines = || parts.next().unwrap_or_default().lines().map(str::trim).filter(|line| !line.is_empty());
        let programs = lines().filter(|line| PROGRAMS.contains(line)).map(str::to_owned).collect();
        let root = lines().next() == Some("0");
        let partitions = lines().filter(|name| is_partition(name)).map(str::to_owned).collect();
        let properties = properties(parts.next().unwrap_or_default());
        let last = parts.next();
        let names = last.unwrap_or_default().lines().map(str::trim);
        let logical = names.filter(|name| !name.is_empty() && is_partition(name)).map(str::to_owned).collect();
        Survey { shell: last.is_some(), tells_exit_codes: false, root, programs, properties, partitions, logical }
    }

    /// Whether the unit has this program.
    pub(super) fn has(&self, program: &str) -> bool {
        self.programs.contains(program)
    }

    /// A property that is set, and not empty.
    pub(super) fn property(&self, name: &str) -> Option<&str> {
        self.properties.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }
}

/// Names of partitions go into commands.
fn is_partition(name: &str) -> bool {
    name.len() <= 64 && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
}

/// What `getprop` prints: `[name]: [value]`, where a value may have several lines.
pub(super) fn properties(text: &str) -> BTreeMap<String, String> {
    let mut properties = BTreeMap::new();
    let mut rest = text;
    while let Some((_, begun)) = rest.split_once('[') {
        let Some((name, begun)) = begun.split_once("]: [") else { break };
        let end = begun.find("]\n").or_else(|| begun.find("]\r\n")).or_else(|| begun.rfind(']'));
        let Some(end) = end else { break };
        let (value, after) = begun.split_at(end);
        if properties.len() < MOST_PROPERTIES {
            properties.insert(name.to_owned(), value.to_owned());
        }
        rest = after;
    }
    properties
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_part_by_part() {
        let text = "pm\ngetprop\nreboot now\n-hardwire-\n0\n-hardwire-\nboot_a\n../x y\n-hardwire-\n[a.b]: [1]\n\
                    [c]: [two\nlines]\n[d]: []\n-hardwire-\nsystem_a\nby-uuid/x\n";
        let survey = Survey::read(text);
        assert!(survey.shell && survey.root && survey.has("pm") && !survey.has("reboot now"));
        assert_eq!(survey.partitions, ["boot_a"]);
        assert_eq!(survey.logical, ["system_a"]);
        assert_eq!(
            (survey.property("a.b"), survey.property("c"), survey.property("d")),
            (Some("1"), Some("two\nlines"), None)
        );
    }

    #[test]
    fn a_bare_daemon_has_less() {
        let survey = Survey::read("cat\n-hardwire-\n1000\n-hardwire-\n-hardwire-\n-hardwire-\n");
        assert!(survey.shell && !survey.root && survey.properties.is_empty() && survey.partitions.is_empty());
        assert_eq!(Survey::read("sh: not found"), Survey::default());
        assert!(properties("[a]: [b").is_empty() && properties("[[[]: [").is_empty());
    }
}
