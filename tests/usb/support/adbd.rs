//! The real `adbd` behind a gadget: Debian's build of Android's daemon, over FunctionFS.
//!
//! Each has namespaces of its own, since every daemon wants `/dev/usb-ffs/adb` and the same sockets. Its shell is root in
//! the guest; `/sdcard` and `/data` are memory that only it has.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::gadget::{Descriptors, Gadget, Port};
use super::wait_for;
use crate::devices::google::Generation;
use crate::devices::process::Background;

const SETTLE: Duration = Duration::from_secs(20);

/// A daemon and its cable; both are taken apart when dropped, the daemon first.
pub struct Adbd {
    process: Background,
    gadget: Gadget,
    port: Port,
    serial: String,
    _log: tempfile::TempDir,
}

impl Adbd {
    /// Starts one and plugs it in.
    pub fn plug(port: Port, serial: &str) -> Self {
        let name = format!("adbd-{}", port.0);
        let descriptors = Descriptors {
            // Google, Android with ADB alone.
            vendor: 0x18d1,
            product: 0x4ee7,
            manufacturer: "Debian".into(),
            name: "adbd".into(),
            serial: serial.into(),
            ..Descriptors::default()
        };
        let gadget = Gadget::new(&name, &descriptors, &[&format!("ffs.{name}")]);
        let start = format!(
            "mkdir -p /dev/usb-ffs/adb /sdcard /data && mount -t functionfs {name} /dev/usb-ffs/adb && \
             mount -t tmpfs -o mode=755 tmpfs /sdcard && mount -t tmpfs -o mode=755 tmpfs /data && \
             mkdir -p /data/local/tmp && cd / && exec {}",
            Generation::New.folder().join("adbd").display()
        );
        let log = tempfile::tempdir().expect("temporary folder");
        let mut command = Command::new("unshare");
        command.args(["--mount", "--net", "--", "sh", "-c", &start]);
        let mut process = Background::start(&mut command, &log.path().join("adbd.log"));
        // Before its descriptors are written the gadget cannot be plugged in.
        let endpoint = PathBuf::from(format!("/proc/{}/root/dev/usb-ffs/adb/ep2", process.id()));
        process.wait_for("endpoints of the daemon", SETTLE, |_| endpoint.exists().then_some(()));
        gadget.plug(port);
        Self { process, gadget, port, serial: serial.to_owned(), _log: log }
    }

    /// Its serial number.
    pub fn serial(&self) -> &str {
        &self.serial
    }

    /// As `-d` takes it.
    pub fn address(&self) -> String {
        format!("usb:{}", self.port.socket())
    }

    /// Where a path of the unit is for this test.
    pub fn path(&self, of_the_unit: &str) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.process.id()));
        root.join(Path::new(of_the_unit).strip_prefix("/").expect("an absolute path"))
    }

    /// Pulls it, and waits until it is gone; the daemon lives on.
    pub fn pull(&self) {
        self.gadget.pull();
        wait_for("departure", SETTLE, || self.port.plugged().is_none().then_some(()));
    }

    /// Pushes it in again.
    pub fn push(&self) {
        self.gadget.plug(self.port);
    }

    /// What the daemon said.
    pub fn log(&self) -> String {
        self.process.printed()
    }
}
