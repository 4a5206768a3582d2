//! Packages: what one is, for which units, and who signed it, before any unit is touched.
//!
//! Specifications: the manifest as `ResourceTypes.h` of AOSP's `frameworks/base` lays it out; signatures after
//! <https://source.android.com/docs/security/features/apksigning/v2> and its successor v3. A certificate is named as
//! `apksigner verify --print-certs` names it. Signatures are not verified, which the unit does; certificates of the oldest
//! kind (v1, files in `META-INF`) are not read.

mod manifest;
mod signers;
#[cfg(test)]
mod tests;
mod xml;

pub use manifest::Manifest;
pub use xml::XmlError;

use super::source::{FileError, Source};
use super::zip::{Archive, ZipError};
use std::collections::BTreeSet;
use thiserror::Error;

/// A package that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Apk {
    /// What it says of itself.
    pub manifest: Manifest,
    /// The processors that it has code for (`arm64-v8a`, …); empty when it runs on any.
    pub abis: BTreeSet<String>,
    /// SHA-256 of the certificates that it is signed with; empty when it is not signed, or in the oldest way only.
    pub certificates: Vec<[u8; 32]>,
}

/// Why a file is no package that could be installed.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ApkError {
    /// It is no archive, or a broken one.
    #[error("the file is no package")]
    Zip(#[from] ZipError),
    /// Its manifest is broken.
    #[error("the package's manifest is broken")]
    Xml(#[from] XmlError),
    /// The manifest lacks something, or has it in a way that cannot be.
    #[error("the package's manifest gives no {0}")]
    Manifest(&'static str),
    /// The block that holds signatures is broken.
    #[error("the package's signatures are broken")]
    Signatures,
}

/// Bytes of a manifest; the largest have some hundred thousand.
const MAX_MANIFEST: u64 = 8 << 20;

impl Apk {
    /// Reads a package.
    ///
    /// # Errors
    /// When the file cannot be read or is no package.
    pub fn read<S: Source + ?Sized>(file: &S) -> Result<Self, FileError<ApkError, S::Error>> {
        let archive = Archive::open(file).map_err(in_zip)?;
        let manifest = archive.read(file, "AndroidManifest.xml", MAX_MANIFEST).map_err(in_zip)?;
        let manifest = Manifest::parse(&manifest).map_err(FileError::Format)?;
        let abis = archive.entries().filter_map(|entry| {
            let (abi, library) = entry.name.strip_prefix("lib/")?.split_once('/')?;
            library.ends_with(".so").then(|| abi.to_owned())
        });
        Ok(Self { manifest, abis: abis.collect(), certificates: signers::read(file, archive.directory_at())? })
    }

    /// Whether a unit that runs code for these processors can run it.
    #[must_use]
    pub fn runs_on<'a>(&self, abis: impl IntoIterator<Item = &'a str>) -> bool {
        self.abis.is_empty() || abis.into_iter().any(|abi| self.abis.contains(abi))
    }
}

/// The certificates of a package, as [`Apk::certificates`], of which nothing else is read: its end, and the block that holds
/// them.
///
/// # Errors
/// When the file cannot be read, or is no package.
pub fn certificates<S: Source + ?Sized>(file: &S) -> Result<Vec<[u8; 32]>, FileError<ApkError, S::Error>> {
    let at = Archive::find_directory(file).map_err(in_zip)?;
    if at > file.len() {
        return Err(FileError::Format(ZipError::Outside("the directory").into()));
    }
    signers::read(file, at)
}

fn in_zip<E>(error: FileError<ZipError, E>) -> FileError<ApkError, E> {
    match error {
        FileError::Read(error) => FileError::Read(error),
        FileError::Format(error) => FileError::Format(error.into()),
    }
}
