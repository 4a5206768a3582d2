//! A backup put back: the same steps as any other run, from the vault.

use std::sync::Arc;

use super::{Met, Office, single};
use crate::device::{Activate, Content, InstallOptions, Level, Marks, UnitText, relative};
use crate::digest::Digest;
use crate::error::{Error, Kind, Result};
use crate::plan::Plan;
use crate::profile::model::{
    AppsStep, Body, FilesStep, FirmwareStep, Leaf, Payload, PutTree, Resolved, SettingsStep, Step,
};
use crate::profile::{Facts, Shelf, Snapshot};
use crate::run::person::Consent;
use crate::steps::Action;
use crate::steps::evidence::StepOutcome;
use crate::vault::{Backup, Item, ItemKind, Manifest, Vault};

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
    let vault = Arc::new(office.vault()?);
    let backup = if name == "latest" { latest(&vault, met, onto)? } else { vault.find(name)? };
    let consents = check_unit(&backup.manifest, met, onto)?;
    let steps = steps(&backup.manifest, &vault)?;
    if steps.is_empty() {
        return Err(Error::new(Kind::Invalid, "there is nothing in this backup"));
    }
    let resolved = Resolved::single("restore", &format!("restore {}", backup.id), steps);
    Ok(Restoration { backup, resolved, consents })
}

/// The station's backups, as a profile asks for them: of each unit its own.
pub struct Backups<'a>(pub &'a Office);

impl Shelf for Backups<'_> {
    fn restore(&self, wanted: &Snapshot, facts: &Facts) -> Result<Vec<Step>> {
        let vault = Arc::new(self.0.vault()?);
        let is_own = |manifest: &Manifest| facts.serial.is_some() && manifest.serial == facts.serial;
        let backup = match &wanted.backup {
            Some(name) => vault.find(name)?,
            None => {
                let fits = |manifest: &Manifest| {
                    let label = manifest.label.as_deref();
                    is_own(manifest)
                        && label != Some(single::GOT)
                        && (wanted.label.is_none() || label == wanted.label.as_deref())
                };
                vault.list()?.into_iter().rfind(|backup| fits(&backup.manifest)).ok_or_else(|| {
                    let with = wanted.label.as_ref().map(|label| format!(" with label {label:?}")).unwrap_or_default();
                    Error::new(Kind::Invalid, format!("the vault holds no backup of this unit{with}"))
                        .next("`hardwire vault list` shows what there is")
                })?
            }
        };
        if !is_own(&backup.manifest) {
            return Err(Error::new(Kind::Invalid, format!("backup {} is not of this unit", backup.id))
                .next("`hardwire restore --other-unit` puts a backup onto another one"));
        }
        let steps = steps(&backup.manifest, &vault)?;
        if steps.is_empty() {
            return Err(Error::new(Kind::Invalid, format!("there is nothing in backup {}", backup.id)));
        }
        Ok(steps)
    }
}

/// A package, and the files of which it is made.
type App = (String, Vec<(String, Payload)>);

