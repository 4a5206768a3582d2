//! The line's board: a row a bay, the counters above, the person's task below.

use std::collections::BTreeMap;

use console::style;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::lines::{outcome, verdict};
use super::{safe, waits};
use crate::device::BayId;
use crate::run::event::{Event, EventKind};
use crate::station::batch::{Asked, Echo, End, Post, Shown, Tally, Ticket, View};

/// The board on a terminal.
#[derive(Debug)]
pub struct Board {
    screen: MultiProgress,
    head: ProgressBar,
    rows: BTreeMap<BayId, Row>,
    task: ProgressBar,
    title: String,
    count: Option<u64>,
}

#[derive(Debug)]
struct Row {
    bar: ProgressBar,
    name: String,
    unit: String,
    /// The run whose unit and step are shown.
    run: Option<Ticket>,
}

impl Board {
    /// A board of these bays, on stderr. `title` names the batch.
    #[must_use]
    pub fn new(title: &str, count: Option<u64>, posts: &[Post]) -> Board {
        let screen = MultiProgress::new();
        let head = screen.add(ProgressBar::new_spinner().with_style(layout("{wide_msg}")));
        let row = |post: &Post| {
            let bar = screen.add(ProgressBar::new_spinner().with_style(still()));
            (post.id, Row { bar, name: safe(&post.to_string()), unit: String::new(), run: None })
        };
        let rows = posts.iter().map(row).collect();
        let task = screen.add(ProgressBar::new_spinner().with_style(layout("{wide_msg}")));
        Board { head, rows, task, title: safe(title), count, screen }
    }

    /// A line above the board, which stays.
    pub fn say(&self, line: &str) {
        let _ = self.screen.println(line);
    }

    /// The unit in a bay is known.
    pub fn met(&mut self, bay: BayId, unit: &str, seen: bool) {
        if let Some(row) = self.rows.get_mut(&bay) {
            row.unit = if seen { format!("{}, seen before", safe(unit)) } else { safe(unit) };
            row.say("begins");
        }
    }

    /// Before the unit in a bay can be opened, a person has to do something at it.
    pub fn asks(&mut self, bay: BayId, what: &str) {
        if let Some(row) = self.rows.get_mut(&bay) {
            row.say(&safe(what));
        }
    }

    /// Something happened in a run.
    pub fn hear(&mut self, event: &Event) {
        let Some(row) = event.bay.and_then(|bay| self.rows.get_mut(&bay)) else { return };
        let step = safe(event.step.as_deref().unwrap_or_default());
        match event.event {
            EventKind::RunStarted => row.say("begins"),
            EventKind::StepStarted => row.say(&step),
            EventKind::Progress => row.moves(&step, event),
            EventKind::Verifying => row.say(&format!("{step}: verifying")),
            EventKind::StepFinished => {
                if let Some(result) = &event.result {
                    row.say(&format!("{step}: {}", outcome(result)));
                }
            }
            EventKind::Waiting => row.say(&waits(event)),
            EventKind::Away => row.waits(event),
            EventKind::ModeChanged => row.say("is back"),
            EventKind::Said => row.say(&format!("{step}: {}", safe(event.say.as_deref().unwrap_or_default()))),
            EventKind::Retry => row.say(&format!("{step}: again")),
            EventKind::RunFinished => {}
        }
    }

    /// Draws the state of the line; `typed` is what the person has typed so far.
    pub fn draw(&mut self, view: &View<'_>, typed: &str) {
        let running = view.line.running();
        let rate = view.line.tally().per_hour(view.now);
        self.head.set_message(head(&self.title, view.line.tally(), self.count, rate, running));
        for (bay, shown) in view.line.shown() {
            let Some(row) = self.rows.get_mut(&bay) else { continue };
            let asked = view.asked.as_ref().is_some_and(|asked| asked.bay == bay);
            let name = if asked { format!("> {}", row.name) } else { format!("  {}", row.name) };
            let name = format!("{name:<16}");
            row.bar.set_prefix(if asked { style(name).reverse().to_string() } else { name });
            if let Shown::Running(ticket) = shown {
                if row.run != Some(ticket) {
                    row.run = Some(ticket);
                    row.unit.clear();
                    row.say("opening");
                }
                row.bar.tick();
            } else {
                row.run = None;
                row.bar.set_style(still());
                row.bar.set_message(state(shown));
            }
        }
        self.task.set_message(match &view.asked {
            Some(asked) => task(asked, typed),
            None if typed.is_empty() => String::new(),
            None => format!("> {}", safe(typed)),
        });
    }

    /// Leaves the last state on the screen.
    pub fn end(&self) {
        self.head.finish();
        self.rows.values().for_each(|row| row.bar.finish());
        self.task.finish_and_clear();
    }
}

impl Row {
    fn say(&self, what: &str) {
        self.bar.set_style(still());
        let unit = if self.unit.is_empty() { String::new() } else { format!("{}: ", self.unit) };
        self.bar.set_message(format!("{unit}{what}"));
    }

    /// The unit is away, and how long so far.
    fn waits(&self, event: &Event) {
        self.say(&safe(event.say.as_deref().unwrap_or("waits for the unit")));
        self.bar.set_style(layout(AWAY));
        self.bar.reset_elapsed();
    }

    fn moves(&self, step: &str, event: &Event) {
        let (Some(done), Some(total)) = (event.bytes, event.total) else { return };
        if self.bar.length() != Some(total) || self.bar.position() > done {
            // A new transfer: the rate is its own.
            self.bar.set_length(total);
            self.bar.reset();
        }
        self.bar.set_style(moving());
        self.bar.set_message(format!("{}: {step}", self.unit));
        self.bar.set_position(done);
    }
}

