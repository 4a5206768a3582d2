//! `apps`: applications that are installed exactly so, or gone.
//!
//! What an application is, is told by its files and not by its version: two builds may carry the same one.

use std::collections::BTreeSet;

use super::evidence::{Item, StepOutcome};
use super::files::HashUpTo;
use super::person::Consent;
use super::{Bench, Effect, Observed, Stage, StepKind, compared, lacking, listed, why};
use crate::device::{AppFile, AppIdentity, Apps, Capability, Driver, Installed, InstalledFile, Level, Op};
use crate::digest::Digest;
use crate::error::{Error, Kind, Result};
use crate::profile::model::{AppsStep, Payload};

/// The files of which an application is made.
type Files = [(String, Payload)];

impl StepKind for AppsStep {
    fn describe(&self) -> String {
        let names: Vec<&str> = self.install.iter().flatten().map(|(name, _)| name.as_str()).collect();
        let gone: Vec<&str> = self.remove.iter().map(String::as_str).collect();
        match (names.as_slice(), gone.as_slice()) {
            (names, []) => format!("installing {}", listed(names)),
            ([], gone) => format!("removing {}", listed(gone)),
            (names, gone) => format!("installing {} and removing {}", listed(names), listed(gone)),
        }
    }

    fn needs(&self) -> Option<Capability> {
        Some(Capability::Apps)
    }

    fn bytes(&self) -> u64 {
        self.install.iter().flatten().map(|(_, file)| file.content.len()).sum()
    }

    fn reaches(&self, levels: &[Level]) -> Vec<Level> {
        levels.to_vec()
    }

    fn check(&self, driver: &mut dyn Driver) -> Result<()> {
        let apps = driver.apps().ok_or_else(|| lacking(Capability::Apps))?;
        let mut packages = BTreeSet::new();
        for files in &self.install {
            let package = apps.identify(&parts(files))?.package;
            let again = !packages.insert(package.clone());
            if again || self.remove.contains(&package) {
                let what = if again { "installed twice" } else { "both installed and removed" };
                return Err(Error::new(Kind::Invalid, format!("application {package} would be {what}"))
                    .next("name each application once in a step"));
            }
        }
        Ok(())
    }

    fn observe(&self, driver: &mut dyn Driver, level: Level, bench: &mut Bench<'_, '_>) -> Result<Observed> {
        let apps = driver.apps().ok_or_else(|| lacking(Capability::Apps))?;
        let mut observed = Observed::default();
        let mut differ = Vec::new();
        for files in &self.install {
            let identity = apps.identify(&parts(files))?;
            let held = apps.installed(&identity.package, bench.op)?;
            if let Some(old) = held.as_ref().and_then(|held| held.version_code)
                && old > identity.version_code
            {
                observed.consents.push(self.downgrade(&identity, old)?);
            }
            let items = compare(apps, files, &identity, held.as_ref(), level, bench)?;
            if items.iter().any(|item| item.outcome != StepOutcome::Already) {
                observed.bytes += files.iter().map(|(_, file)| file.content.len()).sum::<u64>();
                differ.push(difference(&identity, held.as_ref()));
            }
            observed.items.extend(items);
        }
        for package in self.removed(apps, bench)? {
            let there = apps.installed(&package, bench.op)?;
            if there.is_some() {
                observed.consents.push(Consent { say: format!("application {package} and its data would be removed") });
                differ.push(format!("{package} is installed"));
            }
            observed.items.push(absent(package.clone(), there.map(|app| version(&app)), level));
        }
        if self.remove.iter().any(|package| package == ALL) {
            observed.items.push(absent(ALL.to_owned(), None, level));
        }
        observed.why = why(&differ, "every application is what it should be");
        Ok(observed)
    }

    fn execute(
        &self,
        driver: &mut dyn Driver,
        _: Stage,
        observed: &Observed,
        bench: &mut Bench<'_, '_>,
    ) -> Result<Effect> {
        let apps = driver.apps().ok_or_else(|| lacking(Capability::Apps))?;
        let mut effect = Effect::default();
        let differs = |package: &str| {
            let of =
                |path: &str| path == package || path.strip_prefix(package).is_some_and(|part| part.starts_with('/'));
            observed.items.iter().any(|item| of(&item.path) && item.outcome != StepOutcome::Already)
        };
        // What must go may be in the way of what comes.
        for package in self.removed(apps, bench)?.iter().filter(|package| differs(package)) {
            bench.op.check()?;
            apps.remove(package, bench.op).map_err(|error| error.while_doing(format!("removing {package}")))?;
        }
        let mut done = 0;
        for files in &self.install {
            let identity = apps.identify(&parts(files))?;
            if !differs(&identity.package) {
                continue;
            }
            bench.op.check()?;
            let written = bench.op.part(done, observed.bytes, |op| apps.install(&parts(files), self.options, op));
            let doing = format!("installing {} {}", identity.package, named(&identity));
            effect.sent += written.map_err(|error| error.while_doing(doing))?.sent;
            done += files.iter().map(|(_, file)| file.content.len()).sum::<u64>();
        }
        Ok(effect)
    }
}

