//! The line at work: sentries tell what comes and goes, each run has a thread, and one thread decides and draws.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::Scope;
use std::time::Duration;

use protocols::time::Moment;
use uuid::Uuid;

use super::post::{Post, Sentry};
use super::questions::{Asked, Questions};
use super::signals::{Commands, Lamp, Signal, Signals};
use super::{Action, End, Ending, Haste, Incident, Line, Rules, Tally, Ticket};
use crate::clock::Clock;
use crate::detect::Watch;
use crate::device::{BayId, Cancel};
use crate::error::{Error, Kind, Result};
use crate::run::event::{Event, EventKind};
use crate::run::report::{Outcome, Report};
use crate::station::map::{Free, Start};
use crate::station::{Lookout, Sight, Spoken, World, fleet};

/// How long to wait when nothing is due: whatever happens wakes the line.
const IDLE: Duration = Duration::from_secs(3600);
/// How often a sentry looks whether it may go home.
const SENTRY: Duration = Duration::from_millis(200);

/// What is told to the line.
enum Message {
    Incident(Incident),
    Sight(BayId, Sight),
    Run(BayId, Ticket, Told),
    Ended(BayId, Ticket, Box<Worked>),
    Typed(String),
    Warned(Error),
    Redraw,
}

/// The way to the line, for who reads a keyboard.
#[derive(Clone)]
pub struct Wire(Sender<Message>);

/// The line's end of it.
pub struct Inbox(Receiver<Message>);

/// A way to the line.
#[must_use]
pub fn wire() -> (Wire, Inbox) {
    let (send, receive) = channel();
    (Wire(send), Inbox(receive))
}

impl Wire {
    /// A person typed or scanned a line.
    pub fn typed(&self, line: String) {
        let _ = self.0.send(Message::Typed(line));
    }

    /// What is drawn has changed.
    pub fn redraw(&self) {
        let _ = self.0.send(Message::Redraw);
    }
}

/// What a run tells while it is on.
#[derive(Debug)]
pub enum Told {
    /// An event of the run.
    Event(Box<Event>),
    /// The unit is known; when it passed with this very profile before.
    Met(String, Option<jiff::Timestamp>),
    /// It told its unit to leave, and waits for it.
    Away,
}

/// One start, for the crew.
pub struct Job<'a> {
    /// The bay.
    pub post: &'a Post,
    /// The start.
    pub ticket: Ticket,
    /// Who may stop it.
    pub cancel: &'a Cancel,
    /// The person.
    pub questions: &'a Questions,
    /// Told what happens.
    pub tell: &'a (dyn Fn(Told) + Sync),
}

/// What a start came to.
#[derive(Debug)]
pub struct Worked {
    /// The report, or what kept the run from beginning.
    pub result: Result<Report>,
    /// Who the unit is, where that is known.
    pub unit: Option<String>,
    /// What the person at the bench reads instead of the error.
    pub say: Option<String>,
}

impl Worked {
    fn end(&self) -> End {
        let (outcome, kind, why) = match &self.result {
            Ok(report) => {
                let error = report.error.as_ref();
                (report.outcome, error.map(|error| error.kind), error.map(|error| error.doing.clone()))
            }
            Err(error) => (Outcome::of(error.kind()), Some(error.kind()), Some(error.to_string())),
        };
        End { outcome, kind, unit: self.unit.clone(), say: self.say.clone().or(why) }
    }

    fn run(&self) -> Option<Uuid> {
        self.result.as_ref().ok().map(|report| report.run)
    }
}

