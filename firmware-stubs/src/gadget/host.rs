//! Where the host side of a gadget is, when its host is this computer.

use super::configfs::Shape;
use std::fs;
use std::path::{Path, PathBuf};

/// The terminal that the unit brought to this computer: the one whose device has the unit's numbers and serial number,
/// on the controller's own bus where that is known.
pub(super) fn terminal(shape: &Shape) -> Option<PathBuf> {
    // The two sides of dummy_hcd have the same number.
    let bus = shape.controller.strip_prefix("dummy_udc.").map(|number| format!("/dummy_hcd.{number}/"));
    let all = fs::read_dir("/sys/class/tty").ok()?;
    let names = all.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut terminals = names.filter(|name| name.starts_with("ttyACM"));
    let name = terminals.find(|name| {
        let device = Path::new("/sys/class/tty").join(name).join("device");
        let Some(unit) = fs::canonicalize(device).ok().and_then(|path| Some(path.parent()?.to_owned())) else {
            return false;
        };
        let is = |attribute: &str, wanted: &str| {
            fs::read_to_string(unit.join(attribute)).is_ok_and(|found| found.trim_end_matches('\n') == wanted)
        };
        bus.as_ref().is_none_or(|bus| unit.to_string_lossy().contains(bus.as_str()))
            && is("idVendor", &format!("{:04x}", shape.id.vendor))
            && is("idProduct", &format!("{:04x}", shape.id.product))
            && is("serial", &shape.serial)
    })?;
    let node = Path::new("/dev").join(name);
    node.exists().then_some(node)
}
