//! The engine against a unit in memory: outcomes, levels, order, evidence.

mod apps;
mod away;
mod droid;
mod fake;
mod phone;
mod trees;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use protocols::time::Moment;
use uuid::Uuid;

use super::event::{Event, EventKind};
use super::person::{Consent, Person, Question};
use super::report::{Outcome, Report, StepOutcome};
use super::{Desk, Order, execute};
use crate::clock::ManualClock;
use crate::device::{Activate, Bay, Cancel, Continuity, Driver, Level, Mode, ModeSpec, Proof};
use crate::error::{Kind, Result};
use crate::home::Home;
use crate::ledger::{Ledger, RecordKind};
use crate::profile::model::{
    Answer, AskStep, BackupStep, Body, ConsoleStep, FilesStep, FirmwareStep, Identity, Once, Payload, RebootStep,
    Resolved, SettingsStep, Step,
};
use crate::vault::Vault;
use fake::{FakeBay, Returns, Shared, State};

struct Says(bool);

impl Person for Says {
    fn consent(&self, _: &str, _: &[Consent]) -> Result<bool> {
        Ok(self.0)
    }
    fn answer(&self, _: &Question, _: Option<Moment>, _: &Cancel) -> Result<String> {
        Ok("pass".to_owned())
    }
}

struct Station {
    _folder: tempfile::TempDir,
    home: Home,
    ledger: Ledger,
    vault: Vault,
    state: Shared,
    cancel: Cancel,
    events: Arc<Mutex<Vec<Event>>>,
    consents: bool,
    identity: Identity,
    returns: Returns,
    /// The serial number that the unit shows, and the one that it keeps in a setting.
    starts_as: (&'static str, Option<&'static str>),
}

impl Station {
    fn new() -> Station {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let home = Home::open(Some(folder.path().to_owned())).expect("a home");
        let ledger = Ledger::open(&home).expect("a ledger");
        let vault = Vault::open(&home).expect("a vault");
        let state = State { primary: vec![1, 7, 7], confirmed: true, ..State::default() };
        Station {
            _folder: folder,
            home,
            ledger,
            vault,
            state: Arc::new(Mutex::new(state)),
            cancel: Cancel::default(),
            events: Arc::default(),
            consents: true,
            identity: Identity::default(),
            returns: Returns { serial: "F1", proof: Proof::Serial, continuity: Continuity::Kept },
            starts_as: ("F1", None),
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("unpoisoned")
    }

    fn try_run(&self, steps: Vec<Step>) -> Result<Report> {
        let mut bay = FakeBay { state: Arc::clone(&self.state), returns: self.returns };
        self.run_in(&mut bay, fake::driver(&self.state, self.starts_as.0), fake::MODES, steps)
    }

    /// What would be done to the unit behind `driver`.
    fn plan_in(&self, mut driver: Box<dyn Driver>, modes: &[ModeSpec], steps: Vec<Step>) -> Result<crate::plan::Plan> {
        let (clock, person) = (ManualClock::new(), Says(true));
        let desk = self.desk(&clock, &person, &|_: &Event| {});
        super::plan("usb:1-1", driver.as_mut(), &self.order(modes, steps), desk)
    }

    fn desk<'a>(
        &'a self,
        clock: &'a ManualClock,
        person: &'a Says,
        listener: &'a dyn super::event::Listener,
    ) -> Desk<'a> {
        Desk {
            clock,
            home: &self.home,
            ledger: &self.ledger,
            vault: &self.vault,
            person,
            listener,
            cancel: &self.cancel,
            gate: &(),
        }
    }

    fn order(&self, modes: &[ModeSpec], steps: Vec<Step>) -> Order {
        let resolved = Resolved::single("test", "test", steps);
        Order {
            kind: RecordKind::Run,
            run: Uuid::new_v4(),
            resolved: Resolved { identity: self.identity.clone(), ..resolved },
            serial: self.starts_as.1.map(Into::into),
            modes: modes.to_vec(),
            tags: BTreeMap::new(),
            batch: None,
            scans: BTreeMap::new(),
            operator: None,
            accept_omitted: Vec::new(),
        }
    }

    fn run_in(
        &self,
        bay: &mut dyn Bay,
        driver: Box<dyn Driver>,
        modes: &[ModeSpec],
        steps: Vec<Step>,
    ) -> Result<Report> {
        let events = Arc::clone(&self.events);
        let cancel = self.cancel.clone();
        let listener = move |event: &Event| {
            events.lock().expect("unpoisoned").push(event.clone());
            if event.step.as_deref() == Some("stop-here") && event.event == EventKind::StepStarted {
                cancel.ask();
            }
        };
        let clock = ManualClock::new();
        let person = Says(self.consents);
        let desk = self.desk(&clock, &person, &listener);
        execute(bay, driver, &self.order(modes, steps), desk)
    }

    fn run(&self, steps: Vec<Step>) -> Report {
        self.try_run(steps).expect("a report")
    }

    fn outcomes(&self) -> Vec<String> {
        let records = self.ledger.list(&crate::ledger::Filter::default()).expect("records");
        assert!(self.ledger.verify().expect("a verification").is_sound());
        records.into_iter().map(|record| record.outcome).collect()
    }
}

