//! One unit that two drivers speak to: in its application it can be looked at, in its bootloader it can be written.

use std::time::Duration;

use super::*;
use crate::device::{
    BayId, Capability, Content, Departure, Firmware, Held, ImageFile, Known, Offer, Op, Power, Returned, SlotState,
    Tells, Unit, Upload, Written,
};
use crate::digest::Digest;
use crate::error::Error;
use crate::profile::model::{EraseStep, Place};
use crate::steps::Action;

const LEN: usize = 64;
const APPLICATION: &[Offer] =
    &[Offer::look(Capability::Firmware, &[Level::Digest]), Offer::new(Capability::Power, &[])];
const BOOTLOADER: &[Offer] = &[Offer::new(Capability::Firmware, &[Level::Link]), Offer::new(Capability::Power, &[])];
const MODES: &[ModeSpec] = &[
    ModeSpec { mode: Mode::Application, driver: "shell", offers: APPLICATION, reaches: BOTH },
    ModeSpec { mode: Mode::Bootloader, driver: "loader", offers: BOOTLOADER, reaches: BOTH },
];
const BOTH: &[Mode] = &[Mode::Application, Mode::Bootloader];

/// What the phone is and holds.
struct Phone {
    mode: Mode,
    partitions: BTreeMap<&'static str, Vec<u8>>,
    /// Flips a bit of the first byte of every write to this partition.
    flips: Option<&'static str>,
    /// It comes back in this mode, wherever it was told to go.
    stuck: Option<Mode>,
    /// It leaves for good at this question, and is then in the mode that it was in.
    cut_at: Option<u32>,
    asked: u32,
    writes: Vec<&'static str>,
    restarts: Vec<Mode>,
}

type Held1 = Arc<Mutex<Phone>>;

fn phone() -> Held1 {
    let blank = |byte| vec![byte; LEN];
    Arc::new(Mutex::new(Phone {
        mode: Mode::Application,
        partitions: BTreeMap::from([("boot", blank(1)), ("vendor", blank(2)), ("misc", blank(3))]),
        flips: None,
        stuck: None,
        cut_at: None,
        asked: 0,
        writes: Vec::new(),
        restarts: Vec::new(),
    }))
}

struct Port(Held1);

impl Bay for Port {
    fn id(&self) -> Option<BayId> {
        None
    }
    fn address(&self) -> &str {
        "usb:1-1"
    }
    fn open(&mut self, _: &mut Op<'_>) -> Result<Box<dyn Driver>> {
        Ok(open(&self.0))
    }
    fn wait(&mut self, _: &Known, departure: &Departure, _: &mut Op<'_>) -> Result<Returned> {
        let driver = open(&self.0);
        if !departure.to.contains(&driver.unit().mode) {
            let sentence = format!("the unit came back in mode {}", driver.unit().mode);
            return Err(Error::new(Kind::Gone, sentence));
        }
        Ok(Returned { driver, proof: Proof::Serial, continuity: Continuity::Kept })
    }
}

fn open(phone: &Held1) -> Box<dyn Driver> {
    let mode = phone.lock().unwrap().mode;
    let spec = MODES.iter().find(|spec| spec.mode == mode).unwrap();
    let unit = Unit {
        driver: spec.driver,
        mode,
        serial: Some("P1".into()),
        hwid: None,
        model: None,
        hardware: None,
        locked: None,
        firmware: Vec::new(),
        offers: spec.offers.to_vec(),
        ahead: BTreeMap::new(),
        limits: BTreeMap::new(),
    };
    Box::new(Speaks { unit, phone: Arc::clone(phone) })
}

struct Speaks {
    unit: Unit,
    phone: Held1,
}

impl Speaks {
    fn ask(&self) -> Result<std::sync::MutexGuard<'_, Phone>> {
        let mut phone = self.phone.lock().unwrap();
        assert_eq!(phone.mode, self.unit.mode, "a driver speaks in its own mode only");
        phone.asked += 1;
        match phone.cut_at.is_some_and(|at| phone.asked > at) {
            true => Err(Error::new(Kind::Gone, "the phone was pulled")),
            false => Ok(phone),
        }
    }

    fn name(&self, slot: &str) -> &'static str {
        ["boot", "vendor", "misc"].into_iter().find(|name| *name == slot).expect("a partition of this phone")
    }
}

