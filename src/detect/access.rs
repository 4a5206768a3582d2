//! Whether a port could be opened, found out without opening it: opening alone resets some boards.

use std::fmt;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// Whether a unit can be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Access {
    /// Nothing stands in the way.
    Ok,
    /// The operating system does not let us.
    Denied,
    /// Another program holds it.
    Busy,
    /// The unit does not let us yet.
    Unauthorized,
    /// It is named, but nothing answers.
    Offline,
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Access::Ok => "ok",
            Access::Denied => "denied",
            Access::Busy => "busy",
            Access::Unauthorized => "unauthorized",
            Access::Offline => "offline",
        })
    }
}

/// The access to the port at `path`, and what to do when it is not given.
#[must_use]
pub fn of(path: &Path) -> (Access, Option<String>) {
    if !path.exists() {
        return (Access::Offline, Some("nothing is there".into()));
    }
    if let Some(hint) = denied(path) {
        return (Access::Denied, Some(hint));
    }
    match holder(path) {
        Some(holder) => (Access::Busy, Some(format!("held by {holder}"))),
        None => (Access::Ok, None),
    }
}

#[cfg(unix)]
fn denied(path: &Path) -> Option<String> {
    use nix::unistd::{AccessFlags, Gid, Group, access};
    use std::os::unix::fs::MetadataExt;

    access(path, AccessFlags::R_OK | AccessFlags::W_OK).err()?;
    let group = std::fs::metadata(path).ok().and_then(|meta| Group::from_gid(Gid::from_raw(meta.gid())).ok().flatten());
    Some(match group {
        Some(group) if group.gid.as_raw() != 0 => {
            format!(
                "you may not open it: become a member of group `{0}` (usermod -aG {0} USER) and log in again",
                group.name
            )
        }
        _ => "you may not open it: its owner is root, and a udev rule has to change that".into(),
    })
}

#[cfg(not(unix))]
fn denied(_path: &Path) -> Option<String> {
    None
}

/// The process that has the port open, as far as we may look: `process 1234 (minicom)`.
#[cfg(target_os = "linux")]
fn holder(path: &Path) -> Option<String> {
    let port = std::fs::canonicalize(path).ok()?;
    // A pseudo-terminal is always held by the program that plays the unit.
    if port.starts_with("/dev/pts") {
        return None;
    }
    let us = std::process::id();
    let processes = std::fs::read_dir("/proc").ok()?.flatten();
    for process in processes {
        let Some(pid) = process.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        let Ok(files) = std::fs::read_dir(process.path().join("fd")) else { continue };
        let holds = |file: std::fs::DirEntry| std::fs::read_link(file.path()).is_ok_and(|target| target == port);
        if pid != us && files.flatten().any(holds) {
            let name = std::fs::read_to_string(process.path().join("comm")).unwrap_or_default();
            return Some(format!("process {pid} ({})", name.trim()));
        }
    }
    None
}

#[cfg(not(target_os = "linux"))]
fn holder(_path: &Path) -> Option<String> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_is_not_there_is_offline() {
        assert_eq!(of(Path::new("/nonexistent/port")).0, Access::Offline);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_file_that_another_process_holds_is_busy() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert_eq!(of(file.path()).0, Access::Ok);
        let mut holder = std::process::Command::new("cat")
            .arg("-")
            .arg(file.path())
            .stdin(std::process::Stdio::piped())
            .stdout(file.reopen().unwrap())
            .spawn()
            .unwrap();
        let (access, hint) = of(file.path());
        drop(holder.stdin.take());
        holder.kill().unwrap();
        holder.wait().unwrap();
        assert_eq!(access, Access::Busy);
        assert!(hint.unwrap().contains(&holder.id().to_string()));
    }
}
