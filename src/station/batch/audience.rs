//! What those who look on hear and see of the line.

use std::time::Duration;

use protocols::time::Moment;

use super::incident::Haste;
use super::job::Worked;
use super::line::Line;
use super::post::Post;
use super::questions::Asked;
use super::tally::End;
use crate::error::Error;
use crate::run::event::Event;

/// What is new.
#[derive(Debug)]
pub enum News<'a> {
    /// An event of a run.
    Event(&'a Event),
    /// The unit in this bay is known; when it passed with this very profile before.
    Met(&'a Post, &'a str, Option<jiff::Timestamp>),
    /// Before the unit in this bay can be opened, a person has to do this at it.
    Asks(&'a Post, &'a str),
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
