//! Folders with all that is in them: only what differs is written.

use super::droid::{self, Droid, Shared};
use super::*;
use crate::device::Marks;
use crate::digest::Digest;
use crate::profile::model::{Attach, DiagnoseStep, Leaf, PutTree};

fn unit() -> Shared {
    let mut droid = Droid::default();
    droid.folders.insert("/sdcard".to_owned(), Marks::default());
    Arc::new(Mutex::new(droid))
}

const MARKS: Marks = Marks { mode: Some(0o640), modified: Some(1_700_000_000) };

fn leaf(path: &str, bytes: Option<&[u8]>, marks: Marks) -> Leaf {
    Leaf { path: path.to_owned(), file: bytes.map(|bytes| Payload::new(bytes.to_vec(), false)), marks }
}

fn tree(marks: Marks) -> Vec<Leaf> {
    let folder = Marks { modified: None, ..marks };
    let mut leaves = vec![
        leaf("a.txt", Some(b"one"), marks),
        leaf("empty", None, folder),
        leaf("sub", None, folder),
        leaf("sub/none", Some(b""), marks),
    ];
    leaves.extend((0..40).map(|n| leaf(&format!("sub/{n}"), Some(format!("file {n}").as_bytes()), marks)));
    leaves
}

fn put(leaves: Vec<Leaf>, verify: Level) -> Vec<Step> {
    let trees = vec![PutTree { root: "/sdcard/media".to_owned(), leaves: Arc::new(leaves) }];
    vec![Step::plain("tree", Body::Files(FilesStep { put: Vec::new(), trees, empty: Vec::new() }), verify)]
}

#[test]
fn a_tree_is_put_and_then_left_alone() {
    for (level, marks) in [(Level::Digest, MARKS), (Level::Readback, Marks::default())] {
        let unit = unit();
        let first = droid::run(&unit, put(tree(marks), level));
        assert_eq!((first.outcome, first.level), (Outcome::Pass, Some(level)), "{:?}", first.error);
        let items: Vec<_> = first.steps[0].items.iter().map(|item| (item.path.as_str(), item.outcome)).collect();
        assert_eq!(items, [("/sdcard/media", StepOutcome::Done)], "one item, however many files");
        {
            let unit = unit.lock().unwrap();
            assert_eq!((unit.files.len(), unit.writes.len()), (42, 42));
            assert!(unit.folders.contains_key("/sdcard/media/empty"));
            if marks != Marks::default() {
                assert!(unit.files.values().all(|(_, held)| *held == marks));
                assert_eq!(unit.folders["/sdcard/media/sub"].mode, marks.mode);
            }
        }
        let again = droid::run(&unit, put(tree(marks), level));
        assert_eq!((again.steps[0].outcome, again.steps[0].sent), (StepOutcome::Already, 0), "{:?}", again.error);
        assert_eq!(unit.lock().unwrap().writes.len(), 42);
    }
}

#[test]
fn only_what_differs_is_written_and_what_is_marked_wrongly_only_marked() {
    let unit = unit();
    droid::run(&unit, put(tree(MARKS), Level::Digest));
    {
        let mut unit = unit.lock().unwrap();
        unit.writes.clear();
        unit.digests_asked = 0;
        unit.files.get_mut("/sdcard/media/a.txt").unwrap().0 = b"two".to_vec();
        unit.files.get_mut("/sdcard/media/sub/7").unwrap().0.push(b'!');
        unit.files.remove("/sdcard/media/sub/8");
        unit.files.get_mut("/sdcard/media/sub/9").unwrap().1.mode = Some(0o600);
        unit.folders.remove("/sdcard/media/empty");
        unit.files.insert("/sdcard/media/stranger".to_owned(), (b"?".to_vec(), MARKS));
    }
    let report = droid::run(&unit, put(tree(MARKS), Level::Digest));
    assert_eq!(report.outcome, Outcome::Pass, "{:?}", report.error);
    assert_eq!(report.steps[0].sent, 3 + 6 + 6);
    let unit = unit.lock().unwrap();
    assert_eq!(unit.writes, ["/sdcard/media/a.txt", "/sdcard/media/sub/7", "/sdcard/media/sub/8"]);
    assert_eq!(unit.files["/sdcard/media/sub/9"].1, MARKS);
    assert!(unit.folders.contains_key("/sdcard/media/empty") && unit.files.contains_key("/sdcard/media/stranger"));
    assert_eq!(unit.digests_asked, 40 + 42, "what is missing or of another length is not hashed");
}

