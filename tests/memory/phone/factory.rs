//! A factory archive onto a phone that runs Android: there and back, proven there, and found there.

use std::sync::Arc;

use firmware_stubs::fastboot::{Fault, PartitionSpec};
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

const TOP: &[u8] = include_bytes!("../../../protocols/src/android/avb/vectors/vbmeta.img");
const CHAINED: &[u8] = include_bytes!("../../../protocols/src/android/avb/vectors/boot.img");
const OF_SYSTEM: &[u8] = include_bytes!("../../../protocols/src/android/avb/vectors/vbmeta_system.img");
const HASHED: &[u8] = include_bytes!("../../../protocols/src/android/avb/vectors/init_boot.img");
/// As the metadata's own tests expect it.
const DIGEST: &str = "5f0e5e22ef64042810d59cfb1642144eb1905afe091f0854f2649dc3289b1689";

fn verified() -> Vec<Step> {
    let images = [("vbmeta", TOP), ("boot", CHAINED), ("vbmeta_system", OF_SYSTEM), ("init_boot", HASHED)];
    let images = images.map(|(name, bytes)| deflated(&format!("{name}.img"), bytes));
    let content: Arc<dyn Content> =
        Arc::new(archive(&[&[stored("android-info.txt", SUITS.as_bytes())][..], &images].concat()));
    let step = Step::plain("all", Body::Images(ImagesStep::none("kiosk.zip")), Level::Digest);
    let how = HowFactory { start: true, ..HowFactory::default() };
    Factory::open(&content).unwrap().steps("kiosk.zip", &how, &step).unwrap()
}

/// A phone whose partitions are as long as these images, as those of verified boot are.
fn fitting(rollback_index: u64) -> Rig {
    Rig::new(None, |options| {
        options.fastboot.rollback_index = rollback_index;
        let kept = ["vendor_boot", "dtbo", "misc", "super", "userdata", "metadata", "system"];
        options.fastboot.partitions.retain(|spec| kept.contains(&spec.name.as_str()));
        let sizes = [("vbmeta", TOP.len()), ("boot", CHAINED.len()), ("vbmeta_system", 8192), ("init_boot", 8192)];
        options.fastboot.partitions.extend(sizes.map(|(name, size)| PartitionSpec::slotted(name, size as u64)));
    })
}

#[test]
fn what_verified_boot_started_is_what_the_archive_says() {
    let rig = fitting(3);
    let report = rig.run(verified()).unwrap();
    assert_eq!(report.outcome, Outcome::Pass, "{:?}", report.error);
    let start = report.steps.last().unwrap();
    let item = start.items.iter().find(|item| item.path == "verified boot").unwrap();
    assert_eq!((item.expected.as_deref(), item.observed.as_deref()), (Some(DIGEST), Some(DIGEST)));
    assert_eq!((start.level, report.level), (Some(Level::Booted), Some(Level::Digest)));
    let again = rig.run(verified()).unwrap();
    assert_eq!(outcomes(&again), [StepOutcome::Already; 2], "{:?}", again.error);
}

#[test]
fn images_that_are_older_than_the_unit_starts_are_not_written() {
    let rig = fitting(1_700_000_001);
    let report = rig.run(verified()).unwrap();
    let error = report.error.unwrap();
    assert_eq!((report.outcome, error.kind), (Outcome::Fail, Kind::Invalid), "{error:?}");
    assert!(error.causes.join("; ").contains("rollback index 1700000000"), "{error:?}");
    assert!(report.steps.iter().all(|step| step.sent == 0) && rig.held("init_boot_a", 300) != HASHED);
}

#[test]
fn images_that_do_not_belong_together_are_no_archive() {
    let open = |boot: &[u8], top: &[u8]| {
        let files = [("boot", boot), ("vbmeta", top), ("init_boot", HASHED)]
            .map(|(name, bytes)| stored(&format!("{name}.img"), bytes));
        let content: Arc<dyn Content> = Arc::new(archive(&[&[stored("android-info.txt", b"")][..], &files].concat()));
        Factory::open(&content).map(drop)
    };
    open(CHAINED, TOP).unwrap();
    let mut other = CHAINED.to_vec();
    other[100] ^= 1;
    let error = open(&other, TOP).unwrap_err();
    assert!(error.kind() == Kind::Invalid && error.to_string().contains("boot.img is not the one"), "{error}");
    let mut broken = TOP.to_vec();
    broken[1000] ^= 1;
    let error = open(CHAINED, &broken).unwrap_err();
    assert!(error.kind() == Kind::Invalid && error.to_string().contains("vbmeta are broken"), "{error}");
    // Metadata that another key signed: no bootloader takes them.
    let error = open(OF_SYSTEM, TOP).unwrap_err();
    assert!(error.kind() == Kind::Invalid && error.to_string().contains("do not fit each other"), "{error}");
}
