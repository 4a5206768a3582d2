//! Whole commands against stand-in units: every line, every code.

use serde_json::Value;

use super::support::{Bench, Unit};

const PROFILE: &str = "\
format: 1
name: thermostat
version: 1.0.0
match: { model: thermostat, driver: smp }
steps:
  - files: { put: { /lfs1/id: { text: \"{{ unit.serial }}\" } } }
  - settings: { set: { net/host: here.local } }
  - diagnose: { expect: { supply/mv: { min: 3200, max: 3400 } } }
";

fn fields(line: &Value) -> Vec<&str> {
    line.as_object().unwrap().keys().map(String::as_str).collect()
}

fn has(line: &Value, wanted: &[&str]) {
    for field in wanted {
        assert!(line.get(field).is_some(), "{field} is missing in {line}");
    }
}

#[test]
fn info_and_probe_name_the_unit() {
    let bench = Bench::new();
    let unit = Unit::start(&bench, "TH-1", &["--hardware", "B"]);
    let (line, code) = bench.last(&["info", "-d", &unit.address()]);
    assert_eq!(code, 0);
    has(&line, &["address", "driver", "mode", "serial", "model", "hardware", "firmware", "capabilities", "limits"]);
    assert_eq!(
        (line["serial"].as_str(), line["hardware"].as_str(), line["mode"].as_str()),
        (Some("TH-1"), Some("B"), Some("application"))
    );
    assert_eq!(fields(&line["firmware"][0]), ["hash", "slot", "state", "version"]);
    let (line, _) = bench.last(&["detect", "--probe", "-d", &unit.address()]);
    assert_eq!((line["driver"].as_str(), line["serial"].as_str()), (Some("smp"), Some("TH-1")));
}

#[test]
fn an_environment_variable_stands_in_for_the_device() {
    let bench = Bench::new();
    let unit = Unit::start(&bench, "TH-1", &[]);
    let mut command = bench.command(&["info", "--json"]);
    let ran = super::support::Ran::of(command.env("HARDWIRE_DEVICE", unit.address()), bench.folder());
    assert_eq!((ran.code, ran.lines()[0]["serial"].as_str()), (0, Some("TH-1")));
}

#[test]
fn a_plan_writes_nothing_and_a_second_run_writes_nothing() {
    let bench = Bench::new();
    bench.write("p.yaml", PROFILE);
    let unit = Unit::start(&bench, "TH-1", &[]);
    let address = unit.address();
    let device = ["-d", address.as_str()];
    let plan = || bench.last(&[&["plan", "p.yaml"], &device[..]].concat());
    let (line, code) = plan();
    assert_eq!((line["type"].as_str(), code), (Some("plan"), 0));
    has(&line, &["address", "serial", "profile", "steps"]);
    let actions = |line: &Value| -> Vec<String> {
        line["steps"].as_array().unwrap().iter().map(|step| step["action"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(actions(&line), ["write", "write", "read"]);
    assert_eq!(actions(&plan().0), ["write", "write", "read"], "planning changed something");

    let apply = [&["apply", "p.yaml", "--operator", "kim", "--tag", "line=2"], &device[..]].concat();
    let (lines, code) = bench.json(&apply);
    let run = lines.last().unwrap();
    assert_eq!((run["type"].as_str(), run["outcome"].as_str(), code), (Some("run"), Some("pass"), 0), "{run}");
    has(
        run,
        &[
            "run", "address", "bay", "serial", "profile", "level", "mode", "operator", "started", "finished", "steps",
            "error", "record",
        ],
    );
    assert_eq!((run["operator"].as_str(), run["tags"]["line"].as_str()), (Some("kim"), Some("2")));
    has(&run["steps"][0], &["name", "kind", "outcome", "level", "items", "bytes", "sent", "retries", "milliseconds"]);
    has(&run["steps"][0]["items"][0], &["path", "algorithm", "expected", "observed", "level", "outcome"]);
    let events: Vec<&str> = lines.iter().filter_map(|line| line["event"].as_str()).collect();
    assert_eq!((events.first(), events.last()), (Some(&"run-started"), Some(&"run-finished")));
    assert!(lines[0].get("bay").is_some() && lines[0]["at"].is_string());

    let (run, code) = bench.last(&apply);
    assert_eq!(code, 0);
    let sent: u64 = run["steps"].as_array().unwrap().iter().map(|step| step["sent"].as_u64().unwrap()).sum();
    assert_eq!((sent, run["steps"][0]["outcome"].as_str()), (0, Some("already")));
    assert_eq!(actions(&plan().0), ["already", "already", "read"]);

    let (records, _) = bench.json(&["ledger", "list"]);
    assert_eq!(records.len(), 2);
    has(&records[0], &["record", "seq", "kind", "serial", "outcome", "at", "statement"]);
    assert_eq!(records[1]["record"], run["record"]);
    assert_eq!(bench.last(&["ledger", "verify"]).1, 0);
    assert_eq!(bench.last(&["ledger", "show", "latest"]).0["record"], run["record"]);
    assert_eq!(bench.run(&["ledger", "export", "all.jsonl"]).code, 0);
    let (line, code) = bench.last(&["ledger", "verify", "all.jsonl"]);
    assert_eq!((line["records"].as_u64(), code), (Some(2), 0));
}

#[test]
fn over_several_units_each_has_its_line_and_the_gravest_code_stands() {
    let bench = Bench::new();
    bench.write("p.yaml", PROFILE);
    let good = Unit::start(&bench, "TH-1", &[]);
    let bad = Unit::start(&bench, "TH-2", &["--fault", "lose-byte"]);
    let (lines, code) =
        bench.json(&["apply", "p.yaml", "-d", &good.address(), "-d", &bad.address(), "-d", "tty:/nonexistent/port"]);
    let runs: Vec<&Value> = lines.iter().filter(|line| line["type"] == "run").collect();
    let outcomes: Vec<&str> = runs.iter().filter_map(|run| run["outcome"].as_str()).collect();
    assert_eq!((outcomes, code), (vec!["pass", "fail"], 4));
    assert_eq!(runs[1]["error"]["kind"], "mismatch");
    let item = &runs[1]["steps"][0]["items"][0];
    assert!(item["expected"].is_string() && item["observed"].is_string() && item["expected"] != item["observed"]);
    let error = lines.iter().find(|line| line["type"] == "error").unwrap();
    assert_eq!((error["kind"].as_str(), error["unit"].as_str()), (Some("gone"), Some("tty:/nonexistent/port")));
    let code = bench.json(&["apply", "p.yaml", "-d", &good.address(), "-d", "tty:/nonexistent/port"]).1;
    assert_eq!(code, 3);
    let (line, code) = bench.last(&["apply", "p.yaml", "-d", &good.address(), "-d", &good.address()]);
    assert_eq!((line["kind"].as_str(), code), (Some("invalid"), 2), "one unit named twice");
}

#[test]
fn what_cannot_be_is_refused_before_anything_is_written() {
    let bench = Bench::new();
    let unit = Unit::start(&bench, "TH-1", &[]);
    let with_input = PROFILE
        .replace("steps:", "inputs: { psk: { from: env, var: NOT_SET } }\nsteps:")
        .replace("here.local", "\"{{ psk }}\"");
    let asked =
        PROFILE.replace("steps:", "inputs: { host: { from: prompt } }\nsteps:").replace("here.local", "\"{{ host }}\"");
    for (name, profile) in [
        ("another model", PROFILE.replace("model: thermostat", "model: kettle")),
        ("a level out of reach", PROFILE.replace("match:", "verify: booted\nmatch:")),
        ("no such capability", format!("{PROFILE}  - apps: {{ remove: [com.example] }}\n")),
        ("a missing input", with_input),
        ("an input that nobody is asked for", asked),
    ] {
        bench.write("p.yaml", profile);
        for command in ["plan", "apply"] {
            let (lines, code) = bench.json(&[command, "p.yaml", "--no-input", "-d", &unit.address()]);
            assert_eq!(code, 2, "{name}: {lines:?}");
            assert!(
                lines.iter().all(|line| line["type"] != "run") && lines.last().unwrap()["type"] == "error",
                "{name}"
            );
        }
    }
    assert_eq!(bench.json(&["ledger", "list"]).0.len(), 0, "nothing happened, so nothing is recorded");
    bench.write("p.yaml", PROFILE);
    let (line, code) = bench.last(&["apply", "p.yaml"]);
    assert_eq!((line["kind"].as_str(), code), (Some("gone"), 3), "no unit is named, and the profile names no USB id");
}

#[test]
fn inputs_come_from_the_command_line_and_from_a_table() {
    let bench = Bench::new();
    let unit = Unit::start(&bench, "TH-1", &[]);
    bench.write(
        "p.yaml",
        PROFILE.replace("steps:", "inputs: { host: { from: prompt } }\nsteps:").replace("here.local", "\"{{ host }}\""),
    );
    bench.write("units.csv", "serial,host\nTH-9,nine\nTH-1,one\n");
    let apply = |more: &[&str]| bench.last(&[&["apply", "p.yaml", "-d", &unit.address()], more].concat());
    assert_eq!(apply(&["--inputs", "units.csv"]).1, 0);
    assert_eq!(apply(&["--input", "TH-1/host=one"]).0["steps"][1]["outcome"], "already");
    assert_eq!(apply(&["--input", "host=two"]).0["steps"][1]["outcome"], "done");
    let (line, code) = apply(&["--input", "TH-7/host=two", "--input", "host=two"]);
    assert_eq!((line["kind"].as_str(), code), (Some("invalid"), 2), "{line}");
    assert_eq!(apply(&["--input", "nothing=two"]).1, 2);
}

#[test]
fn a_backup_is_put_back_and_only_where_it_belongs() {
    let bench = Bench::new();
    let unit = Unit::start(&bench, "TH-1", &[]);
    let other = Unit::start(&bench, "TH-2", &[]);
    let (device, other) = (unit.address(), other.address());
    bench.write("a", "first");
    bench.write("b", "second");
    let (run, code) = bench.last(&["put", "a", "/lfs1/f", "-d", &device]);
    assert_eq!((run["type"].as_str(), run["outcome"].as_str(), code), (Some("run"), Some("pass"), 0));
    let (backup, code) = bench.last(&["backup", "-d", &device, "--path", "/lfs1/f"]);
    assert_eq!(code, 0);
    has(&backup, &["backup", "serial", "complete", "items", "omitted", "record"]);
    assert_eq!(
        (backup["complete"].as_bool(), fields(&backup["items"][0])),
        (Some(true), vec!["bytes", "kind", "path", "sha256"])
    );
    let (backup, code) = bench.last(&["backup", "-d", &device, "--path", "/lfs1/f", "--path", "/lfs1/none"]);
    assert_eq!((backup["complete"].as_bool(), code), (Some(false), 1));
    assert_eq!(fields(&backup["omitted"][0]), ["kind", "path", "why"]);
    let accepted = ["backup", "-d", &device, "--path", "/lfs1/f", "--path", "/lfs1/none", "--accept-omitted", "file"];
    assert_eq!(bench.last(&accepted).1, 0);

    bench.last(&["put", "b", "/lfs1/f", "-d", &device]);
    let (line, code) = bench.last(&["restore", "latest", "-d", &device]);
    assert_eq!((line["kind"].as_str(), code), (Some("invalid"), 2), "overwriting must be meant: {line}");
    let (line, code) = bench.last(&["restore", "latest", "-d", &device, "--yes"]);
    assert_eq!((line["type"].as_str(), line["outcome"].as_str(), code), (Some("restore"), Some("pass"), 0), "{line}");
    has(&line, &["backup", "serial", "run", "items", "record"]);
    has(&line["items"][0], &["kind", "path", "level", "outcome"]);
    let id = line["backup"].as_str().unwrap().to_owned();
    let (line, code) = bench.last(&["get", "/lfs1/f", "back", "-d", &device]);
    assert_eq!((line["bytes"].as_u64(), code), (Some(5), 0));
    assert_eq!(std::fs::read(bench.path("back")).unwrap(), b"first");

    let (line, code) = bench.last(&["restore", &id, "-d", &other, "--yes"]);
    assert_eq!((line["kind"].as_str(), code), (Some("invalid"), 2), "{line}");
    assert_eq!(bench.last(&["restore", &id, "-d", &other, "--other-unit", "--yes"]).1, 0);
    assert_eq!(bench.last(&["restore", &"0".repeat(64), "-d", &device]).1, 2);
    assert_eq!(bench.run(&["get", "/lfs1/f", "-d", &other]).stdout, "first");
}

#[test]
fn diagnostics_are_judged() {
    let bench = Bench::new();
    let unit = Unit::start(&bench, "TH-1", &[]);
    let (line, code) = bench.last(&["diagnose", "-d", &unit.address()]);
    assert_eq!((line["type"].as_str(), code), (Some("diagnostics"), 0));
    has(&line, &["serial", "measurements", "attachments", "record"]);
    has(&line["measurements"][0], &["name", "value", "unit", "min", "max", "verdict"]);
    bench.write("p.yaml", PROFILE.replace("max: 3400", "max: 3250"));
    let (line, code) = bench.last(&["diagnose", "p.yaml", "-d", &unit.address()]);
    let supply = line["measurements"].as_array().unwrap().iter().find(|m| m["name"] == "supply/mv").unwrap();
    assert_eq!((supply["verdict"].as_str(), code), (Some("fail"), 1));
}

#[test]
fn a_shell_answers_and_its_failure_is_a_code() {
    let bench = Bench::new();
    let unit = Unit::start(&bench, "TH-1", &["--noise"]);
    let (line, code) = bench.last(&["console", "-d", &unit.address(), "--", "kernel", "version"]);
    assert_eq!((line["type"].as_str(), line["status"].as_i64(), code), (Some("console"), Some(0), 0));
    assert!(line["output"].as_str().unwrap().contains("Zephyr"));
    assert_eq!(bench.run(&["console", "-d", &unit.address(), "--", "nonsense"]).code, 1);
    let (run, code) = bench.last(&["reboot", "-d", &unit.address()]);
    assert_eq!((run["outcome"].as_str(), code), (Some("pass"), 0), "{run}");
}

#[test]
fn a_profile_for_a_unit_that_was_just_met_applies_as_it_is() {
    let bench = Bench::new();
    let unit = Unit::start(&bench, "TH-1", &[]);
    assert_eq!(bench.last(&["profile", "new", "-d", &unit.address(), "new.yaml"]).1, 0);
    assert_eq!(bench.last(&["profile", "new", "-d", &unit.address(), "new.yaml"]).1, 2, "it overwrote a file");
    assert_eq!(bench.last(&["profile", "check", "new.yaml"]).1, 0);
    let (run, code) = bench.last(&["apply", "new.yaml", "-d", &unit.address()]);
    assert_eq!((run["outcome"].as_str(), code), (Some("pass"), 0), "{run}");
    let (shown, code) = bench.last(&["profile", "show", "new.yaml", "-d", &unit.address()]);
    assert_eq!((shown["type"].as_str(), shown["profile"]["format"].as_u64(), code), (Some("profile"), Some(1), 0));
    assert_eq!(bench.last(&["profile", "schema"]).0["type"], "schema");
}

#[test]
fn what_is_wrong_with_one_unit_is_found_before_any_is_written() {
    let bench = Bench::new();
    // The second unit's buffers are too small for this key, which only its plan can tell.
    bench.write("p.yaml", PROFILE.replace("here.local", &"x".repeat(200)));
    let wide = Unit::start(&bench, "TH-1", &[]);
    let narrow = Unit::start(&bench, "TH-2", &["--buf-size", "192"]);
    let (lines, code) = bench.json(&["apply", "p.yaml", "-d", &wide.address(), "-d", &narrow.address()]);
    assert_eq!(code, 2, "{lines:?}");
    assert!(lines.iter().all(|line| line["type"] == "error"), "{lines:?}");
    assert_eq!(bench.json(&["ledger", "list"]).0.len(), 0);
    let (plan, _) = bench.last(&["plan", "p.yaml", "-d", &wide.address()]);
    assert_eq!(plan["steps"][0]["action"], "write", "something was written to the other unit");
    assert_eq!(bench.json(&["apply", "p.yaml", "-d", &wide.address()]).1, 0);
}

#[test]
fn firmware_is_run_before_it_passes_and_a_downgrade_must_be_meant() {
    use protocols::mcuboot::{ImageBuilder, Version};
    let bench = Bench::new();
    for (name, major) in [("old", 0), ("new", 2)] {
        let version = Version { major, minor: 5, revision: 0, build: 0 };
        bench.write(name, ImageBuilder::new(version).build(&[major; 6000]).unwrap());
    }
    let unit = Unit::start(&bench, "TH-1", &["--recovery"]);
    let device = unit.address();
    let flash = |args: &[&str]| bench.last(&[&["flash", "-d", &device], args].concat());
    let (run, code) = flash(&["new"]);
    assert_eq!((run["level"].as_str(), code), (Some("booted"), 0), "{run}");
    assert_eq!(run["firmware"][0]["version"], "2.5.0");
    assert_eq!(flash(&["new"]).0["steps"][0]["outcome"], "already");
    let (line, code) = flash(&["old"]);
    assert_eq!((line["kind"].as_str(), code), (Some("invalid"), 2), "{line}");
    assert_eq!(flash(&["old", "--yes"]).1, 0);

    let (run, code) = bench.last(&["reboot", "recovery", "-d", &device]);
    assert_eq!((run["mode"].as_str(), code), (Some("recovery"), 0), "{run}");
    assert_eq!(bench.last(&["console", "-d", &device, "--", "help"]).1, 2, "there is no shell in recovery");
    let (run, code) = flash(&["new"]);
    assert_eq!((run["level"].as_str(), run["mode"].as_str(), code), (Some("booted"), Some("application"), 0), "{run}");
    assert_eq!(flash(&["new"]).0["steps"][0]["outcome"], "already");
}

#[test]
fn a_backup_before_anything_is_written_keeps_what_was_there() {
    let bench = Bench::new();
    bench.write("p.yaml", PROFILE);
    bench.write("old", "before");
    let unit = Unit::start(&bench, "TH-1", &[]);
    let device = unit.address();
    let apply = ["apply", "p.yaml", "--backup-first", "-d", &device];
    let (run, code) = bench.last(&apply);
    assert_eq!(code, 0, "a unit that has nothing yet loses nothing: {run}");
    bench.last(&["put", "old", "/lfs1/id", "-d", &device]);
    let (run, code) = bench.last(&apply);
    assert_eq!(
        (run["steps"][0]["kind"].as_str(), run["steps"][0]["outcome"].as_str(), code),
        (Some("backup"), Some("done"), 0)
    );
    let backup = run["steps"][0]["backup"].as_str().unwrap().to_owned();
    assert_eq!(bench.run(&["get", "/lfs1/id", "-d", &device]).stdout, "TH-1");
    assert_eq!(bench.last(&["restore", &backup, "-d", &device, "--yes"]).1, 0);
    assert_eq!(bench.run(&["get", "/lfs1/id", "-d", &device]).stdout, "before");
}
