//! Records, their chain, questions and damage.

use std::collections::BTreeMap;

use rusqlite::{Connection, params};

use super::*;

#[test]
fn records_are_statements_that_name_the_one_before() {
    let root = tempfile::tempdir().unwrap();
    let home = home(root.path());
    let mut ledger = Ledger::open(&home).unwrap();
    let first = ledger.append(&draft("A")).unwrap();
    let second = ledger.append(&draft("B")).unwrap();
    assert_eq!((first.seq, second.seq), (1, 2));
    let record = ledger.get(&second.digest.to_string()).unwrap();
    assert_eq!(Digest::sha256(&record.statement), second.digest);
    let value = record.value().unwrap();
    assert_eq!(value["_type"], "https://in-toto.io/Statement/v1");
    assert_eq!(value["predicateType"], "https://hardwire.dev/run/v1");
    assert_eq!(value["subject"], json!([{"name": "app", "digest": {"sha256": Digest::sha256(b"app").to_string()}}]));
    let predicate = &value["predicate"];
    assert_eq!(predicate["previous"], first.digest.to_string());
    assert_eq!(predicate["seq"], 2);
    assert_eq!(predicate["station"], home.station().to_string());
    assert_eq!(predicate["operator"], "Ada");
    assert_eq!(predicate["at"], "2027-01-15T08:00:00.000Z");
    assert!(predicate.get("record").is_none() && predicate.get("type").is_none());
    let value = ledger.get(&first.digest.to_string()).unwrap().value().unwrap();
    assert_eq!(value["predicate"]["previous"], Value::Null);
    let found = ledger.verify().unwrap();
    assert!(found.is_whole(), "{found:?}");
    assert_eq!((found.records, found.head), (2, Some(second.digest)));
}

#[test]
fn a_statement_has_these_bytes() {
    let mut draft = draft("TH-1");
    draft.run = Uuid::from_u128(2);
    draft.predicate = object(json!({"z": 1, "a": {"text": "\u{1b}[2J\u{e9}"}}));
    let bytes = draft.statement(Uuid::from_u128(1), 7, Some("00ff")).unwrap();
    insta::assert_snapshot!(String::from_utf8(bytes).unwrap());
}

#[test]
fn without_a_subject_the_unit_stands_in() {
    let mut draft = draft("TH-1");
    draft.subjects.clear();
    let value: Value = serde_json::from_slice(&draft.statement(Uuid::nil(), 1, None).unwrap()).unwrap();
    assert_eq!(value["subject"][0]["name"], "unit:TH-1");
    assert_eq!(value["subject"][0]["digest"]["sha256"], Digest::sha256(b"unit:TH-1").to_string());
}

#[test]
fn floats_contradictions_and_keyed_subjects_are_refused_and_nothing_is_added() {
    let root = tempfile::tempdir().unwrap();
    let home = home(root.path());
    let mut ledger = Ledger::open(&home).unwrap();
    let mut float = draft("A");
    float.predicate.insert("supply".into(), json!([{"mv": 3.3}]));
    let error = ledger.append(&float).unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid);
    assert_eq!(error.causes(), ["$.predicate.supply[0].mv is not an integer"]);
    let mut other = draft("A");
    other.predicate.insert("serial".into(), "B".into());
    assert_eq!(ledger.append(&other).unwrap_err().kind(), Kind::Invalid);
    let mut keyed = draft("A");
    keyed.subjects[0].sha256 = home.keyed(b"secret");
    assert_eq!(ledger.append(&keyed).unwrap_err().kind(), Kind::Invalid);
    assert_eq!(ledger.verify().unwrap().records, 0);
    assert_eq!(ledger.append(&draft("A")).unwrap().seq, 1);
}

#[test]
fn a_run_has_one_record() {
    let root = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::open(&home(root.path())).unwrap();
    let mut draft = draft("A");
    let first = ledger.append(&draft).unwrap();
    draft.outcome = "error".into();
    let again = ledger.append(&draft).unwrap();
    assert!(!first.before && again.before);
    assert_eq!((again.seq, &again.digest), (1, &first.digest));
    assert_eq!(ledger.get("latest").unwrap().outcome, "pass");
}

