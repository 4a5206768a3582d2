//! Zephyr and MCUboot on an emulated Cortex-M3, its UART on a TCP port.
//!
//! The machine has no flash: the images lie in RAM, and loading them with the emulator's own loader would put the old
//! ones back at every reset. So they are written once through the debugger.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

use super::debugger::Debugger;
use super::image::{self, Image};
use super::process::Background;

const SLOT_0: u32 = 0x2005_0000;

/// Which build runs.
#[derive(Clone, Copy, Debug)]
pub enum Build {
    /// After Zephyr 4.4: its recovery answers the parameters command.
    Current,
    /// Zephyr 4.4.0 with buffers of 512 bytes: its recovery knows no parameters command.
    Buf512,
}

impl Build {
    fn stem(self) -> &'static str {
        match self {
            Self::Current => "27c54835_mps2_an385_serial_recovery",
            Self::Buf512 => "mps2_an385_serial_recovery_buf512",
        }
    }

    /// The build's application with another version.
    pub fn image(self, version: (u8, u8, u16, u32)) -> Image {
        let shipped = std::fs::read(super::fixture(&format!("{}.signed.bin", self.stem()))).expect("image");
        image::with_version(&shipped, version)
    }

    fn bootloader(self) -> Vec<(u32, Vec<u8>)> {
        let text = std::fs::read_to_string(super::fixture(&format!("{}.hex", self.stem()))).expect("bootloader");
        image::intel_hex(&text)
    }
}

/// A running unit.
pub struct Mcuboot {
    folder: tempfile::TempDir,
    process: Background,
    uart: SocketAddr,
}

impl Mcuboot {
    /// Starts a unit; without an image in slot 0 it comes up in serial recovery.
    pub fn start(build: Build, slot0: Option<&Image>) -> Self {
        let folder = tempfile::tempdir().expect("temporary folder");
        let gdb = folder.path().join("gdb");
        let mut command = Command::new("qemu-system-arm");
        command
            .current_dir(folder.path())
            .args(["-machine", "mps2-an385", "-cpu", "cortex-m3", "-display", "none", "-monitor", "none", "-S"])
            .arg("-chardev")
            .arg(format!("socket,id=gdb,path={},server=on,wait=off", gdb.display()))
            .args(["-gdb", "chardev:gdb"])
            // Port 0 is free for certain; without nodelay every frame waits 40 ms for a delayed acknowledgement.
            .args(["-chardev", "socket,id=uart,host=127.0.0.1,port=0,server=on,wait=off,nodelay=on"])
            .args(["-serial", "chardev:uart", "-serial", "null"]);
        let process = Background::start(&mut command, &folder.path().join("qemu.log"));

        let mut debugger = Debugger::attach(&gdb);
        for (address, bytes) in build.bootloader() {
            debugger.write(address, &bytes);
        }
        if let Some(image) = slot0 {
            debugger.write(SLOT_0, &image.bytes);
        }
        let uart = uart_port(&debugger.monitor("info chardev"));
        debugger.monitor("system_reset");
        debugger.detach();
        Self { folder, process, uart }
    }

    /// As `-d` takes it.
    pub fn address(&self) -> String {
        format!("tcp:{}", self.uart)
    }

    /// Presses the reset button; what is in the slots stays.
    pub fn reset(&self) {
        let mut debugger = Debugger::attach(&self.gdb());
        debugger.monitor("system_reset");
        debugger.detach();
    }

    /// The first `len` bytes of slot 0, read past the device software.
    pub fn slot0(&self, len: usize) -> Vec<u8> {
        let mut debugger = Debugger::attach(&self.gdb());
        let bytes =
            (0..len).step_by(1024).flat_map(|at| debugger.read(SLOT_0 + at as u32, 1024.min(len - at))).collect();
        debugger.detach();
        bytes
    }

    /// Fails when the emulator has ended.
    pub fn assert_alive(&mut self) {
        assert!(self.process.ended().is_none(), "the emulator ended:\n{}", self.process.printed());
    }

    fn gdb(&self) -> PathBuf {
        self.folder.path().join("gdb")
    }
}

/// The port in `uart: filename=disconnected:tcp:127.0.0.1:40123,server=on`.
fn uart_port(chardevs: &str) -> SocketAddr {
    chardevs
        .lines()
        .filter(|line| line.starts_with("uart:"))
        .find_map(|line| line.split_once("tcp:")?.1.split(',').next()?.trim().parse().ok())
        .unwrap_or_else(|| panic!("the emulator names no UART port:\n{chardevs}"))
}
