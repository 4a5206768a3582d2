//! What is missing, and why.

use std::path::Path;

use serde::Serialize;

use super::{FILE, GROUP, Installed, below, installed_under};

/// How one thing stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// As it should be.
    Ok,
    /// Not there.
    Missing,
    /// Of another version.
    Outdated,
    /// It has just been put in order.
    Done,
    /// It would be put in order.
    Planned,
}

/// One thing that access depends on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What it is: `udev`, `rules`, `group`, `member`, `modem-manager`.
    pub about: &'static str,
    /// How it stands.
    pub state: State,
    /// The same as a sentence.
    pub say: String,
    /// What to do about it.
    pub next: Option<String>,
}

impl Finding {
    pub(super) fn new(about: &'static str, state: State, say: impl Into<String>) -> Finding {
        Finding { about, state, say: say.into(), next: None }
    }

    pub(super) fn next(mut self, next: impl Into<String>) -> Finding {
        self.next = Some(next.into());
        self
    }

    /// Whether nothing needs to be done about it.
    #[must_use]
    pub fn is_good(&self) -> bool {
        matches!(self.state, State::Ok | State::Done)
    }
}

/// Who asks for access.
pub(super) struct Person {
    pub(super) name: String,
    pub(super) is_root: bool,
    /// A member of the group in this very session.
    pub(super) is_member: bool,
    /// Whoever sits at the machine is let in by name.
    pub(super) is_at_seat: bool,
}

/// Looks at everything that access depends on, for the user who runs this.
#[must_use]
pub fn check() -> Vec<Finding> {
    let root = Path::new("/");
    let mut findings = vec![udev(root), rules(root)];
    findings.extend(group(root));
    findings.push(member(root, &person(root)));
    findings.extend(modem_manager(root));
    findings
}

pub(super) fn udev(root: &Path) -> Finding {
    if below(root, "/run/udev/control").exists() {
        return Finding::new("udev", State::Ok, "udev runs");
    }
    Finding::new("udev", State::Missing, "udev does not run: no rule is ever applied on this machine")
        .next("run hardwire as root here, or as the owner that this machine gives its device files")
}

pub(super) fn rules(root: &Path) -> Finding {
    match installed_under(root) {
        Installed::Current => Finding::new("rules", State::Ok, format!("{FILE} is in place")),
        Installed::Outdated(path) => {
            Finding::new("rules", State::Outdated, format!("{} is of another version", path.display()))
                .next("sudo hardwire udev install")
        }
        Installed::Absent => Finding::new("rules", State::Missing, format!("{FILE} is in no folder where udev looks"))
            .next("sudo hardwire udev install"),
    }
}

fn group(root: &Path) -> Option<Finding> {
    Some(match members(root, GROUP) {
        Some(_) => Finding::new("group", State::Ok, format!("group `{GROUP}` exists")),
        None => Finding::new(
            "group",
            State::Missing,
            format!("there is no group `{GROUP}`: udev ignores rules that name it"),
        )
        .next("sudo hardwire udev install"),
    })
}

fn member(root: &Path, person: &Person) -> Finding {
    let Person { name, .. } = person;
    if person.is_root {
        return Finding::new("member", State::Ok, "root may open every unit");
    }
    if person.is_member {
        return Finding::new("member", State::Ok, format!("{name} is a member of group `{GROUP}`"));
    }
    if person.is_at_seat {
        return Finding::new("member", State::Ok, format!("{name} sits at this machine, and is let in for that"));
    }
    if members(root, GROUP).is_some_and(|members| members.contains(name)) {
        return Finding::new(
            "member",
            State::Missing,
            format!("{name} joined group `{GROUP}` after this session began"),
        )
        .next("log in again");
    }
    Finding::new("member", State::Missing, format!("{name} is no member of group `{GROUP}` and sits at no seat of this machine"))
        .next(format!("sudo usermod -aG {GROUP} {name}, then log in again; serial adapters keep the system's own group, which `hardwire detect` names"))
}

/// Only when it runs: it asks new serial ports whether they are modems, and has spoilt units in the middle of a write.
fn modem_manager(root: &Path) -> Option<Finding> {
    let processes = std::fs::read_dir(below(root, "/proc")).ok()?;
    let runs = processes.flatten().any(|process| {
        std::fs::read_to_string(process.path().join("comm")).is_ok_and(|name| name.trim() == "ModemManager")
    });
    let told = installed_under(root) == Installed::Current;
    runs.then(|| {
        if told {
            Finding::new("modem-manager", State::Ok, "ModemManager runs, and is told to leave Hardwire's units alone")
        } else {
            Finding::new(
                "modem-manager",
                State::Missing,
                "ModemManager runs, and nothing tells it to leave units alone",
            )
            .next("sudo hardwire udev install")
        }
    })
}

