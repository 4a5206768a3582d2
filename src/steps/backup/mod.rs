//! `backup`: what is named, read from the unit into the vault; and in plain words what could not be taken.

mod apps;
mod tree;

use std::io::{self, Write};
use std::thread;

use super::evidence::{Item, Omitted, StepOutcome};
use super::{Action, Bench, Effect, Incoming, Kept, Observed, Stage, StepKind, lacking};
use crate::device::{Capability, Driver};
use crate::digest::{Algorithm, Crc32};
use crate::error::{Error, Kind, Result};
use crate::profile::model::{BackupStep, KeptSlot};

impl StepKind for BackupStep {
    fn describe(&self) -> String {
        "taking a backup".to_owned()
    }

    fn needs(&self) -> Option<Capability> {
        Some(Capability::Backup)
    }

    fn action(&self) -> Option<Action> {
        Some(Action::Read)
    }

    fn execute(&self, driver: &mut dyn Driver, _: Stage, _: &Observed, bench: &mut Bench<'_, '_>) -> Result<Effect> {
        let mut kept = Vec::new();
        let mut omitted = Vec::new();
        let mut secrets = bench.keep.secrets()?;
        secrets.extend(self.secrets.iter().cloned());
        for path in &self.files {
            bench.op.check()?;
            // What a profile writes are files; what a person names may be a folder.
            let folder = if self.implied { None } else { tree::folder(driver, path, bench)? };
            if let Some(listing) = folder {
                tree::take(driver, path, &listing, &secrets, bench, &mut kept, &mut omitted)?;
                continue;
            }
            let taken = match secrets.contains(path) {
                true => Err(SECRET.to_owned()),
                false => take_file(driver, path, bench)?,
            };
            sort(("file", path), taken, self.implied, &mut kept, &mut omitted);
        }
        if !self.apps.is_empty() {
            apps::take(driver, &self.apps, bench, &mut kept, &mut omitted)?;
        }
        for key in &self.settings {
            bench.op.check()?;
            let taken = match secrets.contains(key) {
                true => Err(SECRET.to_owned()),
                false => take_setting(driver, key, bench)?,
            };
            sort(("setting", key), taken, self.implied, &mut kept, &mut omitted);
        }
        for slot in &self.firmware {
            bench.op.check()?;
            let (name, taken) = take_firmware(driver, slot, bench)?;
            if kept.iter().any(|kept| kept.kind == "firmware" && kept.path == name) {
                continue;
            }
            let written = matches!(slot, KeptSlot::Written(_));
            sort(("firmware", &name), taken, written, &mut kept, &mut omitted);
        }
        let backup = bench.keep.backup(driver.unit(), self.label.as_deref(), &kept, &omitted)?;
        let verdict = (!omitted.is_empty()).then(|| {
            let named = |o: &Omitted| format!("{} {}: {}", o.kind, o.path, o.why);
            let mut what: Vec<String> = omitted.iter().take(NAMED).map(named).collect();
            if omitted.len() > NAMED {
                what.push(format!("and {} more", omitted.len() - NAMED));
            }
            Error::new(Kind::Refused, format!("the backup is incomplete: {}", what.join("; ")))
                .next("name only what the unit has, or accept it with --accept-omitted")
        });
        let items = kept.into_iter().map(|kept| Item {
            path: kept.path,
            algorithm: Some(Algorithm::Sha256),
            expected: None,
            observed: Some(kept.sha256),
            level: None,
            outcome: StepOutcome::Done,
        });
        Ok(Effect { items: items.collect(), backup: Some(backup), omitted, verdict, ..Effect::default() })
    }
}

/// As many of those that were left out are named in the error.
const NAMED: usize = 5;
const SECRET: &str = "it holds a secret, and the vault cannot encrypt yet";

/// What there was: its length and SHA-256; `None` when the unit has no such thing; or why it was not taken.
type Taken = std::result::Result<Option<(u64, String)>, String>;

