//! The stand-ins on USB, against the kernel and foreign clients.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod client;
mod fastboot;
mod faults;
mod gadget;
mod hostile;
mod units;

use std::fs;
use std::path::PathBuf;

use firmware_stubs::dfu;
use firmware_stubs::usb::{self, Port};
use tempfile::TempDir;

use crate::support::stand_in::{SOON, dfu_util, shows};
use crate::support::wait_for;

/// A DFU unit of this process on the first port.
struct Plugged {
    unit: usb::Unit,
    folder: TempDir,
}

impl Plugged {
    fn new(change: impl FnOnce(&mut dfu::Options)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut options = dfu::Options::new(folder.path().join("state"));
        change(&mut options);
        let unit = usb::Unit::plug(Box::new(dfu::Unit::open(options).unwrap()), Port(0)).unwrap();
        let plugged = Self { unit, folder };
        wait_for("enumeration", SOON, || Port(0).is_enumerated().unwrap().then_some(()));
        plugged
    }

    fn shows(&self, name: &str, value: &str) {
        shows(&self.place(), name, value);
    }

    fn place(&self) -> PathBuf {
        self.unit.port().bus_id().unwrap().into()
    }

    fn memory(&self) -> Vec<u8> {
        fs::read(self.folder.path().join("state/memory-0")).unwrap()
    }

    /// Writes a file for a client; its path.
    fn file(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// What `dfu-util` uploads when it is told these arguments besides.
    fn upload(&self, more: &[&str]) -> Vec<u8> {
        let path = self.folder.path().join("back");
        let _ = fs::remove_file(&path);
        dfu_util(&[more, &["-U", path.to_str().unwrap()]].concat()).good();
        fs::read(path).unwrap()
    }
}

/// Bytes without a pattern that a shift could hide in.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_u32;
    std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as u8
    })
    .take(len)
    .collect()
}
