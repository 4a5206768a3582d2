//! The unit's own end of a serial gadget.

use super::configfs::{Gadget, Shape};
use super::{Error, host};
use crate::clock::moment;
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollTimeout, poll};
use nix::sys::termios::{FlushArg, SetArg, cfmakeraw, tcflush, tcgetattr, tcsetattr};
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a terminal's node may take to appear, and a kernel to read the unit's descriptors.
const PATIENCE: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(5);

/// A serial gadget with its terminal, raw and open while it is plugged in.
pub(crate) struct Terminal {
    // Closed before the gadget goes: configfs waits for its last user.
    open: Option<File>,
    path: PathBuf,
    gadget: Gadget,
}

impl Terminal {
    /// Make a gadget and plug it in.
    pub(crate) fn make(shape: Shape) -> Result<Self, Error> {
        let gadget = Gadget::make(shape)?;
        let mut terminal = Self { open: None, path: gadget.own_terminal()?, gadget };
        terminal.plug()?;
        Ok(terminal)
    }

    /// Plug it in. It is raw before, so that nothing of the host's is echoed.
    pub(crate) fn plug(&mut self) -> Result<(), Error> {
        if self.open.is_none() {
            self.open = Some(self.reopen()?);
            self.gadget.bind()?;
        }
        Ok(())
    }

    /// Pull it.
    pub(crate) fn pull(&mut self) {
        if self.open.take().is_some() {
            self.gadget.unbind();
        }
    }

    fn reopen(&self) -> Result<File, Error> {
        until(|| self.path.exists().then_some(()));
        open_raw(&self.path)
    }

    /// Where its host sees it, once it does, if its host is this computer.
    pub(crate) fn host_side(&self) -> Option<PathBuf> {
        until(|| host::terminal(self.gadget.shape()))
    }

    pub(crate) fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.open.as_ref().map(|file| file.as_fd())
    }

    /// What the host wrote; 0 when it wrote nothing.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        let Some(file) = &mut self.open else { return Ok(0) };
        match file.read(buffer) {
            // The host reset or reconfigured the unit, which hangs the terminal up: the unit opens it again.
            Ok(0) => self.renew(),
            Err(error) if is_hung_up(&error) => self.renew(),
            Ok(count) => Ok(count),
            Err(error) if is_passing(&error) => Ok(0),
            Err(error) => Err(Error::at(&self.path)(error)),
        }
    }

    /// Hand bytes to the host; returns how many there was room for. Without a unit on the bus they are lost.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<usize, Error> {
        let Some(file) = &mut self.open else { return Ok(bytes.len()) };
        match file.write(bytes) {
            Ok(count) => Ok(count),
            Err(error) if is_hung_up(&error) => self.renew(),
            Err(error) if is_passing(&error) => Ok(0),
            Err(error) => Err(Error::at(&self.path)(error)),
        }
    }

    fn renew(&mut self) -> Result<usize, Error> {
        self.open = None;
        self.open = Some(self.reopen()?);
        Ok(0)
    }

    /// Throw away what nobody reads.
    pub(crate) fn discard_unread(&self) {
        if let Some(file) = &self.open {
            let _ = tcflush(file, FlushArg::TCOFLUSH);
        }
    }
}

/// Open a terminal raw, without waiting for anything.
pub(super) fn open_raw(path: &Path) -> Result<File, Error> {
    let flags = (OFlag::O_NOCTTY | OFlag::O_NONBLOCK).bits();
    let file = OpenOptions::new().read(true).write(true).custom_flags(flags).open(path).map_err(Error::at(path))?;
    let raw = || {
        let mut attributes = tcgetattr(&file)?;
        cfmakeraw(&mut attributes);
        tcsetattr(&file, SetArg::TCSANOW, &attributes)
    };
    raw().map_err(|errno: Errno| Error::at(path)(errno.into()))?;
    Ok(file)
}

pub(super) fn is_hung_up(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::EIO as i32)
}

pub(super) fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

/// Look until there is something, for a while.
fn until<T>(mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let end = moment() + PATIENCE;
    loop {
        let found = look();
        if found.is_some() || moment() >= end {
            return found;
        }
        let _ = poll(&mut [], PollTimeout::try_from(LOOK).unwrap_or(PollTimeout::MAX));
    }
}
