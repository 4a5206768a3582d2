//! Whether a unit is the one that images are for, and lets them be written.

use protocols::android::archive::{Reports, Unmet};
use protocols::fastboot::message::{size, yes_no};

use super::open::Survey;
use crate::device::{Demands, Mode, RollbackIndex, UnitText};
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
pub(super) fn check(survey: &Survey, mode: Mode, demands: &Demands) -> Result<()> {
    unlocked(survey)?;
    for demand in &demands.requirements {
        match demand.check(survey) {
            Ok(()) => {}
            Err(unmet) if mode == Mode::Fastbootd && unmet.found.is_none() => {}
            Err(unmet) => return Err(refused(&unmet)),
        }
    }
    demands.indexes.iter().try_for_each(|index| new_enough(survey, index))
}

/// Refuses an image that the unit will not start, where it says how new one must be. There is no standard variable for
/// that; `rollback-index:LOCATION` is asked for.
fn new_enough(survey: &Survey, image: &RollbackIndex) -> Result<()> {
    let demanded = survey.variables.of("rollback-index", &image.location.to_string()).and_then(size);
    match demanded {
        Some(demanded) if image.index < demanded => {
            let sentence = format!(
                "the image of {} has rollback index {} and the unit starts none below {demanded} (location {})",
                image.partition, image.index, image.location
            );
            Err(Error::new(Kind::Invalid, sentence)
                .next("use images that are at least as new as what the unit has run"))
        }
        _ => Ok(()),
    }
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
