//! Why a stand-in ended, or could not start.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Why a stand-in ended, or could not start.
#[derive(Debug, Error)]
pub enum Error {
    /// The options contradict each other or leave their ranges.
    #[error("{0}")]
    Options(String),
    /// The state folder cannot be read or written.
    #[error("the unit's state in {path} cannot be used", path = path.display())]
    State {
        /// What was read or written.
        path: PathBuf,
        /// The operating system's cause.
        #[source]
        source: io::Error,
    },
    /// What the state folder holds is not this unit's.
    #[error("{path} is not the state of this unit: {why}", path = path.display())]
    ForeignState {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// Another stand-in has the folder.
    #[error("another stand-in holds {path}", path = .0.display())]
    Shared(PathBuf),
    /// It cannot listen.
    #[error("the unit cannot listen at {address}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// The operating system's cause.
        #[source]
        source: io::Error,
    },
    /// No place on USB.
    #[error(transparent)]
    Gadget(#[from] crate::gadget::Error),
    /// No pseudo-terminal, or no link to it.
    #[error("the pseudo-terminal cannot be {doing}")]
    Terminal {
        /// What was tried.
        doing: &'static str,
        /// The operating system's cause.
        #[source]
        source: io::Error,
    },
    /// It cannot be served any longer.
    #[error("the unit cannot be served")]
    System(#[from] io::Error),
}

impl Error {
    /// The state at `path` cannot be used.
    pub(crate) fn state(path: &Path) -> impl Fn(io::Error) -> Self + Copy + '_ {
        |source| Self::State { path: path.to_owned(), source }
    }

    /// The state at `path` makes no sense.
    pub(crate) fn foreign<E: ToString>(path: &Path) -> impl Fn(E) -> Self + '_ {
        |why| Self::ForeignState { path: path.to_owned(), why: why.to_string() }
    }
}

/// Held so that two processes never share a state folder.
///
/// # Errors
/// [`Error::Shared`] while another has it.
pub(crate) fn lock(path: &Path) -> Result<File, Error> {
    let opened = OpenOptions::new().write(true).create(true).truncate(false).open(path);
    let file = opened.map_err(Error::state(path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::Shared(path.to_owned())),
        Err(TryLockError::Error(source)) => Err(Error::state(path)(source)),
    }
}
