//! `hardwire bay`.

use std::time::Duration;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::context::{Context, Secrets};
use super::exit::Exit;
use super::report::{Outcome, Result, columns};
use crate::detect::{Change, Found, PortPath, Watch};
use crate::device::BayId;
use crate::error::{Error, Kind};
use crate::home::Home;
use crate::run::event::Listener;
use crate::station;
use crate::station::map::{BaySpec, Free, Learned, Map, Start};

/// How often a request to stop is looked for.
const STOP: Duration = Duration::from_millis(100);
/// The highest number of a bay.
const MAX_BAY: u32 = 999;

/// Number the places where units are plugged in
///
/// A bay is a socket, known by its controller and chain of ports, which survive a reboot; it keeps its number through
/// every mode of its unit. The map stands in station.yaml, where labels, link options and how a bay begins and is freed
/// are written too. Once there is a map, ports outside of it are left alone unless they are named.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hardwire bay learn 1-8
  hardwire bay list
  hardwire apply thermostat.yaml -d bay:3

A bay in station.yaml:
  bays:
    - bay: 1
      label: left                # unique; what a scanner reads there
      ports: [\"pci-0000:00:14.0-usbv2-0:2.1\", \"pci-0000:00:14.0-usbv3-0:2.1\"]
      link: { baud: 921600 }
    - bay: 2                     # a fixture: its adapter stays, its unit comes and goes
      serial: /dev/serial/by-path/pci-0000:00:14.0-usb-0:3:1.0
      start: probe               # plug, probe (a unit answers), cts (a contact), key
      free: silent 2s            # unplug, silent TIME, key
    - bays: 11-18                # a hub: socket N is bay 10+N
      ports: \"pci-0000:00:14.0-usbv*-0:4.{}\"")]
pub(super) struct BayCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List the bays and what is in them
    #[command(after_help = "Example:\n  hardwire bay list")]
    List,
    /// Plug a unit into each socket in turn, and each becomes a bay
    ///
    /// Both ports of a socket (high speed and SuperSpeed) are learned at once where the system pairs them. A bay or port
    /// that is on the map already stays as it is. Ends with the last bay, or by Ctrl-C.
    #[command(after_help = "\
Examples:
  hardwire bay learn 1-8
  hardwire bay learn                                     from the first number that is free
  hardwire bay learn 3 --replace
  hardwire bay learn 9 --start probe --free 'silent 2s'  a fixture's adapter")]
    Learn {
        /// The bays: 3, 1-8, 1,4,6-8 [default: from the first number that is free, until Ctrl-C]
        bays: Option<String>,
        /// Give bays that are on the map already new ports
        #[arg(long, requires = "bays")]
        replace: bool,
        /// What begins a run in them: plug, probe, cts or key
        #[arg(long, value_name = "HOW")]
        start: Option<String>,
        /// What frees them: unplug, `silent TIME` or key
        #[arg(long, value_name = "HOW")]
        free: Option<String>,
    },
    /// Take bays into use
    #[command(after_help = "Example:\n  hardwire bay enable 3")]
    Enable {
        /// The bays: 3, 1-8, 1,4,6-8
        bays: String,
    },
    /// Take bays out of use: nothing in them is touched unless it is named
    #[command(after_help = "Example:\n  hardwire bay disable 3")]
    Disable {
        /// The bays: 3, 1-8, 1,4,6-8
        bays: String,
    },
}

#[derive(Serialize)]
struct BayLine<'a> {
    r#type: &'static str,
    bay: BayId,
    label: Option<&'a str>,
    ports: Vec<String>,
    serial: Option<String>,
    link: std::collections::BTreeMap<&'static str, String>,
    start: String,
    free: String,
    enabled: bool,
    units: Vec<&'a str>,
}

impl BayCommand {
    pub(super) fn run(self, cx: &Context) -> Outcome {
        match self.action {
            Action::List => list(cx),
            Action::Learn { bays, replace, start, free } => {
                let lesson = Lesson {
                    bays: bays.as_deref().map(numbers).transpose()?,
                    replace,
                    start: start.as_deref().map(str::parse).transpose()?,
                    free: free.as_deref().map(str::parse).transpose()?,
                };
                learn(cx, &lesson)
            }
            Action::Enable { bays } => enable(cx, &bays, true),
            Action::Disable { bays } => enable(cx, &bays, false),
        }
    }
}

fn tell(cx: &Context, bay: &BaySpec, there: &[Found]) {
    let units = there.iter().filter(|found| bay.holds(found)).map(|found| found.address.as_str()).collect();
    cx.voice.object(&BayLine {
        r#type: "bay",
        bay: bay.id,
        label: bay.label.as_deref(),
        ports: bay.ports.iter().map(ToString::to_string).collect(),
        serial: bay.serial.as_ref().map(|path| path.display().to_string()),
        link: bay.link.pairs().into_iter().collect(),
        start: bay.start.to_string(),
        free: bay.free.to_string(),
        enabled: bay.enabled,
        units,
    });
}

