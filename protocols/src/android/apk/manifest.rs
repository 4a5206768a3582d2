//! What a package says of itself.

use super::ApkError;
use super::xml::{Attribute, Document, Value};

/// The part of a manifest that decides whether and how a package is installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// The package's name.
    pub package: String,
    /// Its version, by which units compare; the upper half is `versionCodeMajor`.
    pub version_code: u64,
    /// Its version for people, where it is no resource. Untrusted text.
    pub version_name: Option<String>,
    /// Which part of a package it is; `None` when it is the base.
    pub split: Option<String>,
    /// The least API level that it runs on, where it is a number.
    pub min_sdk: Option<u32>,
    /// The API level that it is made for, where it is a number.
    pub target_sdk: Option<u32>,
    /// Whether it is installed only when that is allowed for tests.
    pub test_only: bool,
}

// Numbers of attributes, which hold also where their names were taken out (`android.R.attr`).
const VERSION_CODE: u32 = 0x0101_021b;
const VERSION_CODE_MAJOR: u32 = 0x0101_0576;
const VERSION_NAME: u32 = 0x0101_021c;
const MIN_SDK: u32 = 0x0101_020c;
const TARGET_SDK: u32 = 0x0101_0270;
const TEST_ONLY: u32 = 0x0101_0272;

impl Manifest {
    /// Reads a manifest in its binary form.
    ///
    /// # Errors
    /// When it is broken, or gives no name or version.
    pub fn parse(bytes: &[u8]) -> Result<Self, ApkError> {
        let mut found: Option<Self> = None;
        let document = Document::parse(bytes)?;
        for element in document.elements() {
            let element = element?;
            let depth = element.depth;
            match (depth, element.name, &mut found) {
                (0, "manifest", None) => found = Some(Self::begin(&element.attributes)?),
                (0, _, _) => return Err(ApkError::Manifest("manifest")),
                (1, "uses-sdk", Some(manifest)) => {
                    manifest.min_sdk = number(&element.attributes, MIN_SDK).or(manifest.min_sdk);
                    manifest.target_sdk = number(&element.attributes, TARGET_SDK).or(manifest.target_sdk);
                }
                (1, "application", Some(manifest)) => {
                    let value = element.attributes.iter().find(|attribute| attribute.number == Some(TEST_ONLY));
                    manifest.test_only |= value.is_some_and(|attribute| attribute.value == Value::Boolean(true));
                }
                _ => {}
            }
        }
        found.ok_or(ApkError::Manifest("manifest"))
    }

    fn begin(attributes: &[Attribute<'_>]) -> Result<Self, ApkError> {
        let text = |name: &str| attributes.iter().find(|a| a.number.is_none() && a.name == name).and_then(text);
        let package =
            text("package").filter(|package| is_package(package)).ok_or(ApkError::Manifest("package name"))?;
        let code = number(attributes, VERSION_CODE).ok_or(ApkError::Manifest("version"))?;
        let major = number(attributes, VERSION_CODE_MAJOR).unwrap_or_default();
        let split = text("split").filter(|split| !split.is_empty());
        if split.as_deref().is_some_and(|split| !is_split(split)) {
            return Err(ApkError::Manifest("split name that could be one"));
        }
        Ok(Self {
            package,
            version_code: u64::from(major) << 32 | u64::from(code),
            version_name: attributes.iter().find(|a| a.number == Some(VERSION_NAME)).and_then(self::text),
            split,
            min_sdk: None,
            target_sdk: None,
            test_only: false,
        })
    }
}

fn text(attribute: &Attribute<'_>) -> Option<String> {
    match attribute.value {
        Value::Text(text) => Some(text.to_owned()),
        Value::Number(_) | Value::Boolean(_) | Value::Other => attribute.raw.map(str::to_owned),
    }
}

fn number(attributes: &[Attribute<'_>], number: u32) -> Option<u32> {
    match attributes.iter().find(|attribute| attribute.number == Some(number))?.value {
        Value::Number(number) => Some(number),
        _ => None,
    }
}

/// Whether it could be a package's name: parts of letters, digits and underscores with dots between them, which also
/// keeps what it is put into (a path, a command) whole.
fn is_package(name: &str) -> bool {
    let part = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    name.len() <= 223 && name.split('.').all(part)
}

/// Whether it could be a split's name: as a package's, and digits may stand first.
fn is_split(name: &str) -> bool {
    let part = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
    };
    name.len() <= 223 && name.split('.').all(part)
}
