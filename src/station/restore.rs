//! A backup put back: the same steps as any other run, from the vault.

use std::sync::Arc;

use super::{Met, Office, single};
use crate::device::{Activate, Content, Level, UnitText};
use crate::error::{Error, Kind, Result};
use crate::plan::Plan;
use crate::profile::model::{Body, FilesStep, FirmwareStep, Payload, Resolved, SettingsStep, Step};
use crate::run::person::Consent;
use crate::steps::Action;
use crate::steps::evidence::StepOutcome;
use crate::vault::{Backup, ItemKind, Manifest, Object, Vault};

/// Onto which unit a backup may be put besides its own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Onto {
    /// `--other-unit`.
    pub other_unit: Allowed,
    /// `--other-model`.
    pub other_model: Allowed,
}

/// Whether a person has said so.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Allowed {
    /// No.
    #[default]
    No,
    /// Yes.
    Yes,
}

impl From<bool> for Allowed {
    fn from(said: bool) -> Allowed {
        if said { Allowed::Yes } else { Allowed::No }
    }
}

/// What is put back.
pub struct Restoration {
    /// The backup.
    pub backup: Backup,
    /// Its steps.
    pub resolved: Resolved,
    /// What must be meant because of the unit that it goes to.
    pub consents: Vec<Consent>,
}

/// The backup that `name` names, for this unit. Every byte of it is checked before the unit is touched.
///
/// # Errors
/// `invalid` when there is none, or it is of another unit or model and that was not allowed; `mismatch` when it is
/// damaged.
pub fn restoration(name: &str, met: &Met, onto: Onto, office: &Office) -> Result<Restoration> {
    let vault = office.vault()?;
    let backup = if name == "latest" { latest(&vault, met, onto)? } else { vault.find(name)? };
    let consents = check_unit(&backup.manifest, met, onto)?;
    let (mut files, mut settings, mut steps) = (Vec::new(), Vec::new(), Vec::new());
    for item in &backup.manifest.items {
        let object = vault.get_checked(&item.sha256)?;
        let payload = Payload { content: Arc::new(Kept(object)), sha256: item.sha256.clone(), secret: false };
        match item.kind {
            ItemKind::File => files.push((item.path.clone(), payload)),
            ItemKind::Setting => settings.push((item.path.clone(), payload)),
            ItemKind::Firmware => steps.push(firmware(&item.path, payload)),
        }
    }
    if !files.is_empty() {
        steps.push(Step::plain("files", Body::Files(FilesStep::of(files)), Level::Digest));
    }
    if !settings.is_empty() {
        let body = Body::Settings(SettingsStep { set: settings, delete: Vec::new() });
        steps.push(Step::plain("settings", body, Level::Digest));
    }
    if steps.is_empty() {
        return Err(Error::new(Kind::Invalid, "there is nothing in this backup"));
    }
    let resolved = Resolved::single("restore", &format!("restore {}", backup.id), steps);
    Ok(Restoration { backup, resolved, consents })
}

/// What a slot held, running again.
fn firmware(slot: &str, image: Payload) -> Step {
    let (artifact, activate) = ("what was backed up".to_owned(), Activate::Confirm);
    let body = Body::Firmware(FirmwareStep { artifact, image, slot: Some(slot.to_owned()), activate });
    Step::plain(&format!("firmware-{slot}"), body, Level::Digest)
}

/// The newest backup that somebody meant to take of this unit; of units without a serial number, of this model.
fn latest(vault: &Vault, met: &Met, onto: Onto) -> Result<Backup> {
    let facts = &met.facts;
    let fits = |manifest: &Manifest| {
        let same = manifest.serial == facts.serial && (facts.serial.is_some() || manifest.model == facts.model);
        manifest.label.as_deref() != Some(single::GOT) && (same || onto.other_unit == Allowed::Yes)
    };
    vault.list()?.into_iter().rfind(|backup| fits(&backup.manifest)).ok_or_else(|| {
        Error::new(Kind::Invalid, format!("there is no backup of {}", met.label())).next("`hardwire backup` takes one")
    })
}

/// What `plan` overwrites, when it overwrites anything: what the unit holds now is lost.
#[must_use]
pub fn overwritten(plan: &Plan) -> Option<Consent> {
    let items = plan.steps.iter().filter_map(|step| step.observed.as_ref()).flat_map(|observed| &observed.items);
    let items = items
        .filter(|item| item.outcome == StepOutcome::Failed && item.observed.is_some())
        .map(|item| item.path.as_str());
    // What a unit holds that has to be brought elsewhere first is not known, and lost all the same.
    let unseen = plan.steps.iter().filter(|step| step.action == Action::Later && step.kind == "firmware");
    let lost: Vec<&str> = items.chain(unseen.map(|step| step.name.as_str())).collect();
    (!lost.is_empty()).then(|| Consent { say: format!("it overwrites {}", lost.join(", ")) })
}

/// An object of the vault as content for a unit; it was checked when it was opened.
struct Kept(Object);

impl Content for Kept {
    fn len(&self) -> u64 {
        self.0.len()
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> std::io::Result<()> {
        self.0.read_exact_at(offset, buf)
    }
}

fn check_unit(manifest: &Manifest, met: &Met, onto: Onto) -> Result<Vec<Consent>> {
    let mut consents = Vec::new();
    let facts = [
        ("model", &manifest.model, &met.facts.model, onto.other_model, "--other-model"),
        ("unit", &manifest.serial, &met.facts.serial, onto.other_unit, "--other-unit"),
    ];
    for (what, theirs, ours, allowed, flag) in facts {
        if theirs == ours && theirs.is_some() {
            continue;
        }
        let shown =
            |text: &Option<String>| text.as_deref().map_or_else(|| "unknown".into(), |t| UnitText::new(t).to_string());
        let sentence = format!("the backup is of another {what}: {}, and this is {}", shown(theirs), shown(ours));
        if theirs == ours && what == "model" {
            continue;
        }
        // Two that do not say who they are may be one and the same, and may be not: a person knows.
        if theirs == ours && allowed == Allowed::No {
            let say = "neither the backup nor this unit has a serial number, so nothing shows that it is the same unit";
            consents.push(Consent { say: say.to_owned() });
            continue;
        }
        if allowed == Allowed::No {
            return Err(
                Error::new(Kind::Invalid, sentence).next(format!("say {flag} if that is meant; nothing was written"))
            );
        }
        consents.push(Consent { say: sentence });
    }
    Ok(consents)
}