/// The members of a group, as the system's own file has them; `None` when there is no such group.
pub(super) fn members(root: &Path, group: &str) -> Option<Vec<String>> {
    let text = std::fs::read_to_string(below(root, "/etc/group")).ok()?;
    let line = text.lines().find(|line| line.split(':').next() == Some(group))?;
    Some(line.rsplit(':').next().unwrap_or_default().split(',').map(str::to_owned).collect())
}

#[cfg(target_os = "linux")]
fn person(root: &Path) -> Person {
    use nix::unistd::{Group, Uid, User, getgroups};

    let uid = Uid::effective();
    let group = Group::from_name(GROUP).ok().flatten().map(|group| group.gid);
    let seat = std::fs::read_to_string(below(root, "/run/systemd/seats/seat0")).unwrap_or_default();
    Person {
        name: User::from_uid(uid).ok().flatten().map_or_else(|| uid.to_string(), |user| user.name),
        is_root: uid.is_root(),
        is_member: group.is_some_and(|group| getgroups().is_ok_and(|mine| mine.contains(&group))),
        is_at_seat: seat.lines().any(|line| line == format!("ACTIVE_UID={uid}")),
    }
}

#[cfg(not(target_os = "linux"))]
fn person(_root: &Path) -> Person {
    Person { name: "you".into(), is_root: false, is_member: false, is_at_seat: false }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::udev::RULES;

    fn machine(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = below(root.path(), path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        root
    }

    #[test]
    fn rules_are_current_outdated_or_absent_and_the_first_folder_wins() {
        let etc = "/etc/udev/rules.d/70-hardwire.rules";
        let lib = "/usr/lib/udev/rules.d/70-hardwire.rules";
        assert_eq!(rules(machine(&[]).path()).state, State::Missing);
        assert_eq!(rules(machine(&[(lib, RULES)]).path()).state, State::Ok);
        let shadowed = rules(machine(&[(lib, RULES), (etc, "# old\n")]).path());
        assert_eq!((shadowed.state, shadowed.next.as_deref()), (State::Outdated, Some("sudo hardwire udev install")));
    }

    #[test]
    fn membership_is_told_from_having_joined_too_late_and_from_sitting_there() {
        let root = machine(&[("/etc/group", "root:x:0:\nhardwire:x:990:amy,ben\n")]);
        let person = |name: &str| Person { name: name.into(), is_root: false, is_member: false, is_at_seat: false };
        let state = |person: &Person| {
            let finding = member(root.path(), person);
            (finding.state, finding.next)
        };
        assert_eq!(state(&person("amy")), (State::Missing, Some("log in again".into())));
        assert!(state(&person("zoe")).1.unwrap().contains("usermod -aG hardwire zoe"));
        assert_eq!(state(&Person { is_at_seat: true, ..person("zoe") }).0, State::Ok);
        assert_eq!(state(&Person { is_member: true, ..person("amy") }).0, State::Ok);
        assert_eq!(state(&Person { is_root: true, ..person("root") }).0, State::Ok);
        assert_eq!(group(root.path()).unwrap().state, State::Ok);
        assert_eq!(group(machine(&[("/etc/group", "root:x:0:\n")]).path()).unwrap().state, State::Missing);
    }

    #[test]
    fn modem_manager_matters_only_when_it_runs_and_was_not_told() {
        let etc = "/etc/udev/rules.d/70-hardwire.rules";
        assert_eq!(modem_manager(machine(&[("/proc/1/comm", "init\n")]).path()), None);
        let runs = ("/proc/77/comm", "ModemManager\n");
        assert_eq!(modem_manager(machine(&[runs]).path()).unwrap().state, State::Missing);
        assert_eq!(modem_manager(machine(&[runs, (etc, RULES)]).path()).unwrap().state, State::Ok);
    }

    #[test]
    fn a_machine_without_udev_says_so() {
        assert_eq!(udev(machine(&[]).path()).state, State::Missing);
        assert_eq!(udev(machine(&[("/run/udev/control", "")]).path()).state, State::Ok);
    }
}
