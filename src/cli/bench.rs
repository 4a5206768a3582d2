//! What the commands that run something on units share: who is meant, what is shown meanwhile, what it came to.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::path::Path;
use std::sync::Arc;

use clap::Args;
use indicatif::MultiProgress;

use super::context::{Context, OneDevice, Secrets, not_there};
use super::exit::Exit;
use super::report::{Failure, Result, Voice, columns, explain};
use crate::device::Op;
use crate::error::{Error, Kind};
use crate::ledger::RecordKind;
use crate::profile::model::Resolved;
use crate::profile::{self, Given, NoShelf, Prepared, Prompt};
use crate::run::event::{Event, Listener};
use crate::run::report::Report;
use crate::station::{self, Met, Office, PortBay, Selector, Shift, Together, World, fleet};
use crate::ui::{self, Asking, AtTerminal, Bars};

/// The units of one command.
#[derive(Debug, Args)]
pub(super) struct Devices {
    /// A unit (repeatable): tty:/dev/ttyACM0, tcp:HOST:PORT, usb:1-2.3, bay:3, a serial number, server:SERIAL (a phone that an adb server holds); DRIVER@ before it
    /// forces a driver, ,KEY=VALUE after it sets link options [default: HARDWIRE_DEVICE, else the one unit that the profile matches]
    #[arg(short, long, value_name = "DEV")]
    device: Vec<String>,
    /// Every unit that the profile matches by its USB id
    #[arg(long, conflicts_with = "device")]
    all: bool,
}

impl Devices {
    /// The bays that are meant, each once.
    pub(super) fn bays(&self, cx: &Context, prepared: &Prepared) -> Result<Vec<PortBay>> {
        let profile = prepared.profile();
        let secrets = secrets_of(Some(prepared));
        let from_env = std::env::var("HARDWIRE_DEVICE").ok().filter(|_| self.device.is_empty() && !self.all);
        let named = self.device.iter().chain(&from_env).map(String::as_str);
        let named: Vec<&str> = named.filter(|text| !text.is_empty()).collect();
        let defaults = profile.link.pairs();
        let bays = if named.is_empty() {
            let ids = profile.matches.values("usb");
            let fits = |found: &crate::detect::Found| found.usb.as_ref().is_some_and(|usb| ids.contains(&usb.id));
            let listing = cx.world(1, Secrets::None)?;
            let targets = station::resolve_any(fits, &defaults, &*listing).map_err(not_there)?;
            if !self.all && targets.len() > 1 {
                station::only_one(targets)?;
                return Ok(Vec::new());
            }
            let world = cx.world(targets.len(), secrets)?;
            targets.into_iter().map(|target| PortBay::new(target, Arc::clone(&world))).collect()
        } else {
            let world = cx.world(named.len(), secrets)?;
            named_bays(&named, &defaults, &world)?
        };
        let driver = one_driver(prepared);
        Ok(bays.into_iter().map(|bay| bay.with_driver(driver.as_deref())).collect())
    }
}

fn named_bays(named: &[&str], defaults: &station::Defaults, world: &Arc<dyn World>) -> Result<Vec<PortBay>> {
    let mut bays: BTreeMap<String, PortBay> = BTreeMap::new();
    let mut order = Vec::new();
    for text in named {
        let selector: Selector = text.parse()?;
        let target = station::resolve(&selector, defaults, &**world).map_err(|error| not_there(error).at(*text))?;
        let bay = PortBay::new(target, Arc::clone(world)).called(text);
        let port = bay.port();
        if bays.insert(port.clone(), bay).is_some() {
            return Err(Error::new(Kind::Invalid, format!("`{text}` is named twice"))
                .next("name each unit once")
                .into());
        }
        order.push(port);
    }
    Ok(order.iter().filter_map(|port| bays.remove(port)).collect())
}

/// The driver that every mode of the profile's units is spoken to with, when there is only one.
pub(super) fn one_driver(prepared: &Prepared) -> Option<String> {
    let drivers = prepared.profile().matches.values("driver");
    drivers.first().filter(|_| drivers.len() == 1).cloned()
}

