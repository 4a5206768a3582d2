//! A profile resolved for one unit: nothing left to look up, render or decide but what the unit holds.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::device::{Activate, Content, Demands, ImageFile, InstallOptions, Level, Marks, Mode, Proof};
use crate::digest::Digest;

/// Which profile, exactly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProfileRef {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// SHA-256 over the resolved document and its artifacts' digests, lower-case hex.
    pub digest: String,
}

/// A profile for one unit.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// Which profile.
    pub profile: ProfileRef,
    /// The variant that fitted.
    pub variant: Option<String>,
    /// By what the unit is known.
    pub identity: Identity,
    /// Who speaks to such units in which mode, where the profile says so.
    pub spoken: BTreeMap<Mode, String>,
    /// What must be true afterwards, in order.
    pub steps: Vec<Step>,
}

impl Resolved {
    /// What a command does without a profile: its steps under the command's own name.
    ///
    /// `what` says exactly what is done; its SHA-256 stands where a profile's digest would.
    #[must_use]
    pub fn single(command: &str, what: &str, steps: Vec<Step>) -> Resolved {
        let digest = Digest::sha256(what.as_bytes()).to_string();
        let profile =
            ProfileRef { name: format!("({command})"), version: env!("CARGO_PKG_VERSION").to_owned(), digest };
        Resolved { profile, variant: None, identity: Identity::default(), spoken: BTreeMap::new(), steps }
    }
}

/// By what a unit is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The settings key under which a unit without a serial number of its own keeps one.
    pub setting: Option<String>,
    /// What it takes, at the least, for a unit that came back to be the one that left.
    pub proof: Proof,
}

impl Default for Identity {
    fn default() -> Identity {
        Identity { setting: None, proof: Proof::Port }
    }
}

/// One step, resolved.
#[derive(Debug, Clone)]
pub struct Step {
    /// Unique within the profile; default `<number>-<kind>`.
    pub name: String,
    /// What it makes true.
    pub body: Body,
    /// Whether its `when` held; `Some` says why it is skipped.
    pub skip: Option<String>,
    /// The least level it must reach.
    pub verify: Level,
    /// The later step that proves it.
    pub proved_by: Option<String>,
    /// Later steps of which one must have something to write for this one to be done; it is done when there are none.
    pub needed_by: Vec<String>,
    /// The mode or driver it needs.
    pub place: Option<Place>,
    /// How often it is tried again after a failure.
    pub retries: u32,
    /// How long it may take in all.
    pub timeout: Option<Duration>,
    /// Whether it runs after failure and cancellation too.
    pub always: bool,
    /// How often an action that is no state is done.
    pub once: Once,
    /// Whether it is only looked at, when its turn comes: what is not so is not made so, and ends the run.
    pub check: bool,
    /// Whether what it overwrites has to be meant: what it writes was not named one by one.
    pub overwrites: bool,
    /// What a person at the line reads instead of the error when it fails.
    pub on_fail: Option<String>,
}

impl Step {
    /// A step with nothing but its body and a level, as a command without a profile has it.
    #[must_use]
    pub fn plain(name: &str, body: Body, verify: Level) -> Step {
        Step {
            name: name.to_owned(),
            body,
            skip: None,
            verify,
            proved_by: None,
            needed_by: Vec::new(),
            place: None,
            retries: 0,
            timeout: None,
            always: false,
            once: Once::Run,
            check: false,
            overwrites: false,
            on_fail: None,
        }
    }
}

/// Where a step must run (`in`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In this mode.
    Mode(Mode),
    /// Under this driver.
    Driver(String),
}

/// How often an action that is no state is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Once {
    /// In every run.
    #[default]
    Run,
    /// Once in the life of a unit.
    Unit,
    /// Once for a unit under the tags of the run.
    Tag,
}

/// The step kinds.
#[derive(Debug, Clone)]
pub enum Body {
    /// A firmware image in a slot, running when it is activated.
    Firmware(FirmwareStep),
    /// Images of a factory archive.
    Images(ImagesStep),
    /// What a factory archive wipes.
    Wipe(WipeStep),
    /// The system runs.
    Start(StartStep),
    /// Settings that have these values, or are gone.
    Settings(SettingsStep),
    /// Files that have this content.
    Files(FilesStep),
    /// Applications that are installed, or gone.
    Apps(AppsStep),
    /// A question to the person at the bench.
    Ask(AskStep),
    /// Measurements, judged.
    Diagnose(DiagnoseStep),
    /// A backup into the vault.
    Backup(BackupStep),
    /// A restart.
    Reboot(RebootStep),
    /// A command on the unit's shell.
    Console(ConsoleStep),
    /// A slot or storage that is empty.
    Erase(EraseStep),
}

