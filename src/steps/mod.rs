//! The step kinds: each owns observe, execute and verify over the capability traits, one file a kind.
//!
//! A new protocol brings capabilities and no step code; a new step kind brings no driver code.

mod apps;
mod ask;
mod backup;
mod console;
mod diagnose;
mod erase;
pub mod evidence;
mod factory;
mod files;
mod firmware;
pub mod person;
mod reboot;
mod settings;

use evidence::{Attached, Item, Judged, Omitted, StepOutcome};
use person::{Consent, Person};

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::Write;

use crate::device::{BayId, Capability, Departure, Driver, Level, Marks, Mode, Op, Unit};
use crate::digest::{Algorithm, Digest};
use crate::error::{Error, Kind, Result};
use crate::profile::model::Body;

/// What a step is given besides the unit.
pub struct Bench<'a, 'o> {
    /// Time, cancellation, progress.
    pub op: &'a mut Op<'o>,
    /// Who answers.
    pub person: &'a dyn Person,
    /// Where backups go.
    pub keep: &'a dyn Keep,
    /// The bay, for questions.
    pub bay: Option<BayId>,
    /// The unit's serial number or address, for questions.
    pub unit: String,
}

/// Where a step leaves what it read from the unit, and how it shows what it must not show.
pub trait Keep {
    /// A keyed digest, for what may not be recorded plainly.
    fn keyed(&self, bytes: &[u8]) -> Digest;

    /// The paths and setting keys of this unit that are known to hold secrets, from whatever run put them there.
    ///
    /// # Errors
    /// `storage`.
    fn secrets(&self) -> Result<BTreeSet<String>>;

    /// Keeps bytes in the vault; their SHA-256, lower-case hex.
    ///
    /// # Errors
    /// `storage`.
    fn put(&self, bytes: &[u8]) -> Result<String>;

    /// A place in the vault for what comes from the unit.
    ///
    /// # Errors
    /// `storage`.
    fn incoming(&self) -> Result<Box<dyn Incoming>>;

    /// Keeps the manifest of a backup; its digest.
    ///
    /// # Errors
    /// `storage`.
    fn backup(&self, unit: &Unit, label: Option<&str>, items: &[Kept], omitted: &[Omitted]) -> Result<String>;
}

/// Bytes on their way into the vault. Dropped before [`Incoming::finish`], nothing is left of them.
pub trait Incoming: Write + Send {
    /// Keeps them, synced and read again; their SHA-256, lower-case hex.
    ///
    /// # Errors
    /// `storage`.
    fn finish(self: Box<Self>) -> Result<String>;
}

/// One thing that a backup took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// `file`, `folder`, `setting`, `firmware` or `app`.
    pub kind: &'static str,
    /// Its path or key.
    pub path: String,
    /// Its length.
    pub bytes: u64,
    /// Its SHA-256, lower-case hex.
    pub sha256: String,
    /// The folder with which it was taken.
    pub tree: Option<String>,
    /// How it was marked there.
    pub marks: Marks,
}

impl Kept {
    /// Something that is known by its bytes alone.
    fn new(kind: &'static str, path: String, bytes: u64, sha256: String) -> Kept {
        Kept { kind, path, bytes, sha256, tree: None, marks: Marks::default() }
    }
}

/// What a step found.
#[derive(Debug, Clone, Default)]
pub struct Observed {
    /// Everything that was compared; `already` where it holds, `failed` where it does not.
    pub items: Vec<Item>,
    /// Payload bytes that would be written.
    pub bytes: u64,
    /// Why it must be written, or why not, in a few words.
    pub why: String,
    /// What must be meant before it is done.
    pub consents: Vec<Consent>,
    /// What of many things is to be done, by path.
    pub todo: BTreeMap<String, Todo>,
}

/// What is to be done with a file or folder of a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Todo {
    /// It is written.
    Write,
    /// The folder is made.
    Make,
    /// It holds what it should, and is marked.
    Mark,
}

