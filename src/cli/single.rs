//! `hardwire flash`, `put`, `install`, `get` and `reboot`: one step without a profile, recorded all the same.

use std::io::{Read, Write};
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde::Serialize;

use super::backup::kept;
use super::bench::{self, RecordArgs, Single};
use super::context::{Context, OneDevice, Secrets};
use super::exit::Exit;
use super::report::{Outcome, Result};
use crate::device::{Activate, InstallOptions, Level, Mode, UnitText};
use crate::durable;
use crate::error::{Error, Kind};
use crate::ledger::RecordKind;
use crate::profile::model::{Payload, Resolved};
use crate::profile::{self, Factory, HowFactory};
use crate::run::report::{self, Failure, Omitted, Report};
use crate::station::{self, Met, Office, Unpacked, single};
use crate::vault::{Backup, Manifest, Object};

/// Write a firmware image to a unit, run it, and prove that it runs
///
/// Left open, the image goes to the secondary slot, is confirmed, and has to be reported as running (`booted`); a unit
/// that takes less, such as a bootloader in recovery, gets what it takes. A factory archive of a phone is held against
/// the unit before anything is written: then its images go to their partitions, and the system is started.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  hardwire flash -d tty:/dev/ttyACM0 app.signed.bin\n  hardwire flash -d tty:/dev/ttyACM0 app.signed.bin --activate test\n  hardwire flash -d serial:PH-0001 oriole-factory.zip --loaders --wipe --yes"
)]
pub(super) struct Flash {
    /// The image file, or a factory archive
    image: PathBuf,
    #[command(flatten)]
    device: OneDevice,
    /// The slot, as `hardwire info` names it: secondary, 1/secondary, internal-flash/0x08004000; of a factory archive a or b
    #[arg(long)]
    slot: Option<String>,
    /// What is done with it there
    #[arg(long, value_enum)]
    activate: Option<How>,
    /// The least level it must reach
    #[arg(long, value_enum)]
    verify: Option<AtLeast>,
    /// Of a factory archive: write the bootloader and the radio that it brings
    #[arg(long)]
    loaders: bool,
    /// Of a factory archive: erase user data when other images are written
    #[arg(long)]
    wipe: bool,
    /// A downgrade or an erase is meant
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    record: RecordArgs,
}

/// Write a file to a unit, and compare it there
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  hardwire put -d tty:/dev/ttyACM0 ca.pem /lfs1/ca.pem")]
pub(super) struct Put {
    /// The file here
    file: PathBuf,
    /// Its absolute path on the unit
    path: String,
    #[command(flatten)]
    device: OneDevice,
    /// The least level it must reach
    #[arg(long, value_enum, default_value_t = AtLeast::Digest)]
    verify: AtLeast,
    #[command(flatten)]
    record: RecordArgs,
}

/// Install an application on a unit, and compare what it holds then
///
/// The files of one application: its base, and its parts where it has any. What they are is read before the unit is
/// touched.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  hardwire install -d serial:PH-0001 kiosk.apk\n  hardwire install -d serial:PH-0001 base.apk split_config.arm64_v8a.apk --grant"
)]
pub(super) struct Install {
    /// The .apk files
    #[arg(required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    device: OneDevice,
    /// An older version may replace a newer one; asked for, or meant with --yes
    #[arg(long)]
    downgrade: bool,
    /// Grant the permissions that it asks for at run time
    #[arg(long)]
    grant: bool,
    /// The least level it must reach
    #[arg(long, value_enum, default_value_t = AtLeast::Digest)]
    verify: AtLeast,
    /// A downgrade is meant
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    record: RecordArgs,
}

