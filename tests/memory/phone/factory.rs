//! A factory archive onto a phone that runs Android: there and back, proven there, and found there.

use std::sync::Arc;

use firmware_stubs::fastboot::Fault;
use firmware_stubs::phone::Mode as Is;
use hardwire::device::{Content, Level, Mode};
use hardwire::error::Kind;
use hardwire::profile::model::{Body, ImagesStep, Step};
use hardwire::profile::{Factory, HowFactory};
use hardwire::run::report::{Outcome, StepOutcome};

use super::outcomes;
use super::rig::{BOOTLOADER, Rig};
use crate::archives::{archive, deflated, stored};

const BOOT: [u8; 300] = [0xb0; 300];
static SYSTEM: [u8; 20_000] = [0x55; 20_000];

fn steps(info: &str, how: &HowFactory) -> Vec<Step> {
    let files = [
        deflated("android-info.txt", info.as_bytes()),
        stored("boot.img", &BOOT),
        deflated("system.img", &SYSTEM),
        stored("super_empty.img", b"a table"),
    ];
    let content: Arc<dyn Content> = Arc::new(archive(&files));
    let step = Step::plain("all", Body::Images(ImagesStep::none("kiosk.zip")), Level::Digest);
    Factory::open(&content).unwrap().steps("kiosk.zip", how, &step).unwrap()
}

fn whole() -> HowFactory {
    HowFactory { start: true, wipe: true, ..HowFactory::default() }
}

const SUITS: &str = "require board=kiosk\nrequire version-bootloader=kiosk-1.2-0421\n";

#[test]
fn it_is_proven_in_android_and_a_second_run_finds_it_and_stays_there() {
    let rig = Rig::new(None, |_| {});
    let first = rig.run(steps(SUITS, &whole())).unwrap();
    assert_eq!(first.outcome, Outcome::Pass, "{:?}", first.error);
    let modes: Vec<_> = first.returns.iter().map(|back| back.mode).collect();
    assert_eq!(modes, [BOOTLOADER, Mode::Fastbootd, Mode::Application]);
    let levels: Vec<_> = first.steps.iter().map(|step| step.level).collect();
    let (link, digest) = (Some(Level::Link), Some(Level::Digest));
    assert_eq!(levels, [link, link, link, digest, digest, None], "what is wiped is known by the unit's word");
    assert_eq!((rig.held("boot_a", 300), rig.held("system_a", 20_000)), (BOOT.to_vec(), SYSTEM.to_vec()));
    let second = rig.run(steps(SUITS, &whole())).unwrap();
    assert_eq!((second.outcome, second.level), (Outcome::Pass, digest), "{:?}", second.error);
    let (already, skipped) = (StepOutcome::Already, StepOutcome::Skipped);
    assert_eq!(outcomes(&second), [skipped, skipped, skipped, already, already, already]);
    assert!(second.returns.is_empty() && second.steps.iter().all(|step| step.sent == 0));
}

#[test]
fn what_only_the_bootloader_knows_is_judged_there_before_anything_is_written() {
    let rig = Rig::new(None, |_| {});
    let before = (rig.held("boot_a", 300), rig.held("system_a", 20_000), rig.held("userdata", 300));
    let report =
        rig.run(steps("require board=oriole\n", &HowFactory { start: true, ..HowFactory::default() })).unwrap();
    let error = report.error.unwrap();
    assert_eq!((report.outcome, error.kind), (Outcome::Fail, Kind::Invalid), "{error:?}");
    assert!(error.causes.join("; ").contains("product=oriole"), "{error:?}");
    assert_eq!((rig.held("boot_a", 300), rig.held("system_a", 20_000), rig.held("userdata", 300)), before);
    assert_eq!(rig.mode(), Is::Android, "it was put back where it was found");
}

#[test]
fn a_unit_that_is_not_meant_loses_no_data_either() {
    let rig = Rig::new(None, |_| {});
    let report = rig.run(steps("require board=oriole\n", &whole())).unwrap();
    assert_eq!(report.outcome, Outcome::Fail);
    let skipped = [StepOutcome::Skipped; 5];
    assert_eq!(outcomes(&report), [&[StepOutcome::Failed][..], &skipped].concat(), "{report:?}");
}

#[test]
fn the_other_slot_is_written_and_runs() {
    let rig = Rig::new(None, |_| {});
    let how = HowFactory { slot: Some("b".to_owned()), start: true, ..HowFactory::default() };
    let first = rig.run(steps(SUITS, &how)).unwrap();
    assert_eq!((first.outcome, first.level), (Outcome::Pass, Some(Level::Digest)), "{:?}", first.error);
    assert_eq!((rig.held("boot_b", 300), rig.held("system_b", 20_000)), (BOOT.to_vec(), SYSTEM.to_vec()));
    assert_ne!(rig.held("boot_a", 300), BOOT);
    let start = first.steps.last().unwrap();
    assert_eq!(
        start.items.iter().map(|item| item.observed.as_deref()).collect::<Vec<_>>(),
        [Some("application"), Some("b")]
    );
    let second = rig.run(steps(SUITS, &how)).unwrap();
    assert_eq!(outcomes(&second), [StepOutcome::Already; 3], "{:?}", second.error);
    // Back in the slot that ran before, which holds something else.
    let how = HowFactory { slot: Some("a".to_owned()), ..how };
    let third = rig.run(steps(SUITS, &how)).unwrap();
    assert_eq!(third.outcome, Outcome::Pass, "{:?}", third.error);
    assert_eq!(rig.held("boot_a", 300), BOOT);
}

#[test]
fn a_flipped_byte_fails_and_names_the_partition() {
    let rig = Rig::new(None, |options| options.fastboot.faults.push(Fault::FlipByte(400)));
    let report = rig.run(steps(SUITS, &HowFactory { start: true, ..HowFactory::default() })).unwrap();
    let error = report.error.unwrap();
    assert_eq!((report.outcome, error.kind), (Outcome::Fail, Kind::Mismatch), "{error:?}");
    assert!(error.causes.join("; ").contains("system should hold"), "{error:?}");
}
