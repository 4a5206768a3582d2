//! Journals, and what becomes of them at each moment a run can die.

use super::*;

fn header() -> Value {
    json!({
        "kind": "run", "address": "tty:/dev/pts/4", "bay": 3, "serial": null, "operator": "Ada",
        "profile": {"name": "thermostat", "version": "1.0.0", "digest": Digest::sha256(b"p").to_string()},
        "tags": {"lot": "7"}, "started": "2027-01-15T08:00:00Z",
    })
}

fn finished(step: &str) -> Value {
    json!({
        "type": "event", "event": "step-finished", "step": step, "serial": "TH-1", "at": "2027-01-15T08:00:05Z",
        "result": {"name": step, "kind": "erase", "outcome": "done"},
    })
}

fn begun(home: &Home) -> (Journal, Uuid) {
    let run = Uuid::new_v4();
    let mut journal = Journal::create(home, run, header()).unwrap();
    journal.append(&finished("1-erase")).unwrap();
    let started = json!({"event": "step-started", "step": "2-files", "header": "of a file"});
    journal.append(&started).unwrap();
    (journal, run)
}

#[test]
fn a_sealed_run_leaves_its_record_and_no_journal() {
    let root = tempfile::tempdir().unwrap();
    let home = home(root.path());
    let (journal, run) = begun(&home);
    assert_eq!(journals(&home), 1);
    let sealed = journal.seal(&Draft { run, ..draft("TH-1") }).unwrap();
    assert_eq!((sealed.seq, sealed.before), (1, false));
    assert_eq!(journals(&home), 0);
    assert!(recover(&home, at(9)).unwrap().is_empty());
    assert_eq!(Ledger::open(&home).unwrap().list(&Filter::default()).unwrap().len(), 1);
}

#[test]
fn a_run_that_died_is_sealed_as_interrupted_with_what_it_did() {
    let root = tempfile::tempdir().unwrap();
    let home = home(root.path());
    let (journal, run) = begun(&home);
    assert!(recover(&home, at(9)).unwrap().is_empty(), "it lives");
    drop(journal);
    let recovered = recover(&home, at(9)).unwrap();
    assert_eq!((recovered.len(), recovered[0].run), (1, run));
    assert_eq!(journals(&home), 0);
    let ledger = Ledger::open(&home).unwrap();
    let record = ledger.get(&run.to_string()).unwrap();
    assert_eq!((record.outcome.as_str(), record.serial.as_deref()), ("error", Some("TH-1")));
    let predicate = &record.value().unwrap()["predicate"];
    assert_eq!(predicate["error"]["kind"], "interrupted");
    assert_eq!(predicate["error"]["doing"], "the run stopped in the step 2-files");
    assert_eq!(predicate["error"]["bay"], 3);
    assert_eq!(predicate["operator"], "Ada");
    assert_eq!(predicate["address"], "tty:/dev/pts/4");
    assert_eq!(predicate["finished"], "2027-01-15T08:00:05Z");
    assert_eq!(predicate["recovered"], "2027-01-15T08:00:09.000Z");
    assert_eq!(predicate["steps"], json!([{"name": "1-erase", "kind": "erase", "outcome": "done"}]));
    assert_eq!(predicate["journal"]["entries"].as_array().unwrap().len(), 2);
    assert_eq!(predicate["journal"]["entries"][1]["header"], "of a file");
    // What it had done once stays done.
    let key = OnceKey { serial: Some("TH-1"), ..OnceKey::default() };
    assert!(ledger.completed("thermostat", "1-erase", key).unwrap());
    assert!(!ledger.completed("thermostat", "2-files", key).unwrap());
    assert!(ledger.verify().unwrap().is_whole());
    assert!(recover(&home, at(10)).unwrap().is_empty());
}

#[test]
fn cut_at_every_byte_it_has_one_record_or_never_began() {
    let root = tempfile::tempdir().unwrap();
    let scratch = home(root.path());
    let (mut journal, run) = begun(&scratch);
    journal.append(&json!({"seal": serde_json::to_value(Draft { run, ..draft("TH-1") }).unwrap()})).unwrap();
    drop(journal);
    let name = format!("{run}.jsonl");
    let whole = fs::read(scratch.journals().join(&name)).unwrap();
    let ends: Vec<usize> = (0..whole.len()).filter(|at| whole[*at] == b'\n').map(|at| at + 1).collect();
    let mut cuts: Vec<usize> = (0..=whole.len()).step_by(61).collect();
    cuts.extend(ends.iter().flat_map(|end| [end - 1, *end]));
    let (mut nothing, mut interrupted, mut passed) = (0, 0, 0);
    for cut in cuts {
        let root = tempfile::tempdir().unwrap();
        let home = home(root.path());
        fs::write(home.journals().join(&name), &whole[..cut]).unwrap();
        let recovered = recover(&home, at(9)).unwrap();
        assert_eq!(journals(&home), 0);
        let records = Ledger::open(&home).unwrap().list(&Filter::default()).unwrap();
        assert_eq!(records.len(), recovered.len());
        match records.first().map(|record| record.outcome.as_str()) {
            None => nothing += usize::from(cut < ends[0]),
            Some("error") => interrupted += usize::from((ends[0]..whole.len()).contains(&cut)),
            Some("pass") => passed += usize::from(cut == whole.len()),
            other => panic!("{other:?}"),
        }
        assert!(recover(&home, at(9)).unwrap().is_empty());
    }
    assert!(nothing > 3 && interrupted > 10 && passed >= 1, "{nothing} {interrupted} {passed}");
}

