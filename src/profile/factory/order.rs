//! What is written in which mode, in which order: as `fastboot-info.txt` says, else as `fastboot flashall` does it.
//!
//! Source: `fastboot/README.md`, `fastboot.cpp` and `task.cpp` of AOSP's `system/core`.

use protocols::android::archive::{Command, Order, Slot, When};

use super::TABLE;
use crate::device::Mode;
use crate::error::{Error, Kind, Result};

/// What starts the unit, or speaks to its network. They are packed in a way that only a bootloader undoes, and each is
/// followed by a restart.
pub(super) const LOADERS: [&str; 2] = ["bootloader", "radio"];
/// What it takes to start, written by the bootloader.
const STARTS: [&str; 11] = [
    "boot",
    "init_boot",
    "dtbo",
    "dts",
    "pvmfw",
    "recovery",
    "vbmeta",
    "vbmeta_system",
    "vbmeta_vendor",
    "vendor_boot",
    "vendor_kernel_boot",
];
/// The system, of which most lies in logical partitions.
const SYSTEM: [&str; 8] =
    ["odm", "odm_dlkm", "product", "system", "system_dlkm", "system_ext", "vendor", "vendor_dlkm"];
/// What is written to the slot that does not run.
const OTHERS: [&str; 3] = ["boot", "system", "vendor"];
/// What holds user data.
const DATA: [&str; 3] = ["userdata", "cache", "metadata"];

/// An image and its partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    pub partition: String,
    pub file: String,
    /// Whether it is for the slot that does not run.
    pub other: bool,
}

/// Images that are written in one mode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Phase {
    pub mode: Mode,
    /// Whether the table of logical partitions is told first.
    pub table: bool,
    pub parts: Vec<Part>,
}

/// What is done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Plan {
    pub phases: Vec<Phase>,
    /// The partitions that are emptied.
    pub wipes: Vec<String>,
}

impl Phase {
    fn new(mode: Mode) -> Phase {
        Phase { mode, table: false, parts: Vec::new() }
    }

    /// What it is called, as the `number`th from 0 on.
    pub(super) fn name(&self, number: usize) -> String {
        let name = if self.mode == Mode::Fastbootd { "logical" } else { "images" };
        if number < 2 { name.to_owned() } else { format!("{name}-{}", number + 1) }
    }
}

/// Whether `fastboot flashall` writes a file of this name.
pub(super) fn is_known(file: &str) -> bool {
    usual_parts(&STARTS).chain(usual_parts(&SYSTEM)).chain(other_parts()).any(|part| part.file == file)
}

/// The files that an order names.
pub(super) fn files(order: &Order) -> impl Iterator<Item = &str> {
    order.commands().filter_map(|(_, command)| match command {
        Command::Flash { partition, file, .. } if !is_loader(partition) => Some(file.as_str()),
        _ => None,
    })
}

fn is_loader(partition: &str) -> bool {
    LOADERS.contains(&partition)
}

fn usual_parts(names: &'static [&str]) -> impl Iterator<Item = Part> {
    let part = |name: &&str| Part { partition: (*name).to_owned(), file: format!("{name}.img"), other: false };
    names.iter().map(part)
}

fn other_parts() -> impl Iterator<Item = Part> {
    let part = |name: &&str| Part { partition: (*name).to_owned(), file: format!("{name}_other.img"), other: true };
    OTHERS.iter().map(part)
}

/// As `fastboot flashall` does it with the files that are there: what it takes to start, then the system. That lies in
/// logical partitions where the archive brings a table of them.
pub(super) fn usual(has: impl Fn(&str) -> bool, wipe: bool) -> Plan {
    let there = |parts: Box<dyn Iterator<Item = Part>>| parts.filter(|part| has(&part.file)).collect::<Vec<_>>();
    let starts = Phase { parts: there(Box::new(usual_parts(&STARTS))), ..Phase::new(Mode::Bootloader) };
    let logical = has(TABLE);
    let system = Phase {
        mode: if logical { Mode::Fastbootd } else { Mode::Bootloader },
        table: logical,
        parts: there(Box::new(usual_parts(&SYSTEM).chain(other_parts()))),
    };
    let mut phases = vec![starts, system];
    phases.retain(|phase| !phase.parts.is_empty());
    Plan { phases, wipes: if wipe { DATA.map(str::to_owned).to_vec() } else { Vec::new() } }
}