/// Who does the work in the bays: a thread each.
pub trait Crew: Sync {
    /// Works on what is in a bay, to its end. May panic; that is then the end.
    fn work(&self, job: &Job<'_>) -> Worked;

    /// Puts in order what a panic left behind.
    fn fell_over(&self) {}
}

/// What is new.
#[derive(Debug)]
pub enum News<'a> {
    /// An event of a run.
    Event(&'a Event),
    /// The unit in this bay is known; when it passed with this very profile before.
    Met(&'a Post, &'a str, Option<jiff::Timestamp>),
    /// A start ended.
    Ended(&'a Post, &'a Worked, &'a End),
    /// This bay was taken out.
    Quarantined(&'a Post),
    /// Something is wrong that is no unit's fault.
    Warned(&'a Error),
    /// What a person typed was of no use.
    Useless(&'a str),
    /// Runs are asked to stop.
    Stopping(Haste),
}

/// The state of the line, to be drawn.
pub struct View<'a> {
    /// The bays.
    pub posts: &'a [Post],
    /// The line.
    pub line: &'a Line,
    /// The time.
    pub now: Moment,
    /// What a person is asked.
    pub asked: Option<Asked>,
}

/// Who looks on.
pub trait Audience {
    /// Something is new.
    fn hear(&mut self, news: News<'_>);

    /// The state may have changed.
    fn draw(&mut self, view: &View<'_>);

    /// How often to draw although nothing happens; `None` when that is not needed.
    fn pace(&self) -> Option<Duration>;
}

/// A batch.
pub struct Batch<'a> {
    /// Its bays.
    pub posts: Vec<Post>,
    /// Its rules.
    pub rules: Rules,
    /// Passes that are on record already.
    pub before: u64,
    /// What to run for lamps.
    pub signals: Commands,
    /// The program's clock.
    pub clock: Arc<dyn Clock>,
    /// The person.
    pub questions: &'a Questions,
    /// The machine, for fixtures.
    pub world: Arc<dyn World>,
    /// What the profile says of the units' links.
    pub defaults: Vec<(&'static str, String)>,
    /// The driver of all its units, when there is only one.
    pub driver: Option<String>,
}

/// What a batch came to.
#[derive(Debug, Clone)]
pub struct Summary {
    /// Why it ended.
    pub ending: Ending,
    /// Its counters.
    pub tally: Tally,
}

/// Runs a batch to its end. Returns when nothing is running any more.
///
/// # Errors
/// `storage` when the machine gives no threads or signals.
pub fn conduct(
    batch: &Batch<'_>,
    watch: Box<dyn Watch>,
    (wire, inbox): (Wire, Inbox),
    crew: &dyn Crew,
    audience: &mut dyn Audience,
) -> Result<Summary> {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let _go_home = GoHome(&over);
        let stop = wire.clone();
        let _listening = fleet::on_stop(scope, move || _ = stop.0.send(Message::Incident(Incident::Stop)))?;
        let (sentry, over) = (Sentry::new(batch.posts.clone(), watch), &over);
        let told = wire.clone();
        std::thread::Builder::new()
            .name("sentry".into())
            .spawn_scoped(scope, move || stand(sentry, &told, over))
            .map_err(|cause| Error::new(Kind::Storage, "this machine gives no more threads").because(cause))?;
        let warn = wire.clone();
        let signals = Signals::new(scope, batch.signals.clone(), Arc::clone(&batch.clock), move |error| {
            let _ = warn.0.send(Message::Warned(error));
        });
        let lookouts = look_out(batch, &wire)?;
        let line = Line::new(batch.posts.iter().map(|post| post.id), batch.rules.clone(), batch.before);
        Ok(Floor { batch, scope, wire, crew, signals, lookouts, line, runs: BTreeMap::new(), lit: None }
            .work(&inbox, audience))
    })
}

/// Who looks out for units in fixtures, whose adapters never leave.
fn look_out(batch: &Batch<'_>, wire: &Wire) -> Result<BTreeMap<BayId, Arc<Lookout>>> {
    let mut lookouts = BTreeMap::new();
    for post in &batch.posts {
        let Some(spec) = post.spec.as_ref().filter(|_| Lookout::is_needed(post.start, post.free)) else { continue };
        let (selector, id, wire) = (post.selector.clone(), post.id, wire.clone());
        let spoken = Spoken { selector, defaults: batch.defaults.clone(), driver: batch.driver.clone() };
        let tell = move |sight| _ = wire.0.send(Message::Sight(id, sight));
        lookouts.insert(id, Arc::new(Lookout::begin(spec, spoken, Arc::clone(&batch.world), tell)?));
    }
    Ok(lookouts)
}

/// Sends the sentry home, whatever happens.
struct GoHome<'a>(&'a AtomicBool);

impl Drop for GoHome<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn stand(mut sentry: Sentry, wire: &Wire, over: &AtomicBool) {
    let mut tell = |incident| _ = wire.0.send(Message::Incident(incident));
    sentry.first(&mut tell);
    while !over.load(Ordering::Relaxed) {
        sentry.next(SENTRY, &mut tell);
    }
}

struct Floor<'scope, 'env, 'a> {
    batch: &'env Batch<'a>,
    scope: &'scope Scope<'scope, 'env>,
    wire: Wire,
    crew: &'env dyn Crew,
    signals: Signals<'scope, 'env>,
    lookouts: BTreeMap<BayId, Arc<Lookout>>,
    line: Line,
    runs: BTreeMap<Ticket, Cancel>,
    /// The question for which a lamp was lit.
    lit: Option<Asked>,
}

impl<'env> Floor<'_, 'env, '_> {
    fn work(mut self, inbox: &Inbox, audience: &mut dyn Audience) -> Summary {
        loop {
            let now = self.batch.clock.now();
            let asked = self.batch.questions.current();
            self.light(asked.as_ref());
            audience.draw(&View { posts: &self.batch.posts, line: &self.line, now, asked });
            if let (true, Some(ending)) = (self.line.is_over(), self.line.ending()) {
                return Summary { ending, tally: self.line.tally().clone() };
            }
            let due = self.line.deadline().map(|due| due.saturating_since(now));
            let wait = due.into_iter().chain(audience.pace()).min().unwrap_or(IDLE);
            // The floor itself holds a sender: nothing but the time can end the wait.
            let first = inbox.0.recv_timeout(wait).ok();
            if first.is_none() {
                self.tell_line(None, audience);
            }
            // What came together is drawn together.
            for message in first.into_iter().chain(inbox.0.try_iter()) {
                self.on(message, audience);
            }
        }
    }

    fn post(&self, bay: BayId) -> Option<&'env Post> {
        let batch: &'env Batch<'_> = self.batch;
        batch.posts.iter().find(|post| post.id == bay)
    }

    fn on(&mut self, message: Message, audience: &mut dyn Audience) {
        match message {
            Message::Incident(incident) => {
                if let Some(incident) = self.admit(incident) {
                    self.tell_line(Some(incident), audience);
                }
            }
            Message::Sight(bay, Sight::Came) => self.tell_line(Some(Incident::Arrived(bay, None)), audience),
            Message::Sight(bay, Sight::Left) => self.tell_line(Some(Incident::Left(bay)), audience),
            Message::Sight(bay, Sight::Trouble(error)) => {
                audience.hear(News::Warned(&error.while_doing(format!("bay {bay} cannot be looked at"))));
            }
            Message::Run(bay, _, Told::Met(unit, before)) => {
                if let Some(post) = self.post(bay) {
                    audience.hear(News::Met(post, &unit, before));
                }
            }
            Message::Run(bay, ticket, Told::Event(event)) => {
                if event.event == EventKind::ModeChanged {
                    self.tell_line(Some(Incident::Back(bay, ticket)), audience);
                }
                audience.hear(News::Event(&event));
            }
            Message::Run(bay, ticket, Told::Away) => self.tell_line(Some(Incident::Away(bay, ticket)), audience),
            Message::Ended(bay, ticket, worked) => self.ended(bay, ticket, &worked, audience),
            Message::Typed(line) => self.typed(line, audience),
            Message::Warned(error) => audience.hear(News::Warned(&error)),
            Message::Redraw => {}
        }
    }

    /// What the sentry sees, as the bay's triggers have it: where an adapter stays, that it is plugged in says nothing.
    fn admit(&self, incident: Incident) -> Option<Incident> {
        let (bay, counts) = match &incident {
            Incident::Arrived(bay, _) => (*bay, self.post(*bay).is_none_or(|post| post.start == Start::Plug)),
            Incident::Left(bay) => {
                let plugged = |post: &Post| post.start == Start::Plug || post.free == Free::Unplug;
                (*bay, self.post(*bay).is_none_or(plugged))
            }
            _ => return Some(incident),
        };
        if counts {
            self.tell_lookout(bay, &incident);
        }
        counts.then_some(incident)
    }

    /// What others saw in a fixture.
    fn tell_lookout(&self, bay: BayId, incident: &Incident) {
        match (self.lookouts.get(&bay), incident) {
            (Some(lookout), Incident::Arrived(..)) => lookout.came(),
            (Some(lookout), Incident::Left(_)) => lookout.freed(),
            _ => {}
        }
    }

    fn tell_line(&mut self, incident: Option<Incident>, audience: &mut dyn Audience) {
        for action in self.line.on(self.batch.clock.now(), incident) {
            match action {
                Action::Start(bay, ticket) => self.start(bay, ticket),
                Action::Withdraw(_, ticket) => self.batch.questions.withdraw(ticket),
                Action::Readmit(_, ticket) => self.batch.questions.readmit(ticket),
                Action::Stop(haste) => {
                    self.runs.values().for_each(Cancel::ask);
                    audience.hear(News::Stopping(haste));
                }
                Action::Quarantine(bay) => {
                    if let Some(post) = self.post(bay) {
                        audience.hear(News::Quarantined(post));
                    }
                }
            }
        }
    }

    fn start(&mut self, bay: BayId, ticket: Ticket) {
        let Some(post) = self.post(bay) else { return };
        let cancel = Cancel::default();
        self.runs.insert(ticket, cancel.clone());
        let (crew, questions, wire) = (self.crew, self.batch.questions, self.wire.clone());
        let lookout = self.lookouts.get(&bay).cloned();
        let body = move || {
            // One port, one who opens it.
            if let Some(lookout) = &lookout {
                lookout.hold();
            }
            let tell = |told| _ = wire.0.send(Message::Run(bay, ticket, told));
            let job = Job { post, ticket, cancel: &cancel, questions, tell: &tell };
            let worked = catch_unwind(AssertUnwindSafe(|| crew.work(&job))).unwrap_or_else(|_| {
                crew.fell_over();
                let fault = Error::new(Kind::Interrupted, "the work on this unit ended in a fault of hardwire itself")
                    .next("push the unit in again; report the message above as a bug");
                Worked { result: Err(fault), unit: None, say: None }
            });
            if let Some(lookout) = &lookout {
                lookout.release();
            }
            let _ = wire.0.send(Message::Ended(bay, ticket, Box::new(worked)));
        };
        if let Err(cause) = std::thread::Builder::new().name("run".into()).spawn_scoped(self.scope, body) {
            let error = Error::new(Kind::Storage, "no thread for this unit").because(cause);
            let worked = Worked { result: Err(error), unit: None, say: None };
            let _ = self.wire.0.send(Message::Ended(bay, ticket, Box::new(worked)));
        }
    }

    fn ended(&mut self, bay: BayId, ticket: Ticket, worked: &Worked, audience: &mut dyn Audience) {
        self.runs.remove(&ticket);
        self.batch.questions.forget(ticket);
        let end = worked.end();
        if let Some(post) = self.post(bay) {
            audience.hear(News::Ended(post, worked, &end));
        }
        let lamp = if end.outcome == Outcome::Pass { Lamp::Pass } else { Lamp::Fail };
        let outcome = match end.outcome {
            Outcome::Pass => "pass",
            Outcome::Fail => "fail",
            Outcome::Error => "error",
            Outcome::Cancelled => "cancelled",
        };
        self.signals.give(Signal {
            lamp,
            bay,
            run: worked.run(),
            serial: end.unit.clone(),
            outcome: outcome.to_owned(),
        });
        if end.kind == Some(Kind::Storage) {
            self.tell_line(Some(Incident::Broken), audience);
        }
        self.tell_line(Some(Incident::Ended(bay, ticket, end)), audience);
    }

    /// An answer, or the name of a bay that is to go on.
    fn typed(&mut self, line: String, audience: &mut dyn Audience) {
        let Some(line) = self.batch.questions.answer(line) else { return };
        let line = line.trim();
        match self.batch.posts.iter().find(|post| post.is_called(line)) {
            Some(post) => self.called(post, audience),
            None if line.is_empty() => {}
            None => audience.hear(News::Useless(line)),
        }
    }

    fn called(&mut self, post: &Post, audience: &mut dyn Audience) {
        use super::Shown;
        let is_there = self.line.shown().any(|(id, shown)| id == post.id && matches!(shown, Shown::Done(_)));
        let incident = match (post.start, post.free, is_there) {
            (_, Free::Key, true) => Incident::Left(post.id),
            (Start::Key, _, false) => Incident::Arrived(post.id, None),
            _ => Incident::Called(post.id),
        };
        self.tell_lookout(post.id, &incident);
        self.tell_line(Some(incident), audience);
    }

    /// Tells a lamp that a person is waited for.
    fn light(&mut self, asked: Option<&Asked>) {
        if let Some(now) = asked.filter(|now| self.lit.as_ref().is_none_or(|lit| lit.bay != now.bay)) {
            self.signals.give(Signal {
                lamp: Lamp::Waiting,
                bay: now.bay,
                run: None,
                serial: Some(now.unit.clone()),
                outcome: "waiting".to_owned(),
            });
        }
        self.lit = asked.cloned();
    }
}
