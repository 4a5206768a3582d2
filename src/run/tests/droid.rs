//! A unit with an operating system, in memory: applications, trees of files, reports.

use std::io::Write;
use std::ops::Range;

use super::*;
use crate::device::{
    AppEntry, AppFile, AppIdentity, Apps, BayId, Bounds, Capability, Content, Departure, Diagnosis, Diagnostics, Entry,
    EntryKind, FileStat, Files, InstallOptions, Installed, InstalledFile, Known, LeftOut, Listing, Marks, Offer, Op,
    Put, Returned, Trees, Unit, Written,
};
use crate::digest::{Algorithm, Digest};
use crate::error::Error;

/// What it holds.
#[derive(Default)]
pub struct Droid {
    /// Package to its version and its files by part.
    pub apps: BTreeMap<String, (u64, BTreeMap<String, Vec<u8>>)>,
    pub files: BTreeMap<String, (Vec<u8>, Marks)>,
    pub folders: BTreeMap<String, Marks>,
    /// What a tree shows besides files and folders.
    pub links: Vec<String>,
    /// What the unit will not let be read.
    pub locked: Vec<String>,
    pub reports: BTreeMap<&'static str, Vec<u8>>,
    /// Every file and application that is written loses its last byte.
    pub loses_byte: bool,
    /// The link breaks after this many questions.
    pub breaks_after: Option<u32>,
    /// What was written, in order.
    pub writes: Vec<String>,
    pub digests_asked: usize,
}

impl Droid {
    fn make_folders_above(&mut self, path: &str) {
        for (at, _) in path.match_indices('/').skip(1) {
            let marks = Marks { mode: Some(0o755), modified: Some(1) };
            self.folders.entry(path[..at].to_owned()).or_insert(marks);
        }
    }
}

pub type Shared = Arc<Mutex<Droid>>;

pub struct Port(pub Shared);

impl Bay for Port {
    fn id(&self) -> Option<BayId> {
        None
    }
    fn address(&self) -> &str {
        "usb:1-2"
    }
    fn open(&mut self, _: &mut Op<'_>) -> Result<Box<dyn Driver>> {
        Ok(open(&self.0))
    }
    fn wait(&mut self, _: &Known, _: &Departure, _: &mut Op<'_>) -> Result<Returned> {
        Err(Error::new(Kind::Gone, "it never leaves"))
    }
}

pub fn open(droid: &Shared) -> Box<dyn Driver> {
    const LEVELS: &[Level] = &[Level::Link, Level::Digest, Level::Readback];
    let unit = Unit {
        driver: "shell",
        mode: Mode::Application,
        serial: Some("D1".into()),
        hwid: None,
        model: Some("droid".into()),
        hardware: None,
        locked: None,
        firmware: Vec::new(),
        offers: vec![
            Offer::new(Capability::Apps, LEVELS),
            Offer::new(Capability::Files, LEVELS),
            Offer::new(Capability::Diagnostics, &[]),
            Offer::new(Capability::Backup, &[]),
        ],
        ahead: BTreeMap::new(),
        limits: BTreeMap::new(),
    };
    Box::new(Speaks { unit, droid: Arc::clone(droid) })
}

pub fn run(droid: &Shared, steps: Vec<Step>) -> Report {
    try_run(&Station::new(), droid, steps).expect("a report")
}

pub fn try_run(station: &Station, droid: &Shared, steps: Vec<Step>) -> Result<Report> {
    station.run_in(&mut Port(Arc::clone(droid)), open(droid), &[], steps)
}

struct Speaks {
    unit: Unit,
    droid: Shared,
}

impl Speaks {
    fn ask(&self) -> Result<std::sync::MutexGuard<'_, Droid>> {
        let mut droid = self.droid.lock().unwrap();
        if let Some(left) = &mut droid.breaks_after {
            *left = left.checked_sub(1).ok_or_else(|| Error::new(Kind::Gone, "the unit left"))?;
        }
        Ok(droid)
    }
}

impl Driver for Speaks {
    fn unit(&self) -> &Unit {
        &self.unit
    }
    fn files(&mut self) -> Option<&mut dyn Files> {
        Some(self)
    }
    fn apps(&mut self) -> Option<&mut dyn Apps> {
        Some(self)
    }
    fn diagnostics(&mut self) -> Option<&mut dyn Diagnostics> {
        Some(self)
    }
}

/// An application of the test: `package version part filling`.
pub fn apk(text: &str) -> Payload {
    Payload::new(text.as_bytes().to_vec(), false)
}

