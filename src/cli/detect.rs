//! `hardwire detect`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use serde::Serialize;

use super::context::{Context, Secrets};
use super::exit::Exit;
use super::report::{Outcome, Result, columns};
use crate::detect::{self, Access, Change, Found, Look, Watch};
use crate::device::BayId;
use crate::drivers;
use crate::link::Address;
use crate::run::event::Listener;
use crate::station::{self, Place, Selector, World};

/// How often a request to stop is looked for while nothing happens.
const STOP: Duration = Duration::from_millis(250);

/// List what is plugged in
///
/// Serial ports and USB devices are listed without opening them, because opening alone resets some boards. With
/// --probe each serial port is opened and listened to, then asked, in every protocol, who is there; where the station has
/// a bay map, only those in its bays.
#[derive(Debug, Args)]
#[command(
    visible_alias = "devices",
    after_help = "Examples:\n  hardwire detect\n  hardwire detect --probe\n  hardwire detect --probe -d tty:/dev/pts/4"
)]
pub(super) struct Detect {
    /// Open each serial port and ask who is there
    #[arg(long)]
    probe: bool,
    /// Go on, and tell what is plugged in and out, until Ctrl-C
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
        let mut watch = if self.watch { Some(self.begin_watch(cx)?) } else { None };
        let mut found = match &watch {
            _ if !self.device.is_empty() => self.named(&*cx.world(1, Secrets::None)?)?,
            Some(watch) => watch.there(),
            None => listed(cx)?,
        };
        if self.probe {
            let ports = found.iter().filter(|found| found.access == Access::Ok).count();
            let world = cx.world(ports, Secrets::None)?;
            let is_named = !self.device.is_empty();
            let may_ask = |found: &&mut Found| is_named || world.map().admits(found);
            station::probe(found.iter_mut().filter(may_ask), &world, &cx.cancel)?;
            let left_alone = found.iter().filter(|found| !is_named && !world.map().admits(found)).count();
            if left_alone > 0 {
                cx.voice
                    .say(format_args!("note: {left_alone} outside of the bay map were not asked: name one with -d"));
            }
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
        if let Some(watch) = watch.take() {
            go_on(cx, watch)?;
        }
        Ok(Exit::PASSED)
    }

    fn begin_watch(&self, cx: &Context) -> Result<Box<dyn Watch>> {
        let world = cx.world(1, Secrets::None)?;
        if self.device.is_empty() {
            return Ok(world.watch()?);
        }
        let (selectors, paths) = (self.selectors()?, self.paths()?);
        Ok(detect::watch_only(Box::new(Only { selectors, world }), paths, &cx.clock))
    }

    fn selectors(&self) -> Result<Vec<Selector>> {
        Ok(self.device.iter().map(|text| text.parse()).collect::<Result<_, _>>()?)
    }

    /// The paths among what was named: they may be in no list.
    fn paths(&self) -> Result<Vec<PathBuf>> {
        let path = |selector: Selector| match selector.place {
            Place::Address(Address::Tty(path)) => Some(path),
            _ => None,
        };
        Ok(self.selectors()?.into_iter().filter_map(path).collect())
    }

    fn named(&self, world: &dyn World) -> Result<Vec<Found>> {
        let ports = world.places();
        self.selectors()?.iter().map(|selector| one(selector, &ports, world)).collect()
    }
}

/// One place that was named, listed or not.
fn one(selector: &Selector, ports: &[Found], world: &dyn World) -> Result<Found> {
    let target = station::resolve(selector, &[], world).map_err(super::context::not_there)?;
    let address = target.address.to_string();
    let listed = ports.iter().find(|port| port.address == address).cloned();
    let mut found = listed.unwrap_or_else(|| detect::named(address));
    world.map().fill([&mut found]);
    detect::check_access(&mut found);
    Ok(found)
}

/// Looks at nothing but what was named.
struct Only {
    selectors: Vec<Selector>,
    world: Arc<dyn World>,
}

impl Look for Only {
    fn places(&mut self) -> Vec<Found> {
        let ports = self.world.places();
        let named = self.selectors.iter().filter_map(|selector| one(selector, &ports, &*self.world).ok());
        named.filter(|found| found.access != Access::Offline).collect()
    }

    fn access(&mut self, _: &mut [&mut Found]) {}
}

/// Tells what is plugged in and out until Ctrl-C, or until nobody listens.
fn go_on(cx: &Context, watch: Box<dyn Watch>) -> Result<()> {
    for note in watch.notes() {
        cx.voice.say(format_args!("note: {note}"));
    }
    // On a thread of its own, so that Ctrl-C is heard.
    let look = |mut watch: Box<dyn Watch>, _: &dyn Listener| {
        while !cx.cancel.is_asked() && !cx.voice.is_deaf() {
            if let Some(change) = watch.next(STOP) {
                tell(cx, &change);
            }
        }
    };
    station::fleet::run(vec![watch], &cx.cancel, look, |_| {})?;
    Ok(())
}

#[derive(Serialize)]
struct DepartedLine<'a> {
    r#type: &'static str,
    address: &'a str,
    bay: Option<BayId>,
}

fn tell(cx: &Context, change: &Change) {
    match change {
        Change::Arrived(found) => {
            cx.voice.object(&UnitLine { r#type: "arrived", found });
            let words = [found.driver.unwrap_or_default(), &remark(found)].join(" ");
            cx.voice.line(format!("+ {}  {}", found.address, words.trim()).trim_end());
        }
        Change::Departed(found) => {
            cx.voice.object(&DepartedLine { r#type: "departed", address: &found.address, bay: found.bay });
            cx.voice.line(format_args!("- {}", found.address));
        }
    }
}

fn listed(cx: &Context) -> Result<Vec<Found>> {
    let mut listing = detect::list(&station::signatures(drivers::registry()), &*cx.clock);
    for note in &listing.notes {
        cx.voice.say(format_args!("note: {note}"));
    }
    cx.map()?.fill(&mut listing.found);
    Ok(listing.found)
}

/// What it is known as, where no driver says so, and what to do about it.
fn remark(found: &Found) -> String {
    let name = found.name.filter(|_| found.driver.is_none());
    name.into_iter().chain(found.hint.as_deref()).collect::<Vec<_>>().join("; ")
}

/// One row a unit, under a heading; columns as wide as they need to be.
fn table(all: &[Found]) -> Vec<String> {
    let text = |text: Option<String>| text.unwrap_or_else(|| "-".into());
    let mut rows = vec![["ADDRESS", "DRIVER", "MODE", "SERIAL", "MODEL", "USB", "ACCESS", "REMARK"].map(String::from)];
    rows.extend(all.iter().map(|found| {
        [
            match found.bay {
                Some(bay) => format!("{} (bay {bay})", found.address),
                None => found.address.clone(),
            },
            text(found.driver.map(String::from)),
            text(found.mode.map(|mode| mode.to_string())),
            text(found.serial.as_ref().map(ToString::to_string)),
            text(found.model.as_ref().map(ToString::to_string)),
            text(found.usb.as_ref().map(|usb| usb.id.clone())),
            found.access.to_string(),
            remark(found),
        ]
    }));
    columns(&rows)
}