/// What becomes of it. Where nobody named it but the profile as a whole, what the unit does not have cannot be lost.
fn sort(
    (kind, path): (&'static str, &str),
    taken: Taken,
    implied: bool,
    kept: &mut Vec<Kept>,
    omitted: &mut Vec<Omitted>,
) {
    let why = match taken {
        Ok(Some((bytes, sha256))) => return kept.push(Kept::new(kind, path.to_owned(), bytes, sha256)),
        Ok(None) if implied => return,
        Ok(None) => format!("the unit has no such {kind}"),
        Err(why) => why,
    };
    omitted.push(Omitted { kind: kind.to_owned(), path: path.to_owned(), why });
}

/// Reads a file into the vault and holds it against the unit's own digest. What the unit will not give is said; what
/// breaks the link is an error.
fn take_file(driver: &mut dyn Driver, path: &str, bench: &mut Bench<'_, '_>) -> Result<Taken> {
    let Some(files) = driver.files() else { return Ok(Err(lacking(Capability::Files).to_string())) };
    let algorithm = files.algorithms().first().copied();
    let mut into =
        Checked { incoming: bench.keep.incoming()?, crc: (algorithm == Some(Algorithm::Crc32)).then(Crc32::new) };
    let len = match files.read(path, &mut into, bench.op) {
        Ok(Some(len)) => len,
        Ok(None) => return Ok(Ok(None)),
        Err(error) if matches!(error.kind(), Kind::Refused | Kind::Unsupported) => return Ok(Err(error.to_string())),
        Err(error) => return Err(error),
    };
    let Checked { incoming, crc } = into;
    // The vault reads it again while the unit computes.
    let (kept, held) = thread::scope(|scope| {
        let kept = scope.spawn(|| incoming.finish());
        let held = algorithm.map(|algorithm| files.digest(path, algorithm, None, bench.op));
        (kept.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), held)
    });
    let sha256 = kept?;
    let (Some(algorithm), Some(held)) = (algorithm, held) else { return Ok(Ok(Some((len, sha256)))) };
    let read = crc.map_or_else(|| sha256.clone(), |crc| crc.finish().to_string());
    let held = held?.map(|digest| digest.to_string());
    if held.as_deref() == Some(read.as_str()) {
        return Ok(Ok(Some((len, sha256))));
    }
    Err(Error::new(
        Kind::Mismatch,
        format!(
            "what was read of {path} has {algorithm} {read}, the unit says {}",
            held.as_deref().unwrap_or("nothing")
        ),
    )
    .next("take the backup again; if it happens again the unit's flash or link is bad"))
}

/// A file on its way into the vault, and the checksum that a unit without SHA-256 will be asked for.
struct Checked {
    incoming: Box<dyn Incoming>,
    crc: Option<Crc32>,
}

impl Write for Checked {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.incoming.write(bytes)?;
        if let (Some(crc), Some(bytes)) = (&mut self.crc, bytes.get(..written)) {
            crc.update(bytes);
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.incoming.flush()
    }
}

/// Reads a slot into the vault, with its name. A unit that lets nobody read its firmware loses none by a backup that only
/// follows from a profile.
fn take_firmware(driver: &mut dyn Driver, slot: &KeptSlot, bench: &mut Bench<'_, '_>) -> Result<(String, Taken)> {
    let (slot, is_named) = match slot {
        KeptSlot::Named(slot) => (Some(slot.as_str()), true),
        KeptSlot::Written(slot) => (slot.as_deref(), false),
    };
    let unread = |why: String| if is_named { Err(why) } else { Ok(None) };
    let Some(firmware) = driver.firmware() else {
        return Ok((slot.unwrap_or_default().to_owned(), unread(lacking(Capability::Firmware).to_string())));
    };
    let Some(slot) = slot.map(str::to_owned).or_else(|| firmware.usual()) else {
        return Ok((String::new(), Err("the unit has several slots, and none is named".to_owned())));
    };
    let mut incoming = bench.keep.incoming()?;
    let taken = match firmware.read(&slot, &mut incoming, bench.op) {
        Ok(Some(len)) => Ok(Some((len, incoming.finish()?))),
        Ok(None) => unread("the unit lets nobody read it".to_owned()),
        Err(error) if matches!(error.kind(), Kind::Refused | Kind::Unsupported) => Err(error.to_string()),
        Err(error) => return Err(error),
    };
    Ok((slot, taken))
}

fn take_setting(driver: &mut dyn Driver, key: &str, bench: &mut Bench<'_, '_>) -> Result<Taken> {
    let Some(settings) = driver.settings() else { return Ok(Err(lacking(Capability::Settings).to_string())) };
    match settings.read(key, bench.op) {
        Ok(Some(value)) => {
            let sha256 = bench.keep.put(&value)?;
            Ok(Ok(Some((value.len() as u64, sha256))))
        }
        Ok(None) => Ok(Ok(None)),
        Err(error) if matches!(error.kind(), Kind::Refused | Kind::Unsupported) => Ok(Err(error.to_string())),
        Err(error) => Err(error),
    }
}
