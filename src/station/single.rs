//! One step without a profile: what a command line names, as the steps that a run carries out.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

use super::Met;
use crate::device::{Activate, Capability, InstallOptions, Level, Mode, Tells};
use crate::error::{Error, Kind, Result};
use crate::profile::model::{
    AppsStep, BackupStep, Body, DiagnoseStep, FilesStep, FirmwareStep, ImagesStep, KeptSlot, Payload, RebootStep,
    Resolved, SettingsStep, Step,
};
use crate::profile::{self, Factory, HowFactory};
use crate::steps;

/// The most that is taken of what is no file, in bytes: all of it is kept in memory.
const MAX_PIPE: u64 = 1 << 30;

/// What a person names at the station: a file, or a pipe of the shell's, read to its end.
///
/// # Errors
/// `invalid` when it cannot be read or is too long.
pub fn read(path: &Path) -> Result<Payload> {
    let unread = |cause| Error::new(Kind::Invalid, format!("cannot read {}", path.display())).because(cause);
    if std::fs::metadata(path).map_err(unread)?.is_file() {
        return profile::open_file(path);
    }
    let mut bytes = Vec::new();
    let pipe = std::fs::File::open(path).map_err(unread)?;
    pipe.take(MAX_PIPE + 1).read_to_end(&mut bytes).map_err(unread)?;
    if bytes.len() as u64 > MAX_PIPE {
        let sentence = format!("{} gives more than {MAX_PIPE} bytes", path.display());
        return Err(Error::new(Kind::Invalid, sentence).next("write it to a file, and name that"));
    }
    Ok(Payload::new(bytes, false))
}

/// What to do with an image, where the command line leaves it open.
#[derive(Debug, Clone, Default)]
pub struct Flash {
    /// The slot.
    pub slot: Option<String>,
    /// What is done with it there.
    pub activate: Option<Activate>,
    /// The least level.
    pub verify: Option<Level>,
}

/// An image into a slot of this unit. What is left open is the most that the unit takes: the secondary slot where it
/// can be written, confirmed, proven by running.
///
/// # Errors
/// `unsupported` when the unit takes no firmware in this mode; `invalid` when the file is no image for it.
pub fn flash(met: &mut Met, name: &str, image: Payload, flash: &Flash) -> Result<Resolved> {
    met.driver.foresee(&*image.content)?;
    let levels = firmware_levels(met)?;
    let mode = met.driver.unit().mode;
    let mut slot = flash.slot.clone();
    let mut activates = true;
    if let Some(firmware) = met.driver.firmware() {
        let writable = firmware.writable();
        if slot.is_none() {
            slot = match firmware.tells() {
                Tells::Images => writable.iter().find(|slot| *slot == "secondary").or(writable.first()).cloned(),
                Tells::Nothing => firmware.usual(),
            };
        }
        let slot = slot.as_deref().ok_or_else(|| {
            let slots = writable.join(", ");
            Error::new(Kind::Unsupported, format!("which slot is meant is not plain (the unit takes: {slots})"))
                .next("name it with --slot")
        })?;
        firmware.fits(slot, &*image.content)?;
        // What recovery writes is what boots next: there is nothing to mark, and it can be proven all the same.
        activates = mode == Mode::Recovery || firmware.activations().contains(&Activate::Confirm);
    }
    let activate = flash.activate.unwrap_or(if activates { Activate::Confirm } else { Activate::None });
    let what = format!("flash {} to {}, {activate}", image.sha256, slot.as_deref().unwrap_or("its slot"));
    let body = Body::Firmware(FirmwareStep { artifact: name.to_owned(), image, slot, activate });
    let verify = flash.verify.unwrap_or_else(|| strongest(&body, &levels));
    Ok(Resolved::single("flash", &what, vec![Step::plain("flash", body, verify)]))
}

/// A factory archive onto this unit. What is left open is proven in Android where this unit shows that it can be.
///
/// # Errors
/// `unsupported` when the unit takes no firmware in this mode; `invalid` when the archive cannot be written so.
pub fn factory(
    met: &Met,
    name: &str,
    archive: &Payload,
    factory: &Factory,
    how: &HowFactory,
    verify: Option<Level>,
) -> Result<Resolved> {
    let shown = firmware_levels(met)?.contains(&Level::Digest) && how.start;
    let verify = verify.unwrap_or(if shown { Level::Digest } else { Level::Link });
    let step = Step::plain("flash", Body::Images(ImagesStep::none(name)), verify);
    let what = format!("flash {} {how:?}", archive.sha256);
    Ok(Resolved::single("flash", &what, factory.steps(name, how, &step)?))
}

