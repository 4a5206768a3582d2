//! The line mode on stand-in units: they come by starting, and are pulled by being ended.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::Value;

use super::support::{Bench, Terminal, Unit};

const PROFILE: &str = "\
format: 1
name: thermostat
version: 1.0.0
match: { model: thermostat, driver: smp }
steps:
  - files: { put: { /lfs1/id: { text: \"{{ unit.serial }}\" } } }
    on_fail: \"Put {{ unit.serial }} into the red bin\"
  - settings: { set: { net/host: here.local } }
";

/// A batch that is on.
struct Line {
    child: Child,
    lines: Receiver<Value>,
    said: Receiver<String>,
}

impl Line {
    /// Starts a batch with `--json` over ports named `1.tty`, `2.tty`… in the bench's folder.
    fn start(bench: &Bench, bays: u32, more: &[&str]) -> Line {
        let ports: Vec<String> =
            (1..=bays).map(|bay| format!("tty:{}", bench.path(&format!("{bay}.tty")).display())).collect();
        let ports = ports.join(",");
        Line::of(bench, &[&["--bays", &ports], more].concat())
    }

    /// The same over the bays of the map.
    fn of(bench: &Bench, more: &[&str]) -> Line {
        let args = [&["--json", "batch", "p.yaml"], more].concat();
        let mut child = bench.command(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (send, lines) = channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                let _ = send.send(serde_json::from_str(&line).unwrap());
            }
        });
        let (send, said) = channel();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        std::thread::spawn(move || stderr.lines().map_while(Result::ok).for_each(|line| _ = send.send(line)));
        Line { child, lines, said }
    }

    fn next(&self) -> Value {
        self.lines.recv_timeout(Duration::from_secs(60)).expect("the line says something")
    }

    /// The next line that `is`.
    fn until(&self, is: impl Fn(&Value) -> bool) -> Value {
        loop {
            let line = self.next();
            if is(&line) {
                return line;
            }
        }
    }

    /// What the next run, or attempt at one, came to.
    fn run(&self) -> Value {
        self.until(|line| line["type"] != "event")
    }

    fn event(&self, event: &str) -> Value {
        self.until(|line| line["event"] == event)
    }

    fn signal(&self, signal: nix::sys::signal::Signal) {
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(self.child.id().try_into().unwrap()), signal).unwrap();
    }

    /// The exit code, and all that was said on stderr.
    fn end(mut self) -> (Option<i32>, String) {
        let code = self.child.wait().unwrap().code();
        let said = std::mem::replace(&mut self.said, channel().1);
        (code, said.iter().collect::<Vec<_>>().join("\n"))
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Plugs the unit named `serial` into a bay.
fn plug(bench: &Bench, bay: u32, serial: &str, options: &[&str]) -> Unit {
    let link = bench.path(&format!("{bay}.tty"));
    Unit::start_at(bench, serial, &link, options)
}

fn station() -> Bench {
    let bench = Bench::new();
    bench.write("p.yaml", PROFILE);
    bench
}

fn texts<'a>(line: &'a Value, fields: &[&str]) -> Vec<&'a str> {
    fields.iter().map(|field| line[*field].as_str().unwrap_or("null")).collect()
}

#[test]
fn units_that_arrive_are_started_and_the_count_ends_it() {
    let bench = station();
    let early = plug(&bench, 2, "TH-2", &[]);
    let line = Line::start(&bench, 3, &["--batch", "lot 7", "--count", "3", "--operator", "kim", "--tag", "a=b"]);
    let first = line.run();
    assert_eq!(
        texts(&first, &["type", "outcome", "serial", "batch", "operator"]),
        ["run", "pass", "TH-2", "lot 7", "kim"]
    );
    assert_eq!((&first["bay"], &first["tags"]["a"]), (&Value::from(2), &Value::from("b")));
    assert!(first["record"].is_string());
    let _late = plug(&bench, 1, "TH-1", &[]);
    assert_eq!(texts(&line.run(), &["outcome", "serial"]), ["pass", "TH-1"]);
    // The same bay again, with another unit.
    drop(early);
    let _third = plug(&bench, 2, "TH-3", &[]);
    let third = line.run();
    assert_eq!(texts(&third, &["outcome", "serial"]), ["pass", "TH-3"]);
    assert_eq!(third["bay"], 2);
    assert_eq!(line.event("batch-finished")["say"], "complete");
    assert_eq!(line.end().0, Some(0));
    let (records, _) = bench.json(&["ledger", "list", "--batch", "lot 7"]);
    assert_eq!(records.len(), 3);
}

