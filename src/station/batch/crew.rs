//! What is done with a unit that has arrived: met, its inputs gathered, brought to the profile, recorded.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use protocols::time::Moment;

use super::job::{Crew, Job, Told, Worked};
use super::questions::{Asked, Bench, Echo, Turn};
use super::used::Used;
use crate::clock::Clock;
use crate::device::{Bay, BayId, Cancel, Departure, Driver, Known, Op, Returned};
use crate::error::{Error, Kind, Result};
use crate::ledger::{self, Filter, RecordKind};
use crate::profile::model::{Answer, Resolved};
use crate::profile::{Given, Prepared, Prompt};
use crate::run::event::Event;
use crate::run::person::{Consent, Person, Question, is_yes};
use crate::run::report::{Outcome, Report, StepOutcome};
use crate::station::{self, Met, Office, PortBay, Shift, World};

/// How long a unit that has just been plugged in may be silent, held or not yet ours: it boots, and udev looks at it.
const OPENING: Duration = Duration::from_secs(5);
/// Between two tries to open it.
const TRY_AGAIN: Duration = Duration::from_millis(200);

/// What all runs of a batch share.
pub struct Shop<'a> {
    /// The station's papers.
    pub office: &'a Office,
    /// The machine.
    pub world: Arc<dyn World>,
    /// The program's clock.
    pub clock: Arc<dyn Clock>,
    /// The profile.
    pub prepared: &'a Prepared,
    /// The driver of all its units, when there is only one.
    pub driver: Option<String>,
    /// What was given on the command line.
    pub given: &'a Given,
    /// The caller's tags.
    pub tags: BTreeMap<String, String>,
    /// The name of the batch.
    pub batch: Option<String>,
    /// Who is at the bench.
    pub operator: Option<String>,
    /// Whether wiping and downgrading are meant.
    pub consent: Meant,
    /// The kinds of things (`file`, `setting`) that a backup may omit.
    pub accept_omitted: Vec<String>,
    /// The scanned values that are used up.
    pub used: Used,
}

/// Whether what must be meant was said to be, beforehand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meant {
    /// `--yes`.
    Yes,
    /// A person is asked.
    Ask,
}

impl Crew for Shop<'_> {
    fn work(&self, job: &Job<'_>) -> Worked {
        let mut unit = None;
        let mut told = None;
        let result = self.bring(job, &mut unit, &mut told);
        let passed = matches!(&result, Ok(report) if report.outcome == Outcome::Pass);
        self.used.settle(job.ticket, passed.then_some(unit.as_deref()));
        Worked { say: told, unit, result }
    }

    fn fell_over(&self) {
        // The journal of the run that fell over is nobody's any more.
        if let Err(error) = ledger::recover(&self.office.home, self.clock.wall()) {
            tracing::warn!(%error, "what a fault left is not sealed yet");
        }
    }
}

