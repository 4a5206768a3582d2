//! udev rules: who may open what Hardwire drives, and who keeps away from it.
//!
//! The rules are made of the drivers' signatures, so they cannot say anything else than what is driven. Nothing is
//! made world-writable. Whoever sits at the machine may open the units (`uaccess`); on a station without a seat, the
//! members of group [`GROUP`] may. It is a group of its own because `plugdev` is missing on many systems and means all
//! that can be plugged in where it is there, and one for serial and USB units alike, so that a unit stays open to the
//! same people in each of its modes. Other serial ports, adapters too, keep the group that the system gives them.

use std::fs;
use std::path::{Path, PathBuf};

mod check;
mod install;
mod rules;

pub use check::{Finding, State, check};
pub use install::{Plan, install};
pub use rules::generate;

/// The group whose members may open USB units on a station where nobody sits.
pub const GROUP: &str = "hardwire";
/// The name of the file. Below 73, where systemd's rules give the person at the seat what is tagged by then.
pub const FILE: &str = "70-hardwire.rules";
/// The rules of this version.
const RULES: &str = include_str!("../../../udev/70-hardwire.rules");
/// Where udev looks for rules, first the folder that wins (udev(7)).
const FOLDERS: [&str; 5] = [
    "/etc/udev/rules.d",
    "/run/udev/rules.d",
    "/usr/local/lib/udev/rules.d",
    "/usr/lib/udev/rules.d",
    "/lib/udev/rules.d",
];

/// What is installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Installed {
    /// The rules of this version.
    Current,
    /// Other rules under their name, in this file.
    Outdated(PathBuf),
    /// None.
    Absent,
}

/// What is installed on this machine.
#[must_use]
pub fn installed() -> Installed {
    installed_under(Path::new("/"))
}

fn installed_under(root: &Path) -> Installed {
    for folder in FOLDERS {
        let path = below(root, folder).join(FILE);
        match fs::read_to_string(&path) {
            Ok(rules) if rules == RULES => return Installed::Current,
            Ok(_) => return Installed::Outdated(path),
            Err(_) => {}
        }
    }
    Installed::Absent
}

/// An absolute path under another root.
fn below(root: &Path, path: &str) -> PathBuf {
    root.join(path.trim_start_matches('/'))
}

#[cfg(test)]
mod tests;
