//! Applications, through the package manager. What was installed is proved by the digest of what the unit holds.

use std::collections::BTreeSet;
use std::io::Write;

use protocols::android::apk::{Apk, ApkError, certificates};
use protocols::android::source::{FileError, Source};

use super::AdbDriver;
use super::package::{self, Dumped};
use super::shell::{QUICK, SLOW, quoted, unreadable};
use crate::device::{
    AppEntry, AppFile, AppIdentity, Apps, InstallOptions, Installed, InstalledFile, Op, UnitText, Written,
};
use crate::error::{Error, Kind, Result};

fn invalid(name: &str, why: &str) -> Error {
    Error::new(Kind::Invalid, format!("{name} {why}"))
}

/// Reads a package.
fn read(file: &AppFile<'_>) -> Result<Apk> {
    Apk::read(file.content).map_err(|error| match error {
        FileError::Read(error) => unreadable(error),
        FileError::Format(error) => {
            let next = match &error {
                ApkError::Zip(_) => "build or copy the package again",
                _ => "give the package as it is installed, an .apk and no bundle",
            };
            invalid(file.name, "is no package that could be installed").because(error).next(next)
        }
    })
}

/// What the files of one application say together.
struct Bundle {
    identity: AppIdentity,
    /// It asks to be installed for tests only.
    test_only: bool,
}