impl Body {
    /// The kind's name, as the profile spells it.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Body::Firmware(_) | Body::Images(_) => "firmware",
            Body::Settings(_) => "settings",
            Body::Files(_) => "files",
            Body::Apps(_) => "apps",
            Body::Ask(_) => "ask",
            Body::Diagnose(_) => "diagnose",
            Body::Backup(_) => "backup",
            Body::Reboot(_) | Body::Start(_) => "reboot",
            Body::Console(_) => "console",
            Body::Erase(_) | Body::Wipe(_) => "erase",
        }
    }
}

/// Bytes for a unit, and whether they may be shown.
#[derive(Clone)]
pub struct Payload {
    /// The bytes.
    pub content: Arc<dyn Content>,
    /// SHA-256 of them.
    pub sha256: Digest,
    /// Whether they hold a secret: then neither they nor a plain digest of them are shown or kept.
    pub secret: bool,
}

impl Payload {
    /// Bytes in memory.
    #[must_use]
    pub fn new(bytes: Vec<u8>, secret: bool) -> Payload {
        let sha256 = Digest::sha256(&bytes);
        Payload { content: Arc::new(bytes), sha256, secret }
    }

    /// The same, for a slot.
    #[must_use]
    pub fn image(&self) -> ImageFile<'_> {
        ImageFile { content: self.content.as_ref(), sha256: &self.sha256 }
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.secret {
            return f.write_str("Payload(secret)");
        }
        write!(f, "Payload({} bytes, sha256 {})", self.content.len(), self.sha256)
    }
}

/// `firmware`.
#[derive(Debug, Clone)]
pub struct FirmwareStep {
    /// The artifact's name in the profile.
    pub artifact: String,
    /// The image file.
    pub image: Payload,
    /// The slot that takes it: `primary`, `secondary`, `1/secondary`…; the usual one of the unit when none is named.
    pub slot: Option<String>,
    /// What is done with it.
    pub activate: Activate,
}

/// Images that a factory archive brings for one mode, written together.
#[derive(Debug, Clone)]
pub struct ImagesStep {
    /// The archive's name in the profile.
    pub artifact: String,
    /// The images, in order.
    pub images: Vec<SlotImage>,
    /// The table of logical partitions, told first. What they held is gone then, so all of them are written.
    pub table: Option<Payload>,
    /// What the unit must be.
    pub demands: Arc<Demands>,
    /// What it must be when these images are written: what earlier steps of the archive change.
    pub then_demands: Arc<Demands>,
    /// Whether what the unit holds is looked at, where it shows.
    pub looked: bool,
    /// Whether the unit restarts into its bootloader afterwards: these images are that.
    pub restart: bool,
}

impl ImagesStep {
    /// No images.
    #[must_use]
    pub fn none(artifact: &str) -> ImagesStep {
        ImagesStep {
            artifact: artifact.to_owned(),
            images: Vec::new(),
            table: None,
            demands: Arc::default(),
            then_demands: Arc::default(),
            looked: false,
            restart: false,
        }
    }
}

/// An image and where it goes.
#[derive(Debug, Clone)]
pub struct SlotImage {
    /// The partition, with the slot that is meant before it where it is not the one that runs: `boot`, `a/boot`,
    /// `other/system`.
    pub slot: String,
    /// The image.
    pub image: Payload,
}

/// A partition that is emptied when a factory archive is written, where the unit has it.
#[derive(Debug, Clone)]
pub struct WipeStep {
    /// The partition.
    pub partition: String,
    /// What the unit must be.
    pub demands: Arc<Demands>,
}

/// The system runs: the unit is restarted into it unless it does.
#[derive(Debug, Clone)]
pub struct StartStep {
    /// The slot that it is to run from, `a` or `b`.
    pub slot: Option<String>,
    /// The digest over all metadata of verified boot that it is to report, where that is known.
    pub verified: Option<Digest>,
}

/// `settings`.
#[derive(Debug, Clone)]
pub struct SettingsStep {
    /// Key to value, in the profile's order.
    pub set: Vec<(String, Payload)>,
    /// Keys that must not exist.
    pub delete: Vec<String>,
    /// The keys whose values are laid out as numbers, and as which.
    pub numbers: BTreeMap<String, &'static str>,
}

impl SettingsStep {
    /// Keys that hold these values, and nothing else.
    #[must_use]
    pub fn of(set: Vec<(String, Payload)>) -> SettingsStep {
        SettingsStep { set, delete: Vec::new(), numbers: BTreeMap::new() }
    }
}

/// `files`.
#[derive(Debug, Clone)]
pub struct FilesStep {
    /// Absolute path on the unit to content, in the profile's order.
    pub put: Vec<(String, Payload)>,
    /// Folders that hold these files, in the profile's order.
    pub trees: Vec<PutTree>,
    /// Folders that hold no files, in the profile's order; folders may be in them.
    pub empty: Vec<String>,
}

