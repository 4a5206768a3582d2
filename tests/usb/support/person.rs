//! Somebody else than root in the guest.

use std::ffi::OsStr;
use std::process::Command;

/// A user of the guest without any right to devices and with a home of their own.
pub const TESTER: &str = "tester";

/// A command of that user's.
pub fn tester(program: impl AsRef<OsStr>) -> Command {
    tester_in(&[], program)
}

/// A command of that user's who is in `groups` besides.
pub fn tester_in(groups: &[&str], program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--reuid", TESTER, "--regid", TESTER, "--no-new-privs", "--inh-caps=-all"]);
    match groups {
        [] => command.arg("--clear-groups"),
        some => command.args(["--groups", &some.join(",")]),
    };
    command.arg("--").arg(program).env("HOME", "/run/home/tester").env("USER", TESTER);
    command
}