/// As `fastboot-info.txt` says.
///
/// # Errors
/// `invalid`: it goes on after the system was started, or wants something between two modes that only Google's client does.
pub(super) fn of(order: &Order, wipe: bool) -> Result<Plan> {
    let mut plan = Plan::default();
    let mut phase = Phase::new(Mode::Bootloader);
    let mut over = false;
    for ((when, command), (line, _)) in order.commands().zip(order.lines()) {
        if when == When::Wiping && !wipe {
            continue;
        }
        let wrong = |why: &str| Error::new(Kind::Invalid, format!("line {line} of its fastboot-info.txt {why}"));
        if over {
            return Err(wrong("comes after the restart into the system"));
        }
        match command {
            // They are written first, when that is meant.
            Command::Flash { partition, .. } if is_loader(partition) => {}
            Command::Flash { partition, file, slot, .. } => {
                phase.parts.push(Part {
                    partition: partition.clone(),
                    file: file.clone(),
                    other: *slot == Slot::Other,
                });
            }
            Command::Erase(partition) => plan.wipes.push(partition.clone()),
            Command::UpdateSuper if phase.mode != Mode::Fastbootd || !phase.parts.is_empty() => {
                return Err(wrong(
                    "tells the table of logical partitions elsewhere than at the start of fastboot in userspace",
                ));
            }
            Command::UpdateSuper => phase.table = true,
            Command::Reboot(mode) => {
                let next = match mode.as_deref() {
                    Some("fastboot") => Mode::Fastbootd,
                    Some("bootloader") => Mode::Bootloader,
                    None => Mode::Application,
                    Some(_) => return Err(wrong("restarts into a mode in which nothing is written")),
                };
                over = next == Mode::Application;
                plan.phases.push(std::mem::replace(&mut phase, Phase::new(next)));
            }
        }
    }
    plan.phases.push(phase);
    plan.phases.retain(|phase| !phase.parts.is_empty());
    let is_written =
        |partition: &String| plan.phases.iter().flat_map(|phase| &phase.parts).any(|part| part.partition == *partition);
    if let Some(twice) = plan.wipes.iter().find(|partition| is_written(partition)) {
        return Err(Error::new(Kind::Invalid, format!("its fastboot-info.txt both writes and erases {twice}")));
    }
    Ok(plan)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, wipe: bool) -> Result<Plan> {
        of(&Order::parse(text.as_bytes()).unwrap(), wipe)
    }

    fn shown(plan: &Plan) -> Vec<String> {
        let part = |part: &Part| if part.other { format!("other/{}", part.partition) } else { part.partition.clone() };
        let phase = |phase: &Phase| {
            let parts: Vec<String> = phase.parts.iter().map(part).collect();
            format!("{}{}: {}", phase.mode, if phase.table { "+table" } else { "" }, parts.join(" "))
        };
        plan.phases.iter().map(phase).collect()
    }

    #[test]
    fn without_an_order_what_starts_comes_first_and_the_system_where_it_lies() {
        let files =
            ["system.img", "vendor.img", "boot.img", "vbmeta.img", "system_other.img", "userdata.img", "radio.img"];
        let plan = usual(|file| files.contains(&file), false);
        assert_eq!(shown(&plan), ["bootloader: boot vbmeta", "bootloader: system vendor other/system"]);
        assert!(plan.wipes.is_empty());
        let plan = usual(|file| file == TABLE || files.contains(&file), true);
        assert_eq!(shown(&plan), ["bootloader: boot vbmeta", "fastbootd+table: system vendor other/system"]);
        assert_eq!(plan.wipes, DATA);
    }

    #[test]
    fn an_order_is_followed_from_mode_to_mode() {
        let text = "version 1\nflash bootloader\nreboot bootloader\nflash boot\nflash --slot-other system system_other.img\n\
                    reboot fastboot\nupdate-super\nflash product\nif-wipe erase userdata\nreboot\n";
        let plan = read(text, false).unwrap();
        assert_eq!(shown(&plan), ["bootloader: boot other/system", "fastbootd+table: product"]);
        assert!(plan.wipes.is_empty());
        assert_eq!(read(text, true).unwrap().wipes, ["userdata"]);
    }

    #[test]
    fn an_order_that_cannot_be_followed_is_refused_by_its_line() {
        for (text, says) in [
            ("version 1\nreboot\nflash boot\n", "line 3"),
            ("version 1\nflash boot\nupdate-super\n", "line 3"),
            ("version 1\nreboot recovery\n", "line 2"),
            ("version 1\nflash userdata\nif-wipe erase userdata\n", "userdata"),
        ] {
            let error = read(text, true).unwrap_err();
            assert!(error.kind() == Kind::Invalid && error.to_string().contains(says), "{text}: {error}");
        }
    }
}
