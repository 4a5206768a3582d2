//! Several threads and processes at one ledger, and a disk without room.
//!
//! A second process is this test binary again, told by the environment which part to play.

use std::process::{Command, Output};

use super::*;

const PART: &str = "HARDWIRE_TEST_LEDGER_HOME";

/// Not a test: what the other process does. Without its part it does nothing.
#[test]
fn part_append() {
    let Some(root) = std::env::var_os(PART) else { return };
    let home = home(Path::new(&root)).with_ledger_wait(Duration::from_secs(20));
    for n in 0..10 {
        Ledger::open(&home).unwrap().append(&draft(&format!("process-{n}"))).unwrap();
    }
}

/// Not a test: begins a run and dies without a word, as a kill would have it.
#[test]
fn part_die() {
    let Some(root) = std::env::var_os(PART) else { return };
    let _journal = Journal::create(&home(Path::new(&root)), Uuid::new_v4(), json!({"serial": "TH-9"})).unwrap();
    std::process::abort();
}

/// Not a test: appends until a file may not grow any more, then shows that what was there is whole.
#[test]
fn part_fill() {
    let Some(root) = std::env::var_os(PART) else { return };
    let home = home(Path::new(&root));
    let mut ledger = Ledger::open(&home).unwrap();
    let mut large = draft("large");
    large.predicate.insert("log".into(), "x".repeat(20_000).into());
    for kept in 0..1000 {
        let next = Draft { run: Uuid::new_v4(), ..large.clone() };
        let Err(error) = ledger.append(&next) else { continue };
        assert_eq!(error.kind(), Kind::Storage, "{error:?}");
        assert!(error.remedy().is_some());
        let found = ledger.verify().unwrap();
        assert!(kept > 0 && found.is_whole() && found.records == kept, "{kept}: {found:?}");
        println!("full after {kept}");
        return;
    }
    panic!("the file grew without end");
}

/// Not a test: writes journal entries until the file may not grow any more.
#[test]
fn part_fill_journal() {
    let Some(root) = std::env::var_os(PART) else { return };
    let home = home(Path::new(&root));
    let mut journal = Journal::create(&home, Uuid::new_v4(), json!({})).unwrap();
    let entry = json!({"event": "note", "text": "x".repeat(5000)});
    let error = (0..1000).find_map(|_| journal.append(&entry).err()).unwrap();
    assert_eq!(error.kind(), Kind::Storage);
    // A shorter one still fits, on a line of its own.
    journal.append(&json!({"event": "short"})).unwrap();
}

/// Not a test: one run after the other, each said when it is begun and when its record is durable, until killed.
#[test]
fn part_run_on() {
    let Some(root) = std::env::var_os(PART) else { return };
    let home = home(Path::new(&root)).with_ledger_wait(Duration::from_secs(20));
    for _ in 0..10_000 {
        let run = Uuid::new_v4();
        let mut journal = Journal::create(&home, run, json!({"serial": "TH-9"})).unwrap();
        println!("begun {run}");
        journal.append(&json!({"event": "step-started", "step": "1-files"})).unwrap();
        journal.seal(&Draft { run, ..draft("TH-9") }).unwrap();
        println!("sealed {run}");
    }
}

fn play(part: &str, root: &Path, before: &str) -> Output {
    let script = format!("{before} \"$0\" --exact ledger::tests::processes::{part} --nocapture");
    let mut command = Command::new("sh");
    command.arg("-c").arg(script).arg(std::env::current_exe().unwrap()).env(PART, root);
    command.output().unwrap()
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn threads_append_one_chain() {
    let root = tempfile::tempdir().unwrap();
    let home = home(root.path()).with_ledger_wait(Duration::from_secs(20));
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let home = &home;
            scope.spawn(move || {
                for n in 0..10 {
                    Ledger::open(home).unwrap().append(&draft(&format!("{thread}-{n}"))).unwrap();
                }
            });
        }
    });
    let found = Ledger::open(&home).unwrap().verify().unwrap();
    assert!(found.is_whole() && found.records == 40, "{found:?}");
}