#[test]
fn a_count_goes_on_after_a_restart_and_a_unit_seen_before_is_only_repaired() {
    let bench = station();
    let _unit = plug(&bench, 1, "TH-1", &[]);
    let line = Line::start(&bench, 1, &["--batch", "b", "--count", "1"]);
    assert_eq!(line.run()["outcome"], "pass");
    assert_eq!(line.end().0, Some(0));
    // It has its passes: nothing is begun.
    let line = Line::start(&bench, 1, &["--batch", "b", "--count", "1"]);
    assert_eq!(line.next()["event"], "batch-finished");
    assert_eq!(line.end().0, Some(0));
    let line = Line::start(&bench, 1, &["--batch", "b", "--count", "2"]);
    let seen = line.event("seen-before");
    assert_eq!((seen["serial"].as_str(), &seen["bay"]), (Some("TH-1"), &Value::from(1)));
    let run = line.run();
    let steps: Vec<&str> =
        run["steps"].as_array().unwrap().iter().map(|step| step["outcome"].as_str().unwrap()).collect();
    assert_eq!((run["outcome"].as_str(), &steps[..]), (Some("pass"), &["already", "already"][..]));
    assert!(line.end().1.contains("1 passes of this batch are on record"));
}

#[test]
fn a_unit_pulled_in_mid_run_ends_in_error_and_is_run_again_and_the_others_go_on() {
    let bench = station();
    bench.write("big.bin", vec![7; 30_000]);
    bench.write(
        "p.yaml",
        format!("{PROFILE}  - files: {{ put: {{ /lfs1/big: {{ artifact: big }} }} }}\n")
            .replace("steps:", "artifacts:\n  big: { file: big.bin }\nsteps:"),
    );
    assert_eq!(bench.run(&["profile", "lock", "p.yaml"]).code, 0);
    let slow = ["--baud", "115200"];
    let line = Line::start(&bench, 2, &["--count", "2"]);
    let unit = plug(&bench, 1, "TH-1", &slow);
    line.until(|line| line["event"] == "progress" && line["bytes"].as_u64() > Some(2000));
    let _other = plug(&bench, 2, "TH-2", &slow);
    drop(unit);
    let pulled = line.run();
    assert_eq!(texts(&pulled, &["type", "outcome", "serial"]), ["run", "error", "TH-1"]);
    assert_eq!(pulled["error"]["kind"], "gone");
    let _again = plug(&bench, 1, "TH-1", &slow);
    let mut passed: Vec<String> = (0..2).map(|_| texts(&line.run(), &["outcome", "serial"]).join(" ")).collect();
    passed.sort();
    assert_eq!(passed, ["pass TH-1", "pass TH-2"]);
    // What its last run came to is what a unit is.
    let (code, said) = line.end();
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(bench.run(&["ledger", "verify"]).code, 0);
}

#[test]
fn a_bad_unit_is_told_in_the_profiles_words_and_recorded_in_its_own() {
    let bench = station();
    let _bad = plug(&bench, 1, "TH-1", &["--fault", "lose-byte"]);
    let line = Line::start(&bench, 1, &["--max-fail", "1"]);
    let run = line.run();
    assert_eq!((run["outcome"].as_str(), run["error"]["kind"].as_str()), (Some("fail"), Some("mismatch")));
    assert_eq!(line.event("batch-finished")["say"], "ended, too many units failed");
    let (code, said) = line.end();
    assert_eq!(code, Some(4));
    assert!(said.contains("bay 1, TH-1: FAIL: Put TH-1 into the red bin"), "{said}");
    assert!(!said.contains("caused by"), "{said}");
    let (record, _) = bench.last(&["ledger", "show", "latest"]);
    assert!(record["statement"]["predicate"]["error"]["doing"].as_str().unwrap().contains("1-files"));
}

#[test]
fn the_rest_wait_for_a_place_in_the_order_they_came() {
    let bench = station();
    let slow = ["--latency", "50"];
    let _units: Vec<Unit> = (1..=3).map(|bay| plug(&bench, bay, &format!("TH-{bay}"), &slow)).collect();
    let line = Line::start(&bench, 3, &["--at-most", "1", "--count", "3"]);
    let queued: Vec<u64> = (0..2).map(|_| line.event("queued")["bay"].as_u64().unwrap()).collect();
    let ran: Vec<u64> = (0..3).map(|_| line.run()["bay"].as_u64().unwrap()).collect();
    assert_eq!(ran[1..], queued);
    assert_eq!(line.end().0, Some(0));
}