impl Driver for Speaks {
    fn unit(&self) -> &Unit {
        &self.unit
    }
    fn firmware(&mut self) -> Option<&mut dyn Firmware> {
        Some(self)
    }
    fn power(&mut self) -> Option<&mut dyn Power> {
        Some(self)
    }
}

impl Firmware for Speaks {
    fn tells(&self) -> Tells {
        Tells::Nothing
    }
    fn fits(&self, _: &str, _: &dyn Content) -> Result<()> {
        Ok(())
    }
    fn slots(&mut self, _: &mut Op<'_>) -> Result<Vec<SlotState>> {
        Ok(Vec::new())
    }
    fn writable(&self) -> Vec<String> {
        match self.unit.mode {
            Mode::Bootloader => ["boot", "vendor", "misc"].map(str::to_owned).to_vec(),
            _ => Vec::new(),
        }
    }
    fn usual(&self) -> Option<String> {
        None
    }
    fn activations(&self) -> &[Activate] {
        &[Activate::None]
    }
    fn upload(&mut self, slot: &str, content: &dyn Content, op: &mut Op<'_>) -> Result<Upload> {
        let name = self.name(slot);
        let mut bytes = content.to_vec().unwrap();
        for half in [0..LEN / 2, LEN / 2..LEN] {
            op.check()?;
            let mut phone = self.ask()?;
            if phone.flips == Some(name) {
                bytes[0] ^= 1;
                phone.flips = None;
            }
            phone.partitions.get_mut(name).unwrap()[half.clone()].copy_from_slice(&bytes[half]);
        }
        self.ask()?.writes.push(name);
        let written = Written { sent: content.len(), resumed_at: 0 };
        Ok(Upload { written, ..Upload::default() })
    }
    fn held(&mut self, slot: &str, file: ImageFile<'_>, _: Level, _: &mut Op<'_>) -> Result<Option<Held>> {
        if self.unit.mode == Mode::Bootloader {
            return Ok(None);
        }
        let observed = Digest::sha256(&self.ask()?.partitions[slot]);
        Ok(Some(Held { expected: Digest::sha256(&file.content.to_vec().unwrap()), observed, level: Level::Digest }))
    }
    fn blank(&mut self, slot: &str, _: &mut Op<'_>) -> Result<Option<Held>> {
        if self.unit.mode == Mode::Bootloader {
            return Ok(None);
        }
        let observed = Digest::sha256(&self.ask()?.partitions[slot]);
        Ok(Some(Held { expected: Digest::sha256(&[0; LEN]), observed, level: Level::Digest }))
    }
    fn activate(&mut self, _: &str, _: Activate, _: &mut Op<'_>) -> Result<()> {
        Ok(())
    }
    fn erase(&mut self, slot: &str, _: &mut Op<'_>) -> Result<()> {
        let name = self.name(slot);
        let mut phone = self.ask()?;
        phone.writes.push(name);
        phone.partitions.insert(name, vec![0; LEN]);
        Ok(())
    }
}

impl Power for Speaks {
    fn reaches(&self) -> Vec<Mode> {
        BOTH.to_vec()
    }
    fn restart(&mut self, to: Mode, _: &mut Op<'_>) -> Result<Departure> {
        let mut phone = self.ask()?;
        phone.mode = phone.stuck.unwrap_or(to);
        phone.restarts.push(to);
        let within = Duration::from_secs(60);
        Ok(Departure { to: vec![to], settle: Duration::ZERO, within, why: format!("to restart into mode {to}") })
    }
}

fn flash(slot: &str, byte: u8) -> Step {
    let image = Payload::new(vec![byte; LEN], false);
    let body = FirmwareStep { artifact: slot.to_owned(), image, slot: Some(slot.to_owned()), activate: Activate::None };
    Step::plain(slot, Body::Firmware(body), Level::Digest)
}

fn erase(slot: &str) -> Step {
    Step::plain("wipe", Body::Erase(EraseStep { slot: slot.to_owned() }), Level::Digest)
}

/// Two partitions and an erased one in the bootloader, and back, where all three are proven.
fn batch() -> Vec<Step> {
    let there =
        |step: Step| Step { place: Some(Place::Mode(Mode::Bootloader)), proved_by: Some("back".to_owned()), ..step };
    let ask = Body::Ask(AskStep { say: "does it start?".to_owned(), answer: Answer::PassFail });
    let back = Step { place: Some(Place::Mode(Mode::Application)), ..Step::plain("back", ask, Level::Link) };
    vec![there(flash("boot", 7)), there(flash("vendor", 8)), there(erase("misc")), back]
}

