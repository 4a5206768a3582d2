//! A gadget in configfs, from its folder to its end.

use super::Error;
use protocols::usb::{Bcd, UsbId};
use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

const GADGETS: &str = "/sys/kernel/config/usb_gadget";
const CONTROLLERS: &str = "/sys/class/udc";
const FUNCTION: &str = "functions/acm.0";
const LINK: &str = "configs/c.1/acm.0";
/// Folders in the order in which they can be removed; US English is language 0x409.
const FOLDERS: [&str; 4] = ["configs/c.1", FUNCTION, "strings/0x409", ""];
const MANUFACTURER: &str = "Hardwire stand-ins";

/// What a serial unit on USB says it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// The device controller, as `/sys/class/udc` names it: `dummy_udc.0`.
    pub controller: String,
    /// Vendor and product number.
    pub id: UsbId,
    /// Serial number.
    pub serial: String,
    /// Product name.
    pub product: String,
}

/// A gadget. It is pulled and taken apart when it is dropped.
pub(super) struct Gadget {
    shape: Shape,
    folder: PathBuf,
    /// Held as long as the gadget lives: what is found without a holder was left by one that was killed.
    _lock: File,
}

impl Gadget {
    /// Make a gadget, not plugged in yet. What a killed stand-in left on the same controller is taken apart first.
    pub(super) fn make(shape: Shape) -> Result<Self, Error> {
        let controller = &shape.controller;
        let plain = !controller.is_empty() && !controller.contains(['/', '\0']);
        if !plain || !Path::new(CONTROLLERS).join(controller).exists() {
            return Err(Error::NoController(controller.clone()));
        }
        let name = format!("hardwire-{controller}");
        let path = std::env::temp_dir().join(format!("{name}.lock"));
        let lock = File::create(&path).map_err(Error::at(&path))?;
        if lock.try_lock().is_err() {
            return Err(Error::Taken(controller.clone()));
        }
        let folder = Path::new(GADGETS).join(name);
        take_apart(&folder);
        let gadget = Self { folder, _lock: lock, shape };
        gadget.fill()?;
        Ok(gadget)
    }

    fn fill(&self) -> Result<(), Error> {
        for folder in FOLDERS.iter().rev() {
            let path = self.folder.join(folder);
            match fs::create_dir(&path) {
                Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(Error::at(path)(error)),
                _ => {}
            }
        }
        self.set("idVendor", &format!("{:#06x}", self.shape.id.vendor))?;
        self.set("idProduct", &format!("{:#06x}", self.shape.id.product))?;
        self.set("bcdDevice", &format!("{:#06x}", Bcd(0x0100).0))?;
        self.set("strings/0x409/manufacturer", MANUFACTURER)?;
        self.set("strings/0x409/product", &self.shape.product)?;
        self.set("strings/0x409/serialnumber", &self.shape.serial)?;
        let link = self.folder.join(LINK);
        symlink(self.folder.join(FUNCTION), &link).map_err(Error::at(link))
    }

    fn set(&self, attribute: &str, value: &str) -> Result<(), Error> {
        let path = self.folder.join(attribute);
        fs::write(&path, value).map_err(Error::at(path))
    }

    pub(super) const fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The terminal of the unit's own side.
    pub(super) fn own_terminal(&self) -> Result<PathBuf, Error> {
        let path = self.folder.join(FUNCTION).join("port_num");
        let number = fs::read_to_string(&path).map_err(Error::at(path))?;
        Ok(Path::new("/dev").join(format!("ttyGS{}", number.trim())))
    }

    /// Plug it in.
    pub(super) fn bind(&self) -> Result<(), Error> {
        self.set("UDC", &self.shape.controller)
    }

    /// Pull it.
    pub(super) fn unbind(&self) {
        let _ = self.set("UDC", "\n");
    }
}

impl Drop for Gadget {
    fn drop(&mut self) {
        take_apart(&self.folder);
    }
}

/// Pull a gadget and remove it, as far as there is one.
fn take_apart(folder: &Path) {
    let _ = fs::write(folder.join("UDC"), "\n");
    let _ = fs::remove_file(folder.join(LINK));
    for part in FOLDERS {
        let _ = fs::remove_dir(folder.join(part));
    }
}