/// The levels at which the unit takes firmware here, or in a mode that it can be told into.
fn firmware_levels(met: &Met) -> Result<Vec<Level>> {
    let unit = met.driver.unit();
    if unit.can(Capability::Firmware) {
        return Ok(unit.levels(Capability::Firmware).to_vec());
    }
    let modes = met.modes(&BTreeMap::new());
    let reached = modes.iter().find(|spec| spec.mode == unit.mode).map_or(&[][..], |spec| spec.reaches);
    let mut ahead = modes.iter().filter(|spec| reached.contains(&spec.mode)).flat_map(|spec| spec.of(unit));
    match ahead.find(|offer| offer.capability == Capability::Firmware) {
        Some(offer) => Ok(offer.levels.to_vec()),
        None => Err(Error::new(Kind::Unsupported, format!("the unit takes no firmware in mode {}", unit.mode))
            .next("`hardwire info` shows what it offers")),
    }
}

/// The strongest level that a step reaches here: `booted` before what only reads back.
fn strongest(body: &Body, levels: &[Level]) -> Level {
    let reaches = steps::kind(body).reaches(levels);
    let order = [Level::Booted, Level::Readback, Level::Digest];
    order.into_iter().find(|level| reaches.contains(level)).unwrap_or(Level::Link)
}

/// A file at an absolute path on the unit.
///
/// # Errors
/// `invalid` when the path is not one.
pub fn put(path: &str, content: Payload, verify: Level) -> Result<Resolved> {
    check_path(path)?;
    let what = format!("put {} at {path}", content.sha256);
    let body = Body::Files(FilesStep::of(vec![(path.to_owned(), content)]));
    Ok(Resolved::single("put", &what, vec![Step::plain("put", body, verify)]))
}

/// An application on the unit, made of these files.
#[must_use]
pub fn install(files: Vec<(String, Payload)>, options: InstallOptions, verify: Level) -> Resolved {
    let digests: Vec<_> = files.iter().map(|(_, file)| file.sha256.to_string()).collect();
    let downgrade = if options.downgrade { ", downgrading" } else { "" };
    let grant = if options.grant { ", granting" } else { "" };
    let what = format!("install {}{downgrade}{grant}", digests.join(" "));
    let body = Body::Apps(AppsStep { install: vec![files], remove: Vec::new(), options });
    Resolved::single("install", &what, vec![Step::plain("install", body, verify)])
}

/// Refuses what is no absolute path on a unit, or leads out of where it seems to lead.
///
/// # Errors
/// `invalid`.
pub fn check_path(path: &str) -> Result<()> {
    let wrong = |why: &str| {
        Err(Error::new(Kind::Invalid, format!("`{}` is no path on a unit: {why}", path.escape_debug()))
            .next("write an absolute path, as in /lfs1/ca.pem"))
    };
    if !path.starts_with('/') || path.len() < 2 {
        return wrong("it does not begin at /");
    }
    if path.split('/').any(|part| matches!(part, "." | "..")) {
        return wrong("it holds . or ..");
    }
    if path.chars().any(char::is_control) {
        return wrong("it holds a control character");
    }
    Ok(())
}

/// The label of what `get` leaves in the vault: evidence of what was read, and no backup that anybody meant to take.
pub const GOT: &str = "(get)";

/// What a backup takes.
#[derive(Debug, Clone, Default)]
pub struct Named {
    /// Paths on the unit: files, or folders with all that is in them.
    pub files: Vec<String>,
    /// Packages; `*` is every one that does not belong to the system.
    pub apps: Vec<String>,
    /// Setting keys.
    pub settings: Vec<String>,
    /// Firmware slots.
    pub firmware: Vec<KeptSlot>,
    /// Those among them that a profile fills with secrets.
    pub secrets: Vec<String>,
}

impl Named {
    /// What the steps of a profile name.
    #[must_use]
    pub fn by(resolved: &Resolved) -> Named {
        let mut named = Named::default();
        for step in resolved.steps.iter().filter(|step| step.skip.is_none()) {
            match &step.body {
                Body::Files(step) => {
                    named.files.extend(step.paths());
                    named.secrets.extend(step.put.iter().filter(|(_, p)| p.secret).map(|(path, _)| path.clone()));
                }
                Body::Settings(SettingsStep { set, .. }) => named.add(set, |named| &mut named.settings),
                Body::Firmware(step) => named.firmware.push(KeptSlot::Written(step.slot.clone())),
                Body::Images(step) => {
                    named.firmware.extend(step.images.iter().map(|image| KeptSlot::Written(Some(image.slot.clone()))));
                }
                Body::Backup(backup) => {
                    named.files.extend(backup.files.clone());
                    named.apps.extend(backup.apps.clone());
                    named.settings.extend(backup.settings.clone());
                    named.firmware.extend(backup.firmware.clone());
                    named.secrets.extend(backup.secrets.clone());
                }
                _ => {}
            }
        }
        let mut seen = std::collections::BTreeSet::new();
        named.firmware.retain(|slot| seen.insert(slot.clone()));
        for names in [&mut named.files, &mut named.apps, &mut named.settings, &mut named.secrets] {
            let mut seen = std::collections::BTreeSet::new();
            names.retain(|name| seen.insert(name.clone()));
        }
        named
    }

