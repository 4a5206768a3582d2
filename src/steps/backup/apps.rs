//! Applications, into the vault: their files, splits included. What they keep for themselves only root reads, and is left.

use crate::device::{Apps, Capability, Driver};
use crate::digest::Digest;
use crate::error::{Error, Kind, Result};
use crate::steps::evidence::Omitted;
use crate::steps::{Bench, Kept, lacking};

const DATA: &str = "what an application keeps for itself only root reads";

pub(super) fn take(
    driver: &mut dyn Driver,
    packages: &[String],
    bench: &mut Bench<'_, '_>,
    kept: &mut Vec<Kept>,
    omitted: &mut Vec<Omitted>,
) -> Result<()> {
    let mut leave = |kind: &str, path: &str, why: &str| {
        omitted.push(Omitted { kind: kind.to_owned(), path: path.to_owned(), why: why.to_owned() });
    };
    let Some(apps) = driver.apps() else {
        let why = lacking(Capability::Apps).to_string();
        for package in packages {
            leave("app", package, &why);
        }
        return Ok(());
    };
    for package in named(apps, packages, bench)? {
        bench.op.check()?;
        let Some(installed) = apps.installed(&package, bench.op)? else {
            leave("app", &package, "it is not installed");
            continue;
        };
        for file in &installed.files {
            let path = format!("{package}/{}", file.part);
            let mut incoming = bench.keep.incoming()?;
            let bytes = match apps.read(file, &mut incoming, bench.op) {
                Ok(Some(bytes)) => bytes,
                Ok(None) => {
                    leave("app", &path, "it was gone before it was read");
                    continue;
                }
                Err(error) if matches!(error.kind(), Kind::Refused | Kind::Unsupported) => {
                    leave("app", &path, &error.to_string());
                    continue;
                }
                Err(error) => return Err(error),
            };
            let sha256 = incoming.finish()?;
            check(&path, &sha256, file.sha256.as_ref())?;
            kept.push(Kept::new("app", path, bytes, sha256));
        }
        leave("app-data", &package, DATA);
    }
    Ok(())
}

/// The packages that are meant, each once.
fn named(apps: &mut dyn Apps, packages: &[String], bench: &mut Bench<'_, '_>) -> Result<Vec<String>> {
    let mut named: Vec<String> = Vec::new();
    for package in packages {
        if package != "*" {
            named.push(package.clone());
            continue;
        }
        named.extend(apps.list(bench.op)?.into_iter().filter(|app| !app.system).map(|app| app.package));
    }
    let mut seen = std::collections::BTreeSet::new();
    named.retain(|package| seen.insert(package.clone()));
    Ok(named)
}

fn check(path: &str, read: &str, held: Option<&Digest>) -> Result<()> {
    match held.map(Digest::to_string) {
        Some(held) if held != read => Err(Error::new(
            Kind::Mismatch,
            format!("what was read of {} has sha256 {read}, the unit says {held}", path.escape_debug()),
        )
        .next("take the backup again; if it happens again the unit's storage or link is bad")),
        _ => Ok(()),
    }
}