/// What is seen while something runs.
pub(super) enum Display<'a> {
    /// Events, for programs.
    Objects(&'a Voice),
    /// Lines, for a pipe or a log.
    Lines(&'a Voice),
    /// Bars, for a terminal.
    Bars(Bars),
}

impl<'a> Display<'a> {
    pub(super) fn of(cx: &'a Context) -> Display<'a> {
        if cx.voice.is_json() {
            Display::Objects(&cx.voice)
        } else if std::io::stderr().is_terminal() {
            Display::Bars(Bars::new())
        } else {
            Display::Lines(&cx.voice)
        }
    }

    /// The person at this terminal, who is asked without the bars in the way.
    pub(super) fn person(&self, cx: &Context, meant: bool) -> AtTerminal {
        let asking = if cx.may_ask() { Asking::Terminal } else { Asking::Nobody };
        AtTerminal::new(asking, meant, self.screen(), Arc::clone(&cx.clock), cx.cancel.clone())
    }

    fn screen(&self) -> Option<MultiProgress> {
        match self {
            Display::Bars(bars) => Some(bars.screen()),
            _ => None,
        }
    }

    fn hear(&mut self, event: &Event) {
        match self {
            Display::Objects(voice) => voice.object(event),
            Display::Lines(voice) => _ = ui::line(event).map(|line| voice.say(line)),
            Display::Bars(bars) => bars.hear(event),
        }
    }

    fn end(&self) {
        if let Display::Bars(bars) = self {
            bars.end();
        }
    }
}

/// Works on each unit on a thread of its own; what one comes to leaves the others alone.
pub(super) fn each<U: Send, T: Send>(
    cx: &Context,
    display: &mut Display<'_>,
    units: Vec<U>,
    work: impl Fn(U, &dyn Listener) -> Result<T> + Sync,
) -> Result<Vec<Result<T>>> {
    let results = fleet::run(units, &cx.cancel, work, |event| display.hear(event))?;
    display.end();
    Ok(results.into_iter().map(|result| result.map_err(Failure::from).flatten()).collect())
}

/// Opens each unit and makes it ready. What is found wrong before anything is written stops all of them.
pub(super) fn meet_all<T: Send>(
    cx: &Context,
    display: &mut Display<'_>,
    bays: Vec<PortBay>,
    identity: Option<&str>,
    ready: impl Fn(&mut Met) -> Result<T, Error> + Sync,
) -> Result<Vec<Result<(Met, T)>>> {
    let work = |bay: PortBay, _: &dyn Listener| {
        let address = crate::device::Bay::address(&bay).to_owned();
        let mut quiet = |_| {};
        let mut op = Op::new(&*cx.clock, &cx.cancel, &mut quiet);
        let asks = |what: &str| cx.voice.waiting(&address, what);
        op.asks = Some(&asks);
        let mut met = station::meet(bay, identity, &mut op).map_err(|error| not_there(error).at(&address))?;
        let made = ready(&mut met).map_err(|error| Failure::from(error).at(met.label()))?;
        Ok((met, made))
    };
    let mut results = each(cx, display, bays, work)?;
    if let Some(at) = results.iter().position(|result| matches!(result, Err(failure) if failure.exit == Exit::INVALID))
    {
        let many = results.len() > 1;
        let Err(failure) = results.swap_remove(at) else { return Ok(results) };
        for other in results.into_iter().filter_map(Result::err) {
            cx.voice.failure(&other);
        }
        if many {
            cx.voice.say("nothing was written to any unit");
        }
        return Err(failure);
    }
    Ok(results)
}

/// Runs what each unit is ready for.
pub(super) fn execute_all(
    cx: &Context,
    display: &mut Display<'_>,
    shift: &Shift<'_>,
    kind: RecordKind,
    units: Vec<Result<(Met, Resolved)>>,
) -> Result<Vec<Result<Report>>> {
    let together = Together::of(units.iter().filter(|unit| unit.is_ok()).count());
    each(cx, display, units, |unit, listener| {
        let (met, resolved) = unit?;
        let label = met.label();
        together
            .gather(|gate| shift.execute(met, kind, &resolved, listener, gate))
            .map_err(|error| Failure::from(error).at(label))
    })
}

/// Says what every run came to, and makes one exit code of it.
pub(super) fn conclude(cx: &Context, results: &[Result<Report>]) -> Exit {
    for result in results {
        match result {
            Ok(report) => {
                cx.voice.object(report);
                explain_report(cx, report);
            }
            Err(failure) => cx.voice.failure(failure),
        }
    }
    for row in columns(&ui::summary(results.iter().flatten())).iter().filter(|_| results.iter().any(Result::is_ok)) {
        cx.voice.line(row);
    }
    Exit::combine(results.iter().map(|result| match result {
        Ok(report) => Exit::of_run(report),
        Err(failure) => failure.exit,
    }))
}

/// Why a run did not pass, with the digests that did not hold.
pub(super) fn explain_report(cx: &Context, report: &Report) {
    if let Some(error) = &report.error {
        cx.voice.say(explain(error));
        for item in ui::items(report) {
            cx.voice.say(format_args!("  {item}"));
        }
    }
}

/// A profile's question, put to the person.
pub(super) fn ask(person: &AtTerminal, cx: &Context, unit: &str, prompt: &Prompt) -> Result<Option<String>, Error> {
    let how = if prompt.scan { "scan" } else { "type" };
    let say = format!("{unit}: {} ({how} it):", prompt.say);
    if prompt.secret { person.ask_unseen(&say, &cx.cancel) } else { person.ask_if_any(&say, &cx.cancel) }
}

/// What all runs of this command share.
pub(super) fn shift<'a>(cx: &'a Context, office: &'a Office, person: &'a AtTerminal) -> Shift<'a> {
    Shift {
        office,
        clock: &*cx.clock,
        person,
        cancel: &cx.cancel,
        tags: BTreeMap::new(),
        batch: None,
        scans: BTreeMap::new(),
        operator: None,
        accept_omitted: Vec::new(),
    }
}