/// Read a file from a unit, or a folder with all that is in it
///
/// It is compared with the unit's own digest where it has one, kept in the vault, and then written to FILE or stdout.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  hardwire get -d tty:/dev/ttyACM0 /lfs1/log.txt\n  hardwire get -d tty:/dev/ttyACM0 /lfs1/log.txt log.txt\n  hardwire get -d usb:1-2 /sdcard/DCIM photos"
)]
pub(super) struct Get {
    /// Its absolute path on the unit
    path: String,
    /// The file here, replaced when it is there [default: stdout]; for a folder, the folder here
    file: Option<PathBuf>,
    #[command(flatten)]
    device: OneDevice,
    /// Let a folder be taken without what cannot be, such as links
    #[arg(long, value_name = "KIND", value_parser = ["file"])]
    accept_omitted: Vec<String>,
    #[command(flatten)]
    record: RecordArgs,
}

/// Restart a unit, and wait until it is back
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  hardwire reboot -d tty:/dev/ttyACM0\n  hardwire reboot -d tty:/dev/ttyACM0 recovery"
)]
pub(super) struct Reboot {
    /// The mode to come back in
    #[arg(value_enum, default_value_t = ToMode::Application)]
    mode: ToMode,
    /// The slot that it is to run from, of a phone in its bootloader that has two: a or b
    #[arg(long, value_parser = ["a", "b"])]
    slot: Option<String>,
    #[command(flatten)]
    device: OneDevice,
    #[command(flatten)]
    record: RecordArgs,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum How {
    /// It lies in its slot
    None,
    /// It runs once, and the next restart reverts it
    Test,
    /// It runs, and is confirmed when it is reported running
    Confirm,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum AtLeast {
    /// The protocol's own acknowledgement
    Link,
    /// The unit computed a digest over what it stored
    Digest,
    /// It was read back and compared
    Readback,
    /// The unit restarted and reports running exactly this
    Booted,
}

impl AtLeast {
    fn level(self) -> Level {
        match self {
            AtLeast::Link => Level::Link,
            AtLeast::Digest => Level::Digest,
            AtLeast::Readback => Level::Readback,
            AtLeast::Booted => Level::Booted,
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ToMode {
    Application,
    Recovery,
    Bootloader,
    Fastbootd,
    Sideload,
    Dfu,
}

/// Runs one step on the unit and says what it came to.
fn one(
    cx: &Context,
    office: &Office,
    device: &OneDevice,
    record: RecordArgs,
    meant: bool,
    ready: impl Fn(&mut Met) -> Result<Resolved, Error> + Sync,
) -> Outcome {
    let kind = RecordKind::Run;
    let work = Single { device, record, kind, meant, accept_omitted: Vec::new(), secrets: Secrets::None };
    let report = work.run(cx, office, None, |met, _, _| ready(met))?;
    Ok(bench::conclude(cx, &[Ok(report)]))
}

impl Flash {
    pub(super) fn run(self, cx: &Context) -> Outcome {
        let image = profile::open_file(&self.image)?;
        let name = self.image.file_name().map_or_else(|| "image".into(), |name| name.to_string_lossy().into_owned());
        if Factory::is_one(&*image.content) {
            return self.factory(cx, &name, &image);
        }
        if self.loaders || self.wipe {
            let error = Error::new(Kind::Invalid, format!("{} is no factory archive", self.image.display()));
            return Err(error.next("leave --loaders and --wipe out: they are for those").into());
        }
        let flash = single::Flash {
            slot: self.slot,
            activate: self.activate.map(|how| match how {
                How::None => Activate::None,
                How::Test => Activate::Test,
                How::Confirm => Activate::Confirm,
            }),
            verify: self.verify.map(AtLeast::level),
        };
        let office = cx.office()?;
        one(cx, &office, &self.device, self.record, self.yes, |met| single::flash(met, &name, image.clone(), &flash))
    }
}

impl Flash {
    fn factory(self, cx: &Context, name: &str, image: &Payload) -> Outcome {
        let invalid = |sentence: &str, next| Err(Error::new(Kind::Invalid, sentence.to_owned()).next(next).into());
        if matches!(self.activate, Some(How::Test)) {
            return invalid("a phone cannot run its images on trial", "use --activate confirm or none");
        }
        if self.slot.as_ref().is_some_and(|slot| slot != "a" && slot != "b") {
            return invalid(
                "a factory archive is written to slot a or b",
                "name one of them, or none for the one that runs",
            );
        }
        let factory = Factory::open(&image.content)
            .map_err(|error| error.while_doing(format!("reading the factory archive {}", self.image.display())))?;
        let start = !matches!(self.activate, Some(How::None));
        let how = HowFactory { slot: self.slot, start, wipe: self.wipe, loaders: self.loaders };
        let verify = self.verify.map(AtLeast::level);
        let office = cx.office()?;
        one(cx, &office, &self.device, self.record, self.yes, |met| {
            single::factory(met, name, image, &factory, &how, verify)
        })
    }
}

impl Put {
    pub(super) fn run(self, cx: &Context) -> Outcome {
        let content = single::read(&self.file)?;
        let resolved = single::put(&self.path, content, self.verify.level())?;
        let office = cx.office()?;
        one(cx, &office, &self.device, self.record, false, |_| Ok(resolved.clone()))
    }
}

impl Install {
    pub(super) fn run(self, cx: &Context) -> Outcome {
        let mut files: Vec<(String, Payload)> = Vec::new();
        for path in &self.files {
            let name = path.file_name().map_or_else(|| "app".into(), |name| name.to_string_lossy().into_owned());
            // Files of one name from two folders are two files.
            let name = if files.iter().any(|(known, _)| *known == name) { path.display().to_string() } else { name };
            files.push((name, single::read(path)?));
        }
        let options = InstallOptions { downgrade: self.downgrade, grant: self.grant };
        let resolved = single::install(files, options, self.verify.level());
        let office = cx.office()?;
        one(cx, &office, &self.device, self.record, self.yes, |_| Ok(resolved.clone()))
    }
}

impl Reboot {
    pub(super) fn run(self, cx: &Context) -> Outcome {
        let mode = match self.mode {
            ToMode::Application => Mode::Application,
            ToMode::Recovery => Mode::Recovery,
            ToMode::Bootloader => Mode::Bootloader,
            ToMode::Fastbootd => Mode::Fastbootd,
            ToMode::Sideload => Mode::Sideload,
            ToMode::Dfu => Mode::Dfu,
        };
        let slot = self.slot.as_ref().and_then(|slot| slot.chars().next());
        let office = cx.office()?;
        one(cx, &office, &self.device, self.record, false, |_| Ok(single::reboot(mode, slot)))
    }
}

#[derive(Serialize)]
struct FileLine<'a> {
    r#type: &'static str,
    address: &'a str,
    serial: Option<&'a UnitText>,
    path: &'a str,
    file: Option<String>,
    bytes: u64,
    sha256: String,
    backup: String,
    record: Option<&'a str>,
}

#[derive(Serialize)]
struct FolderLine<'a> {
    r#type: &'static str,
    address: &'a str,
    serial: Option<&'a UnitText>,
    path: &'a str,
    folder: String,
    files: u64,
    folders: u64,
    bytes: u64,
    omitted: &'a [&'a Omitted],
    outcome: report::Outcome,
    error: Option<&'a Failure>,
    backup: String,
    record: Option<&'a str>,
}

impl Get {
    pub(super) fn run(self, cx: &Context) -> Outcome {
        single::check_path(&self.path)?;
        if self.file.is_none() && cx.voice.is_json() {
            let error = Error::new(Kind::Invalid, "with --json, stdout is for what was done");
            return Err(error.next("name the file that takes the content").into());
        }
        let office = cx.office()?;
        let kind = RecordKind::Backup;
        let secrets = Secrets::None;
        let work = Single {
            device: &self.device,
            record: self.record.clone(),
            kind,
            meant: false,
            accept_omitted: self.accept_omitted.clone(),
            secrets,
        };
        let named = single::Named { files: vec![self.path.clone()], ..single::Named::default() };
        let report = work
            .run(cx, &office, None, |_, _, _| Ok(single::backup("get", named.clone(), Some(single::GOT.to_owned()))))?;
        match kept(&office, &report)? {
            Some(backup) if self.is_folder(&backup) => self.unpack(cx, &office, &report, &backup),
            Some(backup) if !backup.manifest.items.is_empty() => self.hand_over(cx, &office, &report, &backup),
            _ => Ok(bench::conclude(cx, &[Ok(report)])),
        }
    }