/// What puts everything back. Every byte is read once before.
fn steps(manifest: &Manifest, vault: &Arc<Vault>) -> Result<Vec<Step>> {
    let (mut files, mut settings, mut steps) = (Vec::new(), Vec::new(), Vec::new());
    let mut trees: Vec<PutTree> = Vec::new();
    let mut apps: Vec<App> = Vec::new();
    for item in &manifest.items {
        let kept =
            Kept { len: vault.get_checked(&item.sha256)?.len(), sha256: item.sha256.clone(), vault: Arc::clone(vault) };
        let payload = Payload { content: Arc::new(kept), sha256: item.sha256.clone(), secret: false };
        match (item.kind, &item.tree) {
            (ItemKind::File, Some(root)) => grow(&mut trees, root, item, Some(payload))?,
            (ItemKind::Folder, Some(root)) => grow(&mut trees, root, item, None)?,
            (ItemKind::File, None) => files.push((item.path.clone(), payload)),
            // Nothing is in a folder that was taken without one, and of an application its data was never taken.
            (ItemKind::Folder | ItemKind::AppData, _) => {}
            (ItemKind::App, _) => {
                let package = item.path.split_once('/').map_or(item.path.as_str(), |(package, _)| package);
                match apps.last_mut().filter(|(last, _)| last == package) {
                    Some((_, parts)) => parts.push((item.path.clone(), payload)),
                    None => apps.push((package.to_owned(), vec![(item.path.clone(), payload)])),
                }
            }
            (ItemKind::Setting, _) => settings.push((item.path.clone(), payload)),
            (ItemKind::Firmware, _) => steps.push(firmware(&item.path, payload)),
        }
    }
    if !apps.is_empty() {
        let install = apps.into_iter().map(|(_, parts)| parts).collect();
        let options = InstallOptions { downgrade: true, grant: false };
        let body = AppsStep { install, remove: Vec::new(), options };
        steps.push(Step::plain("apps", Body::Apps(body), Level::Digest));
    }
    if !files.is_empty() || !trees.is_empty() {
        let body = FilesStep { put: files, trees, empty: Vec::new() };
        steps.push(Step::plain("files", Body::Files(body), Level::Digest));
    }
    if !settings.is_empty() {
        let body = Body::Settings(SettingsStep::of(settings));
        steps.push(Step::plain("settings", body, Level::Digest));
    }
    Ok(steps)
}