#[test]
fn a_filter_lets_through_what_it_names() {
    let root = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::open(&home(root.path())).unwrap();
    for (n, serial) in ["A", "B", "A", "C'; DROP TABLE record;--"].into_iter().enumerate() {
        let n = i64::try_from(n).unwrap();
        let kind = if n == 2 { RecordKind::Backup } else { RecordKind::Run };
        ledger.append(&Draft { at: at(n), kind, ..draft(serial) }).unwrap();
    }
    let seqs = |filter: Filter| ledger.list(&filter).unwrap().iter().map(|r| r.seq).collect::<Vec<_>>();
    assert_eq!(seqs(Filter::default()), [1, 2, 3, 4]);
    assert_eq!(seqs(Filter { serial: Some("A".into()), ..Filter::default() }), [1, 3]);
    assert_eq!(seqs(Filter { serial: Some("C'; DROP TABLE record;--".into()), ..Filter::default() }), [4]);
    assert_eq!(seqs(Filter { kind: Some(RecordKind::Backup), ..Filter::default() }), [3]);
    assert_eq!(seqs(Filter { since: Some(at(1)), until: Some(at(3)), ..Filter::default() }), [2, 3]);
    assert_eq!(seqs(Filter { limit: Some(2), ..Filter::default() }), [3, 4]);
    assert!(seqs(Filter { outcome: Some("fail".into()), ..Filter::default() }).is_empty());
}

#[test]
fn a_unit_and_a_run_are_found_without_a_look_at_all_records() {
    let root = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(&home(root.path())).unwrap();
    let way = |filter: Filter| {
        let (query, values) = filter.query();
        let steps = ledger.ask("it cannot be asked", |c| {
            let mut explained = c.prepare(&format!("EXPLAIN QUERY PLAN {query}"))?;
            explained.query_map(rusqlite::params_from_iter(values), |row| row.get::<_, String>(3))?.collect()
        });
        let steps: Vec<String> = steps.unwrap();
        steps.join("\n")
    };
    let recent = Some(at(1));
    let unit = way(Filter { serial: Some("A".into()), since: recent, ..Filter::default() });
    assert!(unit.contains("SEARCH record USING INDEX record_serial"), "{unit}");
    let run = way(Filter { run: Some(Uuid::nil()), ..Filter::default() });
    assert!(run.contains("SEARCH record USING INDEX"), "{run}");
}

#[test]
fn a_batch_and_a_profile_are_found_by_what_records_say_of_them() {
    let root = tempfile::tempdir().unwrap();
    let home = home(root.path());
    let mut ledger = Ledger::open(&home).unwrap();
    for (batch, digest) in [(json!("lot 7"), "aa"), (Value::Null, "aa"), (json!("lot 7\"; --"), "bb")] {
        let mut draft = draft("A");
        draft.predicate.insert("batch".into(), batch);
        draft.predicate.insert("profile".into(), json!({"name": "t", "version": "1.0.0", "digest": digest}));
        ledger.append(&draft).unwrap();
    }
    let seqs = |filter: Filter| ledger.list(&filter).unwrap().iter().map(|r| r.seq).collect::<Vec<_>>();
    assert_eq!(seqs(Filter { batch: Some("lot 7".into()), ..Filter::default() }), [1]);
    assert_eq!(seqs(Filter { batch: Some("lot 7\"; --".into()), ..Filter::default() }), [3]);
    assert_eq!(seqs(Filter { profile: Some("aa".into()), ..Filter::default() }), [1, 2]);
    assert_eq!(seqs(Filter { profile: Some("aa".into()), batch: Some("lot 8".into()), ..Filter::default() }), [0; 0]);
}