/// The counters in a line.
fn head(title: &str, tally: &Tally, count: Option<u64>, rate: Option<f64>, running: usize) -> String {
    let of = count.map(|count| format!(" of {count}")).unwrap_or_default();
    let rate = rate.map(|rate| format!(", {rate:.0} units/h")).unwrap_or_default();
    let others = [(tally.errors, "cable or station"), (tally.operator, "operator")];
    let others: String = others.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!(", {n} {what}")).collect();
    format!("{title}: {}{of} good, {} bad{others}{rate}, {running} running", tally.passes(), tally.failed)
}

/// What a bay says of itself while nothing runs in it.
fn state(shown: Shown<'_>) -> String {
    match shown {
        Shown::Empty(None) => "free".to_owned(),
        Shown::Empty(Some(end)) => format!("free (the last one: {})", ended(end)),
        Shown::Settling => "a unit has come".to_owned(),
        Shown::Queued(n) => format!("waits for a place, number {n} in the queue"),
        Shown::Running(_) => String::new(),
        Shown::Done(end) => ended(end),
        Shown::Out(_) => "TAKEN OUT after errors in a row: mend it, then type its number and Enter".to_owned(),
    }
}

fn ended(end: &End) -> String {
    let unit = end.unit.as_deref().map(|unit| format!("{} ", safe(unit))).unwrap_or_default();
    let say = end.say.as_deref().map(|say| format!(": {}", safe(say))).unwrap_or_default();
    format!("{}{unit}{say}", style(format!("{:<10}", verdict(end.outcome))).bold())
}

fn task(asked: &Asked, typed: &str) -> String {
    let complaint = asked.complaint.as_deref().map(|why| format!("({}) ", safe(why))).unwrap_or_default();
    let typed = match asked.echo {
        Echo::Shown => safe(typed),
        Echo::Hidden => "*".repeat(typed.chars().count().min(32)),
    };
    format!("> bay {}, {}: {complaint}{} {typed}_", asked.bay, safe(&asked.unit), safe(&asked.say))
}

fn layout(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

const STILL: &str = "{prefix} {wide_msg}";
/// With the time that the unit has been waited for.
const AWAY: &str = "{prefix} {elapsed}, {wide_msg}";
const MOVING: &str = "{prefix} {msg:28!} [{bar:16}] {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} {eta}";

fn still() -> ProgressStyle {
    layout(STILL)
}

fn moving() -> ProgressStyle {
    layout(MOVING).progress_chars("=> ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;
    use crate::ui::AWAITED;

    #[test]
    fn the_templates_are_understood() {
        for template in [STILL, AWAY, MOVING] {
            ProgressStyle::with_template(template).unwrap();
        }
    }

    #[test]
    fn a_unit_that_is_away_is_shown_with_what_is_awaited() {
        let mut board = Board::new("lot", None, &[]);
        board.screen.set_draw_target(indicatif::ProgressDrawTarget::hidden());
        let bar = board.screen.add(ProgressBar::new_spinner());
        board.rows.insert(BayId(3), Row { bar, name: "bay 3".into(), unit: String::new(), run: None });
        board.met(BayId(3), "PH-1", false);
        board.hear(&Event::saying(EventKind::Away, AWAITED));
        assert_eq!(board.rows[&BayId(3)].bar.message(), format!("PH-1: {AWAITED}"));
        board.hear(&Event::saying(EventKind::Waiting, "accept the key"));
        assert_eq!(board.rows[&BayId(3)].bar.message(), "PH-1: accept the key");
        let asked = Event { step: Some("lamp".to_owned()), ..Event::saying(EventKind::Waiting, "is it green?") };
        board.hear(&asked);
        assert_eq!(board.rows[&BayId(3)].bar.message(), "PH-1: lamp: waits for a person");
        board.asks(BayId(3), "accept the key\u{7}");
        assert_eq!(board.rows[&BayId(3)].bar.message(), "PH-1: accept the key\\u{7}");
    }

    #[test]
    fn the_counters_say_what_was_whose() {
        let mut tally = Tally::after(10);
        (tally.passed, tally.failed, tally.operator) = (2, 1, 3);
        assert_eq!(
            head("lot 7", &tally, Some(24), Some(143.2), 4),
            "lot 7: 12 of 24 good, 1 bad, 3 operator, 143 units/h, 4 running"
        );
        assert_eq!(head("batch", &Tally::default(), None, None, 0), "batch: 0 good, 0 bad, 0 running");
    }

    #[test]
    fn a_secret_is_not_shown_and_text_from_anywhere_steers_nothing() {
        let mut asked = Asked {
            bay: BayId(3),
            unit: "TH\u{1b}[2J".into(),
            say: "Scan it".into(),
            complaint: Some("used already".into()),
            echo: Echo::Shown,
        };
        assert_eq!(task(&asked, "a\u{1b}b"), "> bay 3, TH\\u{1b}[2J: (used already) Scan it a\\u{1b}b_");
        asked.echo = Echo::Hidden;
        assert!(task(&asked, "hunter2").ends_with("Scan it *******_"));
        let mut end = End::failed(Kind::Refused, Some("\u{9b}2J".into()));
        end.say = Some("Put it\u{7} into the red bin".into());
        console::set_colors_enabled(false);
        assert_eq!(state(Shown::Done(&end)), "FAIL      \\u{9b}2J : Put it\\u{7} into the red bin");
    }
}