#[test]
#[cfg(unix)]
fn processes_that_begin_on_an_empty_home_append_one_chain() {
    let root = tempfile::tempdir().unwrap();
    let outputs: Vec<Output> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..3).map(|_| scope.spawn(|| play("part_append", root.path(), "exec"))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    for output in outputs {
        assert!(output.status.success(), "{}", text(&output));
    }
    let found = Ledger::open(&home(root.path())).unwrap().verify().unwrap();
    assert!(found.is_whole() && found.records == 30, "{found:?}");
}

#[test]
#[cfg(unix)]
fn a_killed_process_is_sealed_once_by_two_that_recover_at_once() {
    let root = tempfile::tempdir().unwrap();
    let home = home(root.path()).with_ledger_wait(Duration::from_secs(20));
    for _ in 0..3 {
        assert!(!play("part_die", root.path(), "exec").status.success());
    }
    assert_eq!(journals(&home), 3);
    let barrier = std::sync::Barrier::new(4);
    let added: usize = std::thread::scope(|scope| {
        let recover = || {
            barrier.wait();
            recover(&home, at(9)).unwrap().len()
        };
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(recover)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!((added, journals(&home)), (3, 0));
    let records = Ledger::open(&home).unwrap().list(&Filter::default()).unwrap();
    assert_eq!(records.len(), 3);
    assert!(records.iter().all(|r| r.outcome == "error" && r.serial.as_deref() == Some("TH-9")));
}

/// Kills at whatever moment it happens to be: what was said to be begun or sealed is so, once.
#[test]
#[cfg(target_os = "linux")]
fn killed_at_any_moment_every_run_has_one_record() {
    let root = tempfile::tempdir().unwrap();
    let home = home(root.path()).with_ledger_wait(Duration::from_secs(20));
    let mut recovered = 0;
    let mut records = 0;
    // A slow disk needs more of them.
    for attempt in 0..60 {
        let tenths = 1 + attempt % 4;
        let output = play("part_run_on", root.path(), &format!("exec timeout -s KILL 0.{tenths}"));
        recovered += recover(&home, at(9)).unwrap().len();
        assert_eq!(journals(&home), 0);
        let ledger = Ledger::open(&home).unwrap();
        assert!(ledger.verify().unwrap().is_whole());
        for line in String::from_utf8_lossy(&output.stdout).lines() {
            let Some((said, run)) = line.split_once(' ').filter(|(_, run)| Uuid::parse_str(run).is_ok()) else {
                continue;
            };
            let record = ledger.get(run).unwrap();
            assert!(said != "sealed" || record.outcome == "pass");
        }
        records = ledger.list(&Filter::default()).unwrap().len();
        if attempt >= 5 && records > 10 && recovered > 1 {
            break;
        }
    }
    assert!(records > 10 && recovered > 1, "{records} records, {recovered} of them recovered");
}

/// The shell's limit on a file's length stands for a full disk; the signal that comes with it is ignored, so that the
/// write fails as it would there.
#[cfg(unix)]
const SMALL_DISK: &str = "trap '' XFSZ; ulimit -f 400; exec";

#[test]
#[cfg(unix)]
fn a_full_disk_adds_nothing_and_loses_nothing() {
    let root = tempfile::tempdir().unwrap();
    let output = play("part_fill", root.path(), SMALL_DISK);
    assert!(output.status.success() && text(&output).contains("full after"), "{}", text(&output));
    let mut ledger = Ledger::open(&home(root.path())).unwrap();
    ledger.append(&draft("room again")).unwrap();
    assert!(ledger.verify().unwrap().is_whole());
}

#[test]
#[cfg(unix)]
fn a_full_disk_cuts_no_journal_line_in_two() {
    let root = tempfile::tempdir().unwrap();
    let output = play("part_fill_journal", root.path(), SMALL_DISK);
    assert!(output.status.success(), "{}", text(&output));
    let home = home(root.path());
    assert_eq!(recover(&home, at(9)).unwrap().len(), 1);
    let predicate = Ledger::open(&home).unwrap().get("latest").unwrap().value().unwrap()["predicate"].clone();
    assert_eq!(predicate["journal"]["unreadable"], 0);
    let entries = predicate["journal"]["entries"].as_array().unwrap();
    assert!(entries.len() > 10);
    assert_eq!(entries.last().unwrap()["event"], "short");
}