    fn add(&mut self, payloads: &[(String, Payload)], to: impl Fn(&mut Named) -> &mut Vec<String>) {
        for (name, payload) in payloads {
            to(self).push(name.clone());
            if payload.secret {
                self.secrets.push(name.clone());
            }
        }
    }

    /// Whether it names nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.files.is_empty() && self.apps.is_empty() && self.settings.is_empty() && self.firmware.is_empty()
    }

    /// A backup of it.
    #[must_use]
    pub fn step(self, name: &str, implied: bool, label: Option<String>) -> Step {
        let Named { files, apps, settings, firmware, secrets } = self;
        let body = BackupStep { files, apps, settings, firmware, secrets, implied, label };
        Step::plain(name, Body::Backup(body), Level::Link)
    }
}

/// A backup of what is named.
#[must_use]
pub fn backup(command: &str, named: Named, label: Option<String>) -> Resolved {
    let mut what = format!("{command} {:?} {:?} {:?}", named.files, named.settings, named.firmware);
    if !named.apps.is_empty() {
        what.push_str(&format!(" {:?}", named.apps));
    }
    Resolved::single(command, &what, vec![named.step(command, false, label)])
}

/// Diagnostics, judged by what a profile expects.
///
/// # Errors
/// `invalid` when the profile judges nothing.
pub fn diagnose(profile: Option<&Resolved>) -> Result<Resolved> {
    let (mut expect, mut attach) = (BTreeMap::new(), Vec::new());
    for step in profile.into_iter().flat_map(|resolved| &resolved.steps) {
        if let (Body::Diagnose(diagnose), None) = (&step.body, &step.skip) {
            expect.extend(diagnose.expect.clone());
            attach.extend(diagnose.attach.clone());
        }
    }
    if profile.is_some() && expect.is_empty() && attach.is_empty() {
        return Err(Error::new(Kind::Invalid, "the profile has no `diagnose` step with limits")
            .next("leave the profile out to read without judging"));
    }
    let steps = vec![Step::plain("diagnose", Body::Diagnose(DiagnoseStep { expect, attach }), Level::Link)];
    Ok(match profile {
        Some(resolved) => Resolved { steps, ..resolved.clone() },
        None => Resolved::single("diagnose", "diagnose", steps),
    })
}

/// A restart into `to`, from this slot where one is named.
#[must_use]
pub fn reboot(to: Mode, slot: Option<char>) -> Resolved {
    let body = Body::Reboot(RebootStep { to, slot });
    Resolved::single("reboot", &format!("reboot {to} {slot:?}"), vec![Step::plain("reboot", body, Level::Link)])
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::digest::Digest;

    #[test]
    #[cfg(target_os = "linux")]
    fn a_file_or_a_pipe_is_what_a_person_names() {
        use std::io::Write as _;
        use std::os::fd::AsRawFd as _;
        let bytes: Vec<u8> = (0..9_000_000_u32).map(|n| (n % 251) as u8).collect();
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&bytes).unwrap();
        let read = read(file.path()).unwrap();
        assert_eq!((read.content.len(), &read.sha256), (bytes.len() as u64, &Digest::sha256(&bytes)));
        let (from, mut to) = std::io::pipe().unwrap();
        to.write_all(b"of a pipe").unwrap();
        drop(to);
        let read = super::read(Path::new(&format!("/proc/self/fd/{}", from.as_raw_fd()))).unwrap();
        assert_eq!(
            (read.content.to_vec().unwrap(), read.sha256),
            (b"of a pipe".to_vec(), Digest::sha256(b"of a pipe"))
        );
        assert_eq!(super::read(Path::new("/")).unwrap_err().kind(), Kind::Invalid);
    }

    #[test]
    fn a_path_that_leads_elsewhere_is_refused() {
        for path in ["", "/", "lfs1/a", "/lfs1/../etc", "/lfs1/./a", "/lfs1/\u{1b}[2J", ".."] {
            assert_eq!(check_path(path).unwrap_err().kind(), Kind::Invalid, "{path:?}");
        }
        check_path("/lfs1/ca..pem").unwrap();
    }

    #[test]
    fn a_backup_takes_what_the_profile_names_once_and_knows_its_secrets() {
        let payload = |secret| Payload { content: Arc::new(vec![1]), sha256: Digest::sha256(&[1]), secret };
        let files = Body::Files(FilesStep::of(vec![("/a".into(), payload(false)), ("/a".into(), payload(false))]));
        let settings = Body::Settings(SettingsStep::of(vec![("psk".into(), payload(true))]));
        let steps = vec![Step::plain("f", files, Level::Digest), Step::plain("s", settings, Level::Digest)];
        let named = Named::by(&Resolved::single("x", "x", steps));
        assert_eq!(
            (named.files, named.settings, named.secrets),
            (vec!["/a".into()], vec!["psk".into()], vec!["psk".to_owned()])
        );
    }
}
