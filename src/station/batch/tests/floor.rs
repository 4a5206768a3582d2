//! The line at work, with a scripted watch and a scripted crew on real threads.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use super::super::*;
use crate::clock::{Clock, SystemClock};
use crate::detect::{self, Change, Found, Usb, Watch};
use crate::error::{Error, Kind, Result};
use crate::run::report::Report;
use crate::station::fake::Script;

/// A watch that tells what comes over a channel.
struct Wired(Receiver<Change>);

impl Watch for Wired {
    fn there(&self) -> Vec<Found> {
        Vec::new()
    }

    fn next(&mut self, within: Duration) -> Option<Change> {
        self.0.recv_timeout(within).ok()
    }

    fn notes(&self) -> &[String] {
        &[]
    }
}

fn at(port: u32, serial: &str) -> Box<Found> {
    let mut found = detect::named(format!("tty:/dev/unit{port}"));
    let usb = Usb { serial: Some(serial.into()), ..Usb::new(0x2fe3, 0x0100).on(&format!("1-{port}")) };
    found.usb = Some(usb);
    Box::new(found)
}

/// Does what the unit's serial number says; which unit it is, the hand says beforehand.
struct Scripted {
    turns: std::sync::Mutex<BTreeMap<u32, &'static str>>,
    done: std::sync::Mutex<Sender<String>>,
}

impl Scripted {
    fn end(what: &'static str, job: &Job<'_>) -> Result<Report> {
        match what {
            "panics" => panic!("a fault"),
            "has a key" => {
                (job.tell)(Told::Asks("accept the key".into()));
                Err(Error::new(Kind::Unauthorized, "nobody did"))
            }
            "gone" => Err(Error::new(Kind::Gone, "pulled")),
            "asks" => {
                let clock = SystemClock::new();
                let turn = job.questions.turn(job.ticket, None, &clock, job.cancel)?;
                let asked =
                    Asked { bay: job.post.id, unit: "U".into(), say: "?".into(), complaint: None, echo: Echo::Shown };
                let answer = turn.ask(asked, None, &clock, job.cancel)?;
                Err(Error::new(Kind::Refused, answer))
            }
            "waits" => {
                while !job.cancel.is_asked() {
                    std::thread::yield_now();
                }
                Err(Error::new(Kind::Cancelled, "stopped"))
            }
            _ => Err(Error::new(Kind::Refused, "bad")),
        }
    }
}

impl Crew for Scripted {
    fn work(&self, job: &Job<'_>) -> Worked {
        let what = self.turns.lock().unwrap()[&job.post.id.0];
        Worked { result: Scripted::end(what, job), unit: Some(what.into()), say: None }
    }

    fn fell_over(&self) {
        self.done.lock().unwrap().send("put in order".into()).unwrap();
    }
}

/// Writes down what is heard.
struct Ear(Sender<String>);

impl Audience for Ear {
    fn hear(&mut self, news: News<'_>) {
        let line = match news {
            News::Ended(post, worked, end) => {
                let why = worked.result.as_ref().err().map(ToString::to_string).unwrap_or_default();
                format!("{post}: {:?} {why}", end.kind)
            }
            News::Asks(post, what) => format!("{post} asks: {what}"),
            News::Quarantined(post) => format!("{post}: out"),
            News::Useless(line) => format!("useless {line}"),
            _ => return,
        };
        let _ = self.0.send(line);
    }

    fn draw(&mut self, view: &View<'_>) {
        if let Some(asked) = &view.asked {
            let _ = self.0.send(format!("asked in bay {}", asked.bay));
        }
    }

    fn pace(&self) -> Option<Duration> {
        None
    }
}

