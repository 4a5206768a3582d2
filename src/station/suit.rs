//! A profile cut to one unit.

use super::Met;
use crate::device::Mode;
use crate::error::{Error, Kind, Result};
use crate::profile::model::Resolved;
use crate::profile::{Fit, Given, Prepared, Prompt, Shelf, Sources};

/// Whether `prepared` means this unit.
///
/// # Errors
/// `invalid` when it does not, or when the unit does not show what would tell.
pub fn check_fit(prepared: &Prepared, met: &Met) -> Result<()> {
    let name = &prepared.reference().name;
    match prepared.fits(&met.facts) {
        Fit::Yes => Ok(()),
        Fit::No(why) => Err(Error::new(Kind::Invalid, format!("profile {name} does not mean this unit: {why}"))
            .next("name the right unit with -d, or the right profile; nothing was written")),
        // A loader shows little; who named the unit and the driver has said enough.
        Fit::Unknown(_) if met.facts.mode != Some(Mode::Application) => Ok(()),
        Fit::Unknown(which) => Err(Error::new(
            Kind::Invalid,
            format!("whether profile {name} means this unit cannot be told: it does not show its {}", which.join(", ")),
        )
        .next("match by what the unit shows (`hardwire info`); nothing was written")),
    }
}

/// The profile for this unit: its inputs gathered, its templates filled in. `ask` answers for a person, with `None`
/// when there is none; `shelf` has the backups.
///
/// # Errors
/// `invalid` when an input is missing or something does not suit.
pub fn suit(
    prepared: &Prepared,
    given: &Given,
    met: &Met,
    shelf: &dyn Shelf,
    ask: &mut dyn FnMut(&Prompt) -> Result<Option<String>>,
) -> Result<Resolved> {
    check_fit(prepared, met)?;
    let env = |name: &str| std::env::var(name).ok();
    let mut sources = Sources { given, unit: &met.names, env: &env, ask };
    let inputs = prepared.profile().gather(&mut sources)?;
    prepared.resolve_with(&met.facts, &inputs, shelf)
}
