//! Puts the rules in place.

use std::io::{ErrorKind, Write as _};
use std::path::Path;
use std::process::Command;

use super::check::{self, Finding, State};
use super::{FILE, FOLDERS, GROUP, Installed, RULES, below, installed};
use crate::durable;
use crate::error::{Error, Kind, Result};

/// Whether to do it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plan {
    /// Do it.
    Do,
    /// Only say what would be done.
    Say,
}

/// Makes the group, writes the rules, and has udev read them and apply them to what is plugged in.
///
/// # Errors
/// `not-permitted` without root's rights, `storage` when the file cannot be written or a tool of the system fails.
pub fn install(plan: Plan) -> Result<Vec<Finding>> {
    if plan == Plan::Do && !is_root() {
        return Err(Error::new(Kind::NotPermitted, "only root may install udev rules")
            .next("sudo hardwire udev install; or give `hardwire udev print` to whoever keeps this machine"));
    }
    let root = Path::new("/");
    let mut findings = vec![group(root, plan)?];
    findings.push(rules(root, plan)?);
    let udev = check::udev(root);
    findings.push(if udev.is_good() { apply(plan)? } else { udev });
    Ok(findings)
}

fn group(root: &Path, plan: Plan) -> Result<Finding> {
    if check::members(root, GROUP).is_some() {
        return Ok(Finding::new("group", State::Ok, format!("group `{GROUP}` exists")));
    }
    if plan == Plan::Say {
        return Ok(Finding::new("group", State::Planned, format!("group `{GROUP}` would be made")));
    }
    call(&["groupadd", "--system", GROUP])?;
    Ok(Finding::new("group", State::Done, format!("group `{GROUP}` was made"))
        .next(format!("where nobody sits at the machine, let people in: sudo usermod -aG {GROUP} USER")))
}

fn rules(root: &Path, plan: Plan) -> Result<Finding> {
    let folder = below(root, FOLDERS[0]);
    let path = folder.join(FILE);
    if installed() == Installed::Current {
        return Ok(Finding::new("rules", State::Ok, format!("{FILE} is in place already")));
    }
    if plan == Plan::Say {
        return Ok(Finding::new("rules", State::Planned, format!("{} would be written", path.display())));
    }
    std::fs::create_dir_all(&folder)
        .and_then(|()| {
            durable::replace(&path, |file| {
                // Everybody may see what is allowed: `udev check` runs as anybody.
                #[cfg(unix)]
                file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))?;
                file.write_all(RULES.as_bytes())
            })
        })
        .map_err(|cause| durable::storage(format!("{} cannot be written", path.display()), cause))?;
    Ok(Finding::new("rules", State::Done, format!("{} was written", path.display())))
}

fn apply(plan: Plan) -> Result<Finding> {
    if plan == Plan::Say {
        return Ok(Finding::new("udev", State::Planned, "udev would apply them to what is plugged in"));
    }
    call(&["udevadm", "control", "--reload"])?;
    call(&["udevadm", "trigger", "--subsystem-match=usb", "--subsystem-match=tty", "--subsystem-match=usb-serial"])?;
    call(&["udevadm", "settle", "--timeout=10"])?;
    Ok(Finding::new("udev", State::Done, "udev has applied them to what is plugged in"))
}

fn call(command: &[&str]) -> Result<()> {
    let said = command.join(" ");
    let failed = |why: String| Error::new(Kind::Storage, format!("`{said}` failed: {why}"));
    let output = Command::new(command[0]).args(&command[1..]).output().map_err(|cause| {
        let why =
            if cause.kind() == ErrorKind::NotFound { "this machine has no such program" } else { "it did not start" };
        failed(why.into()).because(cause)
    })?;
    if output.status.success() {
        return Ok(());
    }
    let words = String::from_utf8_lossy(&output.stderr);
    Err(failed(words.lines().last().unwrap_or("it gave no reason").to_owned()))
}

#[cfg(unix)]
fn is_root() -> bool {
    nix::unistd::Uid::effective().is_root()
}

#[cfg(not(unix))]
fn is_root() -> bool {
    false
}
