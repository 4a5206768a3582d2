//! A batch at work: sentries tell what comes and goes, each run has a thread, and one thread decides and draws.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::audience::Audience;
use super::floor::Floor;
use super::incident::{Ending, Incident, Rules};
use super::job::Crew;
use super::line::Line;
use super::post::Post;
use super::questions::Questions;
use super::sentry::Sentry;
use super::signals::{Commands, Signals};
use super::tally::Tally;
use super::wire::{Inbox, Message, Wire};
use crate::clock::Clock;
use crate::detect::Watch;
use crate::device::BayId;
use crate::error::{Error, Kind, Result};
use crate::station::{Lookout, Spoken, World, fleet};

/// How often a sentry looks whether it may go home.
const SENTRY: Duration = Duration::from_millis(200);

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
        let floor = Floor { batch, scope, wire, crew, signals, lookouts, line, runs: BTreeMap::new(), lit: None };
        Ok(floor.work(&inbox, audience))
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