impl Shop<'_> {
    fn bring(&self, job: &Job<'_>, unit: &mut Option<String>, say: &mut Option<String>) -> Result<Report> {
        let met = self.meet(job)?;
        unit.clone_from(&met.facts.serial);
        (job.tell)(Told::Met(met.label(), self.passed_before(&met)?));
        let mut scans = BTreeMap::new();
        let resolved = self.suit(job, &met, &mut scans)?;
        let person = AtBay { shop: self, job };
        let shift = Shift {
            office: self.office,
            clock: &*self.clock,
            person: &person,
            cancel: job.cancel,
            tags: self.tags.clone(),
            batch: self.batch.clone(),
            scans,
            operator: self.operator.clone(),
            accept_omitted: self.accept_omitted.clone(),
        };
        let listener = |event: &Event| (job.tell)(Told::Event(Box::new(event.clone())));
        let around = |bay| Followed { bay, id: job.post.id, tell: job.tell };
        let report = shift.execute_in(around, met, RecordKind::Run, &resolved, &listener, &())?;
        if let Some(serial) = &report.serial {
            *unit = Some(serial.untrusted().to_owned());
        }
        *say = on_fail(&resolved, &report);
        Ok(report)
    }

    /// Opens the unit, which may not be ready yet.
    fn meet(&self, job: &Job<'_>) -> Result<Met> {
        let until = self.clock.now() + OPENING;
        loop {
            match self.try_meet(job) {
                Err(error) if is_passing(error.kind()) && self.clock.now() < until && !job.cancel.is_asked() => {
                    tracing::debug!(bay = %job.post.id, %error, "not ready yet");
                    self.clock.sleep(TRY_AGAIN);
                }
                met => return met,
            }
        }
    }

    fn try_meet(&self, job: &Job<'_>) -> Result<Met> {
        let defaults = self.prepared.profile().link.pairs();
        let target = station::resolve(&job.post.selector, &defaults, &*self.world)?;
        let bay = PortBay::new(target, Arc::clone(&self.world)).with_driver(self.driver.as_deref());
        let mut quiet = |_| {};
        let mut op = Op::new(&*self.clock, job.cancel, &mut quiet);
        let asks = |what: &str| (job.tell)(Told::Asks(what.to_owned()));
        op.asks = Some(&asks);
        let mut met = station::meet(bay, self.prepared.profile().identity.setting.as_deref(), &mut op)?;
        met.names.bay = Some(job.post.id.to_string());
        Ok(met)
    }

    /// When this unit passed with this very profile.
    fn passed_before(&self, met: &Met) -> Result<Option<Timestamp>> {
        let Some(serial) = met.facts.serial.clone() else { return Ok(None) };
        let filter = Filter {
            serial: Some(serial),
            kind: Some(RecordKind::Run),
            outcome: Some("pass".to_owned()),
            profile: Some(self.prepared.reference().digest.clone()),
            limit: Some(1),
            ..Filter::default()
        };
        Ok(self.office.ledger()?.list(&filter)?.pop().map(|record| record.at))
    }

    /// The profile for this unit. Its bay keeps the person until all is answered.
    fn suit(&self, job: &Job<'_>, met: &Met, scans: &mut BTreeMap<String, String>) -> Result<Resolved> {
        let mut turn: Option<Turn<'_>> = None;
        let mut at_bay = false;
        station::suit(self.prepared, self.given, met, &station::Backups(self.office), &mut |prompt| {
            if job.questions.bench() == Bench::Empty {
                return Ok(None);
            }
            let turn = match &mut turn {
                Some(turn) => turn,
                none => none.insert(job.questions.turn(job.ticket, None, &*self.clock, job.cancel)?),
            };
            let ask = Ask { clock: &*self.clock, job, turn, unit: met.label() };
            if prompt.scan && !std::mem::replace(&mut at_bay, true) {
                ask.at_bay()?;
            }
            self.prompt(&ask, met, prompt, scans).map(Some)
        })
    }

    fn prompt(
        &self,
        ask: &Ask<'_, '_>,
        met: &Met,
        prompt: &Prompt,
        scans: &mut BTreeMap<String, String>,
    ) -> Result<String> {
        let echo = if prompt.secret { Echo::Hidden } else { Echo::Shown };
        let mut complaint = None;
        loop {
            let value = ask.line(prompt.say.clone(), complaint.take(), echo, None)?;
            if value.is_empty() {
                continue;
            }
            if let Some(why) = self.prepared.profile().unsuited(&prompt.input, &value) {
                complaint = Some(why);
                continue;
            }
            if !prompt.scan {
                return Ok(value);
            }
            let (home, serial) = (&self.office.home, met.facts.serial.as_deref());
            match self.used.take(home, ask.job.ticket, &prompt.input, &value, serial) {
                Some(digest) => {
                    scans.insert(prompt.input.clone(), digest);
                    return Ok(value);
                }
                None => complaint = Some("this value is used by another unit already".to_owned()),
            }
        }
    }
}

/// What the person reads of a unit that failed: what the profile says of the step.
fn on_fail(resolved: &Resolved, report: &Report) -> Option<String> {
    let failed = report.steps.iter().find(|step| step.outcome == StepOutcome::Failed)?;
    resolved.steps.iter().find(|step| step.name == failed.name)?.on_fail.clone()
}

