//! `hardwire batch`.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use super::apply::{InputArgs, RunArgs};
use super::bench;
use super::context::{Context, not_there};
use super::hall::Hall;
use super::report::Outcome;
use crate::ledger::{Filter, RecordKind};
use crate::profile;
use crate::station::batch::{self, Batch, Bench, Meant, Questions, Rules, Settings, Shop, Used};

/// Provision every unit that arrives, bay by bay, without a key press
///
/// A unit that is plugged into a bay is started; its verdict stays until it is pulled; the bay is free for the next one.
/// The other bays go on meanwhile. What already holds is not written, so a unit seen before is only repaired. Type a bay's
/// number (or scan its label) and Enter to start a unit again, or to bring back a bay that was taken out.
///
/// The first Ctrl-C starts nothing more and stops the runs at their next sane point, a second one at once.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hardwire batch thermostat.yaml
  hardwire batch thermostat.yaml --bays 1-8 --batch lot-7 --count 500 --operator kim
  hardwire batch thermostat.yaml --bays tty:/dev/ttyUSB0,tty:/dev/ttyUSB1 --at-most 1")]
pub(super) struct BatchCommand {
    /// The profile
    profile: PathBuf,
    /// The bays: numbers of the map (1-8,11), or ports, which are then numbered as named (repeatable) [default: the whole map]
    #[arg(long, value_name = "BAYS")]
    bays: Vec<String>,
    /// At most this many units at a time; the rest wait in the order they came
    #[arg(long, value_name = "M", value_parser = clap::value_parser!(u64).range(1..))]
    at_most: Option<u64>,
    /// The name of the batch, for the records; its count goes on after a restart
    #[arg(long = "batch", value_name = "NAME")]
    name: Option<String>,
    /// End after this many passes, over the life of the batch's name
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// End after this many failed units
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    max_fail: Option<u64>,
    /// Take a bay out after this many errors in a row [default: `quarantine_after` in station.yaml, else never]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    quarantine_after: Option<u32>,
    #[command(flatten)]
    inputs: InputArgs,
    #[command(flatten)]
    run: RunArgs,
}

impl BatchCommand {
    pub(super) fn run(self, cx: &Context) -> Outcome {
        let prepared = profile::load(&self.profile)?.prepare()?;
        let given = self.inputs.given()?;
        let bench = if cx.may_ask() { Bench::Staffed } else { Bench::Empty };
        batch::foresee(&prepared, &given, bench)?;
        let office = cx.office()?;
        let settings = Settings::under(office.home.root())?;
        let world = cx.world(self.bays.len().max(2), bench::secrets_of(Some(&prepared)))?;
        let posts = batch::posts(&self.bays, &*world).map_err(not_there)?;
        let ledger = office.ledger()?;
        let before = match &self.name {
            Some(name) => {
                let passes = Filter {
                    kind: Some(RecordKind::Run),
                    outcome: Some("pass".to_owned()),
                    batch: Some(name.clone()),
                    ..Filter::default()
                };
                ledger.list(&passes)?.len() as u64
            }
            None => 0,
        };
        let used = Used::on_record(&ledger, &prepared.reference().name)?;
        drop(ledger);
        let (wire, inbox) = batch::wire();
        let redraw = wire.clone();
        let questions = Questions::new(bench, move || redraw.redraw());
        let title = self.name.clone().map_or_else(|| "batch".to_owned(), |name| format!("batch {name}"));
        let rules = Rules {
            count: self.count,
            max_fail: self.max_fail,
            at_most: self.at_most.map(|most| usize::try_from(most).unwrap_or(usize::MAX)),
            quarantine_after: self.quarantine_after.or(settings.quarantine_after),
        };
        let shop = Shop {
            office: &office,
            world: Arc::clone(&world),
            clock: Arc::clone(&cx.clock),
            prepared: &prepared,
            driver: bench::one_driver(&prepared),
            given: &given,
            tags: self.run.tags.into_iter().collect(),
            batch: self.name,
            operator: self.run.operator,
            consent: if self.run.yes { Meant::Yes } else { Meant::Ask },
            accept_omitted: self.run.accept_omitted,
            used,
        };
        let watch = world.watch()?;
        for note in watch.notes() {
            cx.voice.say(format_args!("note: {note}"));
        }
        if before > 0 {
            cx.voice.say(format_args!("note: {before} passes of this batch are on record already"));
        }
        let line = Batch {
            posts,
            rules,
            before,
            signals: settings.signals,
            clock: Arc::clone(&cx.clock),
            questions: &questions,
            world,
            defaults: prepared.profile().link.pairs(),
            driver: bench::one_driver(&prepared),
        };
        let mut hall = Hall::new(cx, &title, &line, &wire)?;
        let summary = batch::conduct(&line, watch, (wire, inbox), &shop, &mut hall)?;
        Ok(hall.conclude(&title, &summary, &prepared))
    }
}
