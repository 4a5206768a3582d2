//! A profile as it was written: checked, and not yet for any unit. `read` makes it, `resolve` uses it up.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::factory::HowFactory;
use super::facts::Match;
use super::model::{Answer, Attach, Identity, Limit, Once, Place};
use super::node::Node;
use super::source::At;
use super::template::{Text, When};
use super::tree::Keep;
use super::value::Typed;
use crate::device::{Activate, InstallOptions, Level, Mode};

/// A loaded profile.
pub struct Profile {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The units that it means.
    pub matches: Match,
    /// How to open a link to them.
    pub link: LinkOptions,
    /// The least level of every step that names none.
    pub verify: Level,
    /// By what a unit is known.
    pub identity: Identity,
    /// The values that differ from unit to unit.
    pub inputs: BTreeMap<String, Input>,
    pub(super) artifacts: BTreeMap<String, ArtifactSpec>,
    pub(super) variants: Vec<Variant>,
    pub(super) steps: Vec<StepSpec>,
    /// What stands in the file and in those it extends, merged.
    pub(super) document: Node,
}

/// The text may hold secret literals.
impl fmt::Debug for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Profile({} {}, {} steps)", self.name, self.version, self.steps.len())
    }
}

impl Profile {
    /// The number of its steps.
    #[must_use]
    pub fn len(&self) -> usize {
        self.steps.len()
    }

    /// Whether it has no steps; loading refuses that.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }
}

/// How a link is opened; `None` leaves the driver's own default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LinkOptions {
    /// Bits a second.
    pub baud: Option<u32>,
    /// Flow control: `none`, `rtscts` or `xonxoff`.
    pub flow: Option<String>,
    /// DTR: `keep`, `on` or `off`.
    pub dtr: Option<String>,
    /// RTS: `keep`, `on` or `off`.
    pub rts: Option<String>,
    /// Who an Android unit's daemon runs as: `keep`, `yes` (root) or `no`.
    pub root: Option<String>,
}

impl LinkOptions {
    /// The options as `-d` spells them behind an address, so that what a person gives there can win.
    #[must_use]
    pub fn pairs(&self) -> Vec<(&'static str, String)> {
        let baud = self.baud.map(|baud| baud.to_string());
        let rest = [("flow", &self.flow), ("dtr", &self.dtr), ("rts", &self.rts), ("root", &self.root)];
        std::iter::once(("baud", baud))
            .chain(rest.map(|(name, value)| (name, value.clone())))
            .filter_map(|(name, value)| Some((name, value?)))
            .collect()
    }
}

/// An input and where its value comes from.
#[derive(Clone)]
pub struct Input {
    pub(super) at: At,
    /// Its source.
    pub from: From,
    /// Whether its value never reaches a log, record or screen.
    pub secret: bool,
    /// What the whole value must look like.
    pub(super) pattern: Option<regex::Regex>,
}

/// A literal may be secret.
impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Input(from {}{})", self.from.name(), if self.secret { ", secret" } else { "" })
    }
}

/// Where an input comes from.
#[derive(Clone)]
pub enum From {
    /// A row of an identity pool, which is never handed out again.
    Pool {
        /// The pool's name.
        pool: String,
        /// The column.
        field: String,
    },
    /// A person types it.
    Prompt {
        /// What the person reads.
        say: Option<String>,
    },
    /// A person scans it.
    Scan {
        /// What the person reads.
        say: Option<String>,
    },
    /// An environment variable.
    Env {
        /// Its name.
        var: String,
    },
    /// The text in a file, without the newline at its end.
    File {
        /// As the profile names it.
        file: String,
        /// Where that is.
        path: PathBuf,
    },
    /// The profile itself.
    Literal {
        /// The value.
        value: String,
    },
}

