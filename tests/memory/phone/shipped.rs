//! The phones' profiles that ship: what they promise, and what they do when it does not come true.

use std::fs;

use hardwire::device::{InstallOptions, Level};
use hardwire::error::Kind;
use hardwire::profile::model::{AppsStep, Body, Payload, Step};
use hardwire::run::report::{Outcome, Report, StepOutcome};

use super::outcomes;
use super::rig::Rig;

const APP: &[u8] = include_bytes!("../../../protocols/src/android/apk/vectors/base.apk");
const PACKAGE: &str = "org.example.kiosk";
const PICTURE: &str = "/data/media/0/DCIM/a.jpg";

/// A phone that somebody used.
fn used(adjust: impl FnOnce(&mut firmware_stubs::phone::Options)) -> Rig {
    let mut rig = Rig::new(None, adjust);
    rig.station.accept_omitted = vec!["app-data".to_owned()];
    fs::create_dir_all(rig.path("/data/media/0/DCIM")).unwrap();
    fs::write(rig.path(PICTURE), b"a picture").unwrap();
    let install = vec![vec![("kiosk".to_owned(), Payload::new(APP.to_vec(), false))]];
    let apps = AppsStep { install, remove: Vec::new(), options: InstallOptions::default() };
    let report = rig.run(vec![Step::plain("apps", Body::Apps(apps), Level::Digest)]).unwrap();
    assert_eq!(report.outcome, Outcome::Pass, "{:?}", report.error);
    rig
}

fn step<'a>(report: &'a Report, name: &str) -> &'a hardwire::run::report::StepResult {
    report.steps.iter().find(|step| step.name == name).unwrap()
}

#[test]
fn a_used_phone_is_kept_in_the_vault_erased_and_seen_to_be_empty() {
    let rig = used(|_| {});
    let report = rig.apply(rig.shipped("phone-refurbish.yaml")).unwrap();
    assert_eq!(report.outcome, Outcome::Pass, "{:?}", report.error);
    let kept = rig.station.vault.find(step(&report, "backup").backup.as_deref().unwrap()).unwrap().manifest;
    let paths: Vec<&str> = kept.items.iter().map(|item| item.path.as_str()).collect();
    assert!(paths.contains(&"/sdcard/DCIM/a.jpg"), "{paths:?}");
    assert!(paths.iter().any(|path| path.starts_with(PACKAGE)), "{paths:?}");
    assert!(!rig.path(PICTURE).exists());
    for (name, level) in [("no-apps", Level::Digest), ("no-files", Level::Digest), ("not-set-up", Level::Readback)] {
        let looked = step(&report, name);
        assert_eq!((looked.outcome, looked.level, looked.sent), (StepOutcome::Already, Some(level), 0), "{name}");
    }
    // Once more: there is nothing left to lose.
    let again = rig.apply(rig.shipped("phone-refurbish.yaml")).unwrap();
    assert_eq!(again.outcome, Outcome::Pass, "{:?}", again.error);
}

#[test]
fn a_phone_that_only_says_that_it_erased_fails_and_what_is_still_there_is_named() {
    let rig = used(|options| options.fastboot.faults.push(firmware_stubs::fastboot::Fault::NoErase));
    let report = rig.apply(rig.shipped("phone-refurbish.yaml")).unwrap();
    let error = report.error.as_ref().unwrap();
    assert_eq!((report.outcome, error.kind), (Outcome::Fail, Kind::Mismatch), "{error:?}");
    assert!(error.causes.iter().any(|cause| cause.contains(PACKAGE)), "{:?}", error.causes);
    assert_eq!(step(&report, "no-apps").outcome, StepOutcome::Failed);
    assert!(rig.path(PICTURE).exists(), "and nothing was removed by hand to make it look so");
}

#[test]
fn nothing_is_erased_before_the_backup_is_whole() {
    let mut rig = used(|_| {});
    rig.station.accept_omitted = Vec::new();
    let report = rig.apply(rig.shipped("phone-refurbish.yaml")).unwrap();
    assert_eq!(report.outcome, Outcome::Fail, "{:?}", report.error);
    let skipped = StepOutcome::Skipped;
    assert_eq!(
        outcomes(&report),
        [StepOutcome::Done, StepOutcome::Failed, skipped, skipped, skipped, skipped, skipped]
    );
    assert!(rig.path(PICTURE).exists());
}
