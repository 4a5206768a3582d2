//! `apps`: applications that are installed, or gone. No driver offers them yet, so every plan refuses this kind for want
//! of the capability.

use super::{Bench, Effect, Observed, Stage, StepKind, lacking};
use crate::device::{Capability, Driver};
use crate::error::Result;
use crate::profile::model::AppsStep;

impl StepKind for AppsStep {
    fn describe(&self) -> String {
        "installing applications".to_owned()
    }

    fn needs(&self) -> Option<Capability> {
        Some(Capability::Apps)
    }

    fn execute(&self, _: &mut dyn Driver, _: Stage, _: &Observed, _: &mut Bench<'_, '_>) -> Result<Effect> {
        Err(lacking(Capability::Apps))
    }
}