/// What a command without a profile adds to the record.
#[derive(Debug, Clone, Args)]
pub(super) struct RecordArgs {
    /// Who is at the bench, for the record
    #[arg(long, value_name = "NAME")]
    operator: Option<String>,
}

/// One run on one unit.
pub(super) struct Single<'a> {
    pub(super) device: &'a OneDevice,
    pub(super) record: RecordArgs,
    pub(super) kind: RecordKind,
    /// `--yes`.
    pub(super) meant: bool,
    pub(super) accept_omitted: Vec<String>,
    pub(super) secrets: Secrets,
}

impl Single<'_> {
    /// Opens the unit, lets `ready` say what to do with it, does that and seals the record.
    pub(super) fn run(
        self,
        cx: &Context,
        office: &Office,
        identity: Option<&str>,
        ready: impl Fn(&mut Met, &Shift<'_>, &AtTerminal) -> Result<Resolved, Error> + Sync,
    ) -> Result<Report> {
        let bay = cx.bay(self.device, self.secrets)?;
        let mut display = Display::of(cx);
        let person = display.person(cx, self.meant);
        let shift =
            Shift { operator: self.record.operator, accept_omitted: self.accept_omitted, ..shift(cx, office, &person) };
        let units = meet_all(cx, &mut display, vec![bay], identity, |met| ready(met, &shift, &person))?;
        let mut reports = execute_all(cx, &mut display, &shift, self.kind, units)?;
        reports.pop().unwrap_or_else(|| Err(Error::new(Kind::Interrupted, "no result").into()))
    }
}

/// A profile for a command that takes one only for what it names: asks for inputs only when they are needed.
pub(super) fn cut(prepared: &Prepared, met: &Met, person: &AtTerminal, cx: &Context) -> Result<Resolved, Error> {
    station::check_fit(prepared, met)?;
    let given = Given::default();
    let known = prepared.profile().known_inputs(&given)?;
    prepared.resolve(&met.facts, &known).or_else(|_| {
        let label = met.label();
        station::suit(prepared, &given, met, &NoShelf, &mut |prompt| ask(person, cx, &label, prompt))
    })
}

/// Whether a profile has secrets.
pub(super) fn secrets_of(prepared: Option<&Prepared>) -> Secrets {
    match prepared {
        Some(prepared) if prepared.profile().inputs.values().any(|input| input.secret) => Secrets::InPlay,
        _ => Secrets::None,
    }
}

/// The profile at `path`, ready, when one was named.
pub(super) fn load(path: Option<&Path>) -> Result<Option<Prepared>, Error> {
    path.map(|path| profile::load(path)?.prepare()).transpose()
}