#[test]
fn a_record_is_found_by_prefix_run_and_latest() {
    let root = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::open(&home(root.path())).unwrap();
    assert_eq!(ledger.get("latest").unwrap_err().kind(), Kind::Invalid);
    let sealed: Vec<Sealed> = (0..40).map(|_| ledger.append(&draft("A")).unwrap()).collect();
    let digest = sealed[3].digest.to_string();
    assert_eq!(ledger.get(&digest[..12]).unwrap().seq, 4);
    assert_eq!(ledger.get(&digest.to_uppercase()).unwrap().seq, 4);
    assert_eq!(ledger.get(&sealed[5].run.to_string()).unwrap().seq, 6);
    assert_eq!(ledger.get("latest").unwrap().seq, 40);
    // Forty digests share sixteen first digits.
    let mut firsts: Vec<String> = sealed.iter().map(|s| s.digest.to_string()[..1].to_owned()).collect();
    firsts.sort();
    let shared = firsts.windows(2).find(|pair| pair[0] == pair[1]).unwrap()[0].clone();
    for bad in [shared.as_str(), "", "xyz", "%", &Uuid::new_v4().to_string()] {
        assert_eq!(ledger.get(bad).unwrap_err().kind(), Kind::Invalid, "{bad}");
    }
}

#[test]
fn what_was_done_once_is_known_by_unit_and_tag() {
    let root = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::open(&home(root.path())).unwrap();
    ledger.append(&draft("A")).unwrap();
    let unit = |serial| OnceKey { serial: Some(serial), ..OnceKey::default() };
    assert!(ledger.completed("thermostat", "1-erase", unit("A")).unwrap());
    assert!(!ledger.completed("thermostat", "1-erase", unit("B")).unwrap());
    assert!(!ledger.completed("other", "1-erase", unit("A")).unwrap());
    // What was there already was not done.
    assert!(!ledger.completed("thermostat", "2-files", unit("A")).unwrap());
    let lot = |lot: &str| BTreeMap::from([("lot".to_owned(), lot.to_owned())]);
    let (seven, eight) = (lot("7"), lot("8"));
    let tagged = |tags| OnceKey { tags: Some(tags), ..unit("A") };
    assert!(ledger.completed("thermostat", "1-erase", tagged(&seven)).unwrap());
    assert!(!ledger.completed("thermostat", "1-erase", tagged(&eight)).unwrap());
    assert!(!ledger.completed("thermostat", "1-erase", OnceKey::default()).unwrap());
    let mut nameless = draft("A");
    nameless.serial = None;
    nameless.predicate.insert("serial".into(), Value::Null);
    nameless.predicate.insert("hwid".into(), "0a0b".into());
    ledger.append(&nameless).unwrap();
    let hwid = OnceKey { hwid: Some("0a0b"), ..OnceKey::default() };
    assert!(ledger.completed("thermostat", "1-erase", hwid).unwrap());
    assert!(ledger.verify().unwrap().is_whole());
}

#[test]
fn no_statement_of_sql_changes_a_record() {
    let root = tempfile::tempdir().unwrap();
    let home = home(root.path());
    let mut ledger = Ledger::open(&home).unwrap();
    ledger.append(&draft("A")).unwrap();
    ledger.append(&draft("B")).unwrap();
    let other = Connection::open(home.ledger()).unwrap();
    for sql in [
        "UPDATE record SET outcome = 'pass'",
        "DELETE FROM record WHERE seq = 2",
        "INSERT OR REPLACE INTO record SELECT * FROM record WHERE seq = 1",
        "INSERT OR REPLACE INTO record SELECT 3, 'd', digest, kind, run, serial, outcome, at, statement FROM record WHERE seq = 2",
        "INSERT INTO record SELECT 9, 'd', digest, kind, 'r', serial, outcome, at, statement FROM record WHERE seq = 2",
        "UPDATE done SET unit = 'serial:Z'",
        "DELETE FROM done",
    ] {
        let error = other.execute(sql, []).unwrap_err();
        assert!(error.to_string().contains("append-only"), "{sql}: {error}");
    }
    assert!(ledger.verify().unwrap().is_whole());
}

/// Changes the ledger as somebody would who knows SQLite, and says what `verify` finds.
fn after(tamper: impl FnOnce(&Connection)) -> Vec<Damage> {
    let root = tempfile::tempdir().unwrap();
    let home = home(root.path());
    let mut ledger = Ledger::open(&home).unwrap();
    for serial in ["A", "B", "C"] {
        ledger.append(&draft(serial)).unwrap();
    }
    assert!(ledger.verify().unwrap().is_whole());
    let other = Connection::open(home.ledger()).unwrap();
    let guards: Vec<(String, String)> = other
        .prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'")
        .unwrap()
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    for (name, _) in &guards {
        other.execute_batch(&format!("DROP TRIGGER {name}")).unwrap();
    }
    other.pragma_update(None, "foreign_keys", false).unwrap();
    tamper(&other);
    for (_, sql) in &guards {
        other.execute_batch(sql).unwrap();
    }
    ledger.verify().unwrap().damage
}