fn file(name: &str, verify: Level) -> Step {
    let put = vec![("/a".to_owned(), Payload::new(b"hello".to_vec(), false))];
    Step::plain(name, Body::Files(FilesStep::of(put)), verify)
}

fn setting(name: &str, value: &[u8], secret: bool) -> Step {
    let set = vec![("k".to_owned(), Payload::new(value.to_vec(), secret))];
    Step::plain(name, Body::Settings(SettingsStep::of(set)), Level::Digest)
}

fn firmware(name: &str, image: &[u8], activate: Activate, verify: Level) -> Step {
    let image = Payload::new(image.to_vec(), false);
    let body = FirmwareStep { artifact: "app".to_owned(), image, slot: None, activate };
    Step::plain(name, Body::Firmware(body), verify)
}

fn whole() -> Vec<Step> {
    vec![
        firmware("fw", &[2, 9, 9], Activate::Confirm, Level::Booted),
        setting("set", b"v", false),
        file("put", Level::Digest),
    ]
}

#[test]
fn a_second_run_writes_nothing() {
    let station = Station::new();
    let first = station.run(whole());
    assert_eq!((first.outcome, first.level), (Outcome::Pass, Some(Level::Digest)), "{:?}", first.error);
    assert!(first.record.is_some());
    let writes = station.state().writes;
    let second = station.run(whole());
    assert_eq!(second.outcome, Outcome::Pass);
    assert!(second.steps.iter().all(|step| step.outcome == StepOutcome::Already && step.sent == 0));
    assert_eq!(station.state().writes, writes);
    assert_eq!(station.state().restarts, 1);
    assert_eq!(station.outcomes(), ["pass", "pass"]);
}

#[test]
fn a_question_is_told_before_it_is_asked_and_its_answer_is_kept() {
    let station = Station::new();
    let ask = AskStep { say: "is it green?".to_owned(), answer: Answer::PassFail };
    let report = station.run(vec![Step::plain("lamp", Body::Ask(ask), Level::Link)]);
    assert_eq!(report.steps[0].answer.as_deref(), Some("pass"));
    let events = station.events.lock().expect("unpoisoned");
    let waiting = events.iter().find(|event| event.event == EventKind::Waiting).expect("a person is waited for");
    assert_eq!((waiting.step.as_deref(), waiting.say.as_deref()), (Some("lamp"), Some("is it green?")));
}

#[test]
fn a_lost_byte_never_passes_and_both_digests_are_shown() {
    let station = Station::new();
    station.state().loses_byte = true;
    let report = station.run(vec![file("put", Level::Digest)]);
    assert_eq!(report.outcome, Outcome::Fail);
    assert_eq!(report.error.as_ref().map(|error| error.kind), Some(Kind::Mismatch));
    let item = &report.steps[0].items[0];
    assert!(item.expected.is_some() && item.observed.is_some() && item.expected != item.observed);
    assert_eq!((report.level, item.outcome), (None, StepOutcome::Failed));
}

