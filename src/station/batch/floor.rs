//! The one thread that decides and draws: messages in, runs and lamps and news out.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::Scope;
use std::time::Duration;

use super::audience::{Audience, News, View};
use super::conduct::{Batch, Summary};
use super::incident::{Action, Incident, Shown, Ticket};
use super::job::{Crew, Job, Told, Worked};
use super::line::Line;
use super::post::Post;
use super::questions::Asked;
use super::signals::{Lamp, Signal, Signals};
use super::wire::{Inbox, Message, Wire};
use crate::device::{BayId, Cancel};
use crate::error::{Error, Kind};
use crate::run::event::EventKind;
use crate::run::report::Outcome;
use crate::station::map::{Free, Start};
use crate::station::{Lookout, Sight};

/// How long to wait when nothing is due: whatever happens wakes the line.
const IDLE: Duration = Duration::from_secs(3600);
/// One batch while it is on.
pub(super) struct Floor<'scope, 'env, 'a> {
    pub(super) batch: &'env Batch<'a>,
    pub(super) scope: &'scope Scope<'scope, 'env>,
    pub(super) wire: Wire,
    pub(super) crew: &'env dyn Crew,
    pub(super) signals: Signals<'scope, 'env>,
    pub(super) lookouts: BTreeMap<BayId, Arc<Lookout>>,
    pub(super) line: Line,
    pub(super) runs: BTreeMap<Ticket, Cancel>,
    /// The question for which a lamp was lit.
    pub(super) lit: Option<Asked>,
}

impl<'env> Floor<'_, 'env, '_> {
    /// Goes on until nothing is running any more.
    pub(super) fn work(mut self, inbox: &Inbox, audience: &mut dyn Audience) -> Summary {
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
            Message::Run(bay, _, Told::Asks(what)) => {
                if let Some(post) = self.post(bay) {
                    audience.hear(News::Asks(post, &what));
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
