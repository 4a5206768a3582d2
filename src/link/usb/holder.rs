//! Which other process has a device open.

/// The process that holds the device node of this bus and address, as far as we may look: `process 1234 (adb)`.
#[cfg(target_os = "linux")]
pub(super) fn of(bus: u8, address: u8) -> Option<String> {
    let node = std::path::PathBuf::from(format!("/dev/bus/usb/{bus:03}/{address:03}"));
    let us = std::process::id();
    for process in std::fs::read_dir("/proc").ok()?.flatten() {
        let Some(pid) = process.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        let Ok(files) = std::fs::read_dir(process.path().join("fd")) else { continue };
        let holds = |file: std::fs::DirEntry| std::fs::read_link(file.path()).is_ok_and(|target| target == node);
        if pid != us && files.flatten().any(holds) {
            let name = std::fs::read_to_string(process.path().join("comm")).unwrap_or_default();
            return Some(format!("process {pid} ({})", name.trim().escape_debug()));
        }
    }
    None
}

/// Other systems do not tell.
#[cfg(not(target_os = "linux"))]
pub(super) fn of(_bus: u8, _address: u8) -> Option<String> {
    None
}
