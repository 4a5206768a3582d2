//! One run: its bay, its driver of the moment, and how it gets from step to step.

use std::cell::RefCell;
use std::time::Duration;

use super::away::check_identity;
use super::event::EventKind;
use super::keep::Station;
use super::observer::Observer;
use super::report::{Report, StepOutcome, StepResult};
use super::start::{Past, unit_label};
use super::{Desk, Order};
use crate::device::{Bay, Cancel, Driver, Known, Op, Unit, UnitText};
use crate::error::{Error, Kind, Result};
use crate::plan::{self, Plan};
use crate::profile::model::Step;
use crate::steps::{Action, Bench};

/// How long an uncommanded question to the unit may take in all, such as reading its serial number.
pub(super) const SMALL_TALK: Duration = Duration::from_secs(10);

pub(super) struct Run<'a> {
    pub(super) bay: &'a mut dyn Bay,
    pub(super) driver: Option<Box<dyn Driver>>,
    pub(super) unit: Unit,
    pub(super) order: &'a Order,
    pub(super) desk: Desk<'a>,
    pub(super) observer: Observer<'a>,
    pub(super) report: Report,
    /// What the unit has shown of who it is.
    pub(super) known: Known,
    /// The serial number that it keeps where the profile's `identity` says.
    pub(super) kept: Option<UnitText>,
    /// The unit restarted since the plan was made: what was seen then may be past.
    pub(super) restarted: bool,
}

