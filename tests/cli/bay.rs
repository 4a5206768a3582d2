//! The bay map, as the command line shows and changes it.

use std::fs;

use super::support::{Bench, Unit};

fn map(bench: &Bench, bays: &str) {
    bench.run(&["ledger", "list"]);
    let path = bench.path("home/station.yaml");
    let head = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("{head}{bays}")).unwrap();
}

#[test]
fn bays_are_listed_and_taken_out_of_use_and_back() {
    let bench = Bench::new();
    assert_eq!(bench.run(&["bay", "list"]).code, 0);
    map(&bench, "bays:\n  - { bay: 1, label: left, serial: /dev/none, start: probe } # by the door\n");
    let listed = bench.run(&["bay", "list", "--json"]).lines();
    assert_eq!(listed.len(), 1);
    let bay = &listed[0];
    assert_eq!(
        (bay["type"].as_str(), bay["bay"].as_u64(), bay["label"].as_str()),
        (Some("bay"), Some(1), Some("left"))
    );
    assert_eq!((bay["start"].as_str(), bay["free"].as_str()), (Some("probe"), Some("silent 2s")));
    assert_eq!(bench.run(&["bay", "disable", "1"]).code, 0);
    assert_eq!(bench.run(&["bay", "list", "--json"]).lines()[0]["enabled"], false);
    let refused = bench.run(&["info", "-d", "bay:1"]);
    assert!(refused.code == 2 && refused.stderr.contains("hardwire bay enable 1"), "{}", refused.stderr);
    assert_eq!(bench.run(&["bay", "enable", "1"]).code, 0);
    let text = fs::read_to_string(bench.path("home/station.yaml")).unwrap();
    assert!(text.contains("enabled: true") && text.contains("# by the door") && text.contains("station: "), "{text}");
    assert_eq!(bench.run(&["info", "-d", "bay:1"]).code, 3, "nothing is there");
    assert_eq!(bench.run(&["bay", "enable", "7"]).code, 3);
    assert_eq!(bench.run(&["bay", "enable", "0"]).code, 2);
    assert_eq!(bench.run(&["bay", "learn", "1"]).code, 2, "it is on the map already");
}

#[test]
fn a_map_that_is_wrong_keeps_every_port_shut() {
    let bench = Bench::new();
    map(&bench, "bays:\n  - { bay: 1, serial: /dev/none, lable: left }\n");
    for command in [&["bay", "list"][..], &["detect"], &["info"]] {
        let ran = bench.run(command);
        assert_eq!(ran.code, 2, "{command:?}");
        assert!(ran.stderr.contains("station.yaml:") && ran.stderr.contains("did you mean `label`"), "{}", ran.stderr);
    }
}

#[test]
fn a_unit_at_a_serial_port_of_the_map_is_found_and_recorded_by_its_bay() {
    let bench = Bench::new();
    let unit = Unit::start(&bench, "TH-1", &[]);
    let path = unit.address().trim_start_matches("tty:").to_owned();
    map(&bench, &format!("bays:\n  - {{ bay: 7, serial: {path} }}\n"));
    let (line, code) = bench.last(&["detect", "--probe", "-d", &unit.address()]);
    assert_eq!((line["bay"].as_u64(), line["serial"].as_str(), code), (Some(7), Some("TH-1"), 0), "{line}");
    let content = bench.write("content", "x").display().to_string();
    let (run, code) = bench.last(&["put", &content, "/lfs1/x", "-d", "bay:7"]);
    assert_eq!((run["bay"].as_u64(), run["outcome"].as_str(), code), (Some(7), Some("pass"), 0), "{run}");
    let (run, _) = bench.last(&["put", &content, "/lfs1/x", "-d", &unit.address()]);
    assert_eq!(run["bay"].as_u64(), Some(7), "however it was named: {run}");
}