#[test]
fn lamps_are_told_and_a_broken_one_is_warned_of_once() {
    let bench = station();
    bench.run(&["ledger", "list"]);
    let seen = bench.path("seen");
    let station = std::fs::read_to_string(bench.path("home/station.yaml")).unwrap();
    let signals = format!(
        "{station}signals:\n  pass: [sh, -c, 'echo \"$HARDWIRE_BAY $HARDWIRE_SERIAL $HARDWIRE_OUTCOME\" >> {}']\n  fail: /no/such/lamp\n",
        seen.display()
    );
    std::fs::write(bench.path("home/station.yaml"), signals).unwrap();
    let line = Line::start(&bench, 3, &["--count", "1"]);
    let bad = ["--fault", "lose-byte"];
    let _first = plug(&bench, 1, "TH-1", &bad);
    assert_eq!(line.run()["outcome"], "fail");
    let _second = plug(&bench, 3, "TH-3", &bad);
    assert_eq!(line.run()["outcome"], "fail");
    let _good = plug(&bench, 2, "TH-2", &[]);
    let (code, said) = line.end();
    assert_eq!(code, Some(4), "{said}");
    assert_eq!(said.matches("the signal `fail` cannot be run").count(), 1, "{said}");
    assert_eq!(std::fs::read_to_string(seen).unwrap(), "2 TH-2 pass\n");
}

#[test]
fn ended_by_hand_its_runs_decide() {
    let bench = station();
    let line = Line::start(&bench, 1, &[]);
    let unit = plug(&bench, 1, "TH-1", &[]);
    assert_eq!(line.run()["outcome"], "pass");
    line.signal(nix::sys::signal::Signal::SIGINT);
    assert_eq!(line.event("batch-finished")["say"], "ended by hand");
    assert_eq!(line.end().0, Some(0));
    drop(unit);
    // A run that was stopped is a cancelled one.
    bench.write("p.yaml", PROFILE.replace("here.local", "there.local"));
    let line = Line::start(&bench, 1, &[]);
    let _slow = plug(&bench, 1, "TH-1", &["--latency", "300"]);
    line.event("step-started");
    line.signal(nix::sys::signal::Signal::SIGINT);
    assert_eq!(line.run()["outcome"], "cancelled");
    assert_eq!(line.end().0, Some(5));
}

#[test]
fn a_bay_whose_cable_is_bad_is_taken_out() {
    let bench = station();
    let silent = nix::pty::openpty(None, None).unwrap();
    let name = nix::unistd::ttyname(&silent.slave).unwrap();
    std::os::unix::fs::symlink(name, bench.path("1.tty")).unwrap();
    let line = Line::start(&bench, 2, &["--quarantine-after", "1", "--count", "1"]);
    let failed = line.run();
    assert_eq!((failed["type"].as_str(), failed["kind"].as_str()), (Some("error"), Some("timed-out")));
    assert_eq!(failed["bay"], 1);
    assert_eq!(line.event("quarantined")["bay"], 1);
    // The other one goes on.
    let _unit = plug(&bench, 2, "TH-2", &[]);
    assert_eq!(line.run()["serial"], "TH-2");
    assert_eq!(line.end().0, Some(7));
}

#[test]
fn a_fixture_is_begun_by_an_answer_and_freed_by_silence() {
    let bench = station();
    bench.run(&["ledger", "list"]);
    let station = std::fs::read_to_string(bench.path("home/station.yaml")).unwrap();
    let fixture = bench.path("1.tty");
    let bays = format!(
        "{station}bays:\n  - {{ bay: 7, label: left, serial: {}, start: probe, free: silent 1s }}\n",
        fixture.display()
    );
    std::fs::write(bench.path("home/station.yaml"), bays).unwrap();
    let line = Line::of(&bench, &["--count", "2"]);
    for serial in ["TH-1", "TH-2"] {
        let unit = plug(&bench, 1, serial, &[]);
        let run = line.run();
        assert_eq!(texts(&run, &["type", "outcome", "serial"]), ["run", "pass", serial], "{run}");
        assert_eq!(run["bay"], 7);
        if serial == "TH-1" {
            drop(unit);
            line.event("free");
        }
    }
    assert_eq!(line.end().0, Some(0));
}

