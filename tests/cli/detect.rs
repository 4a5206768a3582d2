use std::io::{BufRead, BufReader};
use std::process::Stdio;

use super::support::{Bench, Unit};

#[test]
fn a_port_is_listed_with_every_field() {
    let bench = Bench::new();
    let path = bench.write("port", "");
    let address = format!("tty:{}", path.display());
    let (lines, code) = bench.json(&["detect", "-d", &address]);
    assert_eq!((lines.len(), code), (1, 0));
    let fields: Vec<&str> = lines[0].as_object().unwrap().keys().map(String::as_str).collect();
    let expected = ["access", "address", "bay", "driver", "hint", "mode", "model", "name", "serial", "type", "usb"];
    assert_eq!(fields, expected);
    assert_eq!((lines[0]["type"].as_str(), lines[0]["access"].as_str()), (Some("unit"), Some("ok")));
    assert!(lines[0]["driver"].is_null() && lines[0]["usb"].is_null());
}

#[test]
fn a_port_that_is_not_there_is_offline() {
    let (line, code) = Bench::new().last(&["detect", "-d", "tty:/nonexistent/port"]);
    assert_eq!((line["access"].as_str(), code), (Some("offline"), 0));
}

#[test]
fn detect_without_anything_is_no_failure() {
    let bench = Bench::new();
    let (lines, code) = bench.json(&["detect"]);
    assert_eq!(code, 0);
    assert!(lines.iter().all(|line| line["type"] == "unit"));
}

#[test]
fn a_pseudo_terminal_is_not_busy_because_somebody_plays_the_unit() {
    let bench = Bench::new();
    let unit = Unit::start(&bench, "TH-1", &[]);
    let (line, code) = bench.last(&["detect", "-d", &unit.address()]);
    assert_eq!((line["access"].as_str(), code), (Some("ok"), 0), "{line}");
}

#[test]
fn a_watch_tells_arrivals_and_departures_and_ends_with_ctrl_c() {
    let bench = Bench::new();
    let path = bench.path("port");
    let address = format!("tty:{}", path.display());
    let mut watch = bench
        .command(&["detect", "--watch", "--json", "-d", &address])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines();
    let mut next = || -> serde_json::Value { serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap() };
    assert_eq!(next()["access"], "offline");
    bench.write("port", "");
    let arrived = next();
    assert_eq!((arrived["type"].as_str(), arrived["address"].as_str()), (Some("arrived"), Some(address.as_str())));
    std::fs::remove_file(path).unwrap();
    assert_eq!(next(), serde_json::json!({"type": "departed", "address": address, "bay": null}));
    let pid = nix::unistd::Pid::from_raw(watch.id().try_into().unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).unwrap();
    assert_eq!(watch.wait().unwrap().code(), Some(0));
}