impl Observed {
    /// Whether all of it is true already. What could not be observed is not.
    #[must_use]
    pub fn holds(&self) -> bool {
        !self.items.is_empty() && self.items.iter().all(|item| item.outcome == StepOutcome::Already)
    }

    /// What the unit holds and would lose, as something to be meant.
    #[must_use]
    pub fn overwritten(&self) -> Option<Consent> {
        let lost = self.items.iter().filter(|item| item.outcome == StepOutcome::Failed && item.observed.is_some());
        let lost: Vec<&str> = lost.map(|item| item.path.as_str()).collect();
        (!lost.is_empty()).then(|| Consent { say: format!("it overwrites {}", listed(&lost)) })
    }

    /// The least level of its items.
    #[must_use]
    pub fn level(&self) -> Option<Level> {
        self.items.iter().filter_map(|item| item.level).reduce(Level::least)
    }
}

/// Where in a step that crosses a restart it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Nothing was done yet.
    First,
    /// The unit came back from a restart that this step commanded.
    Returned,
    /// The unit came back, and what it held before must be replaced.
    Replace,
    /// The unit was brought back to be read.
    Reread,
}

/// What executing a step did.
#[derive(Debug, Default)]
pub struct Effect {
    /// Payload bytes put on the link.
    pub sent: u64,
    /// The unit leaves; the step goes on at this stage when it is back.
    pub away: Option<(Departure, Stage)>,
    /// A level that was proven while writing, which observing again cannot show.
    pub proven: Option<Level>,
    /// Judged measurements.
    pub measurements: Vec<Judged>,
    /// The backup's digest.
    pub backup: Option<String>,
    /// What was read and compared on the way.
    pub items: Vec<Item>,
    /// What the backup could not take.
    pub omitted: Vec<Omitted>,
    /// What a person or a console answered.
    pub answer: Option<String>,
    /// Reports that were kept.
    pub attachments: Vec<Attached>,
    /// Why the unit is bad, all the same.
    pub verdict: Option<Error>,
}

/// A step kind.
pub trait StepKind {
    /// The sentence of what it does, in the -ing form: `writing app to slot secondary`.
    fn describe(&self) -> String;

    /// The capability it needs of the unit.
    fn needs(&self) -> Option<Capability>;

    /// Payload bytes that it is about.
    fn bytes(&self) -> u64 {
        0
    }

    /// What it does that is no state, as a plan calls it; `None` for a state that can be observed.
    fn action(&self) -> Option<Action> {
        None
    }

    /// The levels it can reach where the capability offers `levels`, the cheapest first. Empty: it has no level.
    fn reaches(&self, _levels: &[Level]) -> Vec<Level> {
        Vec::new()
    }

    /// The levels that looking again later, after other steps, can reach.
    fn provable(&self, levels: &[Level]) -> Vec<Level> {
        self.reaches(levels)
    }

    /// The images that it writes, by slot and SHA-256 of their files.
    fn images(&self) -> Vec<(String, String)> {
        Vec::new()
    }

    /// Whether the unit restarts into its application when this step writes.
    fn restarts(&self) -> Option<Mode> {
        None
    }

    /// Whether to look costs nothing to speak of, so that a step of which little is demanded is looked at all the same.
    fn looks_for_free(&self) -> bool {
        true
    }

    /// Refuses what can be known to fail in whatever mode the unit is.
    ///
    /// # Errors
    /// `invalid`.
    fn foresee(&self, _driver: &dyn Driver) -> Result<()> {
        Ok(())
    }

    /// Refuses what can be known to fail before anything is written.
    ///
    /// # Errors
    /// `invalid`, `unsupported`.
    fn check(&self, _driver: &mut dyn Driver) -> Result<()> {
        Ok(())
    }

    /// Compares what the unit holds with what it should hold, at `level`.
    ///
    /// # Errors
    /// Link errors; `refused`.
    fn observe(&self, _driver: &mut dyn Driver, _level: Level, _bench: &mut Bench<'_, '_>) -> Result<Observed> {
        Ok(Observed::default())
    }

