//! Gadgets of the kernel's own, made through configfs and plugged into the ports of `dummy_hcd`.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::wait_for;

/// How long the kernel may take to find what was plugged in.
const SETTLE: Duration = Duration::from_secs(10);

/// A port that one gadget can be plugged into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Port(pub u8);

impl Port {
    /// The ports that the bench comes with.
    pub const ALL: [Self; 8] = [Self(0), Self(1), Self(2), Self(3), Self(4), Self(5), Self(6), Self(7)];

    /// The device side: the kernel's name of the controller.
    pub fn controller(self) -> String {
        format!("dummy_udc.{}", self.0)
    }

    /// The host side: the kernel's names of the socket, such as `3-1`, whether something is plugged in or not. A
    /// SuperSpeed port has two, one for each speed.
    pub fn sockets(self) -> Vec<String> {
        let folder = PathBuf::from(format!("/sys/devices/platform/dummy_hcd.{}", self.0));
        let bus = |name: &str| name.strip_prefix("usb")?.parse().ok();
        entries(&folder).iter().filter_map(|name| bus(name)).map(|bus: u16| format!("{bus}-1")).collect()
    }

    /// The name of a socket that has only one, as those of the usual ports.
    pub fn socket(self) -> String {
        let sockets = self.sockets();
        assert_eq!(sockets.len(), 1, "{self:?} has {sockets:?}");
        sockets.into_iter().next().expect("one")
    }

    /// The sysfs folder of what is plugged in, if anything is.
    pub fn plugged(self) -> Option<PathBuf> {
        let folder = Path::new("/sys/bus/usb/devices");
        self.sockets().into_iter().map(|socket| folder.join(socket)).find(|folder| folder.exists())
    }

    /// The terminal, such as `/dev/ttyACM0`, that the unit in this port brought with it; waited for.
    pub fn tty(self) -> PathBuf {
        wait_for("terminal", SETTLE, || {
            let unit = self.plugged()?;
            let own = unit.file_name()?.to_string_lossy().into_owned();
            let interfaces = entries(&unit).into_iter().filter(|name| name.starts_with(&own));
            let tty = interfaces.flat_map(|name| entries(&unit.join(name).join("tty"))).next()?;
            let node = Path::new("/dev").join(tty);
            node.exists().then_some(node)
        })
    }
}

/// How fast a set of ports is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speed {
    High,
    Super,
}

/// Other ports than the usual ones, until dropped. Nothing may be plugged in at either moment.
pub struct OtherPorts(());

impl OtherPorts {
    /// So many, 32 at most, so fast.
    pub fn new(count: u8, speed: Speed) -> Self {
        replace_ports(count, speed);
        Self(())
    }
}

impl Drop for OtherPorts {
    fn drop(&mut self) {
        replace_ports(u8::try_from(Port::ALL.len()).expect("few"), Speed::High);
    }
}

fn replace_ports(count: u8, speed: Speed) {
    let fast = u8::from(speed == Speed::Super);
    let load = format!("modprobe -r dummy_hcd && modprobe dummy_hcd num={count} is_super_speed={fast}");
    let done = std::process::Command::new("sh").args(["-c", &load]).output().expect("a shell");
    if !done.status.success() && !std::thread::panicking() {
        panic!("{load}: {}", String::from_utf8_lossy(&done.stderr));
    }
}

/// What a gadget says that it is.
#[derive(Clone, Debug)]
pub struct Descriptors {
    pub vendor: u16,
    pub product: u16,
    pub release: u16,
    pub manufacturer: String,
    pub name: String,
    pub serial: String,
}

impl Default for Descriptors {
    fn default() -> Self {
        Self {
            // Linux Foundation, serial gadget.
            vendor: 0x0525,
            product: 0xa4a7,
            release: 0x0100,
            manufacturer: "Hardwire tests".into(),
            name: "Bench gadget".into(),
            serial: "BENCH-0001".into(),
        }
    }
}

/// A gadget; pulled and taken apart when dropped.
pub struct Gadget {
    folder: PathBuf,
    functions: Vec<String>,
}

impl Gadget {
    /// Makes it, unplugged. A function is named as configfs does: `acm.a`, `ffs.dfu`, `mass_storage.0`.
    pub fn new(name: &str, descriptors: &Descriptors, functions: &[&str]) -> Self {
        let folder = Path::new("/sys/kernel/config/usb_gadget").join(name);
        make(&folder);
        let gadget = Self { folder, functions: functions.iter().map(|name| (*name).to_owned()).collect() };
        gadget.set("idVendor", format!("{:#06x}", descriptors.vendor));
        gadget.set("idProduct", format!("{:#06x}", descriptors.product));
        gadget.set("bcdDevice", format!("{:#06x}", descriptors.release));
        make(&gadget.folder.join("strings/0x409"));
        gadget.set("strings/0x409/manufacturer", &descriptors.manufacturer);
        gadget.set("strings/0x409/product", &descriptors.name);
        gadget.set("strings/0x409/serialnumber", &descriptors.serial);
        make(&gadget.folder.join("configs/c.1"));
        for function in &gadget.functions {
            let path = gadget.folder.join("functions").join(function);
            make(&path);
            std::os::unix::fs::symlink(&path, gadget.folder.join("configs/c.1").join(function))
                .unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        }
        gadget
    }

    /// Writes one attribute, its path relative to the gadget's folder.
    pub fn set(&self, attribute: &str, value: impl AsRef<[u8]>) {
        let path = self.folder.join(attribute);
        fs::write(&path, value).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    }

    /// One attribute, without the newline at its end.
    pub fn get(&self, attribute: &str) -> String {
        let path = self.folder.join(attribute);
        fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display())).trim_end().to_owned()
    }

    /// The terminal of the device's own side of a serial function such as `acm.a`.
    pub fn own_tty(&self, function: &str) -> PathBuf {
        Path::new("/dev").join(format!("ttyGS{}", self.get(&format!("functions/{function}/port_num"))))
    }

    /// Plugs it in, and waits until the host side has given it its configuration.
    pub fn plug(&self, port: Port) {
        self.set("UDC", port.controller());
        let configured = |unit: PathBuf| {
            let value = fs::read_to_string(unit.join("bConfigurationValue")).ok()?;
            (!value.trim().is_empty()).then_some(())
        };
        wait_for("unit in its port", SETTLE, || configured(port.plugged()?));
    }

    /// Pulls it; nothing happens where it was not plugged in.
    pub fn pull(&self) {
        match fs::write(self.folder.join("UDC"), "\n") {
            Ok(()) => {}
            Err(e) if e.raw_os_error() == Some(nix::errno::Errno::ENODEV as i32) => {}
            Err(e) => panic!("{}: {e}", self.folder.display()),
        }
    }
}

impl Drop for Gadget {
    fn drop(&mut self) {
        let _ = fs::write(self.folder.join("UDC"), "\n");
        // configfs lets go of a thing only when nothing refers to it any more.
        for function in &self.functions {
            let _ = fs::remove_file(self.folder.join("configs/c.1").join(function));
            let _ = fs::remove_dir(self.folder.join("functions").join(function));
        }
        for folder in ["configs/c.1", "strings/0x409", ""] {
            let _ = fs::remove_dir(self.folder.join(folder));
        }
    }
}

fn make(folder: &Path) {
    match fs::create_dir(folder) {
        Err(e) if e.kind() != ErrorKind::AlreadyExists => panic!("{}: {e}", folder.display()),
        _ => {}
    }
}

/// The names in a folder, in order; none where there is no such folder.
fn entries(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .map(|all| all.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect())
        .unwrap_or_default();
    names.sort();
    names
}
