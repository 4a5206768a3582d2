//! Where a USB port is, by a name that survives a reboot: the controller and the chain of ports behind it.

use std::fmt;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// Where Linux lists USB devices.
const DEVICES: &str = "/sys/bus/usb/devices";

/// A USB port by its controller and port chain: `pci-0000:00:14.0-usbv2-0:2.3`.
///
/// The kernel's name of today, `1-2.3`, begins with the number of a bus, which is dealt out anew at every boot. A socket
/// for SuperSpeed is two ports, one of each speed (`usbv2`, `usbv3`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PortPath(String);

impl PortPath {
    /// The path of the port that the kernel calls `port` today; `None` when the system does not tell.
    #[must_use]
    pub fn of(port: &str) -> Option<PortPath> {
        PortPath::under(Path::new(DEVICES), port)
    }

    /// The path of the same socket's port of the other speed, as the kernel pairs them; `None` when it knows of none.
    #[must_use]
    pub fn peer(port: &str) -> Option<PortPath> {
        PortPath::under(Path::new(DEVICES), &peer_under(Path::new(DEVICES), port)?)
    }

    fn under(devices: &Path, port: &str) -> Option<PortPath> {
        let (bus, chain) = port.split_once('-')?;
        let root = devices.join(format!("usb{bus}"));
        // Links are read and not followed to their ends: this is asked for every device of every listing.
        let real = fs::read_link(&root).ok()?;
        let controller = real.parent()?;
        let subsystem = fs::read_link(root.join("../subsystem")).ok()?;
        let version = fs::read_to_string(root.join("version")).ok()?;
        let major = version.trim().split('.').next()?.to_owned();
        let (subsystem, name) = (subsystem.file_name()?.to_str()?, controller.file_name()?.to_str()?);
        Some(PortPath(format!("{subsystem}-{name}-usbv{major}-0:{chain}")))
    }
}

/// The kernel's name of the port that is one socket with `port`: the link `peer` of the port in its hub's folder.
fn peer_under(devices: &Path, port: &str) -> Option<String> {
    let (bus, chain) = port.split_once('-')?;
    let (interface, folder) = match chain.rsplit_once('.') {
        Some((hub, number)) => (format!("{bus}-{hub}:1.0"), format!("{bus}-{hub}-port{number}")),
        None => (format!("{bus}-0:1.0"), format!("usb{bus}-port{chain}")),
    };
    let peer = fs::canonicalize(devices.join(interface).join(folder).join("peer")).ok()?;
    let (hub, number) = peer.file_name()?.to_str()?.split_once("-port")?;
    Some(match hub.strip_prefix("usb") {
        Some(bus) => format!("{bus}-{number}"),
        None => format!("{hub}.{number}"),
    })
}

impl From<&str> for PortPath {
    fn from(text: &str) -> PortPath {
        PortPath(text.to_owned())
    }
}

impl fmt::Display for PortPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_controller_speed_and_chain() {
        let sys = tempfile::tempdir().unwrap();
        let root = sys.path().join("devices/pci0000:00/0000:00:14.0/usb3");
        fs::create_dir_all(&root).unwrap();
        fs::create_dir_all(sys.path().join("bus/pci")).unwrap();
        fs::create_dir_all(sys.path().join("list")).unwrap();
        fs::write(root.join("version"), " 2.00\n").unwrap();
        std::os::unix::fs::symlink(sys.path().join("bus/pci"), root.parent().unwrap().join("subsystem")).unwrap();
        std::os::unix::fs::symlink(&root, sys.path().join("list/usb3")).unwrap();
        let path = PortPath::under(&sys.path().join("list"), "3-2.3").unwrap();
        assert_eq!(path.to_string(), "pci-0000:00:14.0-usbv2-0:2.3");
        assert_eq!(PortPath::under(&sys.path().join("list"), "4-1"), None);
    }

    #[test]
    fn the_port_of_the_other_speed_is_known() {
        let sys = tempfile::tempdir().unwrap();
        for (interface, port, peer) in [("1-0:1.0", "usb1-port2", "usb2-port1"), ("1-2:1.0", "1-2-port3", "2-1-port3")]
        {
            fs::create_dir_all(sys.path().join("far").join(peer)).unwrap();
            fs::create_dir_all(sys.path().join(interface).join(port)).unwrap();
            let link = sys.path().join(interface).join(port).join("peer");
            std::os::unix::fs::symlink(sys.path().join("far").join(peer), link).unwrap();
        }
        assert_eq!(peer_under(sys.path(), "1-2").as_deref(), Some("2-1"));
        assert_eq!(peer_under(sys.path(), "1-2.3").as_deref(), Some("2-1.3"));
        assert_eq!(peer_under(sys.path(), "1-4"), None);
    }
}
