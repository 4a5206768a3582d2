//! Those who look on at a batch: a board, lines or a program.

use std::collections::{BTreeMap, BTreeSet};
use std::io::IsTerminal;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::context::Context;
use super::exit::Exit;
use super::report::{FailureLine, Result, Voice, escape, explain};
use crate::clock::Clock;
use crate::device::BayId;
use crate::error::{Error, Kind};
use crate::profile::Prepared;
use crate::run::report::{self, Report};
use crate::station::batch::{
    self, Asked, Audience, Batch, Bench, Ending, Haste, News, Post, Shown, Summary, View, Worked,
};
use crate::ui::{self, Board, Keyboard, Shows};

/// How often the board moves though nothing happens.
const PACE: Duration = Duration::from_millis(200);

/// Who looks on: a board, lines or a program.
pub(super) struct Hall<'a> {
    voice: &'a Voice,
    clock: &'a dyn Clock,
    staffed: bool,
    board: Option<(Board, Option<Keyboard>)>,
    /// Kept for what it reads; the terminal shows it.
    _keyboard: Option<Keyboard>,
    queued: BTreeMap<BayId, usize>,
    taken: BTreeSet<BayId>,
    asked: Option<Asked>,
    /// When each unit's last run began, and what it came to; one that is not known is an entry of its own.
    exits: BTreeMap<String, (Timestamp, Exit)>,
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
    pub(super) fn new(cx: &'a Context, title: &str, line: &Batch<'_>, wire: &batch::Wire) -> Result<Hall<'a>, Error> {
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
            Some(unit) => {
                // A run that waits in vain for a unit which was put into another bay ends after the one there.
                let began = worked.result.as_ref().map_or_else(|_| self.clock.wall(), |report| report.started);
                let last = self.exits.entry(unit.clone()).or_insert((began, exit));
                if began >= last.0 {
                    *last = (began, exit);
                }
            }
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
    pub(super) fn conclude(self, title: &str, summary: &Summary, prepared: &Prepared) -> Exit {
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
        Exit::combine(self.exits.into_values().map(|(_, exit)| exit).chain(self.strangers))
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
            News::Asks(post, what) => {
                match &mut self.board {
                    Some((board, _)) => board.asks(post.id, what),
                    None => self.say(&format!("{post}: waits for a person: {what}")),
                }
                self.notice("waiting", Some(post.id), None, Some(what.to_owned()));
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