#[test]
fn a_file_that_loses_a_byte_fails_and_is_named() {
    let unit = unit();
    unit.lock().unwrap().loses_byte = true;
    let report = droid::run(&unit, put(tree(MARKS), Level::Digest));
    let error = report.error.unwrap();
    assert_eq!((report.outcome, error.kind), (Outcome::Fail, Kind::Mismatch));
    let expected = Digest::sha256(b"one").to_string();
    assert!(
        error.causes.iter().any(|cause| cause.contains("a.txt") && cause.contains(&expected)),
        "{:?}",
        error.causes
    );
    assert_eq!(report.steps[0].items.len(), 21, "twenty of forty, and the whole");
}

#[test]
fn nothing_is_written_through_a_link() {
    let unit = unit();
    {
        let mut unit = unit.lock().unwrap();
        unit.folders.insert("/sdcard/media".to_owned(), Marks::default());
        unit.links.push("/sdcard/media/sub".to_owned());
    }
    let report = droid::run(&unit, put(tree(MARKS), Level::Digest));
    let error = report.error.unwrap();
    assert_eq!((error.kind, unit.lock().unwrap().writes.len()), (Kind::Refused, 0));
    assert!(error.causes.iter().any(|cause| cause.contains("it is a symbolic link")), "{:?}", error.causes);
}

#[test]
fn cut_at_every_question_a_tree_is_finished_by_the_next_run() {
    let steps = || put(tree(MARKS).into_iter().take(8).collect(), Level::Digest);
    for at in 0.. {
        let unit = unit();
        unit.lock().unwrap().breaks_after = Some(at);
        let report = droid::run(&unit, steps());
        unit.lock().unwrap().breaks_after = None;
        if report.outcome == Outcome::Pass {
            assert!(at > 15, "only {at} questions were asked");
            break;
        }
        assert_eq!((report.outcome, report.error.unwrap().kind), (Outcome::Error, Kind::Gone), "question {at}");
        assert_eq!(droid::run(&unit, steps()).outcome, Outcome::Pass, "question {at}");
        assert_eq!(unit.lock().unwrap().files["/sdcard/media/sub/0"], (b"file 0".to_vec(), MARKS));
    }
}

fn backup(files: &[&str], apps: &[&str]) -> Vec<Step> {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let body = BackupStep {
        files: names(files),
        apps: names(apps),
        settings: Vec::new(),
        firmware: Vec::new(),
        secrets: Vec::new(),
        implied: false,
        label: None,
    };
    vec![Step::plain("backup", Body::Backup(body), Level::Link)]
}

#[test]
fn a_folder_is_taken_whole_and_what_it_holds_besides_is_said() {
    let unit = unit();
    droid::run(&unit, put(tree(MARKS), Level::Digest));
    let station = Station::new();
    let report = droid::try_run(&station, &unit, backup(&["/sdcard/media", "/sdcard/media/a.txt"], &[])).unwrap();
    assert_eq!(report.outcome, Outcome::Pass, "{:?}", report.error);
    let kept = station.vault.find(report.steps[0].backup.as_deref().unwrap()).unwrap().manifest;
    assert_eq!((kept.complete, kept.items.len()), (true, 2 + 42 + 1));
    let file = kept.items.iter().find(|item| item.path == "/sdcard/media/sub/7").unwrap();
    assert_eq!((file.tree.as_deref(), file.mode, file.modified), (Some("/sdcard/media"), MARKS.mode, MARKS.modified));
    assert_eq!(file.sha256, Digest::sha256(b"file 7"));
    assert_eq!(kept.items.last().unwrap().tree, None, "a file that was named is one file");
    {
        let mut unit = unit.lock().unwrap();
        unit.links.push("/sdcard/media/loop".to_owned());
        unit.locked.push("/sdcard/media/sub/3".to_owned());
    }
    let report = droid::try_run(&station, &unit, backup(&["/sdcard/media", "/none"], &[])).unwrap();
    assert_eq!((report.outcome, report.error.unwrap().kind), (Outcome::Fail, Kind::Refused));
    let mut omitted: Vec<_> = report.steps[0].omitted.iter().map(|o| (o.path.as_str(), o.why.as_str())).collect();
    omitted.sort_unstable();
    let expected = [
        ("/none", "the unit has no such file"),
        ("/sdcard/media/loop", "it is a symbolic link"),
        ("/sdcard/media/sub/3", "permission denied"),
    ];
    assert_eq!(omitted, expected);
    assert_eq!(report.steps[0].items.len(), 2 + 41, "what could be taken is kept");
}