fn try_run(phone: &Held1, steps: Vec<Step>) -> (Result<Report>, Station) {
    let station = Station::new();
    let report = station.run_in(&mut Port(Arc::clone(phone)), open(phone), MODES, steps);
    (report, station)
}

fn run(phone: &Held1, steps: Vec<Step>) -> Report {
    try_run(phone, steps).0.expect("a report")
}

fn outcomes(report: &Report) -> Vec<(StepOutcome, Option<Level>)> {
    report.steps.iter().map(|step| (step.outcome, step.level)).collect()
}

fn is_done(phone: &Held1) -> bool {
    let phone = phone.lock().unwrap();
    [("boot", 7), ("vendor", 8), ("misc", 0)].iter().all(|(slot, byte)| phone.partitions[slot] == [*byte; LEN])
}

#[test]
fn what_one_driver_writes_another_proves_and_a_second_run_stays_where_it_is() {
    let phone = phone();
    let first = run(&phone, batch());
    assert_eq!(first.outcome, Outcome::Pass, "{:?}", first.error);
    let done = (StepOutcome::Done, Some(Level::Digest));
    assert_eq!(outcomes(&first), [done, done, done, (StepOutcome::Done, None)]);
    assert_eq!(phone.lock().unwrap().restarts, [Mode::Bootloader, Mode::Application]);
    assert!(is_done(&phone));
    let second = run(&phone, batch());
    let already = (StepOutcome::Already, Some(Level::Digest));
    assert_eq!(outcomes(&second), [already, already, already, (StepOutcome::Done, None)]);
    let phone = phone.lock().unwrap();
    assert_eq!((phone.restarts.len(), phone.writes.len()), (2, 3));
}

#[test]
fn a_step_that_can_only_be_done_elsewhere_is_taken_there_and_proven_at_home() {
    let phone = phone();
    let report = run(&phone, vec![flash("boot", 7)]);
    assert_eq!(outcomes(&report), [(StepOutcome::Done, Some(Level::Digest))], "{:?}", report.error);
    assert_eq!(report.mode, Some(Mode::Application));
    assert_eq!(phone.lock().unwrap().restarts, [Mode::Bootloader, Mode::Application]);
}

#[test]
fn only_what_differs_is_written() {
    let phone = phone();
    phone.lock().unwrap().partitions.insert("vendor", vec![8; LEN]);
    let report = run(&phone, batch());
    assert_eq!(report.outcome, Outcome::Pass, "{:?}", report.error);
    let outcomes = outcomes(&report);
    assert_eq!(outcomes[1], (StepOutcome::Already, Some(Level::Digest)));
    assert_eq!(phone.lock().unwrap().writes, ["boot", "misc"]);
}

#[test]
fn a_flipped_byte_fails_and_both_digests_are_named() {
    for steps in [batch(), vec![flash("boot", 7), flash("vendor", 8)]] {
        let phone = phone();
        phone.lock().unwrap().flips = Some("vendor");
        let report = run(&phone, steps.clone());
        let error = report.error.unwrap();
        assert_eq!((report.outcome, error.kind), (Outcome::Fail, Kind::Mismatch));
        let mut flipped = [8; LEN];
        flipped[0] ^= 1;
        let said = error.causes.join("; ");
        for part in ["vendor", &Digest::sha256(&[8; LEN]).to_string(), &Digest::sha256(&flipped).to_string()] {
            assert!(said.contains(part), "{part} in {said}");
        }
        let item = &report.steps[1].items[0];
        assert_eq!((report.steps[1].outcome, item.outcome), (StepOutcome::Failed, StepOutcome::Failed));
        assert_eq!(item.observed, Some(Digest::sha256(&flipped).to_string()));
        assert_eq!(report.steps[1].level, None);
        let again = run(&phone, steps);
        assert_eq!(again.outcome, Outcome::Pass, "{:?}", again.error);
    }
}

