//! `hardwire detect`.

use clap::Args;
use serde::Serialize;

use super::context::{Context, Secrets};
use super::exit::Exit;
use super::report::{Outcome, Result, columns};
use crate::detect::{self, Access, Found};
use crate::device::BayId;
use crate::drivers;
use crate::run::event::Listener;
use crate::station::{self, Change, Go, Selector};

/// List what is plugged in
///
/// Serial ports and USB devices are listed without opening them, because opening alone resets some boards. With
/// --probe each serial port is opened and asked, in every protocol, who is there.
#[derive(Debug, Args)]
#[command(
    visible_alias = "devices",
    after_help = "Examples:\n  hardwire detect\n  hardwire detect --probe\n  hardwire detect --probe -d tty:/dev/pts/4"
)]
pub(super) struct Detect {
    /// Open each serial port and ask who is there
    #[arg(long)]
    probe: bool,
    /// Go on, and tell what is plugged in and out (looks once a second), until Ctrl-C
    #[arg(long)]
    watch: bool,
    /// Only this port, listed or not (repeatable)
    #[arg(short, long, value_name = "DEV")]
    device: Vec<String>,
}

#[derive(Serialize)]
struct UnitLine<'a> {
    r#type: &'static str,
    #[serde(flatten)]
    found: &'a Found,
}

impl Detect {
    pub(super) fn run(&self, cx: &Context) -> Outcome {
        let mut found = if self.device.is_empty() { listed(cx) } else { self.named(cx)? };
        if self.probe {
            let ports = found.iter().filter(|found| found.access == Access::Ok).count();
            let world = cx.world(ports, Secrets::None)?;
            station::probe(&mut found, &world, &cx.cancel)?;
        }
        for found in &found {
            cx.voice.object(&UnitLine { r#type: "unit", found });
        }
        if found.is_empty() {
            cx.voice.say("nothing found: is the unit powered, and is its cable one that carries data?");
        } else {
            for row in table(&found) {
                cx.voice.line(row);
            }
        }
        if self.watch {
            self.watch(cx, found)?;
        }
        Ok(Exit::PASSED)
    }

    fn watch(&self, cx: &Context, now: Vec<Found>) -> Result<()> {
        let list = || match self.device.as_slice() {
            [] => detect::list(&station::signatures(drivers::registry())).found,
            _ => {
                self.named(cx).unwrap_or_default().into_iter().filter(|found| found.access != Access::Offline).collect()
            }
        };
        // On a thread of its own, so that Ctrl-C is heard.
        let look = |now: Vec<Found>, _: &dyn Listener| {
            station::watch(now, list, &*cx.clock, &cx.cancel, |change| tell(cx, &change));
        };
        let there = now.into_iter().filter(|found| found.access != Access::Offline).collect();
        station::fleet::run(vec![there], &cx.cancel, look, |_| {})?;
        Ok(())
    }

    fn named(&self, cx: &Context) -> Result<Vec<Found>> {
        let world = cx.world(1, Secrets::None)?;
        let ports = world.places();
        self.device
            .iter()
            .map(|text| {
                let selector: Selector = text.parse()?;
                let target = station::resolve(&selector, &[], &*world).map_err(super::context::not_there)?;
                let address = target.address.to_string();
                let mut found = ports
                    .iter()
                    .find(|port| port.address == address)
                    .cloned()
                    .unwrap_or_else(|| detect::named(address));
                detect::check_access(&mut found);
                Ok(found)
            })
            .collect()
    }
}

#[derive(Serialize)]
struct DepartedLine<'a> {
    r#type: &'static str,
    address: &'a str,
    bay: Option<BayId>,
}

fn tell(cx: &Context, change: &Change) -> Go {
    match change {
        Change::Arrived(found) => {
            cx.voice.object(&UnitLine { r#type: "arrived", found });
            cx.voice.line(format_args!("+ {}  {}", found.address, found.hint.as_deref().unwrap_or_default()));
        }
        Change::Departed(found) => {
            cx.voice.object(&DepartedLine { r#type: "departed", address: &found.address, bay: found.bay });
            cx.voice.line(format_args!("- {}", found.address));
        }
    }
    if cx.voice.is_deaf() { Go::Home } else { Go::On }
}

fn listed(cx: &Context) -> Vec<Found> {
    let listing = detect::list(&station::signatures(drivers::registry()));
    for note in &listing.notes {
        cx.voice.say(format_args!("note: {note}"));
    }
    listing.found
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
            found.access.to_string(),
            found.hint.clone().unwrap_or_default(),
        ]
    }));
    columns(&rows)
}
