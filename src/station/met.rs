//! A unit that was met: its bay, the driver that speaks to it, and what is known of it.

use std::collections::BTreeMap;

use super::PortBay;
use crate::device::{Bay, Driver, Mode, ModeSpec, Op, UnitText};
use crate::error::{Kind, Result};
use crate::profile::{Facts, UnitNames};

/// A unit, open.
pub struct Met {
    /// Where it is.
    pub bay: PortBay,
    /// Who speaks to it.
    pub driver: Box<dyn Driver>,
    /// What a profile may ask of it.
    pub facts: Facts,
    /// What the command line may call it.
    pub names: UnitNames,
}

impl Met {
    /// What such units can do in the modes that they may be in. `spoken` is who speaks in a mode, where a profile says so.
    #[must_use]
    pub fn modes(&self, spoken: &BTreeMap<Mode, String>) -> Vec<ModeSpec> {
        let own = self.driver.unit().driver;
        let mut modes = super::modes::modes(own, spoken, self.bay.protocols());
        modes.retain(|spec| spec.driver == own || self.bay.follows());
        modes
    }

    /// What people call it: its serial number, else its address.
    #[must_use]
    pub fn label(&self) -> String {
        let serial = self.facts.serial.as_deref().map(|serial| UnitText::new(serial).to_string());
        serial.unwrap_or_else(|| self.bay.address().to_owned())
    }
}

/// Opens the unit in `bay`. `identity` is the setting that holds the serial number of a unit without one of its own.
///
/// # Errors
/// `gone` when nothing is there, and what opening and reading may come to.
pub fn meet(mut bay: PortBay, identity: Option<&str>, op: &mut Op<'_>) -> Result<Met> {
    let mut driver = bay.open(op)?;
    let mut facts = Facts::of(driver.unit(), bay.usb_id());
    if let (None, Some(key), Some(settings)) = (&facts.serial, identity, driver.settings()) {
        facts.serial = match settings.read(key, op) {
            Ok(value) => value.and_then(|value| UnitText::padded(&value)).map(|serial| serial.untrusted().to_owned()),
            // It may have none yet: a run can give it one.
            Err(error) if matches!(error.kind(), Kind::Refused | Kind::Unsupported) => None,
            Err(error) => return Err(error.while_doing(format!("reading the unit's serial number from {key}"))),
        };
    }
    if let (None, None, Some(serial)) = (&facts.serial, identity, bay.usb_serial()) {
        facts.serial = Some(serial.untrusted().to_owned());
    }
    let address = bay.address().to_owned();
    let bare = address.strip_prefix("tty:").map(str::to_owned);
    let names = UnitNames {
        serial: facts.serial.clone(),
        bay: bay.id().map(|bay| bay.to_string()),
        addresses: [bay.named().map(str::to_owned), bare, Some(address)].into_iter().flatten().collect(),
    };
    Ok(Met { bay, driver, facts, names })
}