#[test]
fn died_between_record_and_removal_it_keeps_its_one_record() {
    let root = tempfile::tempdir().unwrap();
    let home = home(root.path());
    let (journal, run) = begun(&home);
    let sealed = Ledger::open(&home).unwrap().append(&Draft { run, ..draft("TH-1") }).unwrap();
    drop(journal);
    assert!(recover(&home, at(9)).unwrap().is_empty());
    assert_eq!(journals(&home), 0);
    let records = Ledger::open(&home).unwrap().list(&Filter::default()).unwrap();
    assert_eq!(records.len(), 1);
    assert_eq!((&records[0].digest, records[0].outcome.as_str()), (&sealed.digest, "pass"));
}

#[test]
fn a_held_ledger_keeps_the_journal_and_what_the_run_came_to() {
    let root = tempfile::tempdir().unwrap();
    let home = home(root.path());
    let (journal, run) = begun(&home);
    drop(Ledger::open(&home).unwrap());
    let other = rusqlite::Connection::open(home.ledger()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = journal.seal(&Draft { run, ..draft("TH-1") }).unwrap_err();
    assert_eq!(error.kind(), Kind::Storage);
    assert!(error.causes().iter().any(|cause| cause.contains("another process holds the ledger")), "{error:?}");
    assert!(error.remedy().unwrap().contains("the next start of Hardwire adds its record"));
    assert_eq!(journals(&home), 1);
    assert_eq!(recover(&home, at(9)).unwrap_err().kind(), Kind::Storage);
    assert_eq!(Ledger::open(&home).unwrap().check_writable().unwrap_err().kind(), Kind::Storage);
    other.execute_batch("ROLLBACK").unwrap();
    Ledger::open(&home).unwrap().check_writable().unwrap();
    assert_eq!(recover(&home, at(9)).unwrap().len(), 1);
    assert_eq!(Ledger::open(&home).unwrap().get(&run.to_string()).unwrap().outcome, "pass");
}

#[test]
fn damaged_lines_do_not_stop_the_sealing() {
    let root = tempfile::tempdir().unwrap();
    let home = home(root.path());
    let (journal, run) = begun(&home);
    drop(journal);
    let path = home.journals().join(format!("{run}.jsonl"));
    let mut file = fs::OpenOptions::new().append(true).open(&path).unwrap();
    let deep = "[".repeat(500);
    let nested = format!("{}{}", "[".repeat(62), "]".repeat(62));
    for line in
        ["\u{0}\u{0}", "{\"mv\":3.3}", "{\"seal\":{\"kind\":\"run\"}}", &deep, &nested, "7", "{\"serial\":5,\"at\":[]}"]
    {
        writeln!(file, "{line}").unwrap();
    }
    let strange = Draft { run: Uuid::new_v4(), ..draft("of another run") };
    writeln!(file, "{}", json!({"seal": serde_json::to_value(strange).unwrap()})).unwrap();
    file.write_all(b"\xff\xfe{\"torn").unwrap();
    assert_eq!(recover(&home, at(9)).unwrap().len(), 1);
    let ledger = Ledger::open(&home).unwrap();
    let record = ledger.get(&run.to_string()).unwrap();
    assert_eq!(record.outcome, "error");
    assert_eq!(record.value().unwrap()["predicate"]["journal"]["unreadable"], 5);
    assert!(ledger.verify().unwrap().is_whole());
}

#[test]
fn a_header_cannot_speak_for_the_ledger() {
    let root = tempfile::tempdir().unwrap();
    let home = home(root.path());
    let run = Uuid::new_v4();
    let forged = json!({"seq": 99, "previous": "x", "outcome": "pass", "station": "other", "kind": "restore"});
    drop(Journal::create(&home, run, forged).unwrap());
    let sealed = recover(&home, at(9)).unwrap();
    assert_eq!((sealed[0].seq, sealed[0].kind), (1, RecordKind::Restore));
    let ledger = Ledger::open(&home).unwrap();
    assert_eq!(ledger.get("latest").unwrap().outcome, "error");
    assert!(ledger.verify().unwrap().is_whole());
}

#[test]
fn a_journal_refuses_floats_another_runs_record_and_a_second_beginning() {
    let root = tempfile::tempdir().unwrap();
    let home = home(root.path());
    let (mut journal, run) = begun(&home);
    assert_eq!(journal.append(&json!({"mv": 3.3})).unwrap_err().kind(), Kind::Invalid);
    assert_eq!(Journal::create(&home, run, header()).unwrap_err().kind(), Kind::Storage);
    assert_eq!(Journal::create(&home, Uuid::new_v4(), json!([])).unwrap_err().kind(), Kind::Invalid);
    assert_eq!(journals(&home), 1);
    assert_eq!(journal.seal(&draft("TH-1")).unwrap_err().kind(), Kind::Invalid);
    assert_eq!(recover(&home, at(9)).unwrap().len(), 1);
}

#[test]
fn one_journal_that_cannot_be_read_does_not_keep_the_others_waiting() {
    let root = tempfile::tempdir().unwrap();
    let home = home(root.path());
    let runs: Vec<Uuid> = (0..3).map(|_| begun(&home).1).collect();
    fs::create_dir(home.journals().join(format!("{}.jsonl", Uuid::nil()))).unwrap();
    fs::write(home.journals().join("note.txt"), "not a journal").unwrap();
    let error = recover(&home, at(9)).unwrap_err();
    assert_eq!(error.kind(), Kind::Storage);
    let ledger = Ledger::open(&home).unwrap();
    for run in runs {
        assert_eq!(ledger.get(&run.to_string()).unwrap().outcome, "error");
    }
    assert_eq!(journals(&home), 1);
}

/// A journal that was made before the gate was held could be sealed before it is locked.
#[test]
fn a_run_waits_to_begin_while_another_recovers() {
    let root = tempfile::tempdir().unwrap();
    let home = home(root.path());
    let recovering = durable::gate(&home.journals()).unwrap();
    std::thread::scope(|scope| {
        let (tell, told) = std::sync::mpsc::channel();
        let home = &home;
        scope.spawn(move || tell.send(begun(home)).unwrap());
        assert!(told.recv_timeout(Duration::from_millis(100)).is_err());
        assert_eq!(journals(home), 0);
        drop(recovering);
        let (journal, run) = told.recv().unwrap();
        assert!(recover(home, at(9)).unwrap().is_empty());
        assert!(!journal.seal(&Draft { run, ..draft("TH-1") }).unwrap().before);
    });
}

#[test]
fn a_very_long_journal_keeps_its_steps_and_its_end() {
    let root = tempfile::tempdir().unwrap();
    let home = home(root.path());
    let (mut journal, run) = begun(&home);
    let talk = json!({"event": "note", "text": "x".repeat(1 << 20)});
    for _ in 0..20 {
        journal.append(&talk).unwrap();
    }
    journal.append(&finished("2-files")).unwrap();
    drop(journal);
    let path = home.journals().join(format!("{run}.jsonl"));
    let whole = fs::read(&path).unwrap();
    assert_eq!(recover(&home, at(9)).unwrap().len(), 1);
    let ledger = Ledger::open(&home).unwrap();
    let predicate = ledger.get("latest").unwrap().value().unwrap()["predicate"].clone();
    assert_eq!(predicate["steps"].as_array().unwrap().len(), 2);
    assert_eq!(predicate["error"]["doing"], "the run stopped after the step 2-files");
    assert_eq!(predicate["journal"]["beyond"], 6);
    // The same with its record drafted, at another station: what it came to is found at the end.
    let root = tempfile::tempdir().unwrap();
    let home = self::home(root.path());
    let mut file = fs::File::create(home.journals().join(format!("{run}.jsonl"))).unwrap();
    file.write_all(&whole).unwrap();
    writeln!(file, "{}", json!({"seal": serde_json::to_value(Draft { run, ..draft("TH-1") }).unwrap()})).unwrap();
    drop(file);
    recover(&home, at(9)).unwrap();
    assert_eq!(Ledger::open(&home).unwrap().get("latest").unwrap().outcome, "pass");
}

#[test]
fn a_journal_of_which_nothing_can_be_read_leaves_a_record_all_the_same() {
    let root = tempfile::tempdir().unwrap();
    let home = home(root.path());
    let (spoiled, torn) = (Uuid::new_v4(), Uuid::new_v4());
    let path = |run: Uuid| home.journals().join(format!("{run}.jsonl"));
    fs::write(path(spoiled), b"\xff\xfe\n\x00garbage\n{half").unwrap();
    fs::write(path(torn), b"{\"header\":{\"kind").unwrap();
    let added = recover(&home, at(9)).unwrap();
    assert_eq!(added.iter().map(|sealed| sealed.run).collect::<Vec<_>>(), [spoiled]);
    assert_eq!(journals(&home), 0);
    assert!(Ledger::open(&home).unwrap().verify().unwrap().is_whole());
}
