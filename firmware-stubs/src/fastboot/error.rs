//! Why a unit cannot go on.

use std::io;
use std::path::PathBuf;
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
    /// What is kept in the folder makes no sense.
    #[error("{path} is not the state of this unit", path = .0.display())]
    ForeignState(PathBuf),
    /// Another stand-in has the folder.
    #[error("another stand-in holds {path}", path = .0.display())]
    Shared(PathBuf),
    /// Its connections cannot be served.
    #[error("the unit cannot be served")]
    Network(#[source] io::Error),
}