impl Apps for AdbDriver {
    fn identify(&self, files: &[AppFile<'_>]) -> Result<AppIdentity> {
        self.bundle(files).map(|bundle| bundle.identity)
    }

    fn installed(&mut self, package: &str, op: &mut Op<'_>) -> Result<Option<Installed>> {
        require_name(package)?;
        let output = self.wire.exec(&format!("pm path {package}"), QUICK, op)?;
        let paths = package::paths(&output.text());
        if paths.is_empty() {
            return Ok(None);
        }
        let words: Vec<_> = paths.iter().map(|path| quoted(path)).collect();
        let digests = if self.survey.has("sha256sum") {
            // A file that cannot be read has no digest; the others have.
            package::digests(&self.wire.exec(&format!("sha256sum {}", words.join(" ")), SLOW, op)?.text())
        } else {
            Default::default()
        };
        let files = paths.iter().map(|path| InstalledFile {
            part: package::part(path),
            path: path.clone(),
            sha256: digests.get(path).cloned(),
        });
        let files: Vec<_> = files.collect();
        let Dumped { version_code, version_name, .. } = self.dumped(package, op)?.unwrap_or_default();
        let base = files.iter().find(|file| file.part == "base").or(files.first());
        let certificate = match base {
            Some(base) => self.certificate(&base.path.clone(), op)?,
            None => None,
        };
        Ok(Some(Installed { package: package.to_owned(), version_code, version_name, certificate, files }))
    }

    fn list(&mut self, op: &mut Op<'_>) -> Result<Vec<AppEntry>> {
        let mut listed = self.wire.exec("pm list packages --show-versioncode", QUICK, op)?;
        if package::list(&listed.text()).is_empty() {
            // Before Android 8 there is no such option.
            listed = self.wire.exec("pm list packages", QUICK, op)?;
        }
        let system = package::names(&self.wire.exec("pm list packages -s", QUICK, op)?.text());
        let entries = package::list(&listed.text()).into_iter().map(|(package, version_code)| AppEntry {
            system: system.contains(&package),
            package,
            version_code,
        });
        Ok(entries.collect())
    }

    fn install(&mut self, files: &[AppFile<'_>], options: InstallOptions, op: &mut Op<'_>) -> Result<Written> {
        let bundle = self.bundle(files)?;
        let total = files.iter().map(|file| file.content.len()).sum::<u64>();
        let flags = [("-d", options.downgrade), ("-g", options.grant), ("-t", bundle.test_only)];
        let flags: String = flags.iter().filter(|(_, set)| *set).map(|(flag, _)| format!(" {flag}")).collect();
        let created = self.wire.exec(&format!("pm install-create -r{flags} -S {total}"), QUICK, op)?;
        let session = package::session(&created.text()).ok_or_else(|| {
            let sentence = format!("the unit begins no installation: {}", created.complaint());
            Error::new(Kind::Refused, sentence).next("see whether its storage is full and it allows installing by USB")
        })?;
        let done = self.install_in(session, files, &bundle.identity, total, op);
        if done.is_err() {
            // What was sent takes room until then. That the link is gone shows in the error that is already there.
            self.wire.exec(&format!("pm install-abandon {session}"), QUICK, op).ok();
        }
        done?;
        Ok(Written { sent: total, resumed_at: 0 })
    }

    fn remove(&mut self, package: &str, op: &mut Op<'_>) -> Result<()> {
        require_name(package)?;
        let found = self.wire.exec(&format!("pm path {package}"), QUICK, op)?;
        if package::paths(&found.text()).is_empty() {
            return Ok(());
        }
        let output = self.wire.exec(&format!("pm uninstall {package}"), SLOW, op)?;
        let answer = String::from_utf8_lossy(&[output.stdout.as_slice(), b"\n", &output.stderr].concat()).into_owned();
        package::answered(&answer).map_err(|why| {
            let sentence = format!("the unit does not remove {package}: {why}");
            Error::new(Kind::Refused, sentence)
                .next("an active device administrator or an application of the system cannot be removed so")
        })
    }

    fn read(&mut self, file: &InstalledFile, into: &mut dyn Write, op: &mut Op<'_>) -> Result<Option<u64>> {
        let path = quoted(&file.path);
        if !self.wire.exec(&format!("test -f {path} && echo there"), QUICK, op)?.text().contains("there") {
            return Ok(None);
        }
        self.copy(&format!("cat {path}"), QUICK, into, op).map(Some)
    }
}

fn require_name(package: &str) -> Result<()> {
    if package::is_package(package) {
        return Ok(());
    }
    Err(Error::new(Kind::Invalid, format!("{:?} is no package name", UnitText::new(package)))
        .next("give the name as `adb shell pm list packages` shows it"))
}

impl AdbDriver {
    /// What the package manager says of a package.
    pub(super) fn dumped(&mut self, package: &str, op: &mut Op<'_>) -> Result<Option<Dumped>> {
        let output = self.wire.exec(&format!("dumpsys package {package}"), QUICK, op)?;
        Ok(package::dumped(&output.text(), package))
    }

    /// SHA-256 of the certificate that a file on the unit is signed with. The unit tells it nowhere, but shows the file.
    fn certificate(&mut self, path: &str, op: &mut Op<'_>) -> Result<Option<String>> {
        if !(self.wire.tells_exit_codes() && self.survey.has("head") && self.survey.has("stat")) {
            return Ok(None);
        }
        let path = quoted(path);
        let size = self.wire.exec(&format!("stat -L -c %s {path}"), QUICK, op)?;
        let Some(len) = size.text().trim().parse().ok().filter(|_| size.succeeded()) else { return Ok(None) };
        let wire = &mut self.wire;
        let file = OnUnit::new(len, |offset, len| {
            let output = wire.exec(&format!("tail -c +{} {path} | head -c {len}", offset + 1), QUICK, op)?;
            Ok(output.stdout)
        });
        match certificates(&file) {
            Ok(found) => Ok(found.first().map(hex::encode)),
            Err(FileError::Read(Some(error))) => Err(error),
            Err(FileError::Read(None) | FileError::Format(_)) => Ok(None),
        }
    }

    /// What the files of one application say, held against each other and against the unit.
    fn bundle(&self, files: &[AppFile<'_>]) -> Result<Bundle> {
        let first = files.first().ok_or_else(|| Error::new(Kind::Invalid, "there is no file to install"))?;
        let apks = files.iter().map(|file| Ok((file.name, read(file)?))).collect::<Result<Vec<_>>>()?;
        let base = apks.iter().find(|(_, apk)| apk.manifest.split.is_none());
        let (base_name, base) = base.ok_or_else(|| {
            invalid(first.name, "is a part of an application, and its base is missing")
                .next("give the base with its parts")
        })?;
        let mut parts = Vec::new();
        for (name, apk) in &apks {
            let (ours, theirs) = (&base.manifest, &apk.manifest);
            let part = theirs.split.clone().unwrap_or_else(|| "base".to_owned());
            if (&ours.package, ours.version_code) != (&theirs.package, theirs.version_code) {
                let sentence = format!(
                    "is {} version {}, and {base_name} is {} version {}",
                    theirs.package, theirs.version_code, ours.package, ours.version_code
                );
                return Err(invalid(name, &sentence).next("give files of one build of one application"));
            }
            if apk.certificates != base.certificates {
                return Err(invalid(name, &format!("is signed by another key than {base_name}")));
            }
            if parts.contains(&part) {
                return Err(invalid(name, &format!("is the part `{part}`, which is there already")));
            }
            parts.push(part);
        }
        let abis: BTreeSet<String> = apks.iter().flat_map(|(_, apk)| apk.abis.clone()).collect();
        self.fits(base_name, base, &abis)?;
        let identity = AppIdentity {
            package: base.manifest.package.clone(),
            version_code: base.manifest.version_code,
            version_name: base.manifest.version_name.clone(),
            abis: abis.into_iter().collect(),
            parts,
        };
        Ok(Bundle { identity, test_only: apks.iter().any(|(_, apk)| apk.manifest.test_only) })
    }

    /// Whether the unit can run it, as far as it said what it is.
    fn fits(&self, name: &str, base: &Apk, abis: &BTreeSet<String>) -> Result<()> {
        let unit = self.survey.property("ro.product.cpu.abilist").or(self.survey.property("ro.product.cpu.abi"));
        if let Some(unit) = unit
            && !abis.is_empty()
            && !unit.split(',').any(|abi| abis.contains(abi.trim()))
        {
            let abis: Vec<_> = abis.iter().map(String::as_str).collect();
            let sentence = format!("has code for {} only, and the unit runs {}", abis.join(", "), UnitText::new(unit));
            return Err(invalid(name, &sentence).next("give the build for this unit's processor"));
        }
        let sdk = self.survey.property("ro.build.version.sdk").and_then(|sdk| sdk.parse::<u32>().ok());
        match (sdk, base.manifest.min_sdk) {
            (Some(sdk), Some(least)) if sdk < least => {
                let sentence = format!("needs Android's API level {least}, and the unit has {sdk}");
                Err(invalid(name, &sentence).next("update the unit first, or give a build for it"))
            }
            _ => Ok(()),
        }
    }

    /// Hands all files to a session and ends it.
    fn install_in(
        &mut self,
        session: u32,
        files: &[AppFile<'_>],
        identity: &AppIdentity,
        total: u64,
        op: &mut Op<'_>,
    ) -> Result<()> {
        let mut sent = 0;
        for (file, part) in files.iter().zip(&identity.parts) {
            let len = file.content.len();
            let service = format!("exec:pm install-write -S {len} {session} {part} -");
            let feed = |op: &mut Op<'_>| self.wire.feed(service.as_bytes(), file.content, SLOW, op);
            let answer = op.part(sent, total, feed)?;
            package::answered(&String::from_utf8_lossy(&answer)).map_err(|why| {
                Error::new(Kind::Refused, format!("the unit does not take {}: {why}", file.name))
                    .next("see whether its storage is full")
            })?;
            sent += len;
        }
        op.check()?;
        let output = self.wire.exec(&format!("pm install-commit {session}"), SLOW, op)?;
        let answer = String::from_utf8_lossy(&[output.stdout.as_slice(), b"\n", &output.stderr].concat()).into_owned();
        package::answered(&answer).map_err(|why| {
            let error = Error::new(Kind::Refused, format!("the unit does not install {}: {why}", identity.package));
            match remedy(why.untrusted()) {
                Some(next) => error.next(next),
                None => error,
            }
        })
    }
}

/// What to do about a refusal of the package manager.
fn remedy(why: &str) -> Option<&'static str> {
    let remedies = [
        (
            "VERSION_DOWNGRADE",
            "say `downgrade: true` in the step when the older version is meant; release builds need root",
        ),
        (
            "UPDATE_INCOMPATIBLE",
            "remove the application first: it is installed with another key, and its data go with it",
        ),
        ("SHARED_USER_INCOMPATIBLE", "remove the applications that share its user first"),
        ("INSUFFICIENT_STORAGE", "free storage on the unit"),
        ("NO_MATCHING_ABIS", "give the build for this unit's processor"),
        ("NO_CERTIFICATES", "sign the package"),
        ("USER_RESTRICTED", "allow installing by USB on the unit (Settings, Developer options)"),
        ("VERIFICATION_FAILURE", "turn off the verification of applications by USB on the unit"),
    ];
    remedies.iter().find(|(code, _)| why.contains(code)).map(|(_, next)| *next)
}

/// A file on the unit, read where it is needed.
struct OnUnit<F> {
    len: u64,
    read: std::cell::RefCell<F>,
}

impl<F: FnMut(u64, usize) -> Result<Vec<u8>>> OnUnit<F> {
    fn new(len: u64, read: F) -> OnUnit<F> {
        OnUnit { len, read: read.into() }
    }
}

impl<F: FnMut(u64, usize) -> Result<Vec<u8>>> Source for OnUnit<F> {
    /// `None` when the unit gave another number of bytes than it was asked for.
    type Error = Option<Error>;

    fn len(&self) -> u64 {
        self.len
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> std::result::Result<(), Option<Error>> {
        let bytes = (self.read.borrow_mut())(offset, buf.len()).map_err(Some)?;
        if bytes.len() != buf.len() {
            return Err(None);
        }
        buf.copy_from_slice(&bytes);
        Ok(())
    }
}
