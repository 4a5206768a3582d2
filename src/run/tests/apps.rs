//! Applications: what is installed is told by its files.

use super::droid::{self, Droid, Shared, apk};
use super::*;
use crate::device::InstallOptions;
use crate::profile::model::AppsStep;

const OLD: &str = "org.kiosk 3 base old";
const NEW: &str = "org.kiosk 4 base new";
const SPLIT: &str = "org.kiosk 4 split_de words";

fn unit(apps: &[&str]) -> Shared {
    let mut droid = Droid::default();
    for text in apps {
        let words: Vec<&str> = text.split(' ').collect();
        let app = droid.apps.entry(words[0].to_owned()).or_default();
        app.0 = words[1].parse().unwrap();
        app.1.insert(words[2].to_owned(), text.as_bytes().to_vec());
    }
    Arc::new(Mutex::new(droid))
}

fn step(install: &[&[&str]], remove: &[&str], downgrade: bool, verify: Level) -> Vec<Step> {
    let app = |files: &&[&str]| files.iter().map(|text| ((*text).to_owned(), apk(text))).collect();
    let body = AppsStep {
        install: install.iter().map(app).collect(),
        remove: remove.iter().map(|package| (*package).to_owned()).collect(),
        options: InstallOptions { downgrade, grant: false },
    };
    vec![Step::plain("apps", Body::Apps(body), verify)]
}

#[test]
fn an_application_is_installed_once_and_known_by_the_digest_of_its_files() {
    for (level, before) in
        [(Level::Digest, &[][..]), (Level::Readback, &[OLD]), (Level::Digest, &["org.kiosk 4 base x"])]
    {
        let unit = unit(before);
        let steps = step(&[&[NEW, SPLIT]], &[], false, level);
        let report = droid::run(&unit, steps.clone());
        assert_eq!((report.outcome, report.level), (Outcome::Pass, Some(level)), "{:?}", report.error);
        let paths: Vec<&str> = report.steps[0].items.iter().map(|item| item.path.as_str()).collect();
        assert_eq!(paths, ["org.kiosk/base", "org.kiosk/split_de"]);
        let again = droid::run(&unit, steps);
        assert_eq!((again.steps[0].outcome, again.steps[0].sent), (StepOutcome::Already, 0));
        assert_eq!(unit.lock().unwrap().writes, ["org.kiosk"]);
    }
}

#[test]
fn a_split_that_should_not_be_there_is_no_match() {
    let unit = unit(&[NEW, SPLIT]);
    let report = droid::run(&unit, step(&[&[NEW]], &[], false, Level::Digest));
    assert_eq!((report.outcome, report.steps[0].outcome), (Outcome::Pass, StepOutcome::Done));
    assert!(!unit.lock().unwrap().apps["org.kiosk"].1.contains_key("split_de"));
}

#[test]
fn what_loses_a_byte_on_the_way_fails() {
    let unit = unit(&[]);
    unit.lock().unwrap().loses_byte = true;
    let report = droid::run(&unit, step(&[&[NEW]], &[], false, Level::Digest));
    assert_eq!((report.outcome, report.error.unwrap().kind), (Outcome::Fail, Kind::Mismatch));
    let item = &report.steps[0].items[0];
    assert!(item.observed.is_some() && item.observed != item.expected);
}

#[test]
fn a_downgrade_is_said_in_the_profile_and_meant_at_the_bench() {
    let unit = unit(&[NEW]);
    let station = Station::new();
    let error = droid::try_run(&station, &unit, step(&[&[OLD]], &[], false, Level::Digest)).unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid);
    let mut unwilling = Station::new();
    unwilling.consents = false;
    let down = step(&[&[OLD]], &[], true, Level::Digest);
    assert_eq!(droid::try_run(&unwilling, &unit, down.clone()).unwrap_err().kind(), Kind::Cancelled);
    assert_eq!(unit.lock().unwrap().writes.len(), 0);
    assert_eq!(droid::run(&unit, down).outcome, Outcome::Pass);
    assert_eq!(unit.lock().unwrap().apps["org.kiosk"].0, 3);
}

#[test]
fn an_application_is_removed_with_its_data_when_that_is_meant() {
    let unit = unit(&[NEW, "org.toy 1 base toy"]);
    let steps = step(&[&[NEW]], &["org.toy"], false, Level::Digest);
    let mut unwilling = Station::new();
    unwilling.consents = false;
    assert_eq!(droid::try_run(&unwilling, &unit, steps.clone()).unwrap_err().kind(), Kind::Cancelled);
    let report = droid::run(&unit, steps.clone());
    assert_eq!(report.outcome, Outcome::Pass, "{:?}", report.error);
    assert_eq!(unit.lock().unwrap().writes, ["-org.toy"]);
    assert_eq!(droid::try_run(&unwilling, &unit, steps).unwrap().steps[0].outcome, StepOutcome::Already);
}

#[test]
fn what_is_no_application_or_named_twice_is_refused_before_anything_is_written() {
    let unit = unit(&[]);
    let station = Station::new();
    for (install, remove) in
        [(&[&["nonsense"][..]][..], &[][..]), (&[&[NEW], &[OLD]], &[]), (&[&[NEW]], &["org.kiosk"])]
    {
        let steps = step(install, remove, false, Level::Digest);
        let error = droid::try_run(&station, &unit, steps).unwrap_err();
        assert_eq!(error.kind(), Kind::Invalid, "{error}");
    }
    assert_eq!(unit.lock().unwrap().writes.len(), 0);
}

#[test]
fn every_application_goes_but_those_of_the_system_and_of_the_step() {
    let all = |install: &[&[&str]]| step(install, &["*"], false, Level::Digest);
    let unit = unit(&[NEW, "com.other 1 base o"]);
    let report = droid::run(&unit, all(&[&[NEW]]));
    assert_eq!((report.outcome, report.steps[0].outcome), (Outcome::Pass, StepOutcome::Done), "{:?}", report.error);
    assert_eq!(unit.lock().unwrap().apps.keys().collect::<Vec<_>>(), ["org.kiosk"]);
    let checked = |steps: Vec<Step>| steps.into_iter().map(|step| Step { check: true, ..step }).collect::<Vec<_>>();
    let report = droid::run(&unit, checked(all(&[])));
    assert_eq!(report.error.unwrap().kind, Kind::Mismatch);
    assert!(unit.lock().unwrap().apps.contains_key("org.kiosk"), "it was only looked at");
    droid::run(&unit, all(&[]));
    let report = droid::run(&unit, checked(all(&[])));
    assert_eq!((report.outcome, report.level), (Outcome::Pass, Some(Level::Digest)), "{:?}", report.error);
}
