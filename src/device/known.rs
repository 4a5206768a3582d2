//! By what a unit is known again after it had left.

use super::{Proof, Unit, UnitText};
use crate::error::{Error, Kind, Result};

/// What a unit has shown of who it is, in whatever mode: what one mode does not show, another did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    /// The unique id of its chip.
    pub hwid: Option<String>,
    /// Its serial number.
    pub serial: Option<UnitText>,
    /// The serial number that it was given since: it may show this one from now on.
    pub given: Option<UnitText>,
}

impl Known {
    /// What `unit` shows.
    #[must_use]
    pub fn of(unit: &Unit) -> Known {
        Known { hwid: unit.hwid.clone(), serial: unit.serial.clone(), given: None }
    }

    /// Adds what `unit`, which is the same, shows in its mode.
    pub fn learn(&mut self, unit: &Unit) {
        if let Some(hwid) = &unit.hwid {
            self.hwid.get_or_insert_with(|| hwid.clone());
        }
        if let Some(serial) = &unit.serial {
            self.serial = Some(serial.clone());
        }
    }

    /// How `after` is known to be this unit. What is not shown proves nothing.
    ///
    /// # Errors
    /// `gone` when it is another one.
    pub fn recognise(&self, after: &Unit) -> Result<Proof> {
        if let (Some(old), Some(new)) = (&self.hwid, &after.hwid) {
            return if old == new { Ok(Proof::Hwid) } else { Err(another("hardware id", old, new)) };
        }
        match &after.serial {
            Some(new) => self.serial(new),
            None => Ok(Proof::Port),
        }
    }

    /// How a unit that shows the serial number `new` is known to be this one.
    ///
    /// # Errors
    /// `gone` when it is another one.
    pub fn serial(&self, new: &UnitText) -> Result<Proof> {
        match &self.serial {
            _ if self.given.as_ref() == Some(new) => Ok(proof_by(new)),
            Some(old) if old == new => Ok(proof_by(new)),
            Some(old) => Err(another("serial number", old, new)),
            None => Ok(Proof::Port),
        }
    }
}

/// That what came back is not what left. It says nothing of the unit that left but that it is gone.
#[must_use]
pub fn another(what: &str, old: &dyn std::fmt::Display, new: &dyn std::fmt::Display) -> Error {
    Error::new(Kind::Gone, format!("another unit came back: its {what} is {new}, and was {old}"))
        .next("put the first unit back and run the same again")
}

/// Cloned chips share a number that was never set.
fn proof_by(serial: &UnitText) -> Proof {
    let text = serial.untrusted();
    let bare = text.trim_start_matches('0');
    let counts_up = text.len() > 3 && "0123456789abcdef".contains(&*text.to_ascii_lowercase());
    if bare.is_empty() || bare == "1" || counts_up { Proof::Port } else { Proof::Serial }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(hwid: Option<&str>, serial: Option<&str>) -> Known {
        Known { hwid: hwid.map(str::to_owned), serial: serial.map(UnitText::new), given: None }
    }

    fn unit(hwid: Option<&str>, serial: Option<&str>) -> Unit {
        Unit {
            driver: "fake",
            mode: super::super::Mode::Application,
            serial: serial.map(UnitText::new),
            hwid: hwid.map(str::to_owned),
            model: None,
            hardware: None,
            locked: None,
            firmware: Vec::new(),
            offers: Vec::new(),
            ahead: std::collections::BTreeMap::new(),
            limits: std::collections::BTreeMap::new(),
        }
    }

    #[test]
    fn what_both_show_decides() {
        for (before, after, proof) in [
            ((Some("a"), Some("1x")), (Some("a"), Some("2x")), Ok(Proof::Hwid)),
            ((Some("a"), Some("1x")), (Some("b"), Some("1x")), Err(Kind::Gone)),
            ((Some("a"), Some("1x")), (None, Some("1x")), Ok(Proof::Serial)),
            ((None, Some("1x")), (None, Some("2x")), Err(Kind::Gone)),
            ((None, Some("1x")), (Some("a"), None), Ok(Proof::Port)),
            ((None, None), (None, Some("1x")), Ok(Proof::Port)),
            ((None, Some("0001")), (None, Some("0001")), Ok(Proof::Port)),
            ((None, Some("123456")), (None, Some("123456")), Ok(Proof::Port)),
            ((None, Some("0001")), (None, Some("0002")), Err(Kind::Gone)),
        ] {
            let known = known(before.0, before.1);
            assert_eq!(known.recognise(&unit(after.0, after.1)).map_err(|e| e.kind()), proof, "{before:?} {after:?}");
        }
    }

    #[test]
    fn what_a_mode_does_not_show_is_not_forgotten() {
        let mut known = known(None, Some("A"));
        known.learn(&unit(Some("id"), None));
        assert_eq!(known.recognise(&unit(None, Some("B"))).unwrap_err().kind(), Kind::Gone);
        assert_eq!(known.recognise(&unit(Some("id"), Some("B"))).unwrap(), Proof::Hwid);
    }

    #[test]
    fn a_number_that_was_given_is_its_own() {
        let known = Known { given: Some("B".into()), ..known(None, Some("A")) };
        assert_eq!(known.recognise(&unit(None, Some("B"))).unwrap(), Proof::Serial);
        assert_eq!(known.recognise(&unit(None, Some("A"))).unwrap(), Proof::Serial);
        assert_eq!(known.recognise(&unit(None, Some("C"))).unwrap_err().kind(), Kind::Gone);
    }
}
