//! The engine as bytes in and bytes out, and the unit on a host in memory.

mod faults;
mod images;
mod modes;

use super::*;
use crate::usb::host::{Host, Trouble};
use protocols::fastboot::message::Variables;
use tempfile::TempDir;

/// A unit on a host in memory, with a folder that goes with it.
struct Bench {
    _folder: TempDir,
    options: Options,
    host: Host<Unit>,
}

/// What came of a command: its lines, and its last answer.
type Said = (Vec<String>, String);

impl Bench {
    fn new(change: impl FnOnce(&mut Options)) -> Self {
        Self::within(Mode::Bootloader, change)
    }

    fn within(mode: Mode, change: impl FnOnce(&mut Options)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut options = Options::new(folder.path().join("unit"));
        change(&mut options);
        let mut host = Host::plug(Unit::open(options.clone(), mode).unwrap()).unwrap();
        host.enumerate().unwrap();
        Self { _folder: folder, options, host }
    }

    /// The answers up to the last.
    fn answers(&mut self) -> Result<Said, Trouble> {
        let mut lines = Vec::new();
        loop {
            let packet = String::from_utf8_lossy(&self.host.read(1, 256)?).into_owned();
            match packet.get(..4) {
                Some("INFO" | "TEXT") => lines.push(packet[4..].to_owned()),
                _ => return Ok((lines, packet)),
            }
        }
    }

    fn try_ask(&mut self, command: &str) -> Result<Said, Trouble> {
        self.host.write(1, command.as_bytes())?;
        self.answers()
    }

    fn ask(&mut self, command: &str) -> Said {
        self.try_ask(command).unwrap()
    }

    /// The last answer alone.
    fn say(&mut self, command: &str) -> String {
        self.ask(command).1
    }

    fn download(&mut self, bytes: &[u8]) {
        assert_eq!(self.say(&format!("download:{:08x}", bytes.len())), format!("DATA{:08x}", bytes.len()));
        for part in bytes.chunks(16 << 10) {
            self.host.write(1, part).unwrap();
        }
        assert_eq!(self.answers().unwrap().1, "OKAY");
    }

    fn held(&self, partition: &str) -> Vec<u8> {
        let partition = self.host.device.store().partition(partition).unwrap();
        partition.read(0, usize::MAX).unwrap()
    }

    fn variables(&mut self) -> Variables {
        let (lines, last) = self.ask("getvar:all");
        assert_eq!(last, "OKAY");
        lines.iter().map(String::as_str).collect()
    }
}

fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|n| (n * 7 + n / 251) as u8).collect()
}

#[test]
fn it_says_what_it_is() {
    let mut bench = Bench::new(|options| options.serial = "FB-7".to_owned());
    assert_eq!(bench.say("getvar:serialno"), "OKAYFB-7");
    assert_eq!(bench.say("getvar:version"), "OKAY0.4");
    assert_eq!(bench.say("getvar:partition-size:boot_a"), "OKAY0x800000");
    assert_eq!(bench.say("getvar:has-slot:boot"), "OKAYyes");
    assert_eq!(bench.say("getvar:has-slot:userdata"), "OKAYno");
    assert_eq!(bench.say("getvar:nonsense"), "FAILUnknown variable");
    assert_eq!(bench.say("getvar:is-logical:boot_a"), "FAILUnknown variable");
    let all = bench.variables();
    assert_eq!(all.get("product"), Some("kiosk"));
    assert_eq!(all.get("current-slot"), Some("a"));
    assert_eq!(all.of("slot-retry-count", "b"), Some("7"));
    assert_eq!(all.of("partition-size", "system_a"), None);
    assert_eq!(bench.say("powerup"), "FAILunknown command");
    assert_eq!(bench.say(&"x".repeat(5000)), "FAILa command of 4097 bytes; a unit takes 4096");
}

#[test]
fn slots_and_lock_are_kept() {
    let mut bench = Bench::new(|options| options.unlocked = false);
    assert_eq!(bench.say("set_active:b"), "FAILFlashing is not allowed in Lock State");
    assert_eq!(bench.say("erase:userdata"), "FAILFlashing is not allowed in Lock State");
    assert_eq!(bench.ask("flashing get_unlock_ability"), (vec!["get_unlock_ability: 1".into()], "OKAY".into()));
    assert_eq!(bench.say("flashing unlock"), "OKAY");
    assert_eq!(bench.say("flashing unlock"), "FAILalready unlocked");
    assert_eq!(bench.say("set_active:b"), "OKAY");
    assert_eq!(bench.say("set_active:c"), "FAILBad slot suffix");
    let options = bench.options.clone();
    let Bench { host, _folder, .. } = bench;
    drop(host);
    let store = Store::open(&options).unwrap();
    assert!(store.is_unlocked());
    assert_eq!(store.current_slot(), Slot::B);
    assert!(!store.slot(Slot::B).successful);
    store.mark_successful().unwrap();
    assert!(store.slot(Slot::B).successful);
    assert!(matches!(Store::open(&options), Err(Error::Shared(_))));
}

#[test]
fn impossible_options_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let usual = Options::new(folder.path().to_owned());
    for change in [
        |options: &mut Options| options.partitions.push(PartitionSpec::single("boot_a", 1)),
        |options: &mut Options| options.partitions.push(PartitionSpec::single("../boot", 1)),
        |options: &mut Options| options.partitions.push(PartitionSpec::single("none", 0)),
        |options: &mut Options| options.max_download = 0,
    ] {
        let mut options = usual.clone();
        change(&mut options);
        assert!(matches!(Store::open(&options), Err(Error::Options(_))));
    }
}
