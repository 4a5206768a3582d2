//! Factory archives: images in a ZIP archive, what a unit must be to take them, and the order in which they are written.
//!
//! Specifications: `fastboot/README.md`, `fastboot.cpp` and `task.cpp` of AOSP's `system/core`, which are also all there is
//! on `android-info.txt` and `fastboot-info.txt`. Where Google's fastboot passes over a line that it does not know, it is an
//! error here: a requirement that was not understood was not checked.

mod commands;
mod requirements;
#[cfg(test)]
mod tests;

pub use commands::{Command, Order, Slot, When};
pub use requirements::{Demand, Reports, Requirement, Unmet};

use super::source::{FileError, Source};
use super::zip::{Archive, Entry, ZipError};
use thiserror::Error;

/// Bytes of either text.
const MAX_TEXT: u64 = 256 * 1024;
/// Bytes of a partition's name.
const MAX_NAME: usize = 64;

/// What is wrong with a line of one of the texts.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("line {line}: {fault}")]
pub struct LineError {
    /// Number of the line, from 1 on.
    pub line: usize,
    /// What is wrong with it.
    pub fault: Fault,
}

/// What can be wrong with a line.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Fault {
    /// It is no requirement.
    #[error("expected `require NAME=VALUE|VALUE`, `reject NAME=VALUE` or `require-for-product:PRODUCT NAME=VALUE`")]
    NoRequirement,
    /// It is no command.
    #[error("expected one of version, flash, erase, reboot, update-super, if-wipe")]
    NoCommand,
    /// A command has words too few or too many.
    #[error("`{0}` has words too few or too many")]
    Words(&'static str),
    /// A word begins as an option does and is none.
    #[error("there is no option {0:?}")]
    Option(String),
    /// It is no partition's name.
    #[error("{0:?} is no partition's name")]
    Partition(String),
    /// It is no name of a file in the archive.
    #[error("{0:?} is no file's name")]
    File(String),
    /// It is no mode that a unit restarts into.
    #[error("{0:?} is no mode to restart into")]
    Mode(String),
    /// The version is missing, comes late, or is not known.
    #[error("the first command must be `version 1`")]
    Version,
    /// It is no text.
    #[error("it is not UTF-8, or holds characters that are no text")]
    NoText,
}

/// A factory archive: its texts read, its images not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Factory {
    /// What a unit must be.
    pub requirements: Vec<Requirement>,
    /// What is done in which order, where the archive says.
    pub order: Option<Order>,
    /// The entries.
    pub archive: Archive,
}

/// Why a file is no factory archive.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum FactoryError {
    /// It is no archive, or a broken one.
    #[error("the factory archive cannot be used")]
    Zip(#[from] ZipError),
    /// A text in it is broken.
    #[error("{file} of the factory archive is broken")]
    Text {
        /// Which.
        file: &'static str,
        /// What is wrong.
        #[source]
        error: LineError,
    },
    /// An image is missing that the order of writing names.
    #[error("line {line} of fastboot-info.txt: the archive has no {file}")]
    Missing {
        /// Number of the line, from 1 on.
        line: usize,
        /// The file.
        file: String,
    },
}

impl Factory {
    /// Reads the texts of an archive, and sees that every image is there that they name.
    ///
    /// # Errors
    /// When the file cannot be read or is no factory archive.
    pub fn open<S: Source + ?Sized>(file: &S) -> Result<Self, FileError<FactoryError, S::Error>> {
        const REQUIREMENTS: &str = "android-info.txt";
        const ORDER: &str = "fastboot-info.txt";
        let archive = Archive::open(file).map_err(in_zip)?;
        let requirements = archive.read(file, REQUIREMENTS, MAX_TEXT).map_err(in_zip)?;
        let broken = |file| move |error| FileError::Format(FactoryError::Text { file, error });
        let requirements = Requirement::parse_all(&requirements).map_err(broken(REQUIREMENTS))?;
        let order = match archive.entry(ORDER) {
            Some(entry) => {
                let text = entry.to_vec(file, MAX_TEXT).map_err(in_zip)?;
                Some(Order::parse(&text).map_err(broken(ORDER))?)
            }
            None => None,
        };
        for (line, command) in order.iter().flat_map(Order::lines) {
            if let Command::Flash { file, .. } = command
                && archive.entry(file).is_none()
            {
                return Err(FileError::Format(FactoryError::Missing { line, file: file.clone() }));
            }
        }
        Ok(Self { requirements, order, archive })
    }

    /// The image of a partition, without the letter of its slot.
    #[must_use]
    pub fn image(&self, partition: &str) -> Option<&Entry> {
        self.archive.entry(&format!("{partition}.img"))
    }

    /// The partitions that have an image of their name.
    pub fn partitions(&self) -> impl Iterator<Item = &str> {
        let names = self.archive.entries().filter_map(|entry| entry.name.strip_suffix(".img"));
        names.filter(|name| is_partition(name))
    }
}

/// The archive of images within what is offered for download: its one file `…/image-….zip`.
#[must_use]
pub fn images_within(archive: &Archive) -> Option<&Entry> {
    only(archive, "image-", ".zip")
}

/// The image of a loader that lies beside it: `…/bootloader-….img`, `…/radio-….img`.
#[must_use]
pub fn loader_beside<'a>(archive: &'a Archive, partition: &str) -> Option<&'a Entry> {
    only(archive, partition, ".img")
}

/// The one entry whose name, without its folders, begins and ends so.
fn only<'a>(archive: &'a Archive, begins: &str, ends: &str) -> Option<&'a Entry> {
    let mut found = archive.entries().filter(|entry| {
        let name = entry.name.rsplit('/').next().unwrap_or_default();
        name.starts_with(begins) && name.ends_with(ends)
    });
    found.next().filter(|_| found.next().is_none())
}

fn in_zip<E>(error: FileError<ZipError, E>) -> FileError<FactoryError, E> {
    match error {
        FileError::Read(error) => FileError::Read(error),
        FileError::Format(error) => FileError::Format(error.into()),
    }
}

/// The lines of a text that say something, each with its number.
fn lines(text: &[u8]) -> impl Iterator<Item = Result<(usize, &str), LineError>> {
    let numbered = text.split(|byte| *byte == b'\n').enumerate();
    numbered.filter_map(|(index, line)| {
        let line_number = index + 1;
        let text = str::from_utf8(line.trim_ascii()).ok();
        match text.filter(|text| !text.contains(|c| c != '\t' && crate::text::steers_screen(c))) {
            None => Some(Err(LineError { line: line_number, fault: Fault::NoText })),
            Some(text) if text.is_empty() || text.starts_with('#') => None,
            Some(text) => Some(Ok((line_number, text))),
        }
    })
}

/// Whether it could be a partition's name.
fn is_partition(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    !name.is_empty() && name.len() <= MAX_NAME && name.chars().all(plain) && !name.starts_with(['-', '.'])
}
