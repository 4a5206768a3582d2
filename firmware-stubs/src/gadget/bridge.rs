//! Another unit's terminal behind a gadget.

use super::Error;
use super::configfs::Shape;
use super::terminal::{Terminal, is_passing, open_raw};
use crate::lifetime::{End, Lifetime, Pulls, Wish, Wishes};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::path::Path;

/// Most bytes that wait for one side.
const ROOM: usize = 4096;

/// Put the unit whose terminal is at `path` behind a serial gadget, byte for byte, until the process is asked to end or
/// that unit hangs up. SIGUSR1 pulls the gadget, SIGUSR2 pushes it in again; the unit behind it lives on. `ready` is told
/// where the host sees it, if its host is this computer.
///
/// # Errors
/// When there is no gadget to be had, or no terminal at `path`.
pub fn bridge(shape: Shape, path: &Path, lifetime: Lifetime, ready: impl FnOnce(Option<&Path>)) -> Result<End, Error> {
    let wishes = Wishes::catch(lifetime, Pulls::Wanted).map_err(Error::at("a signal"))?;
    let mut unit = open_raw(path)?;
    let mut gadget = Terminal::make(shape)?;
    ready(gadget.host_side().as_deref());
    let (mut to_host, mut to_unit) = (Vec::new(), Vec::new());
    loop {
        wait(&wishes, &gadget, &unit, &to_host, &to_unit)?;
        match wishes.take() {
            Some(Wish::End) => return Ok(End::Asked),
            Some(Wish::Pull) => gadget.pull(),
            Some(Wish::Push) => gadget.plug()?,
            None => {}
        }
        let mut buffer = [0; 1024];
        if to_unit.len() < ROOM {
            let count = gadget.read(&mut buffer)?;
            to_unit.extend_from_slice(&buffer[..count]);
        }
        if to_host.len() < ROOM {
            match unit.read(&mut buffer) {
                Ok(0) => return Ok(End::PowerLost),
                Ok(count) => to_host.extend_from_slice(&buffer[..count]),
                Err(error) if is_passing(&error) => {}
                Err(error) if error.raw_os_error() == Some(Errno::EIO as i32) => return Ok(End::PowerLost),
                Err(error) => return Err(Error::at(path)(error)),
            }
        }
        if !to_host.is_empty() {
            let count = gadget.write(&to_host)?;
            to_host.drain(..count);
        }
        if !to_unit.is_empty() {
            match unit.write(&to_unit) {
                Ok(count) => drop(to_unit.drain(..count)),
                Err(error) if is_passing(&error) => {}
                Err(error) => return Err(Error::at(path)(error)),
            }
        }
    }
}

fn wait(wishes: &Wishes, gadget: &Terminal, unit: &File, to_host: &[u8], to_unit: &[u8]) -> Result<(), Error> {
    let events = |incoming: usize, outgoing: &[u8]| {
        let reads = if incoming < ROOM { PollFlags::POLLIN } else { PollFlags::empty() };
        let writes = if outgoing.is_empty() { PollFlags::empty() } else { PollFlags::POLLOUT };
        reads | writes
    };
    let mut fds: Vec<PollFd<'_>> = wishes.fds().map(|fd| PollFd::new(fd, PollFlags::POLLIN)).collect();
    fds.push(PollFd::new(unit.as_fd(), events(to_host.len(), to_unit)));
    if let Some(fd) = gadget.fd() {
        fds.push(PollFd::new(fd, events(to_unit.len(), to_host)));
    }
    match poll(&mut fds, PollTimeout::NONE) {
        Ok(_) | Err(Errno::EINTR) => Ok(()),
        Err(errno) => Err(Error::at("a terminal")(errno.into())),
    }
}
