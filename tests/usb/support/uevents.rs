//! What the kernel says of devices, and when.

use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, socket};

/// The kernel's uevents from one moment on, each stamped when it comes.
pub struct Uevents(std::sync::mpsc::Receiver<(Instant, String)>);

impl Uevents {
    /// From now on.
    pub fn listen() -> Uevents {
        let protocol = SockProtocol::NetlinkKObjectUEvent;
        let socket =
            socket(AddressFamily::Netlink, SockType::Datagram, SockFlag::SOCK_CLOEXEC, protocol).expect("netlink");
        bind(socket.as_raw_fd(), &NetlinkAddr::new(0, 1)).expect("the kernel's uevents");
        let (tell, told) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            while let Some(event) = next(&socket) {
                if tell.send((Instant::now(), event)).is_err() {
                    return;
                }
            }
        });
        Uevents(told)
    }

    /// When the event of this action on this subsystem came.
    pub fn wait(&self, action: &str, subsystem: &str) -> Instant {
        let (action, subsystem) = (format!("ACTION={action}"), format!("SUBSYSTEM={subsystem}"));
        loop {
            let (at, event) = self.0.recv_timeout(Duration::from_secs(20)).expect("the kernel's word");
            if event.split('\0').any(|line| line == action) && event.split('\0').any(|line| line == subsystem) {
                return at;
            }
        }
    }
}

/// The next event; none once nothing has come for a while.
fn next(socket: &OwnedFd) -> Option<String> {
    let mut poll_fd = [PollFd::new(std::os::fd::AsFd::as_fd(socket), PollFlags::POLLIN)];
    if poll(&mut poll_fd, PollTimeout::from(20_000_u16)).ok()? == 0 {
        return None;
    }
    let mut event = vec![0; 16 * 1024];
    let length = recv(socket.as_raw_fd(), &mut event, MsgFlags::empty()).ok()?;
    Some(String::from_utf8_lossy(&event[..length]).into_owned())
}
