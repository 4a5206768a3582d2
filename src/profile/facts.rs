//! Which units a profile fits.

use std::collections::{BTreeMap, BTreeSet};

use crate::device::{Mode, Unit};

/// What is known of a unit as it is now. `None` is unknown, not absent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// The driver that speaks to it.
    pub driver: Option<String>,
    /// Its mode.
    pub mode: Option<Mode>,
    /// Its model.
    pub model: Option<String>,
    /// Its hardware revision.
    pub hardware: Option<String>,
    /// Its serial number.
    pub serial: Option<String>,
    /// Its USB id, `vvvv:pppp` in lower-case hex.
    pub usb: Option<String>,
}

impl Facts {
    /// What an open driver shows, and the USB id of the port where one is known.
    #[must_use]
    pub fn of(unit: &Unit, usb: Option<&str>) -> Facts {
        let text = |text: &Option<crate::device::UnitText>| text.as_ref().map(|t| t.untrusted().to_owned());
        Facts {
            driver: Some(unit.driver.to_owned()),
            mode: Some(unit.mode),
            model: text(&unit.model),
            hardware: text(&unit.hardware),
            serial: text(&unit.serial),
            usb: usb.map(str::to_ascii_lowercase),
        }
    }

    /// The fact that a profile calls `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<String> {
        match name {
            "driver" => self.driver.clone(),
            "mode" => self.mode.map(|mode| mode.to_string()),
            "model" => self.model.clone(),
            "hardware" => self.hardware.clone(),
            "serial" => self.serial.clone(),
            "usb" => self.usb.clone(),
            _ => None,
        }
    }
}

/// Whether a unit is one of those that a profile means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fit {
    /// Every entry holds.
    Yes,
    /// An entry does not hold; says which.
    No(String),
    /// Nothing speaks against it, and these facts are not known.
    Unknown(Vec<&'static str>),
}

/// What can be matched.
pub const FIELDS: [&str; 5] = ["model", "hardware", "serial", "driver", "usb"];

/// `match`: every entry must hold; an entry with several values takes any of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Match {
    pub(super) entries: Entries,
    pub(super) modes: BTreeMap<Mode, Entries>,
}

/// Field to the values that are good.
pub type Entries = BTreeMap<&'static str, Vec<String>>;

impl Match {
    /// Whether a unit with these facts is meant.
    #[must_use]
    pub fn fits(&self, facts: &Facts) -> Fit {
        let mut unknown = BTreeSet::new();
        let mut why_not = judge(&self.entries, facts, &mut unknown);
        if !self.modes.is_empty() {
            match facts.mode {
                None => {
                    unknown.insert("mode");
                }
                Some(mode) => match self.modes.get(&mode) {
                    None => {
                        let modes: Vec<String> = self.modes.keys().map(Mode::to_string).collect();
                        why_not = why_not.or(Some(format!("its mode is {mode}, not {}", modes.join(" or "))));
                    }
                    Some(entries) => why_not = why_not.or(judge(entries, facts, &mut unknown)),
                },
            }
        }
        match why_not {
            Some(why) => Fit::No(why),
            None if unknown.is_empty() => Fit::Yes,
            None => Fit::Unknown(unknown.into_iter().collect()),
        }
    }

    /// Who speaks to such a unit in which mode, where that is said and plain.
    #[must_use]
    pub fn spoken(&self) -> BTreeMap<Mode, String> {
        let one = |entries: &Entries| match entries.get("driver").map(Vec::as_slice) {
            Some([driver]) => Some(driver.clone()),
            _ => None,
        };
        self.modes.iter().filter_map(|(mode, entries)| Some((*mode, one(entries)?))).collect()
    }

    /// Every value that `field` may have, over all modes: what `detect` may look for.
    #[must_use]
    pub fn values(&self, field: &str) -> BTreeSet<String> {
        let all = std::iter::once(&self.entries).chain(self.modes.values());
        all.filter_map(|entries| entries.get(field)).flatten().cloned().collect()
    }
}

fn judge(entries: &Entries, facts: &Facts, unknown: &mut BTreeSet<&'static str>) -> Option<String> {
    let mut why_not = None;
    for (field, good) in entries {
        match facts.get(field) {
            None => {
                unknown.insert(field);
            }
            Some(value) if good.contains(&value) => {}
            Some(value) => {
                let value = crate::device::UnitText::from(value);
                why_not = why_not.or(Some(format!("its {field} is {value}, not {}", good.join(" or "))));
            }
        }
    }
    why_not
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(pairs: &[(&'static str, &str)]) -> Entries {
        pairs.iter().map(|(k, v)| (*k, vec![(*v).to_owned()])).collect()
    }

    #[test]
    fn what_a_mode_cannot_show_is_unknown_and_what_differs_is_no() {
        let matches = Match { entries: entries(&[("model", "thermostat"), ("driver", "smp")]), ..Match::default() };
        let mut facts = Facts { driver: Some("smp".into()), ..Facts::default() };
        assert_eq!(matches.fits(&facts), Fit::Unknown(vec!["model"]));
        facts.model = Some("thermostat".into());
        assert_eq!(matches.fits(&facts), Fit::Yes);
        facts.driver = Some("adb".into());
        assert_eq!(matches.fits(&facts), Fit::No("its driver is adb, not smp".into()));
    }

    #[test]
    fn modes_are_judged_by_the_mode_the_unit_is_in() {
        let modes = BTreeMap::from([
            (Mode::Application, entries(&[("driver", "smp"), ("usb", "2fe3:0100")])),
            (Mode::Recovery, entries(&[("driver", "smp")])),
        ]);
        let matches = Match { entries: entries(&[("model", "m")]), modes };
        let mut facts = Facts { driver: Some("smp".into()), mode: Some(Mode::Recovery), ..Facts::default() };
        assert_eq!(matches.fits(&facts), Fit::Unknown(vec!["model"]));
        facts.mode = Some(Mode::Application);
        assert_eq!(matches.fits(&facts), Fit::Unknown(vec!["model", "usb"]));
        facts.mode = Some(Mode::Dfu);
        assert!(matches!(matches.fits(&facts), Fit::No(why) if why.contains("mode is dfu")));
        facts.mode = None;
        assert_eq!(matches.fits(&facts), Fit::Unknown(vec!["mode", "model"]));
        assert_eq!(matches.values("usb").len(), 1);
        assert_eq!(matches.spoken()[&Mode::Recovery], "smp");
    }
}
