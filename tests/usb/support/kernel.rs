//! What the guest's kernel says.

use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;

/// The kernel's log from one moment on.
pub struct KernelLog(File);

impl KernelLog {
    /// From now on.
    pub fn from_now() -> Self {
        let mut file = File::options()
            .read(true)
            .custom_flags(nix::fcntl::OFlag::O_NONBLOCK.bits())
            .open("/dev/kmsg")
            .expect("the kernel's log opens");
        file.seek(SeekFrom::End(0)).expect("the end of the kernel's log");
        Self(file)
    }

    /// The messages since the last look.
    pub fn new_lines(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        let mut record = [0; 8192];
        loop {
            match self.0.read(&mut record) {
                Ok(0) => return lines,
                Ok(count) => {
                    // `level,number,time,flags;message`, and perhaps lines of details behind it.
                    let text = String::from_utf8_lossy(&record[..count]);
                    let message = text.split_once(';').map_or(&*text, |(_, message)| message);
                    lines.push(message.lines().next().unwrap_or_default().to_owned());
                }
                // What was overwritten before it was read.
                Err(e) if e.kind() == ErrorKind::BrokenPipe => {}
                Err(e) if e.kind() == ErrorKind::WouldBlock => return lines,
                Err(e) => panic!("the kernel's log: {e}"),
            }
        }
    }
}