fn parse(content: &dyn Content) -> Result<(String, u64, String)> {
    let wrong = || Error::new(Kind::Invalid, "this is no application");
    let text = String::from_utf8(content.to_vec().unwrap()).map_err(|_| wrong())?;
    let mut words = text.split(' ');
    let mut next = || words.next().map(str::to_owned).ok_or_else(wrong);
    Ok((next()?, next()?.parse().map_err(|_| wrong())?, next()?))
}

impl Apps for Speaks {
    fn identify(&self, files: &[AppFile<'_>]) -> Result<AppIdentity> {
        let parsed: Vec<_> = files.iter().map(|file| parse(file.content)).collect::<Result<_>>()?;
        let (package, version_code, _) = parsed[0].clone();
        let parts = parsed.into_iter().map(|(.., part)| part).collect();
        Ok(AppIdentity { package, version_code, version_name: None, abis: Vec::new(), parts })
    }
    fn installed(&mut self, package: &str, _: &mut Op<'_>) -> Result<Option<Installed>> {
        let droid = self.ask()?;
        let Some((version, files)) = droid.apps.get(package) else { return Ok(None) };
        let file = |(part, bytes): (&String, &Vec<u8>)| InstalledFile {
            part: part.clone(),
            path: format!("/data/app/{package}/{part}.apk"),
            sha256: Some(Digest::sha256(bytes)),
        };
        Ok(Some(Installed {
            package: package.to_owned(),
            version_code: Some(*version),
            version_name: None,
            certificate: None,
            files: files.iter().map(file).collect(),
        }))
    }
    fn list(&mut self, _: &mut Op<'_>) -> Result<Vec<AppEntry>> {
        let droid = self.ask()?;
        let entry = |(package, (version, _)): (&String, &(u64, _))| AppEntry {
            package: package.clone(),
            version_code: Some(*version),
            system: false,
        };
        Ok(droid.apps.iter().map(entry).collect())
    }
    fn install(&mut self, files: &[AppFile<'_>], options: InstallOptions, op: &mut Op<'_>) -> Result<Written> {
        let AppIdentity { package, version_code, parts, .. } = self.identify(files)?;
        op.check()?;
        let mut droid = self.ask()?;
        if droid.apps.get(&package).is_some_and(|(old, _)| *old > version_code) && !options.downgrade {
            return Err(Error::new(Kind::Refused, "INSTALL_FAILED_VERSION_DOWNGRADE"));
        }
        let lost = usize::from(droid.loses_byte);
        let mut held = BTreeMap::new();
        for (part, file) in parts.into_iter().zip(files) {
            let bytes = file.content.to_vec().unwrap();
            held.insert(part, bytes[..bytes.len() - lost].to_vec());
        }
        droid.writes.push(package.clone());
        droid.apps.insert(package, (version_code, held));
        let sent = files.iter().map(|file| file.content.len()).sum();
        Ok(Written { sent, resumed_at: 0 })
    }
    fn remove(&mut self, package: &str, _: &mut Op<'_>) -> Result<()> {
        let mut droid = self.ask()?;
        droid.writes.push(format!("-{package}"));
        droid.apps.remove(package);
        Ok(())
    }
    fn read(&mut self, file: &InstalledFile, into: &mut dyn Write, _: &mut Op<'_>) -> Result<Option<u64>> {
        let droid = self.ask()?;
        let package = file.path.split('/').nth(3).unwrap_or_default();
        let bytes = droid.apps.get(package).and_then(|(_, files)| files.get(&file.part)).cloned();
        drop(droid);
        give(bytes, into)
    }
}

fn give(bytes: Option<Vec<u8>>, into: &mut dyn Write) -> Result<Option<u64>> {
    let Some(bytes) = bytes else { return Ok(None) };
    into.write_all(&bytes).map_err(|error| Error::new(Kind::Storage, "it is not taken").because(error))?;
    Ok(Some(bytes.len() as u64))
}

impl Files for Speaks {
    fn stat(&mut self, path: &str, _: &mut Op<'_>) -> Result<Option<FileStat>> {
        Ok(self.ask()?.files.get(path).map(|(bytes, _)| FileStat { len: bytes.len() as u64 }))
    }
    fn algorithms(&self) -> &[Algorithm] {
        &[Algorithm::Sha256]
    }
    fn digest(&mut self, path: &str, _: Algorithm, _: Option<Range<u64>>, _: &mut Op<'_>) -> Result<Option<Digest>> {
        let mut droid = self.ask()?;
        droid.digests_asked += 1;
        Ok(droid.files.get(path).map(|(bytes, _)| Digest::sha256(bytes)))
    }
    fn read(&mut self, path: &str, into: &mut dyn Write, _: &mut Op<'_>) -> Result<Option<u64>> {
        if self.ask()?.locked.iter().any(|locked| locked == path) {
            return Err(Error::new(Kind::Refused, "permission denied"));
        }
        let bytes = self.ask()?.files.get(path).map(|(bytes, _)| bytes.clone());
        give(bytes, into)
    }
    fn write(&mut self, path: &str, content: &dyn Content, _: &mut Op<'_>) -> Result<Written> {
        let mut droid = self.ask()?;
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        if !folder.is_empty() && !droid.folders.contains_key(folder) {
            return Err(Error::new(Kind::Refused, format!("there is no folder {folder}")));
        }
        let mut bytes = content.to_vec().unwrap();
        bytes.truncate(bytes.len() - usize::from(droid.loses_byte && !bytes.is_empty()));
        droid.writes.push(path.to_owned());
        let marks = Marks { mode: Some(0o644), modified: Some(1) };
        droid.files.insert(path.to_owned(), (bytes, marks));
        Ok(Written { sent: content.len(), resumed_at: 0 })
    }
    fn write_many(&mut self, files: &[Put<'_>], op: &mut Op<'_>) -> Result<Written> {
        let mut all = Written::default();
        for file in files {
            self.ask()?.make_folders_above(file.path);
            all.sent += self.write(file.path, file.content, op)?.sent;
            self.mark(&[(file.path, file.marks)], op)?;
        }
        Ok(all)
    }
    fn trees(&mut self) -> Option<&mut dyn Trees> {
        Some(self)
    }
}

impl Trees for Speaks {
    fn list(&mut self, root: &str, _: Bounds, _: &mut Op<'_>) -> Result<Option<Listing>> {
        let droid = self.ask()?;
        let entry = |path: &str, kind, len, marks| Entry { path: path.to_owned(), kind, len, marks };
        if let Some((bytes, marks)) = droid.files.get(root) {
            let entries = vec![entry("", EntryKind::File, bytes.len() as u64, *marks)];
            return Ok(Some(Listing { entries, left_out: Vec::new() }));
        }
        if !droid.folders.contains_key(root) {
            return Ok(None);
        }
        let below = |path: &str| path.strip_prefix(root)?.strip_prefix('/').map(str::to_owned);
        let folders =
            droid.folders.iter().filter_map(|(path, marks)| Some(entry(&below(path)?, EntryKind::Folder, 0, *marks)));
        let files = droid.files.iter().filter_map(|(path, (bytes, marks))| {
            Some(entry(&below(path)?, EntryKind::File, bytes.len() as u64, *marks))
        });
        let links = droid.links.iter().filter_map(|path| below(path));
        let left_out = links.map(|path| LeftOut { path: path.into(), why: "it is a symbolic link".to_owned() });
        Ok(Some(Listing { entries: folders.chain(files).collect(), left_out: left_out.collect() }))
    }
    fn make_folders(&mut self, paths: &[&str], _: &mut Op<'_>) -> Result<()> {
        let mut droid = self.ask()?;
        for path in paths {
            droid.make_folders_above(&format!("{path}/"));
        }
        Ok(())
    }
    fn mark(&mut self, marks: &[(&str, Marks)], _: &mut Op<'_>) -> Result<()> {
        let mut droid = self.ask()?;
        for (path, new) in marks {
            let droid = &mut *droid;
            let held = droid.files.get_mut(*path).map(|(_, marks)| marks).or(droid.folders.get_mut(*path));
            let held = held.ok_or_else(|| Error::new(Kind::Refused, format!("there is no {path}")))?;
            held.mode = new.mode.or(held.mode);
            held.modified = new.modified.or(held.modified);
        }
        Ok(())
    }
    fn remove(&mut self, paths: &[&str], _: &mut Op<'_>) -> Result<()> {
        let mut droid = self.ask()?;
        for path in paths {
            droid.files.remove(*path);
        }
        Ok(())
    }
}

impl Diagnostics for Speaks {
    fn measure(&mut self, _: &mut Op<'_>) -> Result<Diagnosis> {
        self.ask().map(|_| Diagnosis::default())
    }
    fn reports(&self) -> &[&'static str] {
        &["logcat", "bugreport"]
    }
    fn report(
        &mut self,
        name: &str,
        _: Option<std::time::Duration>,
        into: &mut dyn Write,
        _: &mut Op<'_>,
    ) -> Result<u64> {
        let bytes = self.ask()?.reports.get(name).cloned();
        give(bytes, into)?.ok_or_else(|| Error::new(Kind::Refused, format!("it gives no {name} now")))
    }
}
