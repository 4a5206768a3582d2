//! The pseudo-terminal: what a client opens as a serial port.

use crate::Error;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::pty::{OpenptyResult, openpty};
use nix::sys::termios::{FlushArg, SetArg, cfmakeraw, tcflush, tcgetattr, tcsetattr};
use nix::unistd::ttyname;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// A raw pseudo-terminal, and perhaps a link to it.
pub(super) struct Pty {
    device: File,
    /// Kept open so that a client may close its end and come back.
    client: File,
    path: PathBuf,
    link: Option<PathBuf>,
}

fn failed(doing: &'static str) -> impl Fn(nix::Error) -> Error {
    move |errno| Error::Terminal { doing, source: errno.into() }
}

impl Pty {
    pub(super) fn open(link: Option<&Path>) -> Result<Self, Error> {
        let OpenptyResult { master, slave } = openpty(None, None).map_err(failed("opened"))?;
        let mut attributes = tcgetattr(&slave).map_err(failed("set raw"))?;
        cfmakeraw(&mut attributes);
        tcsetattr(&slave, SetArg::TCSANOW, &attributes).map_err(failed("set raw"))?;
        let flags = OFlag::from_bits_retain(fcntl(&master, FcntlArg::F_GETFL).map_err(failed("set up"))?);
        fcntl(&master, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK)).map_err(failed("set up"))?;
        let path = ttyname(&slave).map_err(failed("named"))?;
        let mut pty = Self { device: File::from(master), client: File::from(slave), path, link: None };
        if let Some(link) = link {
            pty.place_link(link).map_err(|source| Error::Terminal { doing: "linked", source })?;
            pty.link = Some(link.to_owned());
        }
        Ok(pty)
    }

    /// Make `link` point here, from one moment to the next, if it is a link or not there yet.
    fn place_link(&self, link: &Path) -> std::io::Result<()> {
        if std::fs::symlink_metadata(link).is_ok_and(|found| !found.is_symlink()) {
            return Err(std::io::Error::new(ErrorKind::AlreadyExists, "something else than a link is there"));
        }
        let mut temporary = link.as_os_str().to_owned();
        temporary.push(format!(".{}", std::process::id()));
        let temporary = PathBuf::from(temporary);
        let _ = std::fs::remove_file(&temporary);
        std::os::unix::fs::symlink(&self.path, &temporary)?;
        std::fs::rename(&temporary, link)
    }

    /// The path to open: the link when there is one.
    pub(super) fn address(&self) -> &Path {
        self.link.as_deref().unwrap_or(&self.path)
    }

    /// What a client wrote; empty when it wrote nothing.
    pub(super) fn read(&self, buffer: &mut [u8]) -> Result<usize, Error> {
        match (&self.device).read(buffer) {
            Ok(count) => Ok(count),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(0),
            Err(source) => Err(Error::Terminal { doing: "read", source }),
        }
    }

    /// Hand bytes to the client; returns how many there was room for.
    pub(super) fn write(&self, bytes: &[u8]) -> Result<usize, Error> {
        match (&self.device).write(bytes) {
            Ok(count) => Ok(count),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(0),
            Err(source) => Err(Error::Terminal { doing: "written", source }),
        }
    }

    /// Give the terminal free again when a client was killed while it held it for itself (`TIOCEXCL`).
    ///
    /// A real port forgets that with its last close; this one never sees a last close, so nobody but root could open
    /// it any more. A client that is alive holds a lock on it besides (`flock`), as careful ones do.
    pub(super) fn release_if_abandoned(&self) {
        let flags = (OFlag::O_NOCTTY | OFlag::O_NONBLOCK).bits();
        let opened = OpenOptions::new().read(true).write(true).custom_flags(flags).open(&self.path);
        if opened.is_err_and(|error| error.kind() == ErrorKind::ResourceBusy) && self.client.try_lock().is_ok() {
            tracing::debug!("a client is gone that held the terminal for itself");
            let _ = rustix::termios::ioctl_tiocnxcl(&self.client);
            let _ = self.client.unlock();
        }
    }

    /// Throw away what nobody reads, as a line without a listener does.
    pub(super) fn discard_unread(&self) {
        let _ = tcflush(&self.client, FlushArg::TCIFLUSH);
    }
}

impl AsFd for Pty {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.device.as_fd()
    }
}

impl Drop for Pty {
    /// A terminal's name is given to the next one that opens, so a link must not stay behind.
    fn drop(&mut self) {
        if let Some(link) = &self.link
            && std::fs::read_link(link).is_ok_and(|target| target == self.path)
        {
            let _ = std::fs::remove_file(link);
        }
    }
}
