//! The machine's own monitor, reached from inside it: what no kernel can plug into itself.
//!
//! Behind its xHCI controller QEMU has hubs, a UART of FTDI's and more (`device_add`). See QEMU's QMP reference.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use serde_json::{Value, json};

use super::wait_for;

const PATIENCE: Duration = Duration::from_secs(10);

/// A conversation with the machine's monitor. One at a time: its port opens once.
pub struct Monitor {
    port: File,
    heard: Vec<u8>,
    asked: u64,
}

impl Monitor {
    /// Opens it.
    pub fn open() -> Self {
        let node = "/dev/virtio-ports/monitor";
        // A node that udev names, soon after the guest is up.
        let node = wait_for("monitor's port", PATIENCE, || Path::new(node).exists().then_some(node));
        let port = File::options().read(true).write(true).open(node).expect("the monitor's port opens");
        let mut monitor = Self { port, heard: Vec::new(), asked: u64::from(std::process::id()) << 16 };
        // Refused when an earlier conversation has said so already.
        let _ = monitor.ask("qmp_capabilities", &json!({}));
        monitor
    }

    /// Asks for one command; the answer, or QEMU's own words why not.
    pub fn ask(&mut self, command: &str, arguments: &Value) -> Result<Value, String> {
        self.asked += 1;
        let request = json!({ "execute": command, "arguments": arguments, "id": self.asked });
        writeln!(self.port, "{request}").expect("the monitor takes a command");
        let until = Instant::now() + PATIENCE;
        loop {
            let said = self.line(until);
            if said["id"] == json!(self.asked) {
                return match said.get("error") {
                    Some(error) => Err(error["desc"].to_string()),
                    None => Ok(said["return"].clone()),
                };
            }
        }
    }

    /// The next line, be it an answer or news.
    fn line(&mut self, until: Instant) -> Value {
        loop {
            if let Some(end) = self.heard.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.heard.drain(..=end).collect();
                // An earlier conversation may have ended amid a line.
                return serde_json::from_slice(&line).unwrap_or_default();
            }
            let left = until.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "the monitor does not answer");
            let mut fds = [PollFd::new(self.port.as_fd(), PollFlags::POLLIN)];
            if poll(&mut fds, PollTimeout::try_from(left).expect("a short time")).expect("poll") == 0 {
                continue;
            }
            let mut some = [0; 4096];
            let count = self.port.read(&mut some).expect("the monitor's port is read");
            self.heard.extend_from_slice(&some[..count]);
        }
    }

    fn must(&mut self, command: &str, arguments: &Value) -> Value {
        self.ask(command, arguments).unwrap_or_else(|why| panic!("{command} {arguments}: {why}"))
    }
}

/// Something plugged into QEMU's xHCI controller; pulled when dropped, with all that hangs on it.
pub struct Plugged {
    id: String,
    port: String,
}

/// Plugs a hub of eight ports into `port`, such as `1`; its own ports are then `1.1`, `1.2`…
pub fn hub(id: &str, port: &str) -> Plugged {
    plug(&mut Monitor::open(), "usb-hub", id, port, &json!({}))
}

/// Plugs in a UART of FTDI's, `/dev/ttyUSB*`, and returns the far end of its wire.
///
/// The far end must be read: while it is full the whole machine stands still.
pub fn ftdi(id: &str, port: &str) -> (Plugged, PathBuf) {
    let mut monitor = Monitor::open();
    for (end, server) in [("near", true), ("far", false)] {
        let backend = json!({ "type": "socket", "data": {
            "addr": { "type": "unix", "data": { "path": format!("wire-{id}") } }, "server": server,
        } });
        // One is enough for a machine's life.
        let made = monitor.ask("chardev-add", &json!({ "id": format!("{id}-{end}"), "backend": backend }));
        assert!(made.is_ok() || made.as_ref().is_err_and(|why| why.contains("exist")), "{made:?}");
    }
    let far = json!({ "driver": "virtserialport", "bus": "ports.0", "id": format!("{id}-end"), "name": id,
        "chardev": format!("{id}-far") });
    let made = monitor.ask("device_add", &far);
    assert!(made.is_ok() || made.as_ref().is_err_and(|why| why.contains("Duplicate")), "{made:?}");
    let unit =
        plug(&mut monitor, "usb-serial", id, port, &json!({ "chardev": format!("{id}-near"), "always-plugged": true }));
    let node = Path::new("/dev/virtio-ports").join(id);
    (unit, wait_for("far end of the wire", PATIENCE, || node.exists().then_some(node.clone())))
}

fn plug(monitor: &mut Monitor, driver: &str, id: &str, port: &str, more: &Value) -> Plugged {
    let mut arguments = json!({ "driver": driver, "id": id, "bus": "xhci.0", "port": port });
    for (name, value) in more.as_object().into_iter().flatten() {
        arguments[name] = value.clone();
    }
    monitor.must("device_add", &arguments);
    Plugged { id: id.to_owned(), port: port.to_owned() }
}

impl Plugged {
    /// The sysfs folder that the kernel gave it, waited for.
    pub fn folder(&self) -> PathBuf {
        wait_for("unit behind the xHCI controller", PATIENCE, || {
            let buses = std::fs::read_dir("/sys/bus/usb/devices").ok()?;
            buses.filter_map(|entry| Some(entry.ok()?.path())).find(|path| {
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                let ours = path.canonicalize().is_ok_and(|real| real.to_string_lossy().contains("/pci"));
                ours && name.split_once('-').is_some_and(|(_, port)| port == self.port)
            })
        })
    }

    /// Pulls it.
    pub fn pull(self) {}
}

impl Drop for Plugged {
    fn drop(&mut self) {
        // What hung on a hub is gone with it.
        let _ = Monitor::open().ask("device_del", &json!({ "id": self.id }));
    }
}
