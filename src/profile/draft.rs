//! `profile new`: a first profile for a unit that was just met, with what it could do next in comments.

use std::fmt::Write as _;

use crate::device::{Capability, Level, Mode, Unit, UnitText};

/// Where Zephyr mounts its file system, and where the draft puts its file.
const FOLDER: &str = "/lfs1";

/// A commented profile for `unit`, met at `address`: it loads as it is, and also once its commented-out lines are taken
/// in. A line of a comment starts with `# `; a line to be taken in has something else behind its `#`.
#[must_use]
pub fn draft(unit: &Unit, address: &str, usb: Option<&str>) -> String {
    let mut text = head(unit, address);
    text.push_str(&matching(unit, usb));
    if address.starts_with("tty:") {
        text.push_str("\n# How the serial port is opened. What `-d` says wins.\n#link: { baud: 115200 }\n");
    }
    text.push_str(&verification(unit));
    text.push_str(&values(unit));
    text.push_str(&artifacts(unit));
    text.push_str(&steps(unit));
    text
}

fn head(unit: &Unit, address: &str) -> String {
    let model = unit.model.as_ref().map(UnitText::untrusted).filter(|m| usable(m));
    let name: String =
        model.unwrap_or(unit.driver).chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let name = name.trim_matches('-').to_ascii_lowercase();
    let name = if name.is_empty() { unit.driver.to_owned() } else { name };
    let device = safe(address);
    format!(
        "# A first profile, written by `hardwire profile new` for the unit at {device}.
# Check it with `hardwire profile check FILE`; see what it would change with `hardwire plan FILE -d {device}`;
# make it so, verify and record with `hardwire apply FILE -d {device}`.
# Lines that begin with `#` and no blank, or `#` and several, are examples: delete the `#` to take them in.
format: 1
name: {}
version: \"0.1.0\"
",
        quoted(&name)
    )
}

fn matching(unit: &Unit, usb: Option<&str>) -> String {
    let mut text = "\n# The units that are meant: every entry must hold.\nmatch:\n".to_owned();
    let _ = writeln!(text, "  driver: {}", quoted(unit.driver));
    let fact = |fact: &Option<UnitText>| {
        fact.as_ref().map(|f| f.untrusted().to_owned()).filter(|f| usable(f)).map(|f| quoted(&f))
    };
    match fact(&unit.model) {
        Some(model) => drop(writeln!(text, "  model: {model}")),
        None => text.push_str("  # The unit shows no model as it is now, so this fits every unit of its family.\n"),
    }
    if let Some(hardware) = fact(&unit.hardware) {
        let _ = writeln!(text, "#  hardware: {hardware}");
    }
    if let Some(serial) = fact(&unit.serial) {
        let _ = writeln!(text, "#  serial: {serial}");
    }
    let is_id = |id: &&str| id.len() == 9 && id.chars().all(|c| c.is_ascii_hexdigit() || c == ':');
    if let Some(usb) = usb.filter(is_id) {
        let _ = writeln!(text, "#  usb: {}", quoted(usb));
    }
    text
}

fn verification(unit: &Unit) -> String {
    let level = if unit.can(Capability::Files) { file_level(unit) } else { Level::Digest };
    format!(
        "
# The least evidence for every step: link (the unit said so) < digest (the unit computed a checksum over what it
# stored) < readback (Hardwire read it back). Firmware can also be `booted`.
verify: {level}
"
    )
}

/// The level that the unit can reach for files; what cannot be reached would be refused.
fn file_level(unit: &Unit) -> Level {
    let levels = unit.levels(Capability::Files);
    if levels.iter().any(|level| level.satisfies(Level::Digest)) { Level::Digest } else { Level::Link }
}

fn values(unit: &Unit) -> String {
    if !unit.can(Capability::Settings) {
        return String::new();
    }
    "
# Values that differ from unit to unit: from prompt, scan, env, file or literal; `--input NAME=VALUE` gives any of them.
# A secret never reaches a screen, a log or a record.
#inputs:
#  site: { from: literal, value: north }
#  token: { from: env, var: UNIT_TOKEN, secret: true }
"
    .to_owned()
}

fn artifacts(unit: &Unit) -> String {
    if !unit.can(Capability::Firmware) {
        return String::new();
    }
    "
# Files that this profile pins: put them beside it, then `hardwire profile lock FILE` fills in their sha256.
#artifacts:
#  app: { file: app.signed.bin }
"
    .to_owned()
}

fn steps(unit: &Unit) -> String {
    let mut text = "\n# What must be true afterwards, in order.\nsteps:\n".to_owned();
    let mut active = false;
    if unit.can(Capability::Firmware) {
        let (slot, activate) = match unit.mode {
            Mode::Recovery => ("primary", "none"),
            _ => ("secondary", "confirm"),
        };
        let _ = write!(
            text,
            "  # The unit runs exactly this image.\n#  - firmware: {{ artifact: app, slot: {slot}, activate: {activate} }}\n"
        );
        if unit.levels(Capability::Firmware).contains(&Level::Booted) {
            text.push_str("#    verify: booted\n");
        } else {
            text.push_str("#    verify: link\n");
        }
    }
    if unit.can(Capability::Files) {
        active = true;
        let _ = write!(
            text,
            "  # A file with this content. {FOLDER} is where Zephyr's file system usually is; change it if the unit has another.
  - files:
      put:
        \"{FOLDER}/hardwire.txt\": {{ text: \"provisioned by Hardwire\\n\" }}
"
        );
    }
    if unit.can(Capability::Settings) {
        text.push_str(
            "  # Settings that have these values. Text is stored as it is; a number needs its type.
#  - settings:
#      set:
#        \"net/host\": \"{{ site }}.example\"
#        \"net/port\": { u32le: 1883 }
#        \"cloud/token\": \"{{ token }}\"
",
        );
    }
    if unit.can(Capability::Diagnostics) {
        active = true;
        text.push_str(
            "  # What the unit measures. `hardwire diagnose` lists the names; limits decide between pass and fail.
  - diagnose: {}
#  - diagnose: { expect: { \"supply/mv\": { min: 3200, max: 3400 } } }
",
        );
    }
    if unit.can(Capability::Files) {
        text.push_str(
            "  # A backup of the files and settings that this profile names.\n#  - backup: { label: as-shipped }\n",
        );
    }
    if unit.can(Capability::Console) {
        text.push_str("  # A command on the unit's shell, once in the life of a unit.\n#  - console: { run: kernel version }\n#    once: unit\n");
    }
    if active {
        text.push_str("  # A question to the person at the bench.\n#  - ask: { say: \"Is the lamp green?\", answer: pass-fail, timeout: 60s }\n");
    } else {
        text.push_str("  # The unit offers nothing to read or write as it is now; a question stands in until a step is taken in.\n  - ask: { say: \"Is this the right unit?\", answer: pass-fail, timeout: 60s }\n");
    }
    text
}

/// Whether text from a unit can stand in a `match`.
fn usable(text: &str) -> bool {
    !text.is_empty() && text.chars().count() <= 128 && !text.contains("{{") && !text.chars().any(char::is_control)
}

/// A YAML double-quoted scalar of plain ASCII, whatever the text holds.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            ' '..='~' => quoted.push(c),
            _ => drop(write!(quoted, "\\U{:08X}", u32::from(c))),
        }
    }
    quoted.push('"');
    quoted
}

/// Text for a comment: one line, nothing that disturbs a screen.
fn safe(text: &str) -> String {
    text.chars().map(|c| if matches!(c, ' '..='~') { c } else { '?' }).take(200).collect()
}
