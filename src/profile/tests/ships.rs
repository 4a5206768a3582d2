//! The profiles that ship, and those that `profile new` writes.

use std::collections::BTreeMap;

use super::super::model::Body;
use super::super::{Facts, Fit, Given, Sources, UnitNames, draft, load, load_text, lock};
use super::{Bench, no_inputs};
use crate::device::{Capability, Level, Mode, Offer, Unit};

const SHIPPED: [(&str, &str, Mode, &[&str]); 8] = [
    ("zephyr-smp.yaml", "smp", Mode::Application, &["files", "diagnose", "backup"]),
    ("zephyr-settings.yaml", "smp", Mode::Application, &["settings", "diagnose", "backup"]),
    ("mcuboot-update.yaml", "smp", Mode::Application, &["firmware", "diagnose"]),
    ("mcuboot-recovery.yaml", "smp", Mode::Recovery, &["firmware"]),
    ("dfu-firmware.yaml", "dfu", Mode::Dfu, &["firmware"]),
    (
        "phone-refurbish.yaml",
        "adb",
        Mode::Application,
        &["diagnose", "backup", "erase", "erase", "apps", "files", "settings"],
    ),
    // What a backup holds is known at the station that has it.
    ("phone-restore.yaml", "adb", Mode::Application, &["diagnose"]),
    ("phone-kiosk.yaml", "adb", Mode::Application, &["diagnose", "apps", "settings", "files"]),
];

#[test]
fn every_profile_that_ships_resolves() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/profiles");
    let there = std::fs::read_dir(folder)
        .unwrap()
        .filter(|e| e.as_ref().unwrap().path().extension().is_some_and(|x| x == "yaml"));
    assert_eq!(there.count(), SHIPPED.len(), "a profile that ships is named here");
    for (name, driver, mode, kinds) in SHIPPED {
        let text = std::fs::read_to_string(format!("{folder}/{name}")).unwrap();
        let bench =
            Bench::new(&[(name, &text), ("app.signed.bin", "image"), ("app.dfu", "image"), ("kiosk.apk", "package")]);
        lock(bench.path(name)).unwrap();
        let prepared = load(bench.path(name)).unwrap().prepare().unwrap();
        let facts = Facts {
            driver: Some(driver.into()),
            mode: Some(mode),
            model: Some("thermostat".into()),
            ..Facts::default()
        };
        assert_eq!(prepared.fits(&facts), Fit::Yes, "{name}");
        let mut sources = Sources {
            given: &Given::default(),
            unit: &UnitNames::default(),
            env: &|_| Some("hunter2".into()),
            ask: &mut |_| Ok(Some("north".into())),
        };
        let inputs = prepared.profile().gather(&mut sources).unwrap();
        let resolved = prepared.resolve(&facts, &inputs).unwrap();
        assert_eq!(resolved.steps.iter().map(|s| s.body.kind()).collect::<Vec<_>>(), kinds, "{name}");
    }
}