#[test]
fn a_lying_digest_is_caught_by_readback_and_claims_no_more_than_digest() {
    let station = Station::new();
    station.state().loses_byte = true;
    station.state().lies = true;
    let trusted = station.run(vec![file("put", Level::Digest)]);
    assert_eq!((trusted.outcome, trusted.level), (Outcome::Pass, Some(Level::Digest)));
    let checked = station.run(vec![file("put", Level::Readback)]);
    assert_eq!(checked.error.map(|error| error.kind), Some(Kind::Mismatch));
}

#[test]
fn a_unit_that_leaves_at_any_question_ends_in_error_and_passes_when_run_again() {
    let mut broken = 0;
    for question in 0.. {
        let station = Station::new();
        station.state().breaks_after = Some(question);
        let report = station.run(whole());
        if report.outcome == Outcome::Pass {
            break;
        }
        broken += 1;
        assert_eq!(report.outcome, Outcome::Error, "question {question}");
        assert_eq!(report.error.map(|error| error.kind), Some(Kind::Gone));
        station.state().breaks_after = None;
        station.state().pending = false;
        assert_eq!(station.run(whole()).outcome, Outcome::Pass, "question {question}");
        assert_eq!(station.state().primary, [2, 9, 9]);
        assert_eq!(station.outcomes().len(), 2);
    }
    assert!(broken > 10, "only {broken} questions were asked");
}

#[test]
fn a_refused_image_is_a_mismatch_that_names_the_old_one() {
    let station = Station::new();
    station.state().refuses_boot = true;
    let report = station.run(whole());
    let error = report.error.expect("an error");
    assert_eq!((report.outcome, error.kind), (Outcome::Fail, Kind::Mismatch));
    assert!(error.causes.iter().any(|cause| cause.contains("version 1.0.0")), "{:?}", error.causes);
    assert_eq!(report.steps[0].items[0].observed, Some(crate::digest::Digest::sha256(&[1, 7, 7]).to_string()));
    assert_eq!(report.steps[1].outcome, StepOutcome::Skipped);
}

#[test]
fn teardown_runs_after_a_failure_and_after_a_stop() {
    let mut teardown = setting("teardown", b"off", false);
    teardown.always = true;
    let station = Station::new();
    station.state().loses_byte = true;
    let report = station.run(vec![file("put", Level::Digest), setting("set", b"v", false), teardown.clone()]);
    let outcomes: Vec<_> = report.steps.iter().map(|step| step.outcome).collect();
    assert_eq!(outcomes, [StepOutcome::Failed, StepOutcome::Skipped, StepOutcome::Done]);
    let station = Station::new();
    let report = station.run(vec![file("stop-here", Level::Digest), teardown]);
    assert_eq!(report.outcome, Outcome::Cancelled);
    assert_eq!(report.steps[1].outcome, StepOutcome::Done);
    assert_eq!(station.outcomes(), ["cancelled"]);
}

#[test]
fn a_later_step_proves_an_earlier_one() {
    let mut unproven = firmware("lay", &[2, 9, 9], Activate::None, Level::Booted);
    let station = Station::new();
    let refused = station.try_run(vec![unproven.clone()]).expect_err("out of reach");
    assert_eq!(refused.kind(), Kind::Unsupported);
    unproven.proved_by = Some("go".to_owned());
    let go = firmware("go", &[2, 9, 9], Activate::Confirm, Level::Booted);
    let report = station.run(vec![unproven, go]);
    assert_eq!((report.outcome, report.steps[0].level), (Outcome::Pass, Some(Level::Booted)), "{:?}", report.error);
}

#[test]
fn what_can_be_known_to_fail_is_refused_before_anything_is_written_or_recorded() {
    let station = Station::new();
    let error =
        station.try_run(vec![file("put", Level::Digest), setting("set", &[0; 101], false)]).expect_err("too long");
    assert_eq!(error.kind(), Kind::Invalid);
    assert_eq!((station.state().writes, station.outcomes().len()), (0, 0));
}

#[test]
fn a_downgrade_needs_to_be_meant() {
    let mut station = Station::new();
    station.consents = false;
    let error =
        station.try_run(vec![firmware("fw", &[0, 5], Activate::Confirm, Level::Booted)]).expect_err("not meant");
    assert_eq!((error.kind(), station.state().writes), (Kind::Cancelled, 0));
    station.consents = true;
    assert_eq!(station.run(vec![firmware("fw", &[0, 5], Activate::Confirm, Level::Booted)]).outcome, Outcome::Pass);
}