#[test]
fn a_phone_left_in_its_bootloader_is_finished() {
    for steps in [batch(), vec![flash("boot", 7), flash("vendor", 8), erase("misc")]] {
        let phone = phone();
        phone.lock().unwrap().mode = Mode::Bootloader;
        let report = run(&phone, steps);
        assert_eq!((report.outcome, report.mode), (Outcome::Pass, Some(Mode::Application)), "{:?}", report.error);
        assert!(report.steps.iter().take(3).all(|step| step.level == Some(Level::Digest)));
        assert!(is_done(&phone));
    }
}

#[test]
fn a_phone_that_comes_back_in_the_wrong_mode_never_passes() {
    for stuck in [Mode::Application, Mode::Bootloader] {
        let phone = phone();
        phone.lock().unwrap().stuck = Some(stuck);
        let report = run(&phone, batch());
        let error = report.error.unwrap();
        assert_eq!((report.outcome, error.kind), (Outcome::Error, Kind::Gone));
        let said = format!("{} {:?}", error.doing, error.causes);
        assert!(said.contains("to restart into mode"), "{said}");
        phone.lock().unwrap().stuck = None;
        assert_eq!(run(&phone, batch()).outcome, Outcome::Pass);
        assert!(is_done(&phone));
    }
}

#[test]
fn cut_at_every_question_it_is_finished_by_the_next_run() {
    for steps in [batch(), vec![flash("boot", 7), flash("vendor", 8), erase("misc")]] {
        let mut cuts = 0;
        for at in 0.. {
            let phone = phone();
            phone.lock().unwrap().cut_at = Some(at);
            let report = run(&phone, steps.clone());
            if report.outcome == Outcome::Pass {
                break;
            }
            cuts += 1;
            let error = report.error.unwrap();
            assert_eq!((report.outcome, error.kind), (Outcome::Error, Kind::Gone), "question {at}");
            phone.lock().unwrap().cut_at = None;
            let again = run(&phone, steps.clone());
            assert_eq!(again.outcome, Outcome::Pass, "question {at}: {:?}", again.error);
            assert!(is_done(&phone), "question {at}");
        }
        assert!(cuts > 12, "only {cuts} questions were asked");
    }
}

#[test]
fn what_nothing_proves_is_refused_before_anything_is_written() {
    let phone = phone();
    let step = Step { place: Some(Place::Mode(Mode::Bootloader)), ..flash("boot", 7) };
    let error = try_run(&phone, vec![step]).0.unwrap_err();
    assert_eq!(error.kind(), Kind::Unsupported);
    assert!(error.to_string().contains("it can reach link"), "{error}");
    let mut steps = batch();
    // A prover that leaves the phone where nothing shows proves nothing.
    steps[3].place = Some(Place::Mode(Mode::Bootloader));
    assert_eq!(try_run(&phone, steps).0.unwrap_err().kind(), Kind::Unsupported);
    assert_eq!(phone.lock().unwrap().restarts, []);
}

#[test]
fn a_driver_may_be_named_as_the_place_of_a_step() {
    let phone = phone();
    let step = Step { place: Some(Place::Driver("loader".to_owned())), verify: Level::Link, ..flash("boot", 7) };
    let report = run(&phone, vec![step.clone()]);
    assert_eq!(outcomes(&report), [(StepOutcome::Done, Some(Level::Link))], "{:?}", report.error);
    assert_eq!(report.mode, Some(Mode::Bootloader), "a step leaves the unit in the mode that it names");
    let nobody = Step { place: Some(Place::Driver("dfu".to_owned())), ..step };
    assert_eq!(try_run(&phone, vec![nobody]).0.unwrap_err().kind(), Kind::Unsupported);
}

#[test]
fn a_plan_says_what_is_known_and_what_waits() {
    let phone = phone();
    let station = Station::new();
    let mut steps = batch();
    let stay = Body::Reboot(RebootStep::to(Mode::Application));
    steps.push(Step { place: Some(Place::Mode(Mode::Bootloader)), ..Step::plain("stay", stay, Level::Link) });
    let plan = station.plan_in(open(&phone), MODES, steps).unwrap();
    let actions: Vec<Action> = plan.steps.iter().map(|step| step.action).collect();
    assert_eq!(actions, [Action::Write, Action::Write, Action::Write, Action::Ask, Action::Later]);
    assert_eq!(plan.steps[4].why, "known when the unit is in mode bootloader");
    assert!(plan.steps[2].destroys[0].contains("misc"), "{:?}", plan.steps[2].destroys);
    assert_eq!(phone.lock().unwrap().restarts, []);
}
