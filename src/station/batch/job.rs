//! One start in a bay, and who does it.

use uuid::Uuid;

use super::incident::Ticket;
use super::post::Post;
use super::questions::Questions;
use super::tally::End;
use crate::device::Cancel;
use crate::error::Result;
use crate::run::event::Event;
use crate::run::report::{Outcome, Report};

/// What a run tells while it is on.
#[derive(Debug)]
pub enum Told {
    /// An event of the run.
    Event(Box<Event>),
    /// The unit is known; when it passed with this very profile before.
    Met(String, Option<jiff::Timestamp>),
    /// A person has to do something at the unit before it can be opened.
    Asks(String),
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
    pub(super) fn end(&self) -> End {
        let (outcome, kind, why) = match &self.result {
            Ok(report) => {
                let error = report.error.as_ref();
                (report.outcome, error.map(|error| error.kind), error.map(|error| error.doing.clone()))
            }
            Err(error) => (Outcome::of(error.kind()), Some(error.kind()), Some(error.to_string())),
        };
        End { outcome, kind, unit: self.unit.clone(), say: self.say.clone().or(why) }
    }

    pub(super) fn run(&self) -> Option<Uuid> {
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