#[test]
fn a_flipped_byte_is_found_where_it_is() {
    for (seq, byte) in [(1, 0), (2, 40), (3, 200)] {
        let damage = after(|c| {
            let query = "SELECT statement FROM record WHERE seq = ?1";
            let mut bytes: Vec<u8> = c.query_row(query, [seq], |row| row.get(0)).unwrap();
            bytes[byte] ^= 1;
            c.execute("UPDATE record SET statement = ?1 WHERE seq = ?2", params![bytes, seq]).unwrap();
        });
        assert!(!damage.is_empty() && damage.iter().all(|d| d.seq == Some(seq)), "{damage:?}");
        assert_eq!(damage[0].what, "its bytes are not those that were recorded");
    }
}

#[test]
fn a_forged_record_breaks_the_link_after_it() {
    let damage = after(|c| {
        let bytes: Vec<u8> = c.query_row("SELECT statement FROM record WHERE seq = 2", [], |row| row.get(0)).unwrap();
        let forged = String::from_utf8(bytes).unwrap().replace("Ada", "Eve");
        let digest = Digest::sha256(forged.as_bytes()).to_string();
        let values = params![forged.as_bytes(), digest];
        c.execute("UPDATE record SET statement = ?1, digest = ?2 WHERE seq = 2", values).unwrap();
    });
    assert_eq!(damage, [Damage { seq: Some(3), what: "it does not follow the record before it".into() }]);
}

#[test]
fn what_was_taken_out_or_bent_is_found() {
    let seqs = |damage: Vec<Damage>| damage.into_iter().map(|d| d.seq).collect::<Vec<_>>();
    let run = |sql: &'static str| move |c: &Connection| c.execute_batch(sql).unwrap();
    assert_eq!(seqs(after(run("DELETE FROM record WHERE seq = 2"))), [Some(3)]);
    assert_eq!(seqs(after(run("DELETE FROM record WHERE seq = 1"))), [Some(2)]);
    assert_eq!(seqs(after(run("UPDATE record SET outcome = 'fail' WHERE seq = 1"))), [Some(1)]);
    assert_eq!(seqs(after(run("UPDATE record SET serial = NULL WHERE seq = 3"))), [Some(3)]);
    assert_eq!(seqs(after(run("DELETE FROM done WHERE seq = 2"))), [Some(2)]);
}

#[test]
fn missing_guards_and_a_broken_file_are_found() {
    let root = tempfile::tempdir().unwrap();
    let home = home(root.path());
    let mut ledger = Ledger::open(&home).unwrap();
    for n in 0..200 {
        ledger.append(&draft(&format!("unit-{n}"))).unwrap();
    }
    ledger.connection.execute_batch("DROP TRIGGER record_is_never_changed").unwrap();
    let damage = ledger.verify().unwrap().damage;
    assert_eq!(damage.len(), 1, "{damage:?}");
    assert!(damage[0].what.contains("record_is_never_changed"));
    ledger.connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    drop(ledger);
    // A page in the middle of the file is overwritten.
    let mut bytes = fs::read(home.ledger()).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 4096].fill(0xa5);
    fs::write(home.ledger(), bytes).unwrap();
    let found = Ledger::open(&home).unwrap().verify().unwrap();
    assert!(found.damage.len() > 1, "{found:?}");
}

#[test]
fn a_record_of_another_station_is_damage() {
    let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (a, b) = (home(a.path()), home(b.path()));
    Ledger::open(&a).unwrap().append(&draft("A")).unwrap();
    fs::copy(a.ledger(), b.ledger()).unwrap();
    let found = Ledger::open(&b).unwrap().verify().unwrap();
    assert_eq!(found.damage.len(), 1, "{found:?}");
    assert!(found.damage[0].what.contains(&a.station().to_string()));
}