impl FilesStep {
    /// Files alone.
    #[must_use]
    pub fn of(put: Vec<(String, Payload)>) -> FilesStep {
        FilesStep { put, trees: Vec::new(), empty: Vec::new() }
    }

    /// The path of every file that it writes.
    pub fn paths(&self) -> impl Iterator<Item = String> {
        let files = self.trees.iter().flat_map(|tree| tree.leaves.iter().map(move |leaf| (tree, leaf)));
        let files = files.filter(|(_, leaf)| leaf.file.is_some()).map(|(tree, leaf)| tree.path(leaf));
        self.put.iter().map(|(path, _)| path.clone()).chain(files)
    }
}

/// A folder on the unit, and what is to be in it. What else is there stays.
#[derive(Debug, Clone)]
pub struct PutTree {
    /// Its absolute path on the unit.
    pub root: String,
    /// What is to be in it, each folder before what is in it.
    pub leaves: Arc<Vec<Leaf>>,
}

impl PutTree {
    /// Where `leaf` is on the unit.
    #[must_use]
    pub fn path(&self, leaf: &Leaf) -> String {
        format!("{}/{}", self.root.trim_end_matches('/'), leaf.path)
    }
}

/// A file or folder of a tree.
#[derive(Debug, Clone)]
pub struct Leaf {
    /// Its path below the root.
    pub path: String,
    /// What it holds; `None` for a folder.
    pub file: Option<Payload>,
    /// How it is to be marked.
    pub marks: Marks,
}

/// `apps`.
#[derive(Debug, Clone)]
pub struct AppsStep {
    /// The applications to install: of each its files, artifact name to content.
    pub install: Vec<Vec<(String, Payload)>>,
    /// The package names that must be gone; `*` is every one that does not belong to the system.
    pub remove: Vec<String>,
    /// How they are installed.
    pub options: InstallOptions,
}

/// What kind of answer a question takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// Yes (pass) or no (fail).
    PassFail,
    /// A confirmation that something was done.
    Done,
    /// A line of text, kept in the record.
    Text,
}

/// `ask`.
#[derive(Debug, Clone)]
pub struct AskStep {
    /// What to ask.
    pub say: String,
    /// What kind of answer.
    pub answer: Answer,
}

/// Limits of one measurement, both inclusive; or what a fact must be.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// The least good value.
    pub min: Option<i64>,
    /// The greatest good value.
    pub max: Option<i64>,
    /// The one good text.
    pub is: Option<String>,
}

/// `diagnose`.
#[derive(Debug, Clone)]
pub struct DiagnoseStep {
    /// Measurement name to limits.
    pub expect: BTreeMap<String, Limit>,
    /// The reports that are kept besides.
    pub attach: Vec<Attach>,
}

/// A report that is kept with a diagnosis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attach {
    /// What the unit calls it: `bugreport`, `logcat`.
    pub report: String,
    /// Of how long ago to now, where it is one of a time.
    pub last: Option<Duration>,
}

/// A firmware slot that a backup takes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeptSlot {
    /// One that was named, and must be taken.
    Named(String),
    /// Where the profile writes, `None` being the usual one: taken where the unit lets its firmware be read at all.
    Written(Option<String>),
}

/// `backup`.
#[derive(Debug, Clone)]
pub struct BackupStep {
    /// Paths on the unit: files, or folders with all that is in them.
    pub files: Vec<String>,
    /// Packages; `*` is every one that does not belong to the system.
    pub apps: Vec<String>,
    /// Setting keys.
    pub settings: Vec<String>,
    /// Firmware slots.
    pub firmware: Vec<KeptSlot>,
    /// Setting keys and file paths among them that the profile fills with secrets.
    pub secrets: Vec<String>,
    /// Whether these are what the profile names, because the step named none.
    pub implied: bool,
    /// A name for it.
    pub label: Option<String>,
}

/// `reboot`.
#[derive(Debug, Clone, Copy)]
pub struct RebootStep {
    /// The mode to come back in.
    pub to: Mode,
    /// The set of slots that it is to run from, `a` or `b`, of a unit that has several.
    pub slot: Option<char>,
}

impl RebootStep {
    /// Into this mode, from whichever slot is next.
    #[must_use]
    pub const fn to(to: Mode) -> RebootStep {
        RebootStep { to, slot: None }
    }
}

/// `console`.
#[derive(Debug, Clone)]
pub struct ConsoleStep {
    /// The command line.
    pub run: Payload,
    /// A text that must stand in its output.
    pub expect: Option<String>,
    /// A file that the unit is given for it beforehand.
    pub stage: Option<Payload>,
    /// The name under which what it leaves to be taken is kept.
    pub take: Option<String>,
}

/// `erase`.
#[derive(Debug, Clone)]
pub struct EraseStep {
    /// The firmware slot.
    pub slot: String,
}
