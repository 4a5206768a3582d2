//! Where a stand-in keeps what it does not forget, and what is said when it cannot run.

use std::path::{Path, PathBuf};

use clap::Args;

use super::bridge::no_gadget;
use crate::error::{Error, Kind};

#[derive(Debug, Args)]
pub(super) struct Folder {
    /// Folder with everything the unit does not forget, made when it is not there [default: none, it forgets all]
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
}

/// A folder for as long as the unit runs.
pub(super) enum Opened {
    Kept(PathBuf),
    /// It goes with the unit.
    Passing(tempfile::TempDir),
}

impl Folder {
    pub(super) fn open(&self) -> Result<Opened, Error> {
        let no_folder = |cause| {
            let error = Error::new(Kind::Storage, "there is no temporary folder for the stand-in device");
            error.because(cause).next("say --state")
        };
        match &self.state {
            Some(folder) => Ok(Opened::Kept(folder.clone())),
            None => tempfile::tempdir().map(Opened::Passing).map_err(no_folder),
        }
    }
}

impl Opened {
    pub(super) fn path(&self) -> &Path {
        match self {
            Self::Kept(path) => path,
            Self::Passing(folder) => folder.path(),
        }
    }
}

/// What to say of a unit that cannot run.
pub(super) fn refuse(error: firmware_stubs::Error) -> Error {
    use firmware_stubs::Error as Why;
    let kind = match error {
        Why::Gadget(error) => return no_gadget(error),
        Why::Options(_) => Kind::Invalid,
        Why::Shared(_) | Why::Listen { .. } | Why::System(_) => Kind::Busy,
        Why::State { .. } | Why::ForeignState { .. } | Why::Terminal { .. } => Kind::Storage,
    };
    Error::new(kind, "the stand-in device cannot run").because(error)
}