#[test]
fn an_action_that_is_done_once_for_a_unit_is_not_done_again() {
    let station = Station::new();
    let mut reboot = Step::plain("reboot", Body::Reboot(RebootStep::to(Mode::Application)), Level::Digest);
    reboot.once = Once::Unit;
    assert_eq!(station.run(vec![reboot.clone()]).steps[0].outcome, StepOutcome::Done);
    assert_eq!(station.run(vec![reboot]).steps[0].outcome, StepOutcome::Skipped);
    assert_eq!(station.state().restarts, 1);
}

#[test]
fn a_secret_leaves_no_plain_digest_anywhere() {
    let station = Station::new();
    let report = station.run(vec![setting("set", b"hunter2", true)]);
    assert_eq!(report.outcome, Outcome::Pass);
    let plain = crate::digest::Digest::sha256(b"hunter2").to_string();
    let mut export = Vec::new();
    station.ledger.export(&mut export, &crate::ledger::Filter::default()).expect("an export");
    let events = serde_json::to_string(&*station.events.lock().expect("unpoisoned")).expect("JSON");
    for text in [String::from_utf8_lossy(&export).into_owned(), events] {
        assert!(!text.contains(&plain) && !text.contains("hunter2"));
    }
}

#[test]
fn a_unit_that_repeats_what_it_refuses_tells_no_secret() {
    let command = |secret| {
        let run = Payload::new(b"unlock hunter2".to_vec(), secret);
        Step::plain("set", Body::Console(ConsoleStep { run, expect: None, stage: None, take: None }), Level::Link)
    };
    for (step, secret) in [
        (setting("set", b"hunter2", true), true),
        (command(true), true),
        (setting("set", b"hunter2", false), false),
        (command(false), false),
    ] {
        let station = Station::new();
        station.state().refuses_words = true;
        assert_eq!(station.run(vec![step]).outcome, Outcome::Fail);
        let mut export = Vec::new();
        station.ledger.export(&mut export, &crate::ledger::Filter::default()).expect("an export");
        let events = serde_json::to_string(&*station.events.lock().expect("unpoisoned")).expect("JSON");
        assert_eq!(String::from_utf8_lossy(&export).contains("hunter2"), !secret);
        assert!(!secret || !events.contains("hunter2"), "{events}");
    }
}

#[test]
fn a_backup_leaves_out_what_an_earlier_run_put_there_as_a_secret() {
    let station = Station::new();
    station.run(vec![setting("set", b"hunter2", true)]);
    let body = BackupStep {
        files: Vec::new(),
        apps: Vec::new(),
        settings: vec!["k".to_owned()],
        firmware: Vec::new(),
        secrets: Vec::new(),
        implied: false,
        label: None,
    };
    let report = station.run(vec![Step::plain("backup", Body::Backup(body), Level::Digest)]);
    assert_eq!((report.outcome, report.steps[0].omitted[0].path.as_str()), (Outcome::Fail, "k"));
    assert!(report.steps[0].items.is_empty());
}

#[test]
fn a_backup_says_what_it_could_not_take_and_is_then_not_a_pass() {
    let station = Station::new();
    station.state().files.insert("/a".to_owned(), b"hello".to_vec());
    let backup = |files: &[&str]| {
        let body = BackupStep {
            files: files.iter().map(|path| (*path).to_owned()).collect(),
            apps: Vec::new(),
            settings: Vec::new(),
            firmware: Vec::new(),
            secrets: Vec::new(),
            implied: false,
            label: None,
        };
        vec![Step::plain("backup", Body::Backup(body), Level::Digest)]
    };
    let complete = station.run(backup(&["/a"]));
    assert_eq!(complete.outcome, Outcome::Pass, "{:?}", complete.error);
    assert!(complete.steps[0].backup.is_some());
    let incomplete = station.run(backup(&["/a", "/b"]));
    assert_eq!(incomplete.outcome, Outcome::Fail);
    assert_eq!(incomplete.steps[0].omitted[0].path, "/b");
    assert!(incomplete.steps[0].backup.is_some(), "what could be taken is kept");
}
