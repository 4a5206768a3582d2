//! `hardwire detect`.

use clap::Args;
use serde::Serialize;

use super::exit::Exit;
use super::report::{Outcome, Voice};
use crate::detect::{self, Found};
use crate::{drivers, station};

/// List what is plugged in
///
/// Serial ports and USB devices are listed without opening them, because opening alone resets some boards.
#[derive(Debug, Args)]
#[command(visible_alias = "devices", after_help = "Example:\n  hardwire detect\n  hardwire detect --json")]
pub(super) struct Detect {}

#[derive(Serialize)]
struct UnitLine<'a> {
    r#type: &'static str,
    #[serde(flatten)]
    found: &'a Found,
}

impl Detect {
    pub(super) fn run(&self, voice: &Voice) -> Outcome {
        let signatures = station::signatures(drivers::registry());
        let listing = detect::list(&signatures);
        for note in &listing.notes {
            voice.say(format_args!("note: {note}"));
        }
        for found in &listing.found {
            voice.object(&UnitLine { r#type: "unit", found });
        }
        if listing.found.is_empty() {
            voice.say("nothing found: is the unit powered, and is its cable one that carries data?");
        } else {
            for row in table(&listing.found) {
                voice.line(row);
            }
        }
        Ok(Exit::PASSED)
    }
}

/// One row a unit, under a heading; columns as wide as they need to be.
fn table(all: &[Found]) -> Vec<String> {
    let text = |text: Option<String>| text.unwrap_or_else(|| "-".into());
    let mut rows = vec![["ADDRESS", "DRIVER", "MODE", "SERIAL", "MODEL", "USB", "ACCESS", "HINT"].map(String::from)];
    rows.extend(all.iter().map(|found| {
        [
            found.address.clone(),
            text(found.driver.map(String::from)),
            text(found.mode.map(|mode| mode.to_string())),
            text(found.serial.as_ref().map(ToString::to_string)),
            text(found.model.as_ref().map(ToString::to_string)),
            text(found.usb.as_ref().map(|usb| usb.id.clone())),
            format!("{:?}", found.access).to_lowercase(),
            found.hint.clone().unwrap_or_default(),
        ]
    }));
    super::report::columns(&rows)
}
