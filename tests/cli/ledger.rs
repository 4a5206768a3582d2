use super::support::{Bench, Unit};

#[test]
fn an_empty_ledger_is_sound() {
    let bench = Bench::new();
    let (lines, code) = bench.json(&["ledger", "list"]);
    assert_eq!((lines.len(), code), (0, 0));
    let (line, code) = bench.last(&["ledger", "verify"]);
    assert_eq!(
        (line["type"].as_str(), line["sound"].as_bool(), line["records"].as_u64(), code),
        (Some("verification"), Some(true), Some(0), 0)
    );
}

#[test]
fn a_record_that_is_not_there_is_invalid() {
    let bench = Bench::new();
    for name in ["latest", "00ff", "nonsense", "8b8b1f6e-7c09-4b0b-8f7c-111111111111"] {
        let (line, code) = bench.last(&["ledger", "show", name]);
        assert_eq!((line["kind"].as_str(), code), (Some("invalid"), 2), "{name}");
    }
}

#[test]
fn an_export_that_was_changed_is_damage() {
    let bench = Bench::new();
    bench.write("changed.jsonl", "{\"_type\":\"https://in-toto.io/Statement/v1\"}\n");
    let (line, code) = bench.last(&["ledger", "verify", "changed.jsonl"]);
    assert_eq!((line["sound"].as_bool(), code), (Some(false), 4));
    let (line, code) = bench.last(&["ledger", "export", "changed.jsonl"]);
    assert_eq!((line["kind"].as_str(), code), (Some("invalid"), 2), "an export overwrites nothing");
}

#[test]
fn a_home_that_cannot_be_is_a_storage_error() {
    let bench = Bench::new();
    bench.write("home", "a file where the folder should be");
    let (line, code) = bench.last(&["ledger", "list"]);
    assert_eq!((line["kind"].as_str(), code), (Some("storage"), 6));
}

#[test]
fn a_record_that_was_changed_is_found() {
    let bench = Bench::new();
    bench.write("a", "content");
    let unit = Unit::start(&bench, "TH-1", &[]);
    assert_eq!(bench.last(&["put", "a", "/lfs1/f", "-d", &unit.address()]).1, 0);
    assert_eq!(bench.last(&["ledger", "verify"]).1, 0);
    let path = bench.path("home/ledger.sqlite");
    let bytes = std::fs::read(&path).unwrap();
    let (old, new) = (b"\"outcome\":\"pass\"", b"\"outcome\":\"fail\"");
    let at = bytes.windows(old.len()).position(|part| part == old).unwrap();
    let changed = [&bytes[..at], new, &bytes[at + old.len()..]].concat();
    std::fs::write(&path, changed).unwrap();
    let (line, code) = bench.last(&["ledger", "verify"]);
    assert_eq!((line["sound"].as_bool(), code), (Some(false), 4), "{line}");
    assert!(!line["damage"].as_array().unwrap().is_empty());
}
