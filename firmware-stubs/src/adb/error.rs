//! Why an ADB stand-in cannot run.

use std::io;
use std::path::PathBuf;
use thiserror::Error;

/// Why an ADB stand-in cannot run.
#[derive(Debug, Error)]
pub enum Error {
    /// Its state.
    #[error("the stand-in's state at {path} cannot be used")]
    State {
        /// What was opened, read or written.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// A state folder that something else wrote.
    #[error("{path} is not the state of an ADB stand-in")]
    ForeignState {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// It cannot listen.
    #[error("the stand-in cannot listen at {address}")]
    Listen {
        /// Where.
        address: std::net::SocketAddr,
        /// What the operating system says.
        source: io::Error,
    },
    /// The operating system.
    #[error("the stand-in cannot be served")]
    System(#[from] io::Error),
}