    /// Whether a folder was taken. That it is no file and was not left out is all that an empty one shows.
    fn is_folder(&self, backup: &Backup) -> bool {
        let Manifest { items, omitted, .. } = &backup.manifest;
        match items.first() {
            Some(item) => item.tree.is_some(),
            None => omitted.iter().all(|omitted| omitted.path != self.path),
        }
    }

    fn unpack(&self, cx: &Context, office: &Office, report: &Report, backup: &Backup) -> Outcome {
        let Some(into) = &self.file else {
            let error = Error::new(Kind::Invalid, format!("{} is a folder, and stdout takes a file", self.path));
            return Err(error.next("name the folder that takes it").into());
        };
        let unpacked = station::unpack(&office.vault()?, &backup.manifest.items, &self.path, into)?;
        let omitted: Vec<_> = report.steps.iter().flat_map(|step| &step.omitted).collect();
        cx.voice.object(&FolderLine {
            r#type: "folder",
            address: &report.address,
            serial: report.serial.as_ref(),
            path: &self.path,
            folder: into.display().to_string(),
            files: unpacked.files,
            folders: unpacked.folders,
            bytes: unpacked.bytes,
            omitted: &omitted,
            outcome: report.outcome,
            error: report.error.as_ref(),
            backup: backup.id.to_string(),
            record: report.record.as_deref(),
        });
        for omitted in omitted {
            cx.voice.say(format_args!("omitted: {} {}: {}", omitted.kind, omitted.path, omitted.why));
        }
        let Unpacked { files, folders, bytes } = unpacked;
        let into = into.display();
        cx.voice.say(format_args!("{}: {files} files, {folders} folders, {bytes} bytes to {into}", self.path));
        bench::explain_report(cx, report);
        Ok(Exit::of_run(report))
    }

