//! Serial units on USB: a CDC-ACM gadget of the kernel's own, whose other end is `/dev/ttyACM*` for whoever is its host.
//!
//! Made through configfs (`Documentation/usb/gadget_configfs.rst` of Linux) on a device controller, which may be a real
//! one or `dummy_hcd`'s. Needs root, and the modules libcomposite and usb_f_acm.

mod bridge;
mod configfs;
mod host;
mod terminal;

pub use bridge::bridge;
pub use configfs::Shape;
pub(crate) use terminal::Terminal;

use std::io;
use std::path::PathBuf;
use thiserror::Error;

/// Why there is no gadget.
#[derive(Debug, Error)]
pub enum Error {
    /// There is no such device controller.
    #[error("there is no USB device controller {0:?}: see /sys/class/udc")]
    NoController(String),
    /// Another stand-in has it.
    #[error("another stand-in is plugged into {0}")]
    Taken(String),
    /// The kernel or the file system refuses.
    #[error("{path} cannot be used", path = path.display())]
    System {
        /// The file or folder.
        path: PathBuf,
        /// The operating system's cause.
        #[source]
        source: io::Error,
    },
}

impl Error {
    fn at(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::System { path, source }
    }
}