impl From {
    /// The source's name, as the profile spells it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            From::Pool { .. } => "pool",
            From::Prompt { .. } => "prompt",
            From::Scan { .. } => "scan",
            From::Env { .. } => "env",
            From::File { .. } => "file",
            From::Literal { .. } => "literal",
        }
    }
}

/// What an artifact is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArtifactKind {
    /// `file`
    File,
    /// `tree`
    Tree,
}

impl ArtifactKind {
    /// The key that names it.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            ArtifactKind::File => "file",
            ArtifactKind::Tree => "tree",
        }
    }
}

/// An artifact as the profile names it.
#[derive(Debug, Clone)]
pub struct ArtifactSpec {
    pub(super) at: At,
    /// Whether it is a file or a folder with all that is in it.
    pub(super) kind: ArtifactKind,
    /// The file or folder, relative to the profile that names it.
    pub(super) file: String,
    /// The same, ready to open.
    pub(super) path: PathBuf,
    /// Lower-case hex.
    pub(super) sha256: Option<String>,
}

/// What differs for some of the units.
#[derive(Debug, Clone)]
pub struct Variant {
    pub(super) name: String,
    pub(super) matches: Match,
    pub(super) artifacts: BTreeMap<String, ArtifactSpec>,
}

/// A step as written.
#[derive(Debug, Clone)]
pub struct StepSpec {
    pub(super) at: At,
    pub(super) name: String,
    pub(super) body: BodySpec,
    pub(super) when: Option<When>,
    pub(super) verify: Option<Level>,
    pub(super) proved_by: Option<String>,
    pub(super) place: Option<Place>,
    pub(super) retries: u32,
    pub(super) timeout: Option<Duration>,
    pub(super) always: bool,
    pub(super) once: Once,
    pub(super) check: bool,
    pub(super) on_fail: Option<Text>,
}

/// What a step makes true, as written.
#[derive(Debug, Clone)]
pub enum BodySpec {
    /// `firmware`
    Firmware { artifact: String, slot: Option<String>, activate: Activate },
    /// `firmware` with `layout: factory`
    Factory { artifact: String, how: HowFactory },
    /// `settings`
    Settings { set: Vec<(String, Typed)>, delete: Vec<String>, numbers: BTreeMap<String, &'static str> },
    /// `files`
    Files { put: Vec<(String, FileSpec)>, empty: Vec<String> },
    /// `apps`
    Apps { install: Vec<Vec<String>>, remove: Vec<String>, options: InstallOptions },
    /// `ask`
    Ask { say: Text, answer: Answer },
    /// `diagnose`
    Diagnose { expect: BTreeMap<String, (Limit, Option<Text>)>, attach: Vec<Attach> },
    /// `backup`; `None` means what the profile names.
    Backup { named: Option<Named>, label: Option<Text> },
    /// `restore`
    Restore { backup: Option<Text>, label: Option<Text> },
    /// `reboot`
    Reboot { to: Mode, slot: Option<char> },
    /// `console`
    Console { run: Text, expect: Option<Text>, stage: Option<String>, take: Option<String> },
    /// `erase`
    Erase { slot: String },
}

/// What a backup names.
#[derive(Debug, Clone, Default)]
pub struct Named {
    pub(super) files: Vec<(String, At)>,
    pub(super) apps: Vec<String>,
    pub(super) settings: Vec<(String, At)>,
    pub(super) firmware: Vec<String>,
}

/// The content of a file.
#[derive(Debug, Clone)]
pub enum FileSpec {
    /// A file that the profile pins.
    Artifact(String),
    /// Text.
    Text(Text),
    /// Bytes as hex digits.
    Hex(Text),
    /// A folder that the profile pins.
    Tree(String, Keep),
}

impl FileSpec {
    /// Whether it holds a secret.
    pub(super) fn is_secret(&self) -> bool {
        match self {
            FileSpec::Artifact(_) | FileSpec::Tree(..) => false,
            FileSpec::Text(text) | FileSpec::Hex(text) => text.is_secret(),
        }
    }
}
