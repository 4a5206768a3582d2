//! Which other program has a port or a device open, as far as we may look.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::detect::Found;

/// Who holds what, as it was at one moment.
pub(super) struct Holders {
    by_node: BTreeMap<PathBuf, String>,
    /// Whether ModemManager runs, once somebody needed to know.
    modem_manager: OnceCell<bool>,
}

impl Holders {
    /// None, as nobody was asked.
    pub(super) fn nobody() -> Holders {
        Holders { by_node: BTreeMap::new(), modem_manager: OnceCell::from(false) }
    }

    /// The process that holds `node`: `process 1234 (minicom)`.
    pub(super) fn of_node(&self, node: &Path) -> Option<&str> {
        self.by_node.get(&node.canonicalize().ok()?).map(String::as_str)
    }

    /// Told of a unit that Hardwire drives when ModemManager runs and was not told to leave the port alone.
    pub(super) fn modem_manager_may_probe(&self, found: &Found) -> Option<String> {
        let path = found.path().filter(|_| found.driver.is_some())?;
        // The names of all processes are read only where it would matter.
        let may = !is_ignored_by_modem_manager(path)? && *self.modem_manager.get_or_init(does_modem_manager_run);
        may.then(|| "ModemManager may probe it: `sudo hardwire udev install` keeps it away".into())
    }
}

#[cfg(target_os = "linux")]
impl Holders {
    /// Who holds these. One walk through all processes, however many there are of them.
    pub(super) fn of(nodes: &[PathBuf]) -> Holders {
        let wanted: Vec<PathBuf> = nodes
            .iter()
            .filter_map(|node| node.canonicalize().ok())
            // A pseudo-terminal is always held by the program that plays the unit.
            .filter(|node| !node.starts_with("/dev/pts"))
            .collect();
        let mut holders = Holders { by_node: BTreeMap::new(), modem_manager: OnceCell::new() };
        if wanted.is_empty() {
            return holders;
        }
        let us = std::process::id();
        for (pid, process) in processes().filter(|(pid, _)| *pid != us) {
            holders.take(pid, &process, &wanted);
        }
        holders
    }

    fn take(&mut self, pid: u32, process: &Path, wanted: &[PathBuf]) {
        for file in std::fs::read_dir(process.join("fd")).into_iter().flatten().flatten() {
            let Ok(target) = std::fs::read_link(file.path()) else { continue };
            if wanted.contains(&target) {
                self.by_node.entry(target).or_insert_with(|| format!("process {pid} ({})", name(process)));
            }
        }
    }
}

#[cfg(target_os = "linux")]
fn processes() -> impl Iterator<Item = (u32, PathBuf)> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path())))
}

#[cfg(target_os = "linux")]
fn name(process: &Path) -> String {
    std::fs::read_to_string(process.join("comm")).unwrap_or_default().trim().to_owned()
}

#[cfg(target_os = "linux")]
fn does_modem_manager_run() -> bool {
    processes().any(|(_, process)| name(&process) == "ModemManager")
}

#[cfg(not(target_os = "linux"))]
fn does_modem_manager_run() -> bool {
    false
}

#[cfg(not(target_os = "linux"))]
impl Holders {
    pub(super) fn of(_nodes: &[PathBuf]) -> Holders {
        Holders { by_node: BTreeMap::new(), modem_manager: OnceCell::new() }
    }
}

/// Whether a program has claimed an interface of a USB device: the kernel then calls its own `usbfs` the driver of it.
/// A driver of the kernel's gives way and is no hindrance.
#[cfg(target_os = "linux")]
pub(super) fn is_claimed(found: &Found) -> bool {
    let Some(port) = found.usb.as_ref().and_then(|usb| usb.port.as_ref()) else { return false };
    let folder = Path::new("/sys/bus/usb/devices").join(port);
    let prefix = format!("{port}:");
    std::fs::read_dir(&folder).into_iter().flatten().flatten().any(|interface| {
        interface.file_name().to_string_lossy().starts_with(&prefix)
            && std::fs::read_link(interface.path().join("driver")).is_ok_and(|driver| driver.ends_with("usbfs"))
    })
}

#[cfg(not(target_os = "linux"))]
pub(super) fn is_claimed(_found: &Found) -> bool {
    false
}

/// What udev's database says of a terminal; `None` when it says nothing.
#[cfg(target_os = "linux")]
fn is_ignored_by_modem_manager(path: &Path) -> Option<bool> {
    use nix::sys::stat::{major, minor};
    use std::os::unix::fs::MetadataExt;

    let device = std::fs::metadata(path).ok()?.rdev();
    let entry = std::fs::read_to_string(format!("/run/udev/data/c{}:{}", major(device), minor(device))).ok()?;
    Some(entry.lines().any(|line| ["E:ID_MM_DEVICE_IGNORE=1", "E:ID_MM_PORT_IGNORE=1"].contains(&line)))
}

#[cfg(not(target_os = "linux"))]
fn is_ignored_by_modem_manager(_path: &Path) -> Option<bool> {
    None
}
