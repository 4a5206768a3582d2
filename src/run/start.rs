//! From an open unit to a sealed record.

use serde_json::{Map, Value};

use super::attempt::Run;
use super::observer::Observer;
use super::report::{Failure, Outcome, Report};
use super::{Desk, Order};
use crate::device::{Bay, Driver, Op, UnitText};
use crate::digest::{Algorithm, Digest};
use crate::error::{Error, Kind, Result};
use crate::ledger::{Draft, Journal, OnceKey, Subject};
use crate::plan::{self, History, Plan};
use crate::profile::model::{Once, ProfileRef};
use crate::steps::Bench;

/// Says what would be done to the unit behind `driver`. Writes nothing.
///
/// # Errors
/// As [`plan::make`].
pub fn plan(address: &str, driver: &mut dyn Driver, order: &Order, desk: Desk<'_>) -> Result<Plan> {
    let serial = driver.unit().serial.clone().or_else(|| order.serial.clone());
    let Desk { home, vault, ledger, clock, .. } = desk;
    let keep = super::keep::Station { home, vault, ledger, clock, serial: serial.clone() };
    let mut quiet = |_| {};
    let mut op = Op::new(desk.clock, desk.cancel, &mut quiet);
    let past = Past { desk, order, serial: serial.clone(), hwid: driver.unit().hwid.clone() };
    let unit = unit_label(serial.as_ref(), address);
    super::away::check_identity(order, driver.unit())?;
    let mut bench = Bench { op: &mut op, person: desk.person, keep: &keep, bay: None, unit };
    plan::make(&order.resolved, driver, &order.modes, &past, &mut bench)
}

/// Makes it so: plans, asks for consent, carries out, verifies, and seals the record.
///
/// # Errors
/// What is found before the first byte is written, with nothing recorded: `invalid`, `unsupported`, `cancelled`. And
/// `storage` when the record could not be made durable. All else is in the report.
pub fn execute(bay: &mut dyn Bay, driver: Box<dyn Driver>, order: &Order, desk: Desk<'_>) -> Result<Report> {
    let report = blank(bay, driver.as_ref(), order, desk);
    let mut header = predicate(&report)?;
    header.insert("kind".to_owned(), order.kind.name().into());
    let journal = Journal::create(desk.home, order.run, header.into())?;
    let observer = Observer::new(desk, journal, &report);
    let mut run = Run::new(bay, driver, order, desk, observer, report);
    let failure = match run.prepare() {
        Ok(plan) => run.carry_out(&plan).err(),
        Err(error) if matches!(error.kind(), Kind::Invalid | Kind::Unsupported | Kind::Cancelled) => {
            run.abandon()?;
            return Err(error);
        }
        Err(error) => Some(error),
    };
    finish(run, failure, order, desk)
}

/// The state of a run in which nothing has happened yet.
fn blank(bay: &dyn Bay, driver: &dyn Driver, order: &Order, desk: Desk<'_>) -> Report {
    let unit = driver.unit();
    let now = desk.clock.wall();
    Report {
        r#type: "run",
        run: order.run,
        address: bay.address().to_owned(),
        bay: bay.id(),
        serial: unit.serial.clone().or_else(|| order.serial.clone()),
        hwid: unit.hwid.clone(),
        model: unit.model.clone(),
        hardware: unit.hardware.clone(),
        driver: unit.driver,
        profile: order.resolved.profile.clone(),
        variant: order.resolved.variant.clone(),
        tags: order.tags.clone(),
        batch: order.batch.clone(),
        scans: order.scans.clone(),
        outcome: Outcome::Error,
        level: None,
        mode: Some(unit.mode),
        firmware: unit.firmware.clone(),
        returns: Vec::new(),
        operator: order.operator.clone(),
        started: now,
        finished: now,
        steps: Vec::new(),
        error: None,
        record: None,
    }
}

fn finish(run: Run<'_>, failure: Option<Error>, order: &Order, desk: Desk<'_>) -> Result<Report> {
    let (mut report, observer) = run.end();
    if let Some(error) = failure {
        // What could not be recorded is no outcome of the unit.
        if error.kind() == Kind::Storage && observer.is_broken() {
            return Err(error);
        }
        report.outcome = Outcome::of(error.kind());
        let unit = unit_label(report.serial.as_ref(), &report.address);
        report.error = Some(Failure::new(&error, report.bay, Some(unit)));
    } else {
        report.outcome = Outcome::Pass;
    }
    report.finished = desk.clock.wall();
    let sealed = observer.seal(&draft(&report, order)?)?;
    report.record = Some(sealed.digest.to_string());
    super::observer::finished(desk.listener, &report);
    Ok(report)
}

/// What the record says of the run: the report without what only the record itself can say.
fn predicate(report: &Report) -> Result<Map<String, Value>> {
    let Value::Object(mut predicate) = serde_json::to_value(report).map_err(unwritable)? else {
        return Err(Error::new(Kind::Storage, "the report is no object"));
    };
    predicate.remove("type");
    predicate.remove("record");
    Ok(predicate)
}

fn draft(report: &Report, order: &Order) -> Result<Draft> {
    let unit = unit_label(report.serial.as_ref(), &report.address);
    let mut subjects = vec![Subject { name: format!("unit:{unit}"), sha256: Digest::sha256(unit.as_bytes()) }];
    let profile = (format!("profile:{}", report.profile.name), Some(&report.profile.digest));
    let backups = report.steps.iter().map(|step| (format!("backup:{}", step.name), step.backup.as_ref()));
    subjects.extend(
        std::iter::once(profile)
            .chain(backups)
            .filter_map(|(name, sha256)| Some(Subject { name, sha256: Digest::from_hex(Algorithm::Sha256, sha256?)? })),
    );
    Ok(Draft {
        kind: order.kind,
        run: report.run,
        serial: report.serial.as_ref().map(|serial| serial.untrusted().to_owned()),
        outcome: serde_json::to_value(report.outcome)
            .ok()
            .and_then(|outcome| outcome.as_str().map(str::to_owned))
            .unwrap_or_default(),
        at: report.finished,
        operator: report.operator.clone(),
        subjects,
        predicate: predicate(report)?,
    })
}

fn unwritable(error: serde_json::Error) -> Error {
    Error::new(Kind::Storage, "the report cannot be written as JSON").because(error)
}

/// How a unit is named to people: by its serial number, else by where it is.
pub(super) fn unit_label(serial: Option<&UnitText>, address: &str) -> String {
    serial.map_or_else(|| address.to_owned(), ToString::to_string)
}

/// The ledger's memory of actions that are done once.
pub(super) struct Past<'a> {
    pub(super) desk: Desk<'a>,
    pub(super) order: &'a Order,
    pub(super) serial: Option<UnitText>,
    pub(super) hwid: Option<String>,
}

impl History for Past<'_> {
    fn completed(&self, profile: &ProfileRef, step: &str, once: Once) -> Result<bool> {
        if self.serial.is_none() && self.hwid.is_none() {
            let say = format!("step {step} runs once, and this unit shows no serial number to know it by");
            return Err(
                Error::new(Kind::Invalid, say).next("say where the unit keeps one with `identity`, or use `once: run`")
            );
        }
        let key = OnceKey {
            serial: self.serial.as_ref().map(UnitText::untrusted),
            hwid: self.hwid.as_deref(),
            tags: (once == Once::Tag).then_some(&self.order.tags),
        };
        self.desk.ledger.completed(&profile.name, step, key)
    }
}