fn is_passing(kind: Kind) -> bool {
    matches!(kind, Kind::Busy | Kind::NotPermitted | Kind::TimedOut | Kind::Garbled)
}

/// Questions of one run, in its turn.
struct Ask<'a, 'j> {
    clock: &'a dyn Clock,
    job: &'a Job<'j>,
    turn: &'a Turn<'a>,
    unit: String,
}

impl Ask<'_, '_> {
    fn line(&self, say: String, complaint: Option<String>, echo: Echo, until: Option<Moment>) -> Result<String> {
        let asked = Asked { bay: self.job.post.id, unit: self.unit.clone(), say, complaint, echo };
        let line = self.turn.ask(asked, until, self.clock, self.job.cancel)?;
        Ok(line.trim().to_owned())
    }

    /// That the scanner is where the question is: the bay's label comes before the unit's.
    fn at_bay(&self) -> Result<()> {
        let post = self.job.post;
        let mut complaint = None;
        loop {
            let line = self.line(format!("Scan the label of {post}"), complaint, Echo::Shown, None)?;
            if post.is_called(&line) {
                return Ok(());
            }
            complaint = Some(format!("that is not {post}"));
        }
    }
}

/// The person, for the run in one bay.
struct AtBay<'a, 'j> {
    shop: &'a Shop<'a>,
    job: &'a Job<'j>,
}

impl AtBay<'_, '_> {
    fn ask(
        &self,
        unit: &str,
        until: Option<Moment>,
        cancel: &Cancel,
        mut take: impl FnMut(&Ask<'_, '_>) -> Result<Option<String>>,
    ) -> Result<String> {
        let clock = &*self.shop.clock;
        let turn = self.job.questions.turn(self.job.ticket, until, clock, cancel)?;
        let ask = Ask { clock, job: self.job, turn: &turn, unit: unit.to_owned() };
        loop {
            if let Some(answer) = take(&ask)? {
                return Ok(answer);
            }
        }
    }
}

impl Person for AtBay<'_, '_> {
    fn can_answer(&self) -> bool {
        self.job.questions.bench() == Bench::Staffed
    }

    fn consent(&self, unit: &str, what: &[Consent]) -> Result<bool> {
        if self.shop.consent == Meant::Yes || what.is_empty() {
            return Ok(true);
        }
        let list: Vec<&str> = what.iter().map(|consent| consent.say.as_str()).collect();
        let list = list.join("; ");
        if !self.can_answer() {
            return Err(Error::new(Kind::Invalid, format!("this must be meant: {list}, and nobody can be asked"))
                .next("run the batch at a terminal, or say --yes"));
        }
        let say = format!("{list}. Is that meant? [y/N]");
        let answer =
            self.ask(unit, None, self.job.cancel, |ask| ask.line(say.clone(), None, Echo::Shown, None).map(Some))?;
        Ok(is_yes(&answer))
    }

    fn answer(&self, question: &Question, deadline: Option<Moment>, cancel: &Cancel) -> Result<String> {
        let hint = match question.answer {
            Answer::PassFail => " [y/n]",
            Answer::Done => " [Enter]",
            Answer::Text => "",
        };
        self.ask(&question.unit, deadline, cancel, |ask| {
            let answer = ask.line(format!("{}{hint}", question.say), None, Echo::Shown, deadline)?;
            Ok(question.take(&answer))
        })
    }
}

/// A bay that tells when its unit is away by command: what comes and goes then belongs to the run, until it says that it
/// has its unit again (`mode-changed`).
struct Followed<'a> {
    bay: PortBay,
    id: BayId,
    tell: &'a (dyn Fn(Told) + Sync),
}

impl Bay for Followed<'_> {
    fn id(&self) -> Option<BayId> {
        Some(self.id)
    }

    fn address(&self) -> &str {
        self.bay.address()
    }

    fn open(&mut self, op: &mut Op<'_>) -> Result<Box<dyn Driver>> {
        self.bay.open(op)
    }

    fn wait(&mut self, known: &Known, departure: &Departure, op: &mut Op<'_>) -> Result<Returned> {
        (self.tell)(Told::Away);
        self.bay.wait(known, departure, op)
    }
}
