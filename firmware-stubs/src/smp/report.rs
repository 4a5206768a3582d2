//! What the device tells of itself: statistics, and which groups it has.

use super::body::{Body, Out};
use super::device::Device;
use super::fail::{Fail, rc};
use protocols::smp::Group;

const INVALID_STAT_NAME: u8 = 3;
const INDEX_TOO_LARGE: u8 = 4;

const STATISTICS: [&str; 3] = ["smp_svr_stats", "flash", "supply"];

/// Groups in the order in which Zephyr 4.4's native server lists them, with the name and number of handlers that the
/// details command tells.
const GROUPS: [(Group, &str, u64); 8] = [
    (Group::ENUMERATION, "enum mgmt", 4),
    (Group::FS, "fs mgmt", 5),
    (Group::IMAGE, "img mgmt", 7),
    (Group::OS, "os mgmt", 9),
    (Group::SETTINGS, "settings mgmt", 4),
    (Group::SHELL, "shell mgmt", 1),
    (Group::STATISTICS, "stat mgmt", 2),
    (Group::ZEPHYR_BASIC, "zephyr basic mgmt", 1),
];

impl Device {
    pub(super) fn statistics(&mut self, body: &Body<'_>) -> Result<Out, Fail> {
        let name = body.text("name")?.filter(|name| !name.is_empty()).ok_or(Fail::Rc(rc::EINVAL))?;
        let fields: Vec<(&str, u64)> = match name {
            "smp_svr_stats" => vec![("ticks", self.uptime().as_secs()), ("requests", self.ram.requests)],
            "flash" => vec![("written", self.flash.stored()), ("failed", 0)],
            "supply" => vec![("mv", 3300), ("brownouts", 0)],
            _ => return Err(Fail::Group(Group::STATISTICS, INVALID_STAT_NAME)),
        };
        let mut out = Out::new();
        out.text("name", name).key("fields").begin_map();
        for (field, value) in fields {
            out.uint(field, value);
        }
        out.end();
        Ok(out)
    }
}

pub(super) fn statistics_list() -> Out {
    let mut out = Out::new();
    out.key("stat_list").begin_list();
    for name in STATISTICS {
        out.key(name);
    }
    out.end();
    out
}

pub(super) fn group_count() -> Out {
    let mut out = Out::new();
    out.uint("count", GROUPS.len() as u64);
    out
}

pub(super) fn group_list() -> Out {
    let mut out = Out::new();
    out.key("groups").begin_list();
    for (group, ..) in GROUPS {
        out.number(u64::from(group.0));
    }
    out.end();
    out
}

pub(super) fn group_single(body: &Body<'_>) -> Result<Out, Fail> {
    let index = usize::try_from(body.uint("index")?.unwrap_or(0)).unwrap_or(usize::MAX);
    if index > usize::from(u16::MAX) {
        return Err(Fail::Rc(rc::EINVAL));
    }
    let (group, ..) = GROUPS.get(index).ok_or(Fail::Group(Group::ENUMERATION, INDEX_TOO_LARGE))?;
    let mut out = Out::new();
    out.uint("group", u64::from(group.0));
    if index + 1 == GROUPS.len() {
        out.bool("end", true);
    }
    Ok(out)
}

pub(super) fn group_details(body: &Body<'_>) -> Result<Out, Fail> {
    let only = body.uints("groups")?.filter(|groups| !groups.is_empty());
    let mut out = Out::new();
    out.key("groups").begin_list();
    for (group, name, handlers) in GROUPS {
        let number = u64::from(group.0);
        if only.as_ref().is_none_or(|only| only.contains(&number)) {
            out.begin_map().uint("group", number).text("name", name).uint("handlers", handlers).end();
        }
    }
    out.end();
    Ok(out)
}