impl<'a> Run<'a> {
    pub(super) fn new(
        bay: &'a mut dyn Bay,
        driver: Box<dyn Driver>,
        order: &'a Order,
        desk: Desk<'a>,
        observer: Observer<'a>,
        report: Report,
    ) -> Run<'a> {
        let unit = driver.unit().clone();
        let known = Known::of(&unit);
        let has_own = unit.serial.is_some() || order.resolved.identity.setting.is_none();
        let kept = order.serial.clone().filter(|_| !has_own);
        Run { bay, driver: Some(driver), unit, known, kept, order, desk, observer, report, restarted: false }
    }

    /// Plans, and asks for what must be meant. Nothing is written before it returns.
    pub(super) fn prepare(&mut self) -> Result<Plan> {
        let (serial, hwid) = (self.report.serial.clone(), self.report.hwid.clone());
        let past = Past { desk: self.desk, order: self.order, serial, hwid };
        let resolved = &self.order.resolved;
        let modes = &self.order.modes;
        check_identity(self.order, &self.unit)?;
        let plan = self.with_driver(None, None, self.desk.cancel, |driver, bench| {
            plan::make(resolved, driver, modes, &past, bench)
        })?;
        if let Some(step) = plan.steps.iter().find(|step| step.action == Action::Ask)
            && !self.desk.person.can_answer()
        {
            return Err(Error::new(
                Kind::Invalid,
                format!("step {} asks a person, and nobody can be asked", step.name),
            )
            .next("run it at a terminal, without --no-input; nothing was written"));
        }
        let consents = plan.consents();
        if !consents.is_empty() && !self.desk.person.consent(&self.label(), &consents)? {
            return Err(Error::new(Kind::Cancelled, "it was not meant").next("nothing was written"));
        }
        self.desk.gate.pass()?;
        Ok(plan)
    }

    /// Carries the plan out, step by step; steps that always run do so after a failure too.
    pub(super) fn carry_out(&mut self, plan: &Plan) -> Result<()> {
        let started = self.observer.event(EventKind::RunStarted);
        self.observer.tell(&started)?;
        let levels: Vec<_> = plan.steps.iter().map(|step| step.level).collect();
        let mut failure: Option<Error> = None;
        for (index, step) in self.order.resolved.steps.iter().enumerate() {
            let planned = &plan.steps[index];
            let teardown = Cancel::default();
            let cancel = if failure.is_some() { &teardown } else { self.desk.cancel };
            let reachable = self.driver.is_some() && !self.desk.cancel.is_urgent();
            if failure.is_some() && !(step.always && reachable) {
                self.report.steps.push(skipped(step, "a step before it failed"));
                continue;
            }
            let outcome = self.step(step, planned, levels[index], cancel).and_then(|()| self.prove(step, cancel));
            if let Err(error) = outcome {
                if error.kind() == Kind::Gone {
                    self.driver = None;
                }
                failure.get_or_insert(error);
            }
        }
        match failure {
            Some(error) => Err(error),
            None => self.all_proven(),
        }
    }

    /// Forgets the run: nothing was written, so there is nothing to record.
    pub(super) fn abandon(self) -> Result<()> {
        self.observer.discard()
    }

    /// The report, with what only the end of the run can say.
    pub(super) fn end(mut self) -> (Report, Observer<'a>) {
        self.report.level = self
            .report
            .steps
            .iter()
            .filter(|step| matches!(step.outcome, StepOutcome::Done | StepOutcome::Already))
            .filter_map(|step| step.level)
            .reduce(crate::device::Level::least);
        self.report.mode = self.driver.is_some().then_some(self.unit.mode);
        self.learn_serial();
        self.refresh_firmware();
        (self.report, self.observer)
    }

    /// A unit without a serial number of its own may have been given one by this very run.
    fn learn_serial(&mut self) {
        if self.report.serial.is_none()
            && let Ok(serial) = self.kept_serial()
        {
            self.know(serial);
        }
    }

    fn refresh_firmware(&mut self) {
        let wrote =
            self.report.steps.iter().any(|step| step.kind == "firmware" && step.outcome != StepOutcome::Skipped);
        if !wrote || self.driver.is_none() {
            return;
        }
        let cancel = Cancel::default();
        let slots = self.with_driver(None, Some(SMALL_TALK), &cancel, |driver, bench| match driver.firmware() {
            Some(firmware) => firmware.slots(bench.op),
            None => Ok(driver.unit().firmware.clone()),
        });
        if let Ok(slots) = slots {
            self.report.firmware = slots;
        }
    }

    pub(super) fn label(&self) -> String {
        unit_label(self.report.serial.as_ref(), &self.report.address)
    }

    /// Lets `act` talk to the unit, telling how far `step` is.
    pub(super) fn with_driver<T>(
        &mut self,
        step: Option<&str>,
        within: Option<Duration>,
        cancel: &Cancel,
        act: impl FnOnce(&mut dyn Driver, &mut Bench<'_, '_>) -> Result<T>,
    ) -> Result<T> {
        let unit = self.label();
        let Some(driver) = self.driver.as_deref_mut() else {
            return Err(Error::new(Kind::Gone, "the unit is gone"));
        };
        let serial = self.report.serial.clone();
        let Desk { home, vault, ledger, clock, .. } = self.desk;
        let keep = Station { home, vault, ledger, clock, serial };
        let observer = RefCell::new(&mut self.observer);
        let mut progress = |at| {
            if let Some(step) = step {
                observer.borrow_mut().progress(step, at);
            }
        };
        let said = |text: &UnitText| {
            if let Some(step) = step {
                observer.borrow_mut().said(step, text);
            }
        };
        let mut op = Op::new(self.desk.clock, cancel, &mut progress);
        op.said = Some(&said);
        op.deadline = within.map(|within| self.desk.clock.now() + within);
        let mut bench = Bench { op: &mut op, person: self.desk.person, keep: &keep, bay: self.report.bay, unit };
        act(driver, &mut bench)
    }
}

/// The result of a step that was not tried.
pub(super) fn skipped(step: &Step, why: &str) -> StepResult {
    StepResult {
        name: step.name.clone(),
        kind: step.body.kind(),
        outcome: StepOutcome::Skipped,
        level: None,
        items: Vec::new(),
        bytes: 0,
        sent: 0,
        retries: 0,
        milliseconds: 0,
        why: Some(why.to_owned()),
        measurements: Vec::new(),
        backup: None,
        omitted: Vec::new(),
        attachments: Vec::new(),
        said: Vec::new(),
        said_left_out: 0,
        answer: None,
    }
}