#[test]
fn without_a_bay_there_is_no_batch() {
    let bench = station();
    let (error, code) = bench.last(&["batch", "p.yaml"]);
    assert_eq!((error["kind"].as_str(), code), (Some("invalid"), 2));
    for bays in ["tcp:localhost:1", "serial:TH-1", "0", "5-2", "tty:a,tty:a"] {
        let (error, code) = bench.last(&["batch", "p.yaml", "--bays", bays]);
        assert_eq!((error["kind"].as_str(), code), (Some("invalid"), 2), "{bays}");
    }
    let (_, code) = bench.last(&["batch", "p.yaml", "--bays", "1-3"]);
    assert_eq!(code, 3);
}

#[test]
fn what_no_unit_could_pass_with_is_refused_before_the_first() {
    let bench = Bench::new();
    let ports = ["batch", "p.yaml", "--bays", "tty:1.tty"];
    let cases = [
        ("inputs:\n  psk: { from: env, var: HW_TEST_UNSET }\n", "HW_TEST_UNSET is not set"),
        ("inputs:\n  psk: { from: file, file: psk.txt }\n", "see psk.txt"),
        ("inputs:\n  psk: { from: scan }\n", "nobody can be asked"),
        ("inputs:\n  psk: { from: literal, value: ab, pattern: '[0-9]+' }\n", "does not match its pattern"),
        ("identity: { proof: hwid }\n", "show no more than serial"),
    ];
    for (more, why) in cases {
        let driver = if more.starts_with("identity") { "dfu" } else { "smp" };
        bench.write(
            "p.yaml",
            PROFILE.replace("steps:", &format!("{more}steps:")).replace("driver: smp", &format!("driver: {driver}")),
        );
        let ran = bench.run(&[&["--json"][..], &ports].concat());
        assert_eq!(ran.code, 2, "{more}: {}", ran.stderr);
        assert!(ran.stdout.contains(why), "{more}: {}", ran.stdout);
        assert!(!bench.path("home").exists(), "{more}");
    }
    // What is given, or may be for one unit or another, is no reason.
    bench.write("p.yaml", PROFILE.replace("steps:", &format!("{}steps:", cases[0].0)));
    bench.write("i.csv", "serial,psk\nTH-1,one\n");
    for more in [["--input", "psk=x"], ["--input", "serial:TH-1/psk=x"], ["--inputs", "i.csv"]] {
        let (error, _) = bench.last(&[&["batch", "p.yaml"], &more[..]].concat());
        assert!(error.to_string().contains("no bay is named"), "{more:?}: {error}");
    }
}

#[test]
fn a_label_is_scanned_at_its_bay_and_serves_one_unit() {
    let bench = Bench::new();
    let profile = PROFILE
        .replace("steps:", "inputs:\n  label: { from: scan, pattern: 'L[0-9]+' }\nsteps:")
        .replace("here.local", "\"{{ label }}.local\"");
    bench.write("p.yaml", profile);
    let _units = [plug(&bench, 1, "TH-1", &[]), plug(&bench, 2, "TH-2", &[])];
    let ports = [1, 2].map(|bay| format!("tty:{}", bench.path(&format!("{bay}.tty")).display())).join(",");
    let mut terminal = Terminal::start(&bench, &["batch", "p.yaml", "--bays", &ports, "--count", "2"]);
    // Whichever is asked first.
    assert!(terminal.sees(": Scan the label of bay "), "{}", terminal.shown);
    assert!(terminal.sees("_"), "{}", terminal.shown);
    let asked = terminal.shown.split(": Scan the label of bay ").nth(1).unwrap().to_owned();
    let first = if asked.starts_with('1') { 1 } else { 2 };
    let second = 3 - first;
    terminal.answer(&format!("Scan the label of bay {first}"), &format!("bay {second}"));
    terminal.answer(&format!("that is not bay {first}"), &format!("{first}"));
    terminal.answer("Scan label", "nonsense");
    terminal.answer("does not match its pattern", "L1");
    terminal.answer(&format!("Scan the label of bay {second}"), &format!("{second}"));
    terminal.answer("Scan label", "L1");
    terminal.answer("used by another unit already", "L2");
    assert_eq!(terminal.end(), Some(0));
    assert!(terminal.shown.contains("PASS"), "{}", terminal.shown);
    let (records, _) = bench.json(&["ledger", "list"]);
    assert_eq!(records.len(), 2);
    assert!(!records.iter().any(|record| record["statement"]["predicate"]["scans"]["label"] == "L1"));
}