    fn hand_over(&self, cx: &Context, office: &Office, report: &Report, backup: &Backup) -> Outcome {
        let item = &backup.manifest.items[0];
        // It was read again and compared a moment ago, when it was put there.
        let object = office.vault()?.get(&item.sha256)?;
        match &self.file {
            Some(file) => durable::replace(file, |new| object.copy_to(new).map(drop)).map_err(|cause| {
                Error::new(Kind::Storage, format!("{} cannot be written", file.display())).because(cause)
            })?,
            None => print(cx, object)?,
        }
        cx.voice.object(&FileLine {
            r#type: "file",
            address: &report.address,
            serial: report.serial.as_ref(),
            path: &self.path,
            file: self.file.as_ref().map(|file| file.display().to_string()),
            bytes: item.bytes,
            sha256: item.sha256.to_string(),
            backup: backup.id.to_string(),
            record: report.record.as_deref(),
        });
        let to = self.file.as_ref().map_or_else(|| "stdout".into(), |file| file.display().to_string());
        cx.voice.say(format_args!("{}: {} bytes to {to}, sha256 {}", self.path, item.bytes, item.sha256));
        Ok(Exit::of_run(report))
    }
}

fn print(cx: &Context, mut object: Object) -> Result<(), Error> {
    let unwritten = |cause| Error::new(Kind::Storage, "the file cannot be written to stdout").because(cause);
    // A terminal gets what a unit sent only once it cannot steer it.
    if std::io::IsTerminal::is_terminal(&std::io::stdout()) {
        let mut bytes = Vec::new();
        object.read_to_end(&mut bytes).map_err(unwritten)?;
        cx.voice.line(String::from_utf8_lossy(&bytes));
        return Ok(());
    }
    let mut out = cx.voice.raw();
    object.copy_to(&mut out).and_then(|_| out.flush()).map_err(unwritten)
}
