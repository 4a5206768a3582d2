//! `hardwire batch`.

use std::collections::{BTreeMap, BTreeSet};
use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use serde::Serialize;

use super::apply::{InputArgs, tag};
use super::bench;
use super::context::{Context, not_there};
use super::exit::Exit;
use super::report::{FailureLine, Outcome, Result, Voice, escape, explain};
use crate::clock::Clock;
use crate::device::BayId;
use crate::error::{Error, Kind};
use crate::ledger::{Filter, RecordKind};
use crate::profile::{self, Prepared};
use crate::run::report::{self, Report};
use crate::station::batch::{
    self, Asked, Audience, Batch, Bench, Ending, Haste, Meant, News, Post, Questions, Rules, Settings, Shop, Shown,
    Summary, Used, View, Worked,
};
use crate::ui::{self, Board, Keyboard, Shows};

/// How often the board moves though nothing happens.
const PACE: Duration = Duration::from_millis(200);

/// Provision every unit that arrives, bay by bay, without a key press
///
/// A unit that is plugged into a bay is started; its verdict stays until it is pulled; the bay is free for the next one.
/// The other bays go on meanwhile. What already holds is not written, so a unit seen before is only repaired. Type a bay's
/// number (or scan its label) and Enter to start a unit again, or to bring back a bay that was taken out.
///
/// The first Ctrl-C starts nothing more and stops the runs at their next sane point, a second one at once.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hardwire batch thermostat.yaml
  hardwire batch thermostat.yaml --bays 1-8 --batch lot-7 --count 500 --operator kim
  hardwire batch thermostat.yaml --bays tty:/dev/ttyUSB0,tty:/dev/ttyUSB1 --at-most 1")]
pub(super) struct BatchCommand {
    /// The profile
    profile: PathBuf,
    /// The bays: numbers of the map (1-8,11), or ports, which are then numbered as named (repeatable) [default: the whole map]
    #[arg(long, value_name = "BAYS")]
    bays: Vec<String>,
    /// At most this many units at a time; the rest wait in the order they came
    #[arg(long, value_name = "M", value_parser = clap::value_parser!(u64).range(1..))]
    at_most: Option<u64>,
    /// The name of the batch, for the records; its count goes on after a restart
    #[arg(long = "batch", value_name = "NAME")]
    name: Option<String>,
    /// End after this many passes, over the life of the batch's name
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// End after this many failed units
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    max_fail: Option<u64>,
    /// Take a bay out after this many errors in a row [default: `quarantine_after` in station.yaml, else never]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    quarantine_after: Option<u32>,
    #[command(flatten)]
    inputs: InputArgs,
    /// A tag for the records (repeatable)
    #[arg(long = "tag", value_name = "KEY=VALUE", value_parser = tag)]
    tags: Vec<(String, String)>,
    /// Who is at the bench, for the records
    #[arg(long, value_name = "NAME")]
    operator: Option<String>,
    /// Let a backup leave out things of this kind: file or setting (repeatable)
    #[arg(long, value_name = "KIND", value_parser = ["file", "setting"])]
    accept_omitted: Vec<String>,
    /// Wiping, downgrading and overwriting are meant
    #[arg(long)]
    yes: bool,
}

impl BatchCommand {
    pub(super) fn run(self, cx: &Context) -> Outcome {
        let prepared = profile::load(&self.profile)?.prepare()?;
        let given = self.inputs.given()?;
        let bench = if cx.may_ask() { Bench::Staffed } else { Bench::Empty };
        batch::foresee(&prepared, &given, bench)?;
        let office = cx.office()?;
        let settings = Settings::under(office.home.root())?;
        let world = cx.world(self.bays.len().max(2), bench::secrets_of(Some(&prepared)))?;
        let posts = batch::posts(&self.bays, &*world).map_err(not_there)?;
        let ledger = office.ledger()?;
        let before = match &self.name {
            Some(name) => {
                let passes = Filter {
                    kind: Some(RecordKind::Run),
                    outcome: Some("pass".to_owned()),
                    batch: Some(name.clone()),
                    ..Filter::default()
                };
                ledger.list(&passes)?.len() as u64
            }
            None => 0,
        };
        let used = Used::on_record(&ledger, &prepared.reference().name)?;
        drop(ledger);
        let (wire, inbox) = batch::wire();
        let redraw = wire.clone();
        let questions = Questions::new(bench, move || redraw.redraw());
        let title = self.name.clone().map_or_else(|| "batch".to_owned(), |name| format!("batch {name}"));
        let rules = Rules {
            count: self.count,
            max_fail: self.max_fail,
            at_most: self.at_most.map(|most| usize::try_from(most).unwrap_or(usize::MAX)),
            quarantine_after: self.quarantine_after.or(settings.quarantine_after),
        };
        let shop = Shop {
            office: &office,
            world: Arc::clone(&world),
            clock: Arc::clone(&cx.clock),
            prepared: &prepared,
            driver: bench::one_driver(&prepared),
            given: &given,
            tags: self.tags.into_iter().collect(),
            batch: self.name,
            operator: self.operator,
            consent: if self.yes { Meant::Yes } else { Meant::Ask },
            accept_omitted: self.accept_omitted,
            used,
        };
        let watch = world.watch()?;
        for note in watch.notes() {
            cx.voice.say(format_args!("note: {note}"));
        }
        if before > 0 {
            cx.voice.say(format_args!("note: {before} passes of this batch are on record already"));
        }
        let line = Batch {
            posts,
            rules,
            before,
            signals: settings.signals,
            clock: Arc::clone(&cx.clock),
            questions: &questions,
            world,
            defaults: prepared.profile().link.pairs(),
            driver: bench::one_driver(&prepared),
        };
        let mut hall = Hall::new(cx, &title, &line, &wire)?;
        let summary = batch::conduct(&line, watch, (wire, inbox), &shop, &mut hall)?;
        Ok(hall.conclude(&title, &summary, &prepared))
    }
}