/// Puts a file or folder of a backup back under the folder with which it was taken.
fn grow(trees: &mut Vec<PutTree>, root: &str, item: &Item, file: Option<Payload>) -> Result<()> {
    single::check_path(root)?;
    let below = item.path.strip_prefix(root.trim_end_matches('/')).and_then(|path| path.strip_prefix('/'));
    let why = match below {
        None => Some("it is not below the folder that it was taken with"),
        Some(path) => relative(path).err(),
    };
    let Some(path) = below.filter(|_| why.is_none()) else {
        let shown = item.path.escape_debug();
        return Err(Error::new(Kind::Invalid, format!("{shown} cannot be put back: {}", why.unwrap_or_default())));
    };
    let marks = Marks { mode: item.mode, modified: item.modified };
    let leaf = Leaf { path: path.to_owned(), file, marks };
    match trees.iter_mut().find(|tree| tree.root == root) {
        Some(tree) => Arc::make_mut(&mut tree.leaves).push(leaf),
        None => trees.push(PutTree { root: root.to_owned(), leaves: Arc::new(vec![leaf]) }),
    }
    Ok(())
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

/// An object of the vault as content for a unit, checked beforehand. It is opened when it is sent: a backup may hold more
/// of them than may be open at once.
struct Kept {
    vault: Arc<Vault>,
    sha256: Digest,
    len: u64,
}

impl Content for Kept {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> std::io::Result<()> {
        self.vault.get(&self.sha256).map_err(std::io::Error::other)?.read_exact_at(offset, buf)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn vault(folder: &std::path::Path) -> Arc<Vault> {
        let home = crate::home::Home::open(Some(folder.to_owned())).unwrap();
        Arc::new(Vault::open(&home).unwrap())
    }

    fn manifest(items: Vec<Item>) -> Manifest {
        Manifest {
            serial: None,
            hwid: None,
            model: None,
            hardware: None,
            driver: "adb".to_owned(),
            mode: "application".to_owned(),
            firmware: Vec::new(),
            label: None,
            at: jiff::Timestamp::UNIX_EPOCH,
            items,
            omitted: Vec::new(),
            complete: true,
        }
    }

    #[test]
    fn what_was_taken_as_one_is_put_back_as_one() {
        let folder = tempfile::tempdir().unwrap();
        let vault = vault(folder.path());
        let item = |kind, path: &str, tree: Option<&str>| {
            let kept = vault.put(&mut path.as_bytes()).unwrap();
            Item { tree: tree.map(str::to_owned), mode: Some(0o640), ..Item::new(kind, path, kept.bytes, kept.sha256) }
        };
        let manifest = manifest(vec![
            item(ItemKind::Folder, "/sdcard/DCIM/a", Some("/sdcard/DCIM")),
            item(ItemKind::File, "/sdcard/DCIM/a/1.jpg", Some("/sdcard/DCIM")),
            item(ItemKind::File, "/data/x", None),
            item(ItemKind::App, "org.kiosk/base", None),
            item(ItemKind::App, "org.kiosk/split_de", None),
            item(ItemKind::App, "org.toy/base", None),
            item(ItemKind::Setting, "global/x", None),
        ]);
        let steps = steps(&manifest, &vault).unwrap();
        let kinds: Vec<&str> = steps.iter().map(|step| step.body.kind()).collect();
        assert_eq!(kinds, ["apps", "files", "settings"]);
        let Body::Apps(apps) = &steps[0].body else { panic!() };
        assert_eq!(apps.install.iter().map(Vec::len).collect::<Vec<_>>(), [2, 1]);
        let Body::Files(files) = &steps[1].body else { panic!() };
        assert_eq!(files.paths().collect::<Vec<_>>(), ["/data/x", "/sdcard/DCIM/a/1.jpg"]);
        let leaf = &files.trees[0].leaves[1];
        assert_eq!((leaf.path.as_str(), leaf.marks.mode), ("a/1.jpg", Some(0o640)));
        assert_eq!(leaf.file.as_ref().unwrap().content.to_vec().unwrap(), b"/sdcard/DCIM/a/1.jpg");
    }

    #[test]
    fn a_profile_gets_a_unit_s_own_backups_only() {
        let folder = tempfile::tempdir().unwrap();
        let office = Office::open(Some(folder.path().to_owned()), &crate::clock::ManualClock::new()).unwrap();
        let vault = vault(folder.path());
        let keep = |serial: &str, label: &str, text: &str| {
            let kept = vault.put(&mut text.as_bytes()).unwrap();
            let items = vec![Item::new(ItemKind::Setting, text, kept.bytes, kept.sha256)];
            let (serial, label) = (Some(serial.to_owned()), Some(label.to_owned()));
            vault.keep(&Manifest { serial, label, ..manifest(items) }).unwrap().id.to_string()
        };
        let other = keep("B", "as-shipped", "global/b");
        keep("A", "as-shipped", "global/a");
        keep("A", single::GOT, "global/got");
        let facts = Facts { serial: Some("A".to_owned()), ..Facts::default() };
        let asked = |backup: Option<&str>, label: Option<&str>, facts: &Facts| {
            let wanted = Snapshot { backup: backup.map(str::to_owned), label: label.map(str::to_owned) };
            Backups(&office).restore(&wanted, facts).map(|steps| match &steps[0].body {
                Body::Settings(settings) => settings.set[0].0.clone(),
                other => panic!("{other:?}"),
            })
        };
        assert_eq!(asked(None, Some("as-shipped"), &facts).unwrap(), "global/a");
        assert_eq!(asked(None, None, &facts).unwrap(), "global/a", "what was only read is no backup");
        for (backup, label, facts) in
            [(Some(other.as_str()), None, &facts), (None, Some("none"), &facts), (None, None, &Facts::default())]
        {
            let error = asked(backup, label, facts).unwrap_err();
            assert!(error.kind() == Kind::Invalid && error.remedy().is_some(), "{error}");
        }
    }

    #[test]
    fn nothing_is_put_back_beside_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        let vault = vault(folder.path());
        for (path, tree) in [
            ("/sdcard/DCIM/../../data/x", "/sdcard/DCIM"),
            ("/etc/passwd", "/sdcard"),
            ("/sdcard/DCIMx", "/sdcard/DCIM"),
            ("/a/../x/y", "/a/../x"),
        ] {
            let kept = vault.put(&mut &b"x"[..]).unwrap();
            let item = Item { tree: Some(tree.to_owned()), ..Item::new(ItemKind::File, path, kept.bytes, kept.sha256) };
            let error = steps(&manifest(vec![item]), &vault).unwrap_err();
            assert_eq!(error.kind(), Kind::Invalid, "{path}: {error}");
        }
    }
}
