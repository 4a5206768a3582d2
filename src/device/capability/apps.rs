//! Applications of an operating system.

use std::io::Write;

use serde::Serialize;

use super::super::{Content, Op, UnitText};
use super::Written;
use crate::digest::Digest;
use crate::error::Result;

/// One of the files of which an application is made.
#[derive(Clone, Copy)]
pub struct AppFile<'a> {
    /// The artifact's name, for messages.
    pub name: &'a str,
    /// The file.
    pub content: &'a dyn Content,
}

/// What an application's files say of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AppIdentity {
    /// Its package name.
    pub package: String,
    /// Its version, which orders.
    pub version_code: u64,
    /// Its version, for people.
    pub version_name: Option<String>,
    /// The processor families it has native code for; empty when it has none.
    pub abis: Vec<String>,
    /// What each of the files is, in their order: `base`, or the name of a split.
    pub parts: Vec<String>,
}

/// One file of an application as the unit holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstalledFile {
    /// What it is: `base`, or the name of a split.
    pub part: String,
    /// Where it lies on the unit.
    pub path: String,
    /// SHA-256 over it, as the unit computes it; `None` where it cannot.
    pub sha256: Option<Digest>,
}

/// An application as the unit holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    /// Its package name.
    pub package: String,
    /// Its version, which orders, where the unit says.
    pub version_code: Option<u64>,
    /// Its version, for people.
    pub version_name: Option<UnitText>,
    /// SHA-256 over the certificate that signed it, lower-case hex, where the unit says.
    pub certificate: Option<String>,
    /// Its files, splits included.
    pub files: Vec<InstalledFile>,
}

/// An application in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AppEntry {
    /// Its package name.
    pub package: String,
    /// Its version, which orders, where the unit says.
    pub version_code: Option<u64>,
    /// Whether it belongs to the system: an update of such a one can be removed, itself it cannot.
    pub system: bool,
}

/// How an application is installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct InstallOptions {
    /// An older version may replace a newer one.
    pub downgrade: bool,
    /// The permissions that it asks for at run time are granted.
    pub grant: bool,
}

/// Applications of an operating system.
pub trait Apps {
    /// Reads what these files say of themselves. The unit is not asked, only what it said of itself when it was opened.
    ///
    /// # Errors
    /// `invalid`: not one application, cut short, damaged, or not made for this unit (processor, system version).
    fn identify(&self, files: &[AppFile<'_>]) -> Result<AppIdentity>;

    /// What the unit holds of `package`, or `None` when it is not installed.
    ///
    /// # Errors
    /// Link errors; `refused`; `invalid` when that is no package name.
    fn installed(&mut self, package: &str, op: &mut Op<'_>) -> Result<Option<Installed>>;

    /// What is installed.
    ///
    /// # Errors
    /// Link errors; `refused`.
    fn list(&mut self, op: &mut Op<'_>) -> Result<Vec<AppEntry>>;

    /// Installs the application of which these are the files, over what is there of it.
    ///
    /// # Errors
    /// Link errors; `refused`, in the unit's words (other certificate, downgrade, no room); `invalid` as
    /// [`Apps::identify`].
    fn install(&mut self, files: &[AppFile<'_>], options: InstallOptions, op: &mut Op<'_>) -> Result<Written>;

    /// Removes `package` and its data; removing what is not there succeeds.
    ///
    /// # Errors
    /// As [`Apps::installed`].
    fn remove(&mut self, package: &str, op: &mut Op<'_>) -> Result<()>;

    /// Reads one of [`Installed::files`]; the number of bytes, or `None` when it is not there.
    ///
    /// # Errors
    /// Link errors; `refused`; `storage` when `into` cannot be written.
    fn read(&mut self, file: &InstalledFile, into: &mut dyn Write, op: &mut Op<'_>) -> Result<Option<u64>>;
}
