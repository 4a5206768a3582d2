//! Whether a unit is the one that images are for, and lets them be written.

use protocols::android::archive::{Reports, Requirement, Unmet};
use protocols::fastboot::message::yes_no;

use super::open::Survey;
use crate::device::{Mode, UnitText};
use crate::error::{Error, Kind, Result};

impl Reports for Survey {
    fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name)
    }

    fn has_partition(&self, name: &str) -> bool {
        self.partitions.resolve(name).is_ok()
    }
}

/// Refuses a unit whose bootloader is locked. One that does not say may not be.
pub(super) fn unlocked(survey: &Survey) -> Result<()> {
    if survey.variables.get("unlocked").and_then(yes_no) != Some(false) {
        return Ok(());
    }
    Err(Error::new(Kind::Unsupported, "the unit's bootloader is locked: it lets nothing be written or erased").next(
        "allow unlocking in Android (Settings, Developer options), then `hardwire console -d DEV -- flashing unlock` and \
         confirm on the unit: that erases what it holds",
    ))
}

/// Holds a unit against what a factory archive demands. What fastboot in userspace does not tell, the bootloader did.
pub(super) fn check(survey: &Survey, mode: Mode, demands: &[Requirement]) -> Result<()> {
    unlocked(survey)?;
    for demand in demands {
        match demand.check(survey) {
            Ok(()) => {}
            Err(unmet) if mode == Mode::Fastbootd && unmet.found.is_none() => {}
            Err(unmet) => return Err(refused(&unmet)),
        }
    }
    Ok(())
}

fn refused(unmet: &Unmet) -> Error {
    let found = unmet.found.as_deref().map_or("none".to_owned(), |found| format!("`{}`", UnitText::new(found)));
    let sentence = format!(
        "the factory archive is not for this unit: line {} of its android-info.txt demands {}, and the unit has {found}",
        unmet.line, unmet.demand
    );
    let is_loader = ["version-bootloader", "version-baseband"].iter().any(|name| unmet.demand.variable() == Some(name));
    Error::new(Kind::Invalid, sentence).next(match is_loader {
        true => "write the bootloader and radio that belong to it first: `loaders: true` where the archive brings them",
        false => "use the archive that is made for this unit; `hardwire info` and `hardwire diagnose` show what it is",
    })
}