    /// Makes it so.
    ///
    /// # Errors
    /// Link errors; `refused`; `mismatch`; `storage`.
    fn execute(
        &self,
        driver: &mut dyn Driver,
        stage: Stage,
        observed: &Observed,
        bench: &mut Bench<'_, '_>,
    ) -> Result<Effect>;
}

/// What a plan says would be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Something is changed.
    Write,
    /// It is so already.
    Already,
    /// Something is read.
    Read,
    /// A person is asked.
    Ask,
    /// It can only be known on arrival.
    Later,
    /// It does not apply.
    Skip,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Action::Write => "write",
            Action::Already => "already",
            Action::Read => "read",
            Action::Ask => "ask",
            Action::Later => "later",
            Action::Skip => "skip",
        })
    }
}

/// The kind of a step's body.
#[must_use]
pub fn kind(body: &Body) -> &dyn StepKind {
    match body {
        Body::Firmware(step) => step,
        Body::Images(step) => step,
        Body::Wipe(step) => step,
        Body::Start(step) => step,
        Body::Settings(step) => step,
        Body::Files(step) => step,
        Body::Apps(step) => step,
        Body::Ask(step) => step,
        Body::Diagnose(step) => step,
        Body::Backup(step) => step,
        Body::Reboot(step) => step,
        Body::Console(step) => step,
        Body::Erase(step) => step,
    }
}

/// The error for a capability that went missing between plan and act.
fn lacking(capability: Capability) -> Error {
    Error::new(Kind::Unsupported, format!("the unit offers no {capability} in this mode"))
}

/// An error of an act that handed a secret over: a unit, and a driver, may repeat what they refuse. What the link says does
/// not know it.
fn veiled(error: Error, secret: bool, doing: &str) -> Error {
    match error.kind() {
        kind @ (Kind::Unsupported | Kind::Refused | Kind::Garbled | Kind::Mismatch | Kind::Invalid) if secret => {
            Error::new(kind, format!("{doing} failed; what was said is kept back, as it may repeat the secret"))
                .next("try the same by hand with a value that is no secret")
        }
        _ => error,
    }
}

/// A digest as a record may show it: of a secret, keyed.
fn shown(digest: &Digest, secret: bool, bench: &Bench<'_, '_>) -> (Algorithm, String) {
    let digest = if secret { bench.keep.keyed(digest.as_bytes()) } else { digest.clone() };
    (digest.algorithm(), digest.to_string())
}

/// An item that compares two digests of one thing.
fn compared(
    path: &str,
    expected: &Digest,
    observed: Option<&Digest>,
    level: Level,
    secret: bool,
    bench: &Bench<'_, '_>,
) -> Item {
    let holds = observed == Some(expected);
    let (algorithm, expected) = shown(expected, secret, bench);
    Item {
        path: path.to_owned(),
        algorithm: Some(algorithm),
        expected: Some(expected),
        observed: observed.map(|digest| shown(digest, secret, bench).1),
        level: Some(level),
        outcome: if holds { StepOutcome::Already } else { StepOutcome::Failed },
    }
}

/// `one`, `one and two`, `one and 3 more`.
fn listed(names: &[&str]) -> String {
    match names {
        [] => "nothing".to_owned(),
        [one] => (*one).to_owned(),
        [one, two] => format!("{one} and {two}"),
        [one, rest @ ..] => format!("{one} and {} more", rest.len()),
    }
}

/// Why there is something to write, by the first thing that differs; `holds` when nothing does.
fn why(differ: &[String], holds: &str) -> String {
    match differ {
        [] => holds.to_owned(),
        [one] => one.clone(),
        [one, rest @ ..] => format!("{one}, and {} more", rest.len()),
    }
}

/// The error for an artifact that changed or vanished after it was checked.
fn unreadable(error: std::io::Error) -> Error {
    Error::new(Kind::Invalid, "an artifact can no longer be read").because(error)
}
