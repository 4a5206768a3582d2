//! `hardwire info`.

use clap::Args;
use serde::Serialize;

use super::context::{Context, OneDevice, Secrets};
use super::exit::Exit;
use super::report::{Outcome, columns};
use crate::device::{Bay, Capability, Unit};

/// Show identity, mode, firmware and capabilities of a unit
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  hardwire info -d tty:/dev/ttyACM0\n  hardwire info -d smp@tty:/dev/ttyUSB0,baud=921600"
)]
pub(super) struct Info {
    #[command(flatten)]
    device: OneDevice,
}

#[derive(Serialize)]
struct InfoLine<'a> {
    r#type: &'static str,
    address: &'a str,
    #[serde(flatten)]
    unit: &'a Unit,
    capabilities: Vec<Capability>,
}

impl Info {
    pub(super) fn run(&self, cx: &Context) -> Outcome {
        let bay = cx.bay(&self.device, Secrets::None)?;
        let address = bay.address().to_owned();
        let unit = cx.with_unit(bay, |driver, _| Ok(driver.unit().clone()))?;
        let capabilities = unit.offers.iter().map(|offer| offer.capability).collect();
        cx.voice.object(&InfoLine { r#type: "info", address: &address, unit: &unit, capabilities });
        for row in columns(&rows(&address, &unit)) {
            cx.voice.line(row);
        }
        Ok(Exit::PASSED)
    }
}

fn rows(address: &str, unit: &Unit) -> Vec<[String; 2]> {
    let row = |name: &str, value: String| [name.to_owned(), value];
    let unknown = || "not told".to_owned();
    let mut rows = vec![
        row("address", address.to_owned()),
        row("driver", unit.driver.to_owned()),
        row("mode", unit.mode.to_string()),
        row("serial", unit.serial.as_ref().map_or_else(unknown, ToString::to_string)),
        row("hardware id", unit.hwid.clone().unwrap_or_else(unknown)),
        row("model", unit.model.as_ref().map_or_else(unknown, ToString::to_string)),
        row("hardware", unit.hardware.as_ref().map_or_else(unknown, ToString::to_string)),
    ];
    if let Some(locked) = unit.locked {
        rows.push(row("bootloader", if locked { "locked: it lets nothing be written" } else { "unlocked" }.to_owned()));
    }
    for slot in &unit.firmware {
        let version = slot.version.as_ref().map_or_else(unknown, ToString::to_string);
        let hash = slot.hash.as_deref().unwrap_or("no hash");
        rows.push(row(&format!("slot {}", slot.slot), format!("{version}  {}  {hash}", slot.state.join(","))));
    }
    for offer in &unit.offers {
        let levels: Vec<String> = offer.levels.iter().map(ToString::to_string).collect();
        let proves = if levels.is_empty() { "-".into() } else { format!("proves {}", levels.join(", ")) };
        rows.push(row(&format!("can {}", offer.capability), proves));
    }
    rows.extend(unit.limits.iter().map(|(name, value)| row(&format!("limit {name}"), value.to_string())));
    rows
}
