//! The cable to whoever speaks to the device: a pseudo-terminal, or a serial gadget on USB.

use super::Place;
use super::pty::Pty;
use crate::Error;
use crate::gadget::Terminal;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::path::PathBuf;

pub(super) enum Cable {
    Pty(Pty),
    Gadget(Terminal),
}

impl Cable {
    pub(super) fn lay(place: &Place) -> Result<Self, Error> {
        match place {
            Place::Pty { link } => Pty::open(link.as_deref()).map(Self::Pty),
            Place::Gadget(shape) => Ok(Self::Gadget(Terminal::make(shape.clone())?)),
        }
    }

    /// The path to open at the other end.
    pub(super) fn address(&self) -> Option<PathBuf> {
        match self {
            Self::Pty(pty) => Some(pty.address().to_owned()),
            Self::Gadget(terminal) => terminal.host_side(),
        }
    }

    pub(super) fn fd(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Self::Pty(pty) => Some(pty.as_fd()),
            Self::Gadget(terminal) => terminal.fd(),
        }
    }

    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        match self {
            Self::Pty(pty) => pty.read(buffer),
            Self::Gadget(terminal) => Ok(terminal.read(buffer)?),
        }
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<usize, Error> {
        match self {
            Self::Pty(pty) => pty.write(bytes),
            Self::Gadget(terminal) => Ok(terminal.write(bytes)?),
        }
    }

    /// Leave the bus. A pseudo-terminal stays, as an adapter does when the unit behind it restarts.
    pub(super) fn pull(&mut self) {
        if let Self::Gadget(terminal) = self {
            terminal.pull();
        }
    }

    pub(super) fn plug(&mut self) -> Result<(), Error> {
        match self {
            Self::Pty(_) => Ok(()),
            Self::Gadget(terminal) => Ok(terminal.plug()?),
        }
    }

    pub(super) fn release_if_abandoned(&self) {
        if let Self::Pty(pty) = self {
            pty.release_if_abandoned();
        }
    }

    pub(super) fn discard_unread(&self) {
        match self {
            Self::Pty(pty) => pty.discard_unread(),
            Self::Gadget(terminal) => terminal.discard_unread(),
        }
    }
}