/// Every application that does not belong to the system.
const ALL: &str = "*";

impl AppsStep {
    /// The packages that must be gone, each once. Those that this step installs may stay.
    fn removed(&self, apps: &mut dyn Apps, bench: &mut Bench<'_, '_>) -> Result<Vec<String>> {
        let mut packages: Vec<String> = self.remove.iter().filter(|package| *package != ALL).cloned().collect();
        if self.remove.iter().any(|package| package == ALL) {
            let mut kept = BTreeSet::new();
            for files in &self.install {
                kept.insert(apps.identify(&parts(files))?.package);
            }
            let there = apps.list(bench.op)?.into_iter().filter(|app| !app.system).map(|app| app.package);
            packages.extend(there.filter(|package| !kept.contains(package)));
        }
        let mut seen = BTreeSet::new();
        packages.retain(|package| seen.insert(package.clone()));
        Ok(packages)
    }

    /// That an older version replaces a newer one has to be meant twice: in the profile and now.
    fn downgrade(&self, identity: &AppIdentity, old: u64) -> Result<Consent> {
        let (package, new) = (&identity.package, identity.version_code);
        if !self.options.downgrade {
            let sentence = format!("version {old} of {package} is installed, and the profile brings version {new}");
            return Err(Error::new(Kind::Invalid, sentence)
                .next("bring a newer version, or say `downgrade: true` in the step when the older one is meant"));
        }
        Ok(Consent { say: format!("application {package} would be downgraded from version {old} to {new}") })
    }
}

fn parts(files: &Files) -> Vec<AppFile<'_>> {
    files.iter().map(|(name, file)| AppFile { name, content: file.content.as_ref() }).collect()
}

/// Every file of the application against what is installed, and what is installed besides.
fn compare(
    apps: &mut dyn Apps,
    files: &Files,
    identity: &AppIdentity,
    held: Option<&Installed>,
    level: Level,
    bench: &mut Bench<'_, '_>,
) -> Result<Vec<Item>> {
    let mut items = Vec::new();
    let there = held.map_or(&[][..], |held| held.files.as_slice());
    for ((_, file), part) in files.iter().zip(&identity.parts) {
        let path = format!("{}/{part}", identity.package);
        let found = there.iter().find(|installed| installed.part == *part);
        let digest = match (found, level) {
            (Some(found), Level::Readback) => read_back(apps, found, file, bench.op)?,
            (Some(found), Level::Digest | Level::Booted) => found.sha256.clone(),
            (Some(_), Level::Link) | (None, _) => None,
        };
        items.push(compared(&path, &file.sha256, digest.as_ref(), level, file.secret, bench));
    }
    for extra in there.iter().filter(|installed| level != Level::Link && !identity.parts.contains(&installed.part)) {
        let path = format!("{}/{}", identity.package, extra.part);
        items.push(absent(path, Some(extra.sha256.as_ref().map_or("present".to_owned(), Digest::to_string)), level));
    }
    Ok(items)
}

/// Something that should not be there.
fn absent(path: String, observed: Option<String>, level: Level) -> Item {
    let outcome = if observed.is_none() { StepOutcome::Already } else { StepOutcome::Failed };
    Item { path, algorithm: None, expected: None, observed, level: Some(level), outcome }
}

fn read_back(apps: &mut dyn Apps, found: &InstalledFile, file: &Payload, op: &mut Op<'_>) -> Result<Option<Digest>> {
    let mut sink = HashUpTo::new(file.content.len());
    match apps.read(found, &mut sink, op) {
        Ok(None) => Ok(None),
        Ok(Some(_)) => Ok(Some(sink.digest())),
        Err(_) if sink.is_over() => Ok(Some(sink.digest())),
        Err(error) => Err(error),
    }
}

fn difference(identity: &AppIdentity, held: Option<&Installed>) -> String {
    let package = &identity.package;
    match held {
        None => format!("{package} is not installed"),
        Some(held) if held.version_code == Some(identity.version_code) => {
            format!("{package} is installed in another build of the same version")
        }
        Some(held) => format!("{package} is installed in {}, {} is wanted", version(held), named(identity)),
    }
}

fn version(app: &Installed) -> String {
    match (&app.version_name, app.version_code) {
        (Some(name), _) => format!("version {name}"),
        (None, Some(code)) => format!("version {code}"),
        (None, None) => "an unknown version".to_owned(),
    }
}

fn named(identity: &AppIdentity) -> String {
    match &identity.version_name {
        Some(name) => format!("version {}", name.escape_debug()),
        None => format!("version {}", identity.version_code),
    }
}
