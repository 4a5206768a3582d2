//! What is wrong with a batch before any unit has come: found once, and not by every unit that is pushed in.

use super::questions::Bench;
use crate::drivers;
use crate::error::{Error, Kind, Result};
use crate::profile::{Given, Prepared, Profile};

/// Refuses a batch in which no unit could pass.
///
/// # Errors
/// `invalid` when an input can have no value, or the units cannot be known again as surely as the profile demands.
pub fn foresee(prepared: &Prepared, given: &Given, bench: Bench) -> Result<()> {
    let profile = prepared.profile();
    let asked = profile.foresee(given, &|name| std::env::var(name).ok())?;
    if let (Bench::Empty, Some(prompt)) = (bench, asked.first()) {
        let name = &prompt.input;
        let sentence = format!("input `{name}` comes from a person, and nobody can be asked");
        return Err(Error::new(Kind::Invalid, sentence)
            .next(format!("run the batch at a terminal, or give `{name}` with `--input` or `--inputs`")));
    }
    check_proof(profile)
}

fn check_proof(profile: &Profile) -> Result<()> {
    let demanded = profile.identity.proof;
    let named = profile.matches.values("driver");
    let proof_of = |name: &String| drivers::registry().iter().find(|known| known.name() == name).map(|it| it.proof());
    // A driver that is not known here is judged when the unit is.
    let best = named.iter().map(proof_of).collect::<Option<Vec<_>>>().and_then(|all| all.into_iter().min());
    match best {
        Some(best) if best > demanded => {
            let drivers = named.into_iter().collect::<Vec<_>>().join(", ");
            let sentence = format!(
                "the profile demands {demanded} as proof of identity, and units of {drivers} show no more than {best}"
            );
            Err(Error::new(Kind::Invalid, sentence).next("demand less with `identity: { proof: … }`"))
        }
        _ => Ok(()),
    }
}