fn unit(mode: Mode, capabilities: &[(Capability, &'static [Level])]) -> Unit {
    Unit {
        driver: "smp",
        mode,
        serial: Some("TH-0001".into()),
        hwid: None,
        model: Some("thermostat".into()),
        hardware: Some("B".into()),
        locked: None,
        firmware: Vec::new(),
        offers: capabilities.iter().map(|(c, levels)| Offer::new(*c, levels)).collect(),
        ahead: BTreeMap::new(),
        limits: BTreeMap::new(),
    }
}

fn all() -> Unit {
    unit(
        Mode::Application,
        &[
            (Capability::Files, &[Level::Link, Level::Digest, Level::Readback]),
            (Capability::Settings, &[Level::Link, Level::Readback]),
            (Capability::Firmware, &[Level::Link, Level::Booted]),
            (Capability::Diagnostics, &[]),
            (Capability::Console, &[]),
        ],
    )
}

/// The draft with its commented-out lines taken in.
fn taken_in(draft: &str) -> String {
    let take = |line: &str| match line.strip_prefix('#') {
        Some(rest) if !rest.starts_with(' ') || rest.starts_with("  ") => rest.to_owned(),
        _ => line.to_owned(),
    };
    draft.lines().map(take).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_draft_is_a_profile_with_and_without_its_comments() {
    let recovery = unit(Mode::Recovery, &[(Capability::Firmware, &[Level::Link, Level::Booted])]);
    let link_only = unit(Mode::Application, &[(Capability::Files, &[Level::Link])]);
    for unit in [all(), recovery, link_only, unit(Mode::Application, &[])] {
        for usb in [None, Some("2fe3:0100")] {
            let draft = draft(&unit, "tty:/dev/ttyACM0", usb);
            let profile = load_text(&draft, "new.yaml").unwrap_or_else(|e| panic!("{e}\n{draft}"));
            assert!(!profile.is_empty());
            let full = taken_in(&draft);
            let full = load_text(&full, "new.yaml").unwrap_or_else(|e| panic!("{e}\n{full}"));
            assert!(full.len() >= profile.len());
        }
    }
}

#[test]
fn a_draft_can_be_applied_at_once() {
    let unit = all();
    let prepared = load_text(&draft(&unit, "tty:/dev/pts/4", None), "new.yaml").unwrap().prepare().unwrap();
    assert_eq!(prepared.fits(&Facts::of(&unit, None)), Fit::Yes);
    let resolved = prepared.resolve(&Facts::of(&unit, None), &no_inputs()).unwrap();
    let Body::Files(files) = &resolved.steps[0].body else { panic!() };
    assert_eq!(files.put[0].0, "/lfs1/hardwire.txt");
    assert_eq!(files.put[0].1.content.to_vec().unwrap(), b"provisioned by Hardwire\n");
    assert_eq!(resolved.steps[0].verify, Level::Digest);
}

#[test]
fn a_draft_escapes_what_a_unit_says_of_itself() {
    let mut unit = all();
    for model in ["a\nsteps: []\n", "\u{1b}[2J", "x\": {{ y }}", "\u{202e}k\\o \"q\" #", "", "é"] {
        unit.model = Some(model.into());
        unit.serial = Some(model.into());
        let draft = draft(&unit, "tty:/dev/x\n- evil: 1", None);
        assert!(draft.is_ascii() && !draft.contains('\u{1b}'), "{draft}");
        let profile = load_text(&draft, "new.yaml").unwrap_or_else(|e| panic!("{e}\n{draft}"));
        let matched = profile.matches.values("model");
        assert!(matched.is_empty() || matched.contains(model));
    }
}

#[test]
fn a_draft_reads_well() {
    insta::assert_snapshot!(draft(&all(), "tty:/dev/ttyACM0", Some("2fe3:0100")), @r#"
    # A first profile, written by `hardwire profile new` for the unit at tty:/dev/ttyACM0.
    # Check it with `hardwire profile check FILE`; see what it would change with `hardwire plan FILE -d tty:/dev/ttyACM0`;
    # make it so, verify and record with `hardwire apply FILE -d tty:/dev/ttyACM0`.
    # Lines that begin with `#` and no blank, or `#` and several, are examples: delete the `#` to take them in.
    format: 1
    name: "thermostat"
    version: "0.1.0"
    
    # The units that are meant: every entry must hold.
    match:
      driver: "smp"
      model: "thermostat"
    #  hardware: "B"
    #  serial: "TH-0001"
    #  usb: "2fe3:0100"
    
    # How the serial port is opened. What `-d` says wins.
    #link: { baud: 115200 }
    
    # The least evidence for every step: link (the unit said so) < digest (the unit computed a checksum over what it
    # stored) < readback (Hardwire read it back). Firmware can also be `booted`.
    verify: digest
    
    # Values that differ from unit to unit: from prompt, scan, env, file or literal; `--input NAME=VALUE` gives any of them.
    # A secret never reaches a screen, a log or a record.
    #inputs:
    #  site: { from: literal, value: north }
    #  token: { from: env, var: UNIT_TOKEN, secret: true }
    
    # Files that this profile pins: put them beside it, then `hardwire profile lock FILE` fills in their sha256.
    #artifacts:
    #  app: { file: app.signed.bin }
    
    # What must be true afterwards, in order.
    steps:
      # The unit runs exactly this image.
    #  - firmware: { artifact: app, slot: secondary, activate: confirm }
    #    verify: booted
      # A file with this content. /lfs1 is where Zephyr's file system usually is; change it if the unit has another.
      - files:
          put:
            "/lfs1/hardwire.txt": { text: "provisioned by Hardwire\n" }
      # Settings that have these values. Text is stored as it is; a number needs its type.
    #  - settings:
    #      set:
    #        "net/host": "{{ site }}.example"
    #        "net/port": { u32le: 1883 }
    #        "cloud/token": "{{ token }}"
      # What the unit measures. `hardwire diagnose` lists the names; limits decide between pass and fail.
      - diagnose: {}
    #  - diagnose: { expect: { "supply/mv": { min: 3200, max: 3400 } } }
      # A backup of the files and settings that this profile names.
    #  - backup: { label: as-shipped }
      # A command on the unit's shell, once in the life of a unit.
    #  - console: { run: kernel version }
    #    once: unit
      # A question to the person at the bench.
    #  - ask: { say: "Is the lamp green?", answer: pass-fail, timeout: 60s }
    "#);
}