#[test]
fn a_newer_layout_is_left_alone() {
    let root = tempfile::tempdir().unwrap();
    let home = home(root.path());
    drop(Ledger::open(&home).unwrap());
    Connection::open(home.ledger()).unwrap().pragma_update(None, "user_version", 2).unwrap();
    let error = Ledger::open(&home).unwrap_err();
    assert_eq!(error.kind(), Kind::Storage);
    assert!(error.to_string().contains("layout 2"), "{error}");
    fs::write(home.ledger(), b"not a database at all, but long enough to look at").unwrap();
    assert_eq!(Ledger::open(&home).unwrap_err().kind(), Kind::Storage);
    // Nothing can be done with it, but it can be said to be damaged.
    let found = verify(&home).unwrap();
    assert_eq!(found.damage.len(), 1);
    assert!(found.damage[0].what.contains("not a database"), "{found:?}");
}

fn export(records: usize, filter: &Filter) -> (Vec<u8>, Uuid) {
    let root = tempfile::tempdir().unwrap();
    let home = home(root.path());
    let mut ledger = Ledger::open(&home).unwrap();
    for n in 0..records {
        ledger.append(&draft(if n % 2 == 0 { "even" } else { "odd" })).unwrap();
    }
    let mut bytes = Vec::new();
    ledger.export(&mut bytes, filter).unwrap();
    (bytes, home.station())
}

#[test]
fn an_export_is_verified_without_the_ledger() {
    let (bytes, station) = export(5, &Filter::default());
    let found = verify_export(&bytes[..]).unwrap();
    assert!(found.is_whole(), "{found:?}");
    assert_eq!((found.records, found.station, found.last), (5, Some(station), Some(5)));
    let last = bytes.trim_ascii_end().rsplit(|b| *b == b'\n').next().unwrap();
    assert_eq!(found.head, Some(Digest::sha256(last)));
    let (part, _) = export(5, &Filter { serial: Some("odd".into()), ..Filter::default() });
    let found = verify_export(&part[..]).unwrap();
    assert!(found.is_sound() && !found.is_whole());
    assert_eq!(found.missing, [(1, 1), (3, 3)]);
    assert_eq!(verify_export(&b""[..]).unwrap(), Verification::default());
}

#[test]
fn a_changed_dropped_or_moved_line_of_an_export_is_found() {
    let (bytes, _) = export(4, &Filter::default());
    let lines: Vec<&[u8]> = bytes.trim_ascii_end().split(|b| *b == b'\n').collect();
    let text = String::from_utf8(bytes.clone()).unwrap();
    let changed = text.replacen("Ada", "Eve", 1);
    assert_eq!(verify_export(changed.as_bytes()).unwrap().damage.len(), 1);
    let dropped = [lines[0], lines[2], lines[3]].join(&b'\n');
    assert_eq!(verify_export(&dropped[..]).unwrap().missing, [(2, 2)]);
    let moved = [lines[1], lines[0]].join(&b'\n');
    assert!(!verify_export(&moved[..]).unwrap().is_sound());
    let cut = &bytes[..bytes.len() - 20];
    assert!(!verify_export(cut).unwrap().is_sound());
    for garbage in [&b"\n"[..], b"{}\n", b"\xff\xfe", b"[[[[[[", b"{\"_type\":\"https://in-toto.io/Statement/v1\"}"] {
        assert!(!verify_export(garbage).unwrap().is_sound());
    }
}

#[test]
fn a_byte_flipped_on_the_disk_is_found() {
    let root = tempfile::tempdir().unwrap();
    let home = home(root.path());
    let mut ledger = Ledger::open(&home).unwrap();
    for serial in ["A", "B", "C"] {
        ledger.append(&draft(serial)).unwrap();
    }
    drop(ledger);
    assert!(verify(&home).unwrap().is_whole());
    let whole = fs::read(home.ledger()).unwrap();
    let text = b"\"operator\":\"Ada\"";
    let places: Vec<usize> = (0..whole.len() - text.len()).filter(|at| whole[*at..].starts_with(text)).collect();
    assert_eq!(places.len(), 3);
    for place in places {
        let mut bytes = whole.clone();
        bytes[place + text.len() - 2] ^= 1;
        fs::write(home.ledger(), bytes).unwrap();
        let found = verify(&home).unwrap();
        assert_eq!((found.records, found.damage.len()), (3, 1), "{found:?}");
    }
}
