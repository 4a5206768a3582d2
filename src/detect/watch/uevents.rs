//! What Linux tells of devices that come and go: the kernel's uevents, and udev's when it is done with one.
//!
//! netlink(7), NETLINK_KOBJECT_UEVENT; the texts are `ACTION@PATH` and lines `KEY=VALUE`, each ended by a zero byte
//! (Documentation/admin-guide/… of the kernel, lib/kobject_uevent.c). Anybody may listen. Nothing is believed of what
//! they say: they only wake.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, socket};

use super::{Wake, Woken};

/// Groups of the socket: what the kernel sends, and what udev sends once permissions are set (libudev's monitor).
const KERNEL: u32 = 1;
const UDEV: u32 = 2;
/// A message is at most this long (UEVENT_BUFFER_SIZE of the kernel, and room for udev's properties).
const LONGEST: usize = 16 * 1024;
/// The devices that matter.
const OURS: [&[u8]; 3] = [b"SUBSYSTEM=usb\0", b"SUBSYSTEM=tty\0", b"SUBSYSTEM=usb-serial\0"];

/// Wakes when a USB device or a terminal comes, goes or changes.
pub struct Uevents(OwnedFd);

impl Uevents {
    /// Begins to listen.
    ///
    /// # Errors
    /// Where the kernel lets nobody listen, or tells nothing to who does (a user namespace of its own).
    pub fn listen() -> io::Result<Uevents> {
        let uids = std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
        if !uids.split_whitespace().eq(["0", "0", "4294967295"]) {
            return Err(io::Error::new(io::ErrorKind::Unsupported, "a user namespace is told of no devices"));
        }
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let protocol = SockProtocol::NetlinkKObjectUEvent;
        let socket = socket(AddressFamily::Netlink, SockType::Datagram, flags, protocol)?;
        bind(socket.as_raw_fd(), &NetlinkAddr::new(0, KERNEL | UDEV))?;
        Ok(Uevents(socket))
    }

    /// Takes all that has come; whether any of it matters.
    fn take(&self) -> Woken {
        let mut message = [0; LONGEST];
        let mut woken = Woken::Quiet;
        loop {
            match recv(self.0.as_raw_fd(), &mut message, MsgFlags::empty()) {
                Ok(length) if matters(message.get(..length).unwrap_or_default()) => woken = Woken::Changed,
                Ok(_) | Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => return woken,
                // More came than fits (ENOBUFS): something did change.
                Err(_) => return Woken::Changed,
            }
        }
    }
}

fn matters(message: &[u8]) -> bool {
    OURS.iter().any(|ours| message.windows(ours.len()).any(|part| part == *ours))
}

impl Wake for Uevents {
    fn wait(&mut self, within: Duration) -> Woken {
        // Rounded up: a wait of no time at all would spin until the moment has come.
        let within = within.as_micros().div_ceil(1000);
        let timeout = PollTimeout::from(u16::try_from(within).unwrap_or(u16::MAX));
        match poll(&mut [PollFd::new(self.0.as_fd(), PollFlags::POLLIN)], timeout) {
            Ok(0) | Err(_) => Woken::Quiet,
            Ok(_) => self.take(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_usb_and_terminals_matter() {
        assert!(matters(b"add@/devices/x\0ACTION=add\0SUBSYSTEM=usb\0DEVTYPE=usb_device\0"));
        assert!(matters(b"libudev\0\xfe\xed\xca\xfe....SUBSYSTEM=tty\0TAGS=:uaccess:\0"));
        assert!(!matters(b"add@/devices/x\0ACTION=add\0SUBSYSTEM=net\0"));
        assert!(!matters(b"SUBSYSTEM=us") && !matters(b""));
    }

    #[test]
    fn a_wait_without_events_ends() {
        // Where it may listen; a container may forbid it.
        if let Ok(mut uevents) = Uevents::listen() {
            uevents.wait(Duration::from_millis(1));
        }
    }
}