/// Runs a line of three bays under `rules`, with `hand` at it.
fn floor(rules: Rules, turns: &[(u32, &'static str)], hand: impl FnOnce(&Hand) + Send) -> Summary {
    let (plug, plugged) = channel();
    let (say, heard) = channel();
    let script = Script::new(&[]);
    let posts = (1..=3).map(|n| Post::at_port(crate::device::BayId(n), &format!("usb:1-{n}"), &script).unwrap());
    let (wire, inbox) = wire();
    let redraw = wire.clone();
    let questions = Questions::new(Bench::Staffed, move || redraw.redraw());
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let batch = Batch {
        posts: posts.collect(),
        rules,
        before: 0,
        signals: Commands::new(),
        clock,
        questions: &questions,
        world: Arc::new(Script::new(&[])),
        defaults: Vec::new(),
        driver: None,
    };
    let crew = Scripted { turns: std::sync::Mutex::new(turns.iter().copied().collect()), done: say.clone().into() };
    let hand_wire = wire.clone();
    std::thread::scope(|scope| {
        scope.spawn(move || hand(&Hand { plug, heard, wire: hand_wire }));
        conduct(&batch, Box::new(Wired(plugged)), (wire, inbox), &crew, &mut Ear(say)).unwrap()
    })
}

struct Hand {
    plug: Sender<Change>,
    heard: Receiver<String>,
    wire: Wire,
}

impl Hand {
    fn push(&self, port: u32) {
        self.plug.send(Change::Arrived(at(port, "S"))).unwrap();
    }

    fn pull(&self, port: u32) {
        self.plug.send(Change::Departed(at(port, "S"))).unwrap();
    }

    fn hears(&self, wanted: &str) {
        loop {
            let line = self.heard.recv_timeout(Duration::from_secs(20)).unwrap_or_else(|_| panic!("no {wanted:?}"));
            if line.contains(wanted) {
                return;
            }
        }
    }
}

#[test]
fn a_run_that_falls_over_and_a_bad_unit_disturb_no_other_bay() {
    let turns = [(1, "panics"), (2, "waits"), (3, "bad")];
    let summary = floor(Rules::default(), &turns, |hand| {
        hand.push(2);
        hand.push(1);
        hand.hears("put in order");
        hand.hears("bay 1: Some(Interrupted)");
        hand.push(3);
        hand.hears("bay 3: Some(Refused) bad");
        // The same bay again, by its number.
        hand.wire.typed("9".into());
        hand.hears("useless 9");
        hand.wire.typed("bay 3".into());
        hand.hears("bay 3: Some(Refused) bad");
        // Bay 2 is on all the time; the batch waits for it.
        nix::sys::signal::raise(nix::sys::signal::Signal::SIGTERM).unwrap();
        hand.hears("bay 2: Some(Cancelled)");
    });
    assert_eq!(summary.ending, Ending::ByHand);
    let tally = summary.tally;
    assert_eq!((tally.failed, tally.errors, tally.operator), (2, 1, 1));
}

#[test]
fn a_question_ends_with_its_unit_and_the_next_bay_is_asked() {
    let turns = [(1, "asks"), (2, "asks"), (3, "bad")];
    let summary = floor(Rules { max_fail: Some(2), ..Rules::default() }, &turns, |hand| {
        hand.push(1);
        hand.hears("asked in bay 1");
        hand.push(2);
        // While a person is asked, the others go on.
        hand.push(3);
        hand.hears("bay 3: Some(Refused) bad");
        hand.pull(1);
        hand.hears("bay 1: Some(Gone)");
        hand.hears("asked in bay 2");
        hand.wire.typed("it hums".into());
        hand.hears("bay 2: Some(Refused) it hums");
    });
    assert_eq!(summary.ending, Ending::TooManyFailed);
    assert_eq!((summary.tally.failed, summary.tally.operator), (2, 1));
}

#[test]
fn what_has_to_be_done_at_a_unit_is_told_before_it_is_given_up() {
    let turns = [(1, "has a key"), (2, "bad"), (3, "bad")];
    let summary = floor(Rules { max_fail: Some(1), ..Rules::default() }, &turns, |hand| {
        hand.push(1);
        hand.hears("bay 1 asks: accept the key");
        hand.hears("bay 1: Some(Unauthorized) nobody did");
        hand.push(2);
        hand.hears("bay 2: Some(Refused) bad");
    });
    assert_eq!(summary.ending, Ending::TooManyFailed);
}
