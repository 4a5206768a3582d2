//! `hardwire vault`.

use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde::Serialize;

use super::context::Context;
use super::exit::Exit;
use super::report::{Outcome, columns};
use crate::ui::bytes;
use crate::vault::Backup;

/// List and verify the backups of this station
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  hardwire vault list --serial TH-0421\n  hardwire vault verify")]
pub(super) struct VaultCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List backups, oldest first; `hardwire restore` takes their digests
    #[command(after_help = "Example:\n  hardwire vault list --serial TH-0421")]
    List {
        /// Only those of this unit
        #[arg(long, value_name = "NUMBER")]
        serial: Option<String>,
    },
    /// Read everything again and compare it with its digest
    ///
    /// Exit code 4 when anything is not as it was kept.
    #[command(after_help = "Example:\n  hardwire vault verify")]
    Verify,
}

/// A backup as `hardwire backup` names it, without what a run adds.
#[derive(Serialize)]
struct BackupLine {
    r#type: &'static str,
    backup: String,
    serial: Option<String>,
    model: Option<String>,
    label: Option<String>,
    at: Timestamp,
    complete: bool,
    items: usize,
    bytes: u64,
}

#[derive(Serialize)]
struct VerificationLine {
    r#type: &'static str,
    sound: bool,
    backups: u64,
    objects: u64,
    bytes: u64,
    damage: Vec<String>,
}

impl VaultCommand {
    pub(super) fn run(self, cx: &Context) -> Outcome {
        match self.action {
            Action::List { serial } => list(cx, serial.as_deref()),
            Action::Verify => verify(cx),
        }
    }
}

fn list(cx: &Context, serial: Option<&str>) -> Outcome {
    let mut backups: Vec<BackupLine> = cx.office()?.vault()?.list()?.into_iter().map(line).collect();
    backups.retain(|backup| serial.is_none() || backup.serial.as_deref() == serial);
    let mut rows = vec![["AT", "UNIT", "LABEL", "ITEMS", "SIZE", "BACKUP"].map(String::from)];
    for backup in backups {
        cx.voice.object(&backup);
        let or_none = |text: Option<String>| text.unwrap_or_else(|| "-".into());
        let items = format!("{}{}", backup.items, if backup.complete { "" } else { ", incomplete" });
        let (unit, label) = (or_none(backup.serial), or_none(backup.label));
        rows.push([format!("{:.0}", backup.at), unit, label, items, bytes(backup.bytes), backup.backup]);
    }
    if rows.len() == 1 {
        cx.voice.say("no backups");
        return Ok(Exit::PASSED);
    }
    for row in columns(&rows) {
        cx.voice.line(row);
    }
    Ok(Exit::PASSED)
}

fn line(Backup { id, manifest }: Backup) -> BackupLine {
    BackupLine {
        r#type: "backup",
        backup: id.to_string(),
        serial: manifest.serial,
        model: manifest.model,
        label: manifest.label,
        at: manifest.at,
        complete: manifest.complete,
        items: manifest.items.len(),
        bytes: manifest.items.iter().map(|item| item.bytes).sum(),
    }
}

fn verify(cx: &Context) -> Outcome {
    let found = cx.office()?.vault()?.verify()?;
    cx.voice.object(&VerificationLine {
        r#type: "verification",
        sound: found.is_sound(),
        backups: found.backups,
        objects: found.objects,
        bytes: found.bytes,
        damage: found.damage.iter().map(ToString::to_string).collect(),
    });
    for damage in &found.damage {
        cx.voice.line(format_args!("DAMAGED  {damage}"));
    }
    if found.is_sound() {
        let (backups, objects) = (found.backups, found.objects);
        cx.voice.line(format_args!("sound: {backups} backups, {objects} objects, {}", bytes(found.bytes)));
        return Ok(Exit::PASSED);
    }
    cx.voice.say(
        "error: the vault is not as it was kept\n  next: put what is named back from a copy, or take the backup again",
    );
    Ok(Exit::MISMATCH)
}
