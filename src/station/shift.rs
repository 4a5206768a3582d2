//! What all runs of one command share, and how they are begun.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::{Met, Office, PortBay};
use crate::clock::Clock;
use crate::device::{Bay, Cancel, UnitText};
use crate::error::Result;
use crate::ledger::{Ledger, RecordKind};
use crate::plan::Plan;
use crate::profile::model::Resolved;
use crate::run::event::Listener;
use crate::run::person::Person;
use crate::run::report::Report;
use crate::run::{self, Desk, Gate, Order};
use crate::vault::Vault;

/// What all runs of one command share.
pub struct Shift<'a> {
    /// The station's papers.
    pub office: &'a Office,
    /// The program's clock.
    pub clock: &'a dyn Clock,
    /// Who answers.
    pub person: &'a dyn Person,
    /// Who may stop it.
    pub cancel: &'a Cancel,
    /// The caller's tags.
    pub tags: BTreeMap<String, String>,
    /// The batch that its runs belong to.
    pub batch: Option<String>,
    /// What was scanned for the unit, input to keyed digest.
    pub scans: BTreeMap<String, String>,
    /// Who is at the bench.
    pub operator: Option<String>,
    /// The kinds of things (`file`, `setting`) that a backup may omit.
    pub accept_omitted: Vec<String>,
}

impl Shift<'_> {
    fn order(&self, met: &Met, kind: RecordKind, resolved: &Resolved) -> Order {
        Order {
            kind,
            run: Uuid::new_v4(),
            resolved: resolved.clone(),
            serial: met.facts.serial.as_deref().map(UnitText::new),
            modes: met.modes(&resolved.spoken),
            tags: self.tags.clone(),
            batch: self.batch.clone(),
            scans: self.scans.clone(),
            operator: self.operator.clone(),
            accept_omitted: self.accept_omitted.clone(),
        }
    }

    fn desk<'s>(
        &'s self,
        (ledger, vault): (&'s Ledger, &'s Vault),
        listener: &'s dyn Listener,
        gate: &'s dyn Gate,
    ) -> Desk<'s> {
        let Shift { clock, person, cancel, .. } = self;
        Desk { clock: *clock, home: &self.office.home, ledger, vault, person: *person, listener, cancel, gate }
    }

    /// Says what would be done to the unit. Writes nothing.
    ///
    /// # Errors
    /// As [`run::plan`]; `storage`.
    pub fn plan(&self, met: &mut Met, kind: RecordKind, resolved: &Resolved, listener: &dyn Listener) -> Result<Plan> {
        let order = self.order(met, kind, resolved);
        let (ledger, vault) = (self.office.ledger()?, self.office.vault()?);
        let address = met.bay.address().to_owned();
        let desk = self.desk((&ledger, &vault), listener, &());
        run::plan(&address, &mut *met.driver, &order, desk)
    }

    /// Makes it so, and seals the record. That the ledger can be written is known before the unit is touched.
    ///
    /// # Errors
    /// As [`run::execute`].
    pub fn execute(
        &self,
        met: Met,
        kind: RecordKind,
        resolved: &Resolved,
        listener: &dyn Listener,
        gate: &dyn Gate,
    ) -> Result<Report> {
        self.execute_in(|bay| bay, met, kind, resolved, listener, gate)
    }

    /// The same, with what is made of the bay by `around` in its place: to see it leave and come back.
    ///
    /// # Errors
    /// As [`run::execute`].
    pub fn execute_in<B: Bay>(
        &self,
        around: impl FnOnce(PortBay) -> B,
        met: Met,
        kind: RecordKind,
        resolved: &Resolved,
        listener: &dyn Listener,
        gate: &dyn Gate,
    ) -> Result<Report> {
        let order = self.order(&met, kind, resolved);
        let _span = tracing::info_span!("run", id = %order.run, bay = ?met.bay.id(), unit = met.label()).entered();
        let (mut ledger, vault) = (self.office.ledger()?, self.office.vault()?);
        ledger.check_writable()?;
        let Met { bay, driver, .. } = met;
        let mut bay = around(bay);
        let desk = self.desk((&ledger, &vault), listener, gate);
        run::execute(&mut bay, driver, &order, desk)
    }
}
