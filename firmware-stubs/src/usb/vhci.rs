//! Linux's virtual host controller (`vhci-hcd`), driven through its files in sysfs.
//!
//! `attach` takes "port socket device speed" with the number of a connected socket of the writer, `detach` takes a port,
//! `status` lists the ports of a controller; see the driver's `Documentation/ABI/testing/sysfs-platform-...` and
//! `drivers/usb/usbip/vhci_sysfs.c`.

use super::device::Speed;
use std::fmt;
use std::fs;
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use thiserror::Error;

const PLATFORM: &str = "/sys/devices/platform";
const USB_DEVICES: &str = "/sys/bus/usb/devices";
/// More controllers than any kernel is built with.
const MAX_CONTROLLERS: u16 = 128;
/// `VDEV_ST_NULL` of the kernel: nothing is attached.
const FREE: &str = "004";

/// A port of the virtual controllers, as `status` numbers it; those up to USB 2 only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Port(pub u16);

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Port {
    type Err = std::num::ParseIntError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// Why nothing can be plugged in.
#[derive(Debug, Error)]
pub enum PortError {
    /// There is no virtual controller.
    #[error("there is no virtual USB controller (modprobe vhci-hcd)")]
    NoController,
    /// Every port is taken.
    #[error("no port of the virtual USB controllers is free")]
    NoneFree,
    /// There is no such port, or it is one for USB 3.
    #[error("the virtual USB controllers have no USB 2 port {0}")]
    NoSuchPort(Port),
    /// Something else is plugged in there.
    #[error("something is plugged into port {0} of the virtual USB controllers")]
    Taken(Port),
    /// The kernel refused.
    #[error("{path} cannot be used", path = path.display())]
    Sysfs {
        /// The file.
        path: PathBuf,
        /// The operating system's cause.
        #[source]
        source: io::Error,
    },
}

/// What `status` says of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Row {
    port: Port,
    free: bool,
    /// Place among the USB 2 ports of its controller, from 0.
    place: usize,
}

/// The USB 2 ports of a controller, out of its `status`. What cannot be read is left out.
fn rows(text: &str) -> Vec<Row> {
    let columns = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let two = columns.filter(|columns| columns.first() == Some(&"hs"));
    two.enumerate()
        .filter_map(|(place, columns)| {
            let (port, state) = (columns.get(1)?, columns.get(2)?);
            Some(Row { port: port.parse().ok()?, free: *state == FREE, place })
        })
        .collect()
}

/// Rows of all controllers, with the number of the controller.
fn all() -> Result<Vec<(u16, Row)>, PortError> {
    let base = Path::new(PLATFORM).join("vhci_hcd.0");
    let mut found = Vec::new();
    for controller in 0..MAX_CONTROLLERS {
        let name = if controller == 0 { "status".to_owned() } else { format!("status.{controller}") };
        let Ok(text) = fs::read_to_string(base.join(name)) else { break };
        found.extend(rows(&text).into_iter().map(|row| (controller, row)));
    }
    if found.is_empty() { Err(PortError::NoController) } else { Ok(found) }
}

impl Port {
    /// The first port with nothing in it.
    ///
    /// # Errors
    /// When there is none.
    pub fn first_free() -> Result<Self, PortError> {
        all()?.iter().find(|(_, row)| row.free).map(|(_, row)| row.port).ok_or(PortError::NoneFree)
    }

    fn row(self) -> Result<(u16, Row), PortError> {
        all()?.into_iter().find(|(_, row)| row.port == self).ok_or(PortError::NoSuchPort(self))
    }

    /// Whether nothing is plugged in.
    ///
    /// # Errors
    /// When there is no such port.
    pub fn is_free(self) -> Result<bool, PortError> {
        Ok(self.row()?.1.free)
    }

    /// What the kernel calls whatever is plugged in here: `BUS-PORT`.
    ///
    /// # Errors
    /// When there is no such port.
    pub fn bus_id(self) -> Result<String, PortError> {
        let (controller, row) = self.row()?;
        let folder = Path::new(PLATFORM).join(format!("vhci_hcd.{controller}"));
        let entries = fs::read_dir(&folder).map_err(|source| PortError::Sysfs { path: folder.clone(), source })?;
        let hub = entries.filter_map(Result::ok).find_map(|entry| {
            let bus: u16 = entry.file_name().to_str()?.strip_prefix("usb")?.parse().ok()?;
            let speed = fs::read_to_string(entry.path().join("speed")).ok()?;
            (speed.trim() == "480").then_some(bus)
        });
        let bus = hub.ok_or(PortError::NoController)?;
        Ok(format!("{bus}-{}", row.place + 1))
    }

    /// Whether the kernel took up what is plugged in, and read its descriptors.
    ///
    /// # Errors
    /// When there is no such port.
    pub fn is_enumerated(self) -> Result<bool, PortError> {
        Ok(Path::new(USB_DEVICES).join(self.bus_id()?).join("bConfigurationValue").exists())
    }

    /// Plug in: the kernel speaks over the other end of `socket` from now on.
    pub(super) fn attach(self, socket: &UnixStream, speed: Speed) -> Result<(), PortError> {
        let text = format!("{self} {} 1 {}", socket.as_raw_fd(), speed as u8);
        write("attach", &text).map_err(|(path, source)| match source.raw_os_error() {
            Some(nix::libc::EBUSY | nix::libc::EINVAL) => PortError::Taken(self),
            _ => PortError::Sysfs { path, source },
        })
    }

    /// Pull. That nothing is plugged in is no error.
    pub(super) fn detach(self) -> Result<(), PortError> {
        match write("detach", &self.to_string()) {
            Err((path, source)) if source.raw_os_error() != Some(nix::libc::EINVAL) => {
                Err(PortError::Sysfs { path, source })
            }
            _ => Ok(()),
        }
    }
}

fn write(name: &str, text: &str) -> Result<(), (PathBuf, io::Error)> {
    let path = Path::new(PLATFORM).join("vhci_hcd.0").join(name);
    fs::write(&path, text).map_err(|source| (path, source))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Linux 6.1 prints it with two ports a speed.
    const STATUS: &str = "\
hub port sta spd dev      sockfd local_busid
hs  0000 006 003 00000001 000003 3-1
hs  0001 004 000 00000000 000000 0-0
ss  0002 004 000 00000000 000000 0-0
ss  0003 004 000 00000000 000000 0-0
";

    #[test]
    fn ports_are_read_from_status() {
        let row = |port, free, place| Row { port: Port(port), free, place };
        assert_eq!(rows(STATUS), [row(0, false, 0), row(1, true, 1)]);
        let second = STATUS.replace("000", "001").replace("ss", "hs");
        assert_eq!(rows(&second).len(), 4);
    }

    #[test]
    fn lines_that_are_none_are_left_out() {
        assert_eq!(rows(""), []);
        assert_eq!(rows("hs\nhs x 004\nss 0 004"), []);
    }
}