#[test]
fn an_application_is_taken_without_its_data_and_that_is_said() {
    let unit = unit();
    {
        let mut unit = unit.lock().unwrap();
        let parts = [("base", b"base".to_vec()), ("split_de", b"words".to_vec())];
        let parts = parts.into_iter().map(|(part, bytes)| (part.to_owned(), bytes)).collect();
        unit.apps.insert("org.kiosk".to_owned(), (4, parts));
    }
    for named in [&["org.kiosk"][..], &["*", "org.kiosk"]] {
        let report = droid::run(&unit, backup(&[], named));
        let step = &report.steps[0];
        let paths: Vec<&str> = step.items.iter().map(|item| item.path.as_str()).collect();
        assert_eq!(paths, ["org.kiosk/base", "org.kiosk/split_de"]);
        assert_eq!(step.items[1].observed, Some(Digest::sha256(b"words").to_string()));
        assert_eq!((report.outcome, step.omitted.len()), (Outcome::Fail, 1));
        assert_eq!((step.omitted[0].kind.as_str(), step.omitted[0].path.as_str()), ("app-data", "org.kiosk"));
    }
}

#[test]
fn reports_are_kept_with_a_diagnosis() {
    let unit = unit();
    unit.lock().unwrap().reports.insert("logcat", b"I am fine".to_vec());
    let step = |report: &str| {
        let attach = vec![Attach { report: report.to_owned(), last: None }];
        let body = DiagnoseStep { expect: BTreeMap::new(), attach };
        vec![Step::plain("look", Body::Diagnose(body), Level::Link)]
    };
    let station = Station::new();
    let report = droid::try_run(&station, &unit, step("logcat")).unwrap();
    let kept = &report.steps[0].attachments[0];
    let sha256 = Digest::sha256(b"I am fine");
    assert_eq!((kept.name.as_str(), kept.bytes, &kept.sha256), ("logcat", 9, &sha256.to_string()));
    assert!(station.vault.holds(&sha256).unwrap());
    let refused = droid::try_run(&station, &unit, step("bugreport")).unwrap();
    assert_eq!((refused.outcome, refused.error.unwrap().kind), (Outcome::Fail, Kind::Refused));
    let unknown = droid::try_run(&station, &unit, step("weather")).unwrap_err();
    assert_eq!(unknown.kind(), Kind::Unsupported);
}

fn emptied(check: bool) -> Vec<Step> {
    let body = FilesStep { empty: vec!["/sdcard".to_owned()], ..FilesStep::of(Vec::new()) };
    vec![Step { check, ..Step::plain("empty", Body::Files(body), Level::Digest) }]
}

#[test]
fn a_folder_is_emptied_of_files_and_its_folders_stay() {
    let unit = unit();
    droid::run(&unit, put(tree(MARKS), Level::Digest));
    let report = droid::run(&unit, emptied(false));
    assert_eq!((report.outcome, report.steps[0].outcome), (Outcome::Pass, StepOutcome::Done), "{:?}", report.error);
    {
        let unit = unit.lock().unwrap();
        assert!(unit.files.is_empty() && unit.folders.contains_key("/sdcard/media/sub"));
    }
    assert_eq!(droid::run(&unit, emptied(false)).steps[0].outcome, StepOutcome::Already);
}

#[test]
fn what_is_only_looked_at_is_never_made_so() {
    let unit = unit();
    droid::run(&unit, put(vec![leaf("a.txt", Some(b"one"), MARKS)], Level::Digest));
    unit.lock().unwrap().writes.clear();
    let report = droid::run(&unit, emptied(true));
    let error = report.error.unwrap();
    assert_eq!((report.outcome, error.kind), (Outcome::Fail, Kind::Mismatch), "{error:?}");
    assert!(error.causes.iter().any(|cause| cause.contains("media/a.txt")), "{:?}", error.causes);
    // Nor is what cannot be seen at the level that is demanded taken for so.
    let check = |leaves, verify| {
        let steps = put(leaves, verify).into_iter().map(|step| Step { check: true, ..step }).collect();
        droid::run(&unit, steps)
    };
    let other = check(vec![leaf("a.txt", Some(b"two"), MARKS)], Level::Digest);
    assert_eq!((other.outcome, other.steps[0].sent), (Outcome::Fail, 0));
    let same = check(vec![leaf("a.txt", Some(b"one"), MARKS)], Level::Digest);
    assert_eq!((same.outcome, same.steps[0].outcome), (Outcome::Pass, StepOutcome::Already), "{:?}", same.error);
    let unit = unit.lock().unwrap();
    assert!(unit.writes.is_empty() && unit.files.len() == 1, "{:?}", unit.writes);
}