fn list(cx: &Context) -> Outcome {
    let world = cx.world(1, Secrets::None)?;
    let (map, places) = (world.map(), world.places());
    if map.is_empty() {
        cx.voice.say("this station has no bay map: `hardwire bay learn` makes one");
        return Ok(Exit::PASSED);
    }
    let mut rows = vec![["BAY", "LABEL", "USE", "START", "FREE", "UNIT", "PORTS"].map(String::from)];
    for bay in map.bays() {
        tell(cx, bay, &places);
        let units: Vec<&str> = places.iter().filter(|found| bay.holds(found)).map(|found| &*found.address).collect();
        let serial = bay.serial.iter().map(|path| path.display().to_string());
        let ports: Vec<String> = bay.ports.iter().map(ToString::to_string).chain(serial).collect();
        rows.push([
            bay.id.to_string(),
            bay.label.clone().unwrap_or_else(|| "-".into()),
            if bay.enabled { "yes" } else { "disabled" }.into(),
            bay.start.to_string(),
            bay.free.to_string(),
            if units.is_empty() { "-".into() } else { units.join(" ") },
            ports.join(" "),
        ]);
    }
    for row in columns(&rows) {
        cx.voice.line(row);
    }
    Ok(Exit::PASSED)
}

fn enable(cx: &Context, bays: &str, enabled: bool) -> Outcome {
    let home = cx.home()?;
    let numbers = numbers(bays)?;
    let map = Map::load(&home)?;
    // All are there before one is changed.
    for id in &numbers {
        map.bay(*id).map_err(super::context::not_there)?;
    }
    for id in numbers {
        let map = Map::set_enabled(&home, id, enabled)?;
        tell(cx, map.bay(id)?, &[]);
        let word = if enabled { "in use" } else { "disabled" };
        cx.voice.line(format_args!("bay {id} is {word}"));
    }
    Ok(Exit::PASSED)
}

/// What `learn` was asked for.
struct Lesson {
    bays: Option<Vec<BayId>>,
    replace: bool,
    start: Option<Start>,
    free: Option<Free>,
}

fn learn(cx: &Context, lesson: &Lesson) -> Outcome {
    let home = cx.home()?;
    let map = Map::load(&home)?;
    let known = |id: &&BayId| !lesson.replace && map.bay(**id).is_ok();
    if let Some(id) = lesson.bays.iter().flatten().find(known) {
        return Err(Error::new(Kind::Invalid, format!("bay {id} is on the map already"))
            .next("say --replace to give it other ports, or name bays that are new; nothing was changed")
            .into());
    }
    let watch = cx.world(1, Secrets::None)?.watch()?;
    for note in watch.notes() {
        cx.voice.say(format_args!("note: {note}"));
    }
    // On a thread of its own, so that Ctrl-C is heard.
    let work = |watch: Box<dyn Watch>, _: &dyn Listener| teach(cx, &home, lesson, watch);
    let mut results = station::fleet::run(vec![watch], &cx.cancel, work, |_| {})?;
    results.pop().unwrap_or_else(|| Err(Error::new(Kind::Interrupted, "no result")))?
}

fn teach(cx: &Context, home: &Home, lesson: &Lesson, mut watch: Box<dyn Watch>) -> Outcome {
    let mut asked = lesson.bays.iter().flatten().copied();
    // What was plugged in last may show several ports, and is told of more than once.
    let mut last: Option<(Option<String>, Option<u32>)> = None;
    loop {
        let next = match lesson.bays {
            Some(_) => asked.next(),
            None => first_free(&Map::load(home)?),
        };
        let Some(id) = next else { return Ok(Exit::PASSED) };
        cx.voice.say(format_args!("bay {id}: plug a unit into its socket, or take it out and plug it in again"));
        loop {
            if cx.cancel.is_asked() {
                return match lesson.bays {
                    None => Ok(Exit::PASSED),
                    Some(_) => Err(Error::new(Kind::Cancelled, format!("stopped before bay {id} was learned"))
                        .next("what was learned before is kept")
                        .into()),
                };
            }
            let Some(Change::Arrived(found)) = watch.next(STOP) else { continue };
            let Some(usb) = found.usb.as_ref() else { continue };
            let this = Some((usb.port.clone(), usb.number));
            if this == last {
                continue;
            }
            let Some(path) = &usb.path else {
                cx.voice.say(format_args!("{}: this system does not say where it is plugged in", found.address));
                continue;
            };
            if let Some(other) = Map::load(home)?.bay_of(&found).filter(|other| other.id != id) {
                cx.voice.say(format_args!("{} is in bay {} already", found.address, other.id));
                continue;
            }
            let peer = usb.port.as_deref().and_then(PortPath::peer);
            let ports = std::iter::once(path).chain(&peer).map(ToString::to_string).collect();
            let map = Map::learn(home, &Learned { id, ports, start: lesson.start, free: lesson.free })?;
            last = this;
            let bay = map.bay(id)?;
            tell(cx, bay, std::slice::from_ref(&found));
            let ports: Vec<String> = bay.ports.iter().map(ToString::to_string).collect();
            cx.voice.line(format_args!("bay {id} is {}", ports.join(" and ")));
            break;
        }
    }
}

fn first_free(map: &Map) -> Option<BayId> {
    (1..=MAX_BAY).map(BayId).find(|id| map.bay(*id).is_err())
}

/// `1,4,6-8` as bays.
fn numbers(text: &str) -> Result<Vec<BayId>> {
    let wrong = || {
        Error::new(Kind::Invalid, format!("`{}` are no bays", text.escape_debug()))
            .next(format!("bays are numbered from 1 to {MAX_BAY}: 3, 1-8, 1,4,6-8"))
    };
    let mut all = Vec::new();
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let number = |text: &str| text.trim().parse().ok().filter(|number| (1..=MAX_BAY).contains(number));
        let (first, last) = number(first).zip(number(last)).ok_or_else(wrong)?;
        if last < first {
            return Err(wrong().into());
        }
        all.extend((first..=last).map(BayId));
    }
    Ok(all)
}