/// Who looks on: a board, lines or a program.
struct Hall<'a> {
    voice: &'a Voice,
    clock: &'a dyn Clock,
    staffed: bool,
    board: Option<(Board, Option<Keyboard>)>,
    /// Kept for what it reads; the terminal shows it.
    _keyboard: Option<Keyboard>,
    queued: BTreeMap<BayId, usize>,
    taken: BTreeSet<BayId>,
    asked: Option<Asked>,
    /// What each unit's last run came to; one that is not known is an entry of its own.
    exits: BTreeMap<String, Exit>,
    strangers: Vec<Exit>,
}

/// What a batch tells beside what its runs do.
#[derive(Serialize)]
struct Notice<'a> {
    r#type: &'static str,
    event: &'static str,
    bay: Option<BayId>,
    serial: Option<&'a str>,
    at: Timestamp,
    say: Option<String>,
}

impl<'a> Hall<'a> {
    fn new(cx: &'a Context, title: &str, line: &Batch<'_>, wire: &batch::Wire) -> Result<Hall<'a>, Error> {
        let staffed = line.questions.bench() == Bench::Staffed;
        let is_board = !cx.voice.is_json() && std::io::stderr().is_terminal();
        let shows = if is_board { Shows::Board } else { Shows::Terminal };
        let mut keyboard = if staffed { Some(Keyboard::read(shows, wire.clone())?) } else { None };
        let board = is_board.then(|| (Board::new(title, line.rules.count, &line.posts), keyboard.take()));
        Ok(Hall {
            voice: &cx.voice,
            clock: &*cx.clock,
            staffed,
            board,
            _keyboard: keyboard,
            queued: BTreeMap::new(),
            taken: BTreeSet::new(),
            asked: None,
            exits: BTreeMap::new(),
            strangers: Vec::new(),
        })
    }

    /// A line for people.
    fn say(&self, line: &str) {
        match &self.board {
            Some((board, _)) => line.lines().for_each(|line| board.say(&escape(line))),
            None => self.voice.say(line),
        }
    }

    fn notice(&self, event: &'static str, bay: Option<BayId>, serial: Option<&str>, say: Option<String>) {
        self.voice.object(&Notice { r#type: "event", event, bay, serial, at: self.clock.wall(), say });
    }

    fn ended(&mut self, post: &Post, worked: &Worked, end: &batch::End) {
        let exit = match &worked.result {
            Ok(report) => {
                self.voice.object(report);
                self.explain(post, report, end);
                Exit::of_run(report)
            }
            Err(error) => {
                let failure = report::Failure::new(error, Some(post.id), worked.unit.clone());
                self.voice.object(&FailureLine::of(&failure));
                self.say(&explain(&failure));
                // What came and went before anything was asked of it decides nothing.
                if error.kind() == Kind::Gone { Exit::PASSED } else { Exit::of(error.kind()) }
            }
        };
        match &worked.unit {
            Some(unit) => _ = self.exits.insert(unit.clone(), exit),
            None => self.strangers.push(exit),
        }
    }

    fn explain(&self, post: &Post, report: &Report, end: &batch::End) {
        let Some(error) = &report.error else { return };
        // What the profile says for people stands in for the error, which the record keeps.
        let own = end.say.as_ref().filter(|say| **say != error.doing);
        match own {
            Some(say) => {
                let unit = end.unit.as_deref().unwrap_or(&report.address);
                self.say(&format!("{post}, {unit}: {}: {say}", ui::verdict(report.outcome)));
            }
            None => {
                self.say(&explain(error));
                for item in ui::items(report) {
                    self.say(&format!("  {item}"));
                }
            }
        }
    }

    /// Says in words what a board would show.
    fn tell_changes(&mut self, view: &View<'_>) {
        let queued: BTreeMap<BayId, usize> = view
            .line
            .shown()
            .filter_map(|(bay, shown)| if let Shown::Queued(n) = shown { Some((bay, n)) } else { None })
            .collect();
        for (bay, n) in queued.iter().filter(|(bay, _)| !self.queued.contains_key(bay)) {
            let say = format!("waits for a place, number {n} in the queue");
            self.voice.say(format_args!("bay {bay}: {say}"));
            self.notice("queued", Some(*bay), None, Some(say));
        }
        self.queued = queued;
        let is_taken = |shown: &Shown<'_>| !matches!(shown, Shown::Empty(_) | Shown::Settling);
        let taken: BTreeSet<BayId> =
            view.line.shown().filter(|(_, shown)| is_taken(shown)).map(|(bay, _)| bay).collect();
        for bay in self.taken.difference(&taken) {
            self.notice("free", Some(*bay), None, None);
        }
        self.taken = taken;
        if self.asked != view.asked {
            if let Some(asked) = &view.asked {
                let complaint = asked.complaint.as_ref().map(|why| format!("({why}) ")).unwrap_or_default();
                self.voice.say(format_args!("bay {}, {}: {complaint}{}", asked.bay, asked.unit, asked.say));
                self.notice("waiting", Some(asked.bay), Some(&asked.unit), Some(asked.say.clone()));
            }
            self.asked.clone_from(&view.asked);
        }
    }

    /// Says what it came to, and makes one exit code of it.
    fn conclude(self, title: &str, summary: &Summary, prepared: &Prepared) -> Exit {
        if let Some((board, keyboard)) = self.board {
            board.end();
            drop(keyboard);
        }
        let tally = &summary.tally;
        let reference = prepared.reference();
        let why = match summary.ending {
            Ending::Complete => "complete",
            Ending::TooManyFailed => "ended, too many units failed",
            Ending::NoBayLeft => "ended, every bay was taken out",
            Ending::ByHand => "ended by hand",
            Ending::Broken => "ended, nothing can be recorded",
        };
        let lines = [
            format!("{title}, {} {}: {why}", reference.name, reference.version),
            format!("  passed            {} ({} with the runs before)", tally.passed, tally.passes()),
            format!("  unit failed       {}", tally.failed),
            format!("  cable or station  {}", tally.errors),
            format!("  operator          {}", tally.operator),
        ];
        self.voice.object(&Notice {
            r#type: "event",
            event: "batch-finished",
            bay: None,
            serial: None,
            at: self.clock.wall(),
            say: Some(why.to_owned()),
        });
        for line in lines {
            self.voice.line(line);
        }
        if tally.units() as u64 != tally.passed && tally.units() > 0 {
            self.voice.line(format_args!("  different units   {}", tally.units()));
        }
        Exit::combine(self.exits.into_values().chain(self.strangers))
    }
}

impl Audience for Hall<'_> {
    fn hear(&mut self, news: News<'_>) {
        match news {
            News::Event(event) => match &mut self.board {
                Some((board, _)) => board.hear(event),
                None if self.voice.is_json() => self.voice.object(event),
                None => _ = ui::line(event).map(|line| self.voice.say(line)),
            },
            News::Met(post, unit, before) => {
                if let Some((board, _)) = &mut self.board {
                    board.met(post.id, unit, before.is_some());
                }
                if let Some(at) = before {
                    let day = at.strftime("%Y-%m-%d");
                    let say = format!("seen before, passed on {day}; only repaired");
                    if self.board.is_none() {
                        self.say(&format!("{post}, {unit}: {say}"));
                    }
                    self.notice("seen-before", Some(post.id), Some(unit), Some(say));
                }
            }
            News::Ended(post, worked, end) => self.ended(post, worked, end),
            News::Quarantined(post) => {
                let say = "taken out after errors in a row: see to its cable";
                let back =
                    if self.staffed { ", then type its number and Enter" } else { ", then start the batch again" };
                self.say(&format!("{post}: {say}{back}"));
                self.notice("quarantined", Some(post.id), None, Some(say.to_owned()));
            }
            News::Warned(error) => {
                self.say(&explain(&report::Failure::new(error, None, None)).replacen("error:", "warning:", 1));
            }
            News::Useless(line) => self.say(&format!("`{}` is no bay of this batch", line.escape_debug())),
            News::Stopping(Haste::Sane) => {
                self.say("stopping: nothing more is started, and runs stop at their next sane point");
            }
            News::Stopping(Haste::AtOnce) => self.say("stopping at once"),
        }
    }

    fn draw(&mut self, view: &View<'_>) {
        match &mut self.board {
            Some((board, keyboard)) => {
                let typed = keyboard.as_ref().map(Keyboard::typed).unwrap_or_default();
                board.draw(view, &typed);
            }
            None => self.tell_changes(view),
        }
    }

    fn pace(&self) -> Option<Duration> {
        self.board.is_some().then_some(PACE)
    }
}
