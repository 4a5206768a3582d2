//! The person at the terminal: asked, heard, and left alone when told so.

use super::support::{Bench, Terminal, Unit};

const PROFILE: &str = "\
format: 1
name: asks
version: 1.0.0
match: { model: thermostat }
inputs:
  host: { from: prompt }
  psk: { from: scan, secret: true }
steps:
  - settings: { set: { net/host: \"{{ host }}\", wifi/psk: \"{{ psk }}\" } }
  - ask: { say: Is the lamp green?, answer: pass-fail }
";

#[test]
fn inputs_and_questions_are_asked_and_a_secret_is_not_shown() {
    let bench = Bench::new();
    bench.write("p.yaml", PROFILE);
    let unit = Unit::start(&bench, "TH-1", &[]);
    let apply = ["apply", "p.yaml", "-d", &unit.address()];
    for (verdict, code) in [("y", 0), ("n", 1)] {
        let mut terminal = Terminal::start(&bench, &apply);
        terminal.answer("(type it):", "one.local");
        terminal.answer("(scan it):", "hunter22");
        terminal.answer("Is the lamp green? [y/n]", "perhaps");
        assert!(!terminal.shown.contains("hunter22"));
        terminal.answer("Is the lamp green? [y/n]", verdict);
        assert_eq!(terminal.end(), Some(code), "{}", terminal.shown);
        assert!(!terminal.shown.contains("hunter22"), "{}", terminal.shown);
    }
    let (records, _) = bench.json(&["ledger", "list"]);
    assert_eq!(records.iter().map(|record| record["outcome"].as_str().unwrap()).collect::<Vec<_>>(), ["pass", "fail"]);
    assert!(!records.iter().any(|record| record.to_string().contains("hunter22")));
}

#[test]
fn nobody_is_asked_with_no_input_and_nothing_is_written() {
    let bench = Bench::new();
    bench.write("p.yaml", PROFILE);
    let unit = Unit::start(&bench, "TH-1", &[]);
    let (device, given) = (unit.address(), ["--input", "host=a", "--input", "psk=b"]);
    let apply = [&["apply", "p.yaml", "--no-input", "-d", &device], &given[..]].concat();
    for args in [&apply[..], &apply[..5]] {
        let mut terminal = Terminal::start(&bench, args);
        assert_eq!(terminal.end(), Some(2), "{}", terminal.shown);
    }
    assert_eq!(bench.json(&["ledger", "list"]).0.len(), 0);
}

#[test]
fn overwriting_is_asked_for_and_no_means_no() {
    let bench = Bench::new();
    bench.write("a", "first");
    bench.write("b", "second");
    let unit = Unit::start(&bench, "TH-1", &[]);
    let device = unit.address();
    bench.last(&["put", "a", "/lfs1/f", "-d", &device]);
    bench.last(&["backup", "-d", &device, "--path", "/lfs1/f"]);
    bench.last(&["put", "b", "/lfs1/f", "-d", &device]);
    let mut terminal = Terminal::start(&bench, &["restore", "latest", "-d", &device]);
    assert!(terminal.sees("[y/N]"), "{}", terminal.shown);
    terminal.interrupt();
    assert_eq!(terminal.end(), Some(5), "{}", terminal.shown);
    for (answer, code, holds) in [("n", 5, "second"), ("y", 0, "first")] {
        let mut terminal = Terminal::start(&bench, &["restore", "latest", "-d", &device]);
        terminal.answer("[y/N]", answer);
        assert_eq!(terminal.end(), Some(code), "{}", terminal.shown);
        assert_eq!(bench.run(&["get", "/lfs1/f", "-d", &device]).stdout, holds);
    }
}

#[test]
fn bars_show_the_step_and_the_verdict_stays() {
    let bench = Bench::new();
    bench.write("a", "x".repeat(20_000));
    let unit = Unit::start(&bench, "TH-1", &["--baud", "230400"]);
    let mut terminal = Terminal::start(&bench, &["put", "a", "/lfs1/f", "-d", &unit.address()]);
    assert!(terminal.sees("KiB/s"), "{}", terminal.shown);
    assert_eq!(terminal.end(), Some(0), "{}", terminal.shown);
    assert!(terminal.shown.contains("PASS") && terminal.shown.contains("RECORD"), "{}", terminal.shown);
}

#[test]
fn a_shell_on_the_unit_has_a_prompt_and_ctrl_c_leaves_it() {
    let bench = Bench::new();
    let unit = Unit::start(&bench, "TH-1", &[]);
    let mut terminal = Terminal::start(&bench, &["console", "-d", &unit.address()]);
    terminal.answer("TH-1>", "kernel version");
    assert!(terminal.sees("Zephyr version"), "{}", terminal.shown);
    terminal.answer("TH-1>", "nonsense");
    assert!(terminal.sees("not found"), "{}", terminal.shown);
    assert!(terminal.sees("TH-1>"), "{}", terminal.shown);
    terminal.interrupt();
    assert_eq!(terminal.end(), Some(0), "{}", terminal.shown);
}
