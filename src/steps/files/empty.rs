//! A folder that holds no files. Folders may be in it: units make them anew as they start.

use super::super::Observed;
use super::super::evidence::{Item, StepOutcome};
use super::super::person::Consent;
use super::tree::unknown;
use crate::device::{Bounds, EntryKind, Files, Level, Op};
use crate::error::Result;

/// As many of those that are there are named.
const NAMED: usize = 5;

/// Looks for files in `root`, adds what was found, and says so.
pub(super) fn observe(
    files: &mut dyn Files,
    root: &str,
    level: Level,
    observed: &mut Observed,
    op: &mut Op<'_>,
) -> Result<Option<String>> {
    let item = |outcome, seen| Item {
        path: root.to_owned(),
        algorithm: None,
        expected: None,
        observed: seen,
        level: Some(level),
        outcome,
    };
    let there = found(files, root, op)?;
    if there.is_empty() {
        observed.items.push(item(StepOutcome::Already, None));
        return Ok(None);
    }
    let mut named: Vec<&str> = there.iter().take(NAMED).map(String::as_str).collect();
    let more = format!("{} more", there.len().saturating_sub(NAMED));
    named.extend((there.len() > NAMED).then_some(more.as_str()));
    observed.items.push(item(StepOutcome::Failed, Some(named.join(", "))));
    let say = format!("{} files would be removed from {root}: {}", there.len(), named.join(", "));
    observed.consents.push(Consent { say });
    Ok(Some(format!("{root} holds {} files", there.len())))
}

/// Removes every file that is in `root`; its folders stay.
pub(super) fn clear(files: &mut dyn Files, root: &str, op: &mut Op<'_>) -> Result<()> {
    let there = found(files, root, op)?;
    let paths: Vec<String> = there.iter().map(|path| format!("{}/{path}", root.trim_end_matches('/'))).collect();
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    files.trees().ok_or_else(unknown)?.remove(&paths, op)
}

/// What is in a folder besides folders, below it; what cannot be followed is there too.
fn found(files: &mut dyn Files, root: &str, op: &mut Op<'_>) -> Result<Vec<String>> {
    let trees = files.trees().ok_or_else(unknown)?;
    let Some(listing) = trees.list(root, Bounds::default(), op)? else { return Ok(Vec::new()) };
    let there = listing.entries.into_iter().filter(|entry| entry.kind == EntryKind::File).map(|entry| entry.path);
    Ok(there.chain(listing.left_out.into_iter().map(|left| left.path.to_string())).collect())
}
