//! Whether a port could be opened, found out without opening it: opening alone resets some boards.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Found;
use super::watch::{LOOK_AGAIN, RULES_COME};
use crate::clock::Clock;

mod denied;
mod holders;

use holders::Holders;

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

/// Looks whether each of these can be opened, and says what to do where it cannot.
pub(super) fn look(found: &mut [&mut Found]) {
    let may_be_held = |found: &&mut Found| found.path().is_some() || holders::is_claimed(found);
    let nodes: Vec<PathBuf> = found.iter().filter(|found| may_be_held(found)).filter_map(|found| node(found)).collect();
    judge(found, &Holders::of(&nodes));
}

/// The same of what came this instant: no process is asked whether it holds a port that was not there before. To ask
/// them all takes longer than everything else about an arrival, and whoever probes new ports comes after us.
pub(super) fn look_at_arrivals(found: &mut [&mut Found]) {
    let is_claimed = |found: &&mut Found| found.path().is_none() && holders::is_claimed(found);
    let nodes: Vec<PathBuf> = found.iter().filter(|found| is_claimed(found)).filter_map(|found| node(found)).collect();
    let holders = if nodes.is_empty() { Holders::nobody() } else { Holders::of(&nodes) };
    judge(found, &holders);
}

fn judge(found: &mut [&mut Found], holders: &Holders) {
    for found in found {
        let Some(node) = node(found).filter(|_| found.access != Access::Unauthorized) else { continue };
        let (access, reason) = of(found, &node, holders);
        found.access = access;
        found.hint = match (reason, found.hint.take()) {
            (Some(reason), Some(hint)) if reason != hint => Some(format!("{reason}; {hint}")),
            (reason, hint) => reason.or(hint),
        };
    }
}

fn of(found: &Found, node: &Path, holders: &Holders) -> (Access, Option<String>) {
    if !node.exists() {
        return (Access::Offline, Some("nothing is there".into()));
    }
    if let Some(reason) = denied::reason(node, found) {
        return (Access::Denied, Some(reason));
    }
    let holder = holders.of_node(node);
    match (holder, found.path().is_some() || holders::is_claimed(found)) {
        (Some(holder), true) => (Access::Busy, Some(format!("held by {holder}"))),
        // Another program that has it open but claimed nothing of it is no hindrance.
        (None, true) if found.path().is_none() => {
            (Access::Busy, Some("held by a program of another user (root sees which)".into()))
        }
        _ => (Access::Ok, holders.modem_manager_may_probe(found)),
    }
}

/// The file through which it is opened. What is spoken to over the network has none.
pub(super) fn node(found: &Found) -> Option<PathBuf> {
    if let Some(path) = found.path() {
        return Some(path.to_owned());
    }
    if !cfg!(target_os = "linux") {
        return None;
    }
    let usb = found.usb.as_ref()?;
    let bus: u16 = usb.port.as_ref()?.split('-').next()?.parse().ok()?;
    Some(format!("/dev/bus/usb/{bus:03}/{:03}", usb.number?).into())
}

/// What is denied and only just arrived is looked at again until udev's rules had time to come.
pub(super) fn wait_for_rules(found: &mut [Found], clock: &dyn Clock) {
    loop {
        let now = clock.wall();
        let mut young: Vec<&mut Found> = found
            .iter_mut()
            .filter(|found| found.access == Access::Denied)
            .filter(|found| node(found).and_then(|node| age(&node, now)).is_some_and(|age| age < RULES_COME))
            .collect();
        if young.is_empty() {
            return;
        }
        clock.sleep(LOOK_AGAIN);
        for found in &mut young {
            found.hint = None;
        }
        look(&mut young);
    }
}

/// Since when the file is as it is; `None` when that is not known, or lies in the future.
fn age(node: &Path, now: jiff::Timestamp) -> Option<Duration> {
    let changed = jiff::Timestamp::try_from(std::fs::metadata(node).ok()?.modified().ok()?).ok()?;
    Duration::try_from(now.duration_since(changed)).ok()
}

#[cfg(test)]
mod tests;
